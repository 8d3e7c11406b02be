#include "sources.h"

#include "list.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOURCE_MOST = 8 * 1024 * 1024, PIECE = 16 * 1024 };

struct source {
    struct du_list node;
    int error; /* 0: text */
    struct du_bytes text;
    char path[];
};

struct du_sources {
    pthread_mutex_t lock;
    struct du_list list;
    atomic_int references;
};

struct du_sources *du_sources_new(void) {
    struct du_sources *sources = du_calloc(1, sizeof *sources);
    if (sources == NULL)
        return NULL;
    pthread_mutex_init(&sources->lock, NULL);
    du_list_init(&sources->list);
    atomic_init(&sources->references, 1);
    return sources;
}

struct du_sources *du_sources_ref(struct du_sources *sources) {
    atomic_fetch_add(&sources->references, 1);
    return sources;
}

static void free_source(struct source *source) {
    if (source->text.data != NULL)
        explicit_bzero(source->text.data, source->text.size);
    du_bytes_deinit(&source->text);
    du_free(source);
}

void du_sources_unref(struct du_sources **dropped) {
    struct du_sources *sources = *dropped;
    struct du_list *node;
    *dropped = NULL;
    if (sources == NULL || atomic_fetch_sub(&sources->references, 1) > 1)
        return;
    while ((node = du_list_take(&sources->list)) != NULL)
        free_source(du_container_of(node, struct source, node));
    pthread_mutex_destroy(&sources->lock);
    du_free(sources);
}

static int read_open(int fd, struct du_bytes *text) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    while (text->size <= SOURCE_MOST) {
        char *room = du_bytes_reserve(text, PIECE);
        if (room == NULL)
            return ENOMEM;
        ssize_t got = read(fd, room, PIECE);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return errno;
        if (got > 0)
            du_bytes_grew(text, (size_t)got);
    }
    return EFBIG;
}

int du_sources_read_now(const char *path, struct du_bytes *text) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno;
    int error = read_open(fd, text);
    close(fd);
    return error;
}

static struct source *find(struct du_sources *sources, const char *path) {
    du_list_each(node, &sources->list) {
        struct source *source = du_container_of(node, struct source, node);
        if (strcmp(source->path, path) == 0)
            return source;
    }
    return NULL;
}

/* NULL: no memory, which is not to last. */
static struct source *add(struct du_sources *sources, const char *path) {
    size_t size = strlen(path) + 1;
    struct source *source = du_calloc(1, sizeof *source + size);
    if (source == NULL)
        return NULL;
    memcpy(source->path, path, size);
    du_bytes_init(&source->text);
    source->error = du_sources_read_now(path, &source->text);
    if (source->error == ENOMEM) {
        free_source(source);
        return NULL;
    }
    du_list_append(&sources->list, &source->node);
    return source;
}

int du_sources_read(struct du_sources *sources, const char *path, struct du_slice *text) {
    pthread_mutex_lock(&sources->lock);
    struct source *source = find(sources, path);
    if (source == NULL)
        source = add(sources, path);
    int error = source != NULL ? source->error : ENOMEM;
    if (error == 0)
        *text = (struct du_slice){source->text.data != NULL ? source->text.data : "",
                                  source->text.size};
    pthread_mutex_unlock(&sources->lock);
    return error;
}

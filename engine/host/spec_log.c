#include "spec_log.h"

#include "bytes.h"
#include "mem.h"

#include <pthread.h>
#include <string.h>

/* Lines, each with a newline; a line has none inside. */
struct du_spec_log {
    pthread_mutex_t lock;
    struct du_bytes lines;
};

enum du_error_kind du_spec_log_new(struct du_spec_log **out) {
    struct du_spec_log *log = du_calloc(1, sizeof *log);
    if (log == NULL)
        return DU_MEMORY;
    pthread_mutex_init(&log->lock, NULL);
    du_bytes_init(&log->lines);
    *out = log;
    return DU_OK;
}

void du_spec_log_free(struct du_spec_log **taken) {
    struct du_spec_log *log = *taken;
    *taken = NULL;
    du_bytes_deinit(&log->lines);
    pthread_mutex_destroy(&log->lock);
    du_free(log);
}

void du_spec_log_hear(void *user, enum du_log_level level, const char *line, size_t size) {
    struct du_spec_log *log = user;
    (void)level;
    pthread_mutex_lock(&log->lock);
    du_bytes_add(&log->lines, line, size);
    du_bytes_add(&log->lines, "\n", 1);
    pthread_mutex_unlock(&log->lock);
}

/* A copy, so that nothing raises with the lock held. */
static char *copy_lines(struct du_spec_log *log, size_t *size) {
    pthread_mutex_lock(&log->lock);
    *size = log->lines.size;
    char *copy = du_memdup(*size > 0 ? log->lines.data : "", *size);
    pthread_mutex_unlock(&log->lock);
    return copy;
}

void du_spec_log_push(struct du_spec_log *log, lua_State *L) {
    size_t size;
    char *lines = copy_lines(log, &size);
    int count = 0;
    lua_newtable(L);
    for (char *at = lines; at != NULL && at < lines + size;) {
        char *end = memchr(at, '\n', (size_t)(lines + size - at));
        lua_pushlstring(L, at, (size_t)(end - at));
        lua_rawseti(L, -2, ++count);
        at = end + 1;
    }
    du_free(lines);
}

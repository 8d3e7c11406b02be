#include "keys.h"

#include "bytes.h"
#include "keys_int.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct du_keys {
    struct du_base *base;
    char *folder;
    int fd;                /* of the folder */
    pthread_mutex_t lock;  /* set */
    pthread_mutex_t files; /* one change at a time */
    struct du_key_set *set;
};

/* Sets -------------------------------------------------------------------------------------- */

static void set_free(struct du_value *value) {
    struct du_key_set *set = (struct du_key_set *)value;
    for (size_t i = 0; i < set->count; i++) {
        EVP_PKEY_free(set->keys[i].pkey);
        du_free(set->keys[i].file);
    }
    du_free(set->keys);
    du_free(set->jwks);
    du_free(set);
}

static struct du_key_set *set_new(void) {
    static const struct du_value_type type = {"keys", set_free};
    struct du_key_set *set = du_calloc(1, sizeof *set);
    if (set != NULL)
        du_value_init(&set->value, &type);
    return set;
}

void du_key_set_unref(struct du_key_set **set) {
    struct du_value *value = *set != NULL ? &(*set)->value : NULL;
    *set = NULL;
    du_value_unref(&value);
}

struct du_key_set *du_keys_set(struct du_keys *keys) {
    pthread_mutex_lock(&keys->lock);
    struct du_key_set *set = keys->set;
    du_value_ref(&set->value);
    pthread_mutex_unlock(&keys->lock);
    return set;
}

static bool write_jwks(struct du_key_set *set) {
    struct du_bytes text;
    du_bytes_init(&text);
    du_bytes_text(&text, "{\"keys\":[");
    for (size_t i = 0; i < set->count; i++)
        du_bytes_format(&text,
                        "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\",\"alg\":\"EdDSA\","
                        "\"kid\":\"%s\",\"x\":\"%s\"}",
                        i > 0 ? "," : "", set->keys[i].kid, set->keys[i].x);
    du_bytes_text(&text, "]}");
    if (du_bytes_check(&text) == DU_OK)
        set->jwks = du_strdup(text.data);
    du_bytes_deinit(&text);
    return set->jwks != NULL;
}

/* Reading the folder ------------------------------------------------------------------------ */

static enum du_error_kind no_memory(struct du_keys *keys, struct du_error *error) {
    return du_error_set(error, DU_MEMORY, "read the keys in %s", keys->folder);
}

static enum du_error_kind file_failed(struct du_keys *keys, const char *file, int number,
                                      struct du_error *error) {
    char path[192];
    snprintf(path, sizeof path, "%.120s/%.64s", keys->folder, file);
    return du_error_errno(error, number, "key file", path);
}

static FILE *open_file(struct du_keys *keys, const char *file, int64_t *made_ms) {
    struct stat facts = {0};
    int fd = openat(keys->fd, file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &facts) == 0 && (facts.st_mode & 077) != 0)
        du_log_format(keys->base->log, DU_LOG_WARN, "others can read the key file %s/%s",
                      keys->folder, file);
    *made_ms = (int64_t)facts.st_mtim.tv_sec * 1000;
    FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (stream == NULL && fd >= 0)
        close(fd);
    return stream;
}

/* Adds the key in the file to the set. */
static enum du_error_kind read_key(struct du_keys *keys, struct du_key_set *set, const char *file,
                                   struct du_error *error) {
    int64_t made_ms;
    FILE *stream = open_file(keys, file, &made_ms);
    if (stream == NULL)
        return file_failed(keys, file, errno, error);
    EVP_PKEY *pkey = du_key_read(stream);
    fclose(stream);
    if (pkey == NULL)
        return du_error_set(error, DU_STORE, "%s/%s is no Ed25519 private key (PKCS#8 PEM)",
                            keys->folder, file);
    struct du_key *grown = du_realloc(set->keys, (set->count + 1) * sizeof *grown);
    struct du_key key = {
        .pkey = pkey, .made_ms = made_ms, .file = grown != NULL ? du_strdup(file) : NULL};
    if (grown != NULL)
        set->keys = grown;
    if (key.file == NULL || !du_key_name(pkey, key.x, key.kid)) {
        du_free(key.file);
        EVP_PKEY_free(pkey);
        return no_memory(keys, error);
    }
    const struct du_key *same = du_key_set_find(set, key.kid);
    set->keys[set->count++] = key;
    if (same != NULL)
        return du_error_set(error, DU_STORE, "%s/%s holds the key of %s again", keys->folder, file,
                            same->file);
    return DU_OK;
}

static bool is_pem(const char *file) {
    size_t size = strlen(file);
    return size > 4 && strcmp(file + size - 4, ".pem") == 0;
}

static int by_file(const void *a, const void *b) {
    return strcmp(((const struct du_key *)a)->file, ((const struct du_key *)b)->file);
}

static enum du_error_kind read_keys(struct du_keys *keys, struct du_key_set *set,
                                    struct du_error *error) {
    enum du_error_kind kind = DU_OK;
    int fd = openat(keys->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return du_error_errno(error, number, "read the keys in", keys->folder);
    }
    for (struct dirent *entry; kind == DU_OK && (entry = readdir(folder)) != NULL;)
        if (is_pem(entry->d_name))
            kind = read_key(keys, set, entry->d_name, error);
    closedir(folder);
    if (set->count > 0)
        qsort(set->keys, set->count, sizeof *set->keys, by_file);
    return kind;
}

/* The kid in FOLDER/active, or "". */
static void read_active(struct du_keys *keys, char kid[DU_KEY_ID]) {
    ssize_t size = 0;
    int fd = openat(keys->fd, "active", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        size = read(fd, kid, DU_KEY_ID - 1);
        close(fd);
    }
    kid[size > 0 ? size : 0] = '\0';
    kid[strcspn(kid, " \r\n")] = '\0';
}

static enum du_error_kind choose_active(struct du_keys *keys, struct du_key_set *set,
                                        struct du_error *error) {
    char kid[DU_KEY_ID];
    read_active(keys, kid);
    struct du_key *active = NULL;
    if (kid[0] != '\0')
        active = (struct du_key *)du_key_set_find(set, kid);
    else if (set->count == 1)
        active = &set->keys[0];
    if (active == NULL && kid[0] != '\0')
        return du_error_set(error, DU_STORE, "%s/active names %s, which no key file there holds",
                            keys->folder, kid);
    if (active == NULL && set->count > 1)
        return du_error_set(error, DU_STORE,
                            "%s holds %zu keys and no file \"active\" with the kid of the one that "
                            "signs",
                            keys->folder, set->count);
    if (active != NULL)
        active->active = true;
    set->active = active;
    return DU_OK;
}

static enum du_error_kind read_folder(struct du_keys *keys, struct du_error *error) {
    struct du_key_set *set = set_new();
    if (set == NULL)
        return no_memory(keys, error);
    enum du_error_kind kind = read_keys(keys, set, error);
    if (kind == DU_OK)
        kind = choose_active(keys, set, error);
    if (kind == DU_OK && !write_jwks(set))
        kind = no_memory(keys, error);
    if (kind == DU_OK) {
        pthread_mutex_lock(&keys->lock);
        struct du_key_set *old = keys->set;
        keys->set = set;
        set = old;
        pthread_mutex_unlock(&keys->lock);
    }
    du_key_set_unref(&set);
    return kind;
}

/* Changing the folder ----------------------------------------------------------------------- */

static FILE *create(struct du_keys *keys, const char *file) {
    int fd = openat(keys->fd, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (stream == NULL && fd >= 0)
        close(fd);
    return stream;
}

/* A new file under its own name only once it is whole. */
static enum du_error_kind put_in_place(struct du_keys *keys, FILE *stream, bool written,
                                       const char *file, struct du_error *error) {
    int number = written ? 0 : errno;
    if (stream != NULL && fclose(stream) != 0 && number == 0)
        number = errno;
    if (number == 0 && (renameat(keys->fd, "new", keys->fd, file) != 0 || fsync(keys->fd) != 0))
        number = errno;
    if (number == 0)
        return DU_OK;
    unlinkat(keys->fd, "new", 0);
    return file_failed(keys, file, number, error);
}

static enum du_error_kind write_key(struct du_keys *keys, EVP_PKEY *pkey, const char *kid,
                                    struct du_error *error) {
    char file[DU_KEY_ID + 4];
    snprintf(file, sizeof file, "%s.pem", kid);
    FILE *stream = create(keys, "new");
    bool written = stream != NULL && du_key_write(pkey, stream);
    return put_in_place(keys, stream, written, file, error);
}

static enum du_error_kind write_active(struct du_keys *keys, const char *kid,
                                       struct du_error *error) {
    FILE *stream = create(keys, "new");
    bool written = stream != NULL && fprintf(stream, "%s\n", kid) > 0 && fflush(stream) == 0 &&
                   fsync(fileno(stream)) == 0;
    return put_in_place(keys, stream, written, "active", error);
}

static enum du_error_kind make(struct du_keys *keys, char kid[DU_KEY_ID], struct du_error *error) {
    char x[DU_KEY_ID];
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (pkey == NULL || !du_key_name(pkey, x, kid)) {
        EVP_PKEY_free(pkey);
        return no_memory(keys, error);
    }
    enum du_error_kind kind = write_key(keys, pkey, kid, error);
    EVP_PKEY_free(pkey);
    if (kind == DU_OK)
        kind = write_active(keys, kid, error);
    return kind == DU_OK ? read_folder(keys, error) : kind;
}

enum du_error_kind du_keys_reload(struct du_keys *keys, struct du_error *error) {
    pthread_mutex_lock(&keys->files);
    enum du_error_kind kind = read_folder(keys, error);
    pthread_mutex_unlock(&keys->files);
    return kind;
}

enum du_error_kind du_keys_make(struct du_keys *keys, char kid[DU_KEY_ID], struct du_error *error) {
    pthread_mutex_lock(&keys->files);
    enum du_error_kind kind = make(keys, kid, error);
    pthread_mutex_unlock(&keys->files);
    return kind;
}

static enum du_error_kind unknown(struct du_keys *keys, const char *kid, struct du_error *error) {
    return du_error_set(error, DU_NOT_FOUND, "there is no key %.64s in %s", kid, keys->folder);
}

enum du_error_kind du_keys_activate(struct du_keys *keys, const char *kid, struct du_error *error) {
    pthread_mutex_lock(&keys->files);
    enum du_error_kind kind = du_key_set_find(keys->set, kid) != NULL
                                  ? write_active(keys, kid, error)
                                  : unknown(keys, kid, error);
    if (kind == DU_OK)
        kind = read_folder(keys, error);
    pthread_mutex_unlock(&keys->files);
    return kind;
}

enum du_error_kind du_keys_retire(struct du_keys *keys, const char *kid, struct du_error *error) {
    char made[DU_KEY_ID];
    enum du_error_kind kind = DU_OK;
    pthread_mutex_lock(&keys->files);
    const struct du_key *key = du_key_set_find(keys->set, kid);
    if (key == NULL)
        kind = unknown(keys, kid, error);
    else if (key->active)
        kind = make(keys, made, error);
    pthread_mutex_unlock(&keys->files);
    return kind;
}

static enum du_error_kind remove_file(struct du_keys *keys, const struct du_key *key,
                                      struct du_error *error) {
    if (unlinkat(keys->fd, key->file, 0) != 0 || fsync(keys->fd) != 0)
        return file_failed(keys, key->file, errno, error);
    return read_folder(keys, error);
}

enum du_error_kind du_keys_remove(struct du_keys *keys, const char *kid, struct du_error *error) {
    enum du_error_kind kind = DU_OK;
    pthread_mutex_lock(&keys->files);
    const struct du_key *key = du_key_set_find(keys->set, kid);
    if (key == NULL)
        kind = unknown(keys, kid, error);
    else if (key->active)
        kind = du_error_set(error, DU_STORE, "%s is the active key: retire it first", kid);
    else
        kind = remove_file(keys, key, error);
    pthread_mutex_unlock(&keys->files);
    return kind;
}

/* Open and close ---------------------------------------------------------------------------- */

static enum du_error_kind open_folder(struct du_keys *keys, struct du_error *error) {
    if (keys->folder == NULL)
        return du_error_set(error, DU_MEMORY, "open the keys");
    if (mkdir(keys->folder, 0700) != 0 && errno != EEXIST)
        return du_error_errno(error, errno, "create", keys->folder);
    keys->fd = open(keys->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (keys->fd < 0)
        return du_error_errno(error, errno, "open", keys->folder);
    return read_folder(keys, error);
}

enum du_error_kind du_keys_open(struct du_keys **keys, struct du_base *base, const char *folder,
                                struct du_error *error) {
    struct du_keys *made = du_calloc(1, sizeof *made);
    *keys = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "open the keys");
    made->base = base;
    made->fd = -1;
    made->folder = du_strdup(folder);
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->files, NULL);
    enum du_error_kind kind = open_folder(made, error);
    if (kind != DU_OK)
        du_keys_close(&made);
    *keys = made;
    return kind;
}

void du_keys_close(struct du_keys **keys) {
    struct du_keys *old = *keys;
    if (old == NULL)
        return;
    du_key_set_unref(&old->set);
    if (old->fd >= 0)
        close(old->fd);
    pthread_mutex_destroy(&old->files);
    pthread_mutex_destroy(&old->lock);
    du_free(old->folder);
    du_free(old);
    *keys = NULL;
}

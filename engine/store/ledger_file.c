#include "ledger_file.h"

#include "mem.h"
#include "sql.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 1000 };

enum du_error_kind du_ledger_file_failed(const struct du_ledger_file *file, sqlite3 *database,
                                         int code, struct du_error *error) {
    return du_error_set(error, DU_STORE, "%s: %s", file->path,
                        database != NULL ? sqlite3_errmsg(database) : sqlite3_errstr(code));
}

/* Opening ----------------------------------------------------------------------------------- */

/* SQLite would make a file that all may read, and there are password hashes in it. Its -wal and
 * -shm get the modes of the file. */
static void create_private(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

enum du_error_kind du_ledger_file_connect(const struct du_ledger_file *file, int flags,
                                          sqlite3 **database, struct du_error *error) {
    int code = du_fault(&file->base->faults, DU_FAULT_LEDGER_OPEN);
    *database = NULL;
    if (code != 0)
        return du_ledger_file_failed(file, NULL, code, error);
    if (flags & SQLITE_OPEN_CREATE)
        create_private(file->path);
    code = sqlite3_open_v2(file->path, database, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(*database, 1);
        sqlite3_busy_timeout(*database, BUSY_MS);
        return DU_OK;
    }
    du_ledger_file_failed(file, *database, code, error);
    sqlite3_close(*database);
    *database = NULL;
    return DU_STORE;
}

static struct du_ledger_place place_of(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0)
        return (struct du_ledger_place){0};
    return (struct du_ledger_place){status.st_dev, status.st_ino};
}

static off_t size_of(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : 0;
}

/* An emptied file is as good as none. */
static struct du_ledger_place main_place(const struct du_ledger_file *file) {
    return size_of(file->path) > 0 ? place_of(file->path) : (struct du_ledger_place){0};
}

/* SQLite would drop a log without its file, and start from nothing. */
static enum du_error_kind check_log(const struct du_ledger_file *file, struct du_error *error) {
    if (size_of(file->path) > 0 || size_of(file->wal) == 0)
        return DU_OK;
    return du_error_set(error, DU_STORE,
                        "%s is gone or empty, but %s belongs to it: put it back, or remove that "
                        "too to start from nothing",
                        file->path, file->wal);
}

static void disconnect(struct du_ledger_file *file) {
    if (file->database != NULL)
        du_sql_forget(file->database);
    sqlite3_close(file->database);
    file->database = NULL;
}

static enum du_error_kind set_up(struct du_ledger_file *file, struct du_error *error) {
    const char *const steps[] = {"PRAGMA journal_mode = WAL",
                                 file->full_sync ? "PRAGMA synchronous = FULL"
                                                 : "PRAGMA synchronous = NORMAL",
                                 "BEGIN IMMEDIATE", file->schema, "COMMIT"};
    enum du_error_kind kind = check_log(file, error);
    if (kind == DU_OK)
        kind = du_ledger_file_connect(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                      &file->database, error);
    if (kind != DU_OK)
        return kind;
    for (size_t i = 0; kind == DU_OK && i < sizeof steps / sizeof *steps; i++)
        if (sqlite3_exec(file->database, steps[i], NULL, NULL, NULL) != SQLITE_OK)
            kind = du_ledger_file_failed(file, file->database, 0, error);
    if (kind != DU_OK) { /* the next check begins anew */
        disconnect(file);
        return kind;
    }
    file->main_place = main_place(file);
    file->wal_place = place_of(file->wal);
    return DU_OK;
}

static char *path_with(const char *path, const char *end) {
    size_t size = strlen(path) + strlen(end) + 1;
    char *text = du_malloc(size);
    if (text != NULL)
        snprintf(text, size, "%s%s", path, end);
    return text;
}

enum du_error_kind du_ledger_file_open(struct du_ledger_file *file, struct du_base *base,
                                       const char *path, const char *schema, bool full_sync,
                                       struct du_error *error) {
    *file = (struct du_ledger_file){.base = base, .schema = schema, .full_sync = full_sync};
    file->path = path_with(path, "");
    file->wal = path_with(path, "-wal");
    file->shm = path_with(path, "-shm");
    file->fresh = path_with(path, ".new");
    if (file->path == NULL || file->wal == NULL || file->shm == NULL || file->fresh == NULL)
        return du_error_set(error, DU_MEMORY, "open %s", path);
    return set_up(file, error);
}

void du_ledger_file_close(struct du_ledger_file *file) {
    disconnect(file);
    du_free(file->path);
    du_free(file->wal);
    du_free(file->shm);
    du_free(file->fresh);
}

/* Moved away -------------------------------------------------------------------------------- */

static bool is_there(struct du_ledger_place place) {
    return place.inode != 0;
}

static bool same(struct du_ledger_place a, struct du_ledger_place b) {
    return a.device == b.device && a.inode == b.inode;
}

/* To the disk, with its name. 0 or an errno. */
static int rename_durably(const struct du_ledger_file *file) {
    char *copy = path_with(file->path, "");
    int fd = open(file->fresh, O_RDONLY | O_CLOEXEC);
    int folder = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool done = fd >= 0 && folder >= 0 && fsync(fd) == 0 && rename(file->fresh, file->path) == 0 &&
                fsync(folder) == 0;
    int number = done ? 0 : errno;
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    du_free(copy);
    return number;
}

/* The file is gone: all of it is copied from the one that is still open. What lies beside it must
 * not be taken for the new one's. */
static enum du_error_kind write_again(struct du_ledger_file *file, struct du_error *error) {
    unlink(file->fresh);
    create_private(file->fresh);
    int code = DU_SQL(file->database, "VACUUM INTO ?", du_sql_text(file->fresh));
    if (code != SQLITE_OK) {
        du_ledger_file_failed(file, file->database, code, error);
        unlink(file->fresh);
        return DU_STORE;
    }
    unlink(file->wal);
    unlink(file->shm);
    int number = rename_durably(file);
    if (number == 0)
        return DU_OK;
    unlink(file->fresh);
    return du_error_set(error, DU_STORE, "%s was removed and cannot be written again: %s",
                        file->path, strerror(number));
}

/* Only the log is gone: what was in it moves to the file itself. */
static enum du_error_kind fold_log(struct du_ledger_file *file, struct du_error *error) {
    int code =
        sqlite3_wal_checkpoint_v2(file->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK ? DU_OK : du_ledger_file_failed(file, file->database, code, error);
}

static enum du_error_kind put_back(struct du_ledger_file *file, bool has_main,
                                   struct du_error *error) {
    enum du_error_kind kind = has_main ? fold_log(file, error) : write_again(file, error);
    if (kind != DU_OK)
        return kind;
    disconnect(file);
    kind = set_up(file, error);
    if (kind == DU_OK)
        du_log_format(file->base->log, DU_LOG_WARN,
                      "%s was removed while it was in use: it has been written again, nothing is "
                      "lost",
                      has_main ? file->wal : file->path);
    return kind;
}

enum du_error_kind du_ledger_file_check(struct du_ledger_file *file, struct du_error *error) {
    if (file->database == NULL)
        return set_up(file, error);
    struct du_ledger_place main_now = main_place(file), wal_now = place_of(file->wal);
    bool main_same = same(main_now, file->main_place), wal_same = same(wal_now, file->wal_place);
    if (main_same && wal_same)
        return DU_OK;
    if ((is_there(main_now) && !main_same) || (is_there(wal_now) && !wal_same))
        return du_error_set(error, DU_STORE,
                            "%s was replaced while it was in use: restart to take what is there, "
                            "or remove it to have it written again",
                            is_there(main_now) && !main_same ? file->path : file->wal);
    return put_back(file, is_there(main_now), error);
}

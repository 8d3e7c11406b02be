#include "lua_source.h"

#include "box.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "passage.h"
#include "reader.h"
#include "wait.h"

#include <errno.h>
#include <unistd.h>

struct source_box {
    struct du_cache_open open; /* blob, fill and passage NULL: closed */
    struct du_digest digest;
    bool has_digest;
};

/* Reading all of it: waits for a fill to be verified, then reads on the disk lane; of a passage
 * takes what goes by. */
struct reading {
    struct du_wait wait;
    struct du_job job;
    struct du_fill_parked parked;
    struct du_fill_port *port; /* NULL: nothing to park in */
    struct du_lane *disk;
    struct du_blob *blob; /* one of these two, a reference of its own */
    struct du_value *filled;
    struct du_body *passing; /* or this */
    struct du_bytes taken;
    int64_t max, size;
    char *bytes;
    struct du_error error;
    bool waiting; /* parked in the fill, or for the passage; else in the lane */
};

static const struct du_box_type source_type;

static bool is_open(const struct du_cache_open *open) {
    return open->blob != NULL || open->fill != NULL || open->passage != NULL;
}

void du_lua_push_source(lua_State *L, struct du_cache_open *open, const struct du_digest *digest) {
    struct source_box *box = du_box_new(L, &source_type, sizeof *box);
    box->open = *open;
    open->blob = NULL;
    open->fill = NULL;
    open->passage = NULL;
    open->hold = NULL;
    box->has_digest = digest != NULL;
    if (digest != NULL)
        box->digest = *digest;
}

struct du_cache_open *du_lua_check_source(lua_State *L, int index) {
    struct source_box *box = du_box_check(L, index, &source_type);
    if (!is_open(&box->open))
        luaL_error(L, "this source is closed, or an answer has taken it");
    return &box->open;
}

const char *du_lua_source_status(enum du_cache_status status) {
    switch (status) {
    case DU_CACHE_HIT:
        return "hit";
    case DU_CACHE_MISS:
        return "miss";
    case DU_CACHE_COALESCED:
        return "coalesced";
    case DU_CACHE_BYPASS:
        return "bypass";
    }
    return "";
}

int64_t du_lua_source_size(const struct du_cache_open *open) {
    if (open->passage != NULL)
        return du_passage_length(open->passage);
    return open->blob != NULL ? du_blob_size(open->blob) : du_fill_length(open->fill);
}

static int size(lua_State *L) {
    int64_t bytes = du_lua_source_size(du_lua_check_source(L, 1));
    if (bytes >= 0)
        lua_pushinteger(L, bytes);
    else
        lua_pushnil(L);
    return 1;
}

bool du_lua_source_digest(lua_State *L, int index, char text[DU_DIGEST_TEXT]) {
    struct source_box *box = du_box_check(L, index, &source_type);
    text[0] = '\0';
    if (box->open.blob != NULL)
        du_digest_format(du_blob_digest(box->open.blob), text);
    else if (box->has_digest)
        du_digest_format(&box->digest, text);
    return text[0] != '\0';
}

static int digest(lua_State *L) {
    char text[DU_DIGEST_TEXT];
    du_lua_check_source(L, 1);
    if (du_lua_source_digest(L, 1, text))
        lua_pushstring(L, text);
    else
        lua_pushnil(L);
    return 1;
}

static int status(lua_State *L) {
    lua_pushstring(L, du_lua_source_status(du_lua_check_source(L, 1)->status));
    return 1;
}

static int close_source(lua_State *L) {
    struct source_box *box = du_box_check(L, 1, &source_type);
    du_cache_release(&box->open);
    return 0;
}

/* Reading. */

static enum du_error_kind too_large(struct reading *reading) {
    return du_error_set(&reading->error, DU_OVERLOADED, "more than %lld bytes",
                        (long long)reading->max);
}

/* On the disk lane. */
static void read_file(struct du_job *job) {
    struct reading *reading = du_container_of(job, struct reading, job);
    int fd = reading->blob != NULL ? du_blob_open(reading->blob, &reading->error)
                                   : du_fill_fd(du_fill_of(reading->filled));
    if (reading->error.kind != DU_OK)
        return;
    reading->bytes = du_malloc((size_t)reading->size + 1);
    if (reading->bytes == NULL) {
        reading->error = du_error_of(DU_MEMORY);
        return;
    }
    for (int64_t at = 0; at < reading->size;) {
        ssize_t got = pread(fd, reading->bytes + at, (size_t)(reading->size - at), at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            du_error_set(&reading->error, DU_IO, "a blob's file ends early or cannot be read");
            return;
        }
        at += got;
    }
}

static void file_read(struct du_job *job) {
    du_wait_settle(&du_container_of(job, struct reading, job)->wait);
}

/* False: it ends here, see its error. */
static bool submit(struct reading *reading) {
    reading->waiting = false;
    if (reading->size > reading->max)
        return too_large(reading) == DU_OK;
    reading->job.work = read_file;
    reading->job.done = file_read;
    reading->job.home = reading->wait.context->mailbox;
    enum du_error_kind kind = du_lane_submit(reading->disk, &reading->job);
    if (kind != DU_OK) /* else it is the lane's now, with its error */
        reading->error.kind = kind;
    return kind == DU_OK;
}

/* Goes on as the fill stands now. False: it ends here, see its error. */
static bool follow(struct reading *reading) {
    for (;;) {
        struct du_fill *fill = du_fill_of(reading->filled);
        enum du_fill_state state = du_fill_look(fill, &reading->size, &reading->error);
        switch (state) {
        case DU_FILL_FAILED:
            return false;
        case DU_FILL_VERIFIED:
            return submit(reading);
        case DU_FILL_FILLING:
        case DU_FILL_VERIFYING:
            break;
        }
        if (reading->size > reading->max)
            return too_large(reading) == DU_OK;
        int64_t seen = state == DU_FILL_FILLING ? reading->size : INT64_MAX;
        reading->waiting = du_fill_park(reading->port, &reading->parked, seen);
        if (reading->waiting)
            return true;
    }
}

static void fill_moved(struct du_fill_parked *parked) {
    struct reading *reading = du_container_of(parked, struct reading, parked);
    reading->waiting = false;
    if (reading->wait.abandoned || !follow(reading))
        du_wait_settle(&reading->wait);
}

/* Takes what the passage gives. False: it ends here, see its error. */
static bool take(struct reading *reading) {
    struct du_piece piece;
    for (;;) {
        switch (reading->passing->type->next(reading->passing, &piece)) {
        case DU_BODY_BYTES:
        case DU_BODY_FILE: /* a passage has none */
            du_bytes_add(&reading->taken, piece.data, piece.size);
            if (reading->taken.failed)
                return du_error_set(&reading->error, DU_MEMORY, "read a blob") == DU_OK;
            reading->size = (int64_t)reading->taken.size;
            if (reading->size > reading->max)
                return too_large(reading) == DU_OK;
            reading->passing->type->sent(reading->passing, piece.size);
            break;
        case DU_BODY_WAIT:
            reading->waiting = true;
            return true;
        case DU_BODY_END:
            return false;
        case DU_BODY_BROKEN:
            reading->error = *du_reader_error(reading->passing);
            return false;
        }
    }
}

static void passage_moved(struct du_body *body) {
    struct reading *reading = body->driver;
    reading->waiting = false;
    if (reading->wait.abandoned || !take(reading))
        du_wait_settle(&reading->wait);
}

static int push_read(lua_State *L, struct du_wait *wait) {
    struct reading *reading = (struct reading *)wait;
    if (reading->error.kind != DU_OK)
        return du_lua_fail(L, &reading->error);
    const char *bytes = reading->passing != NULL ? reading->taken.data : reading->bytes;
    lua_pushlstring(L, reading->size > 0 ? bytes : "", (size_t)reading->size);
    return 1;
}

static bool withdraw_read(struct du_wait *wait) {
    struct reading *reading = (struct reading *)wait;
    if (reading->waiting && reading->port != NULL)
        du_fill_unpark(reading->port, &reading->parked);
    return reading->waiting;
}

static void drop_read(struct du_wait *wait) {
    struct reading *reading = (struct reading *)wait;
    du_blob_unref(&reading->blob);
    du_value_unref(&reading->filled);
    if (reading->passing != NULL)
        reading->passing->type->close(reading->passing);
    du_bytes_deinit(&reading->taken);
    du_free(reading->bytes);
}

static const struct du_wait_type reading_type = {sizeof(struct reading), push_read, withdraw_read,
                                                 drop_read};

/* All three: false when it ends here, see its error. */
static bool read_passage(struct reading *reading, struct du_cache_open *open) {
    reading->passing = du_reader_new(open, 0, -1, &reading->error);
    reading->passing->wake = passage_moved;
    reading->passing->driver = reading;
    return take(reading);
}

static bool read_blob(struct reading *reading, const struct du_cache_open *open) {
    reading->blob = du_blob_ref(open->blob);
    reading->size = du_blob_size(open->blob);
    return submit(reading);
}

static bool read_fill(struct reading *reading, const struct du_cache_open *open) {
    reading->filled = du_value_ref(du_fill_value(open->fill));
    reading->port = du_fill_port(open->fill, reading->wait.context->mailbox);
    reading->parked.woken = fill_moved;
    du_list_init(&reading->parked.node);
    if (reading->port == NULL)
        reading->error = du_error_of(DU_MEMORY);
    return reading->port != NULL && follow(reading);
}

/* source:read(max) */
static int read_all(lua_State *L) {
    struct du_cache_open *open = du_lua_check_source(L, 1);
    lua_Integer max = luaL_checkinteger(L, 2);
    luaL_argcheck(L, max >= 0, 2, "a size is not negative");
    struct du_lane *disk = du_module_shared(L)->disk;
    struct reading *reading = du_wait_new(L, &reading_type);
    reading->max = max;
    reading->disk = disk;
    reading->error = du_error_of(DU_OK);
    bool going = open->passage != NULL ? read_passage(reading, open)
                 : open->blob != NULL  ? read_blob(reading, open)
                                       : read_fill(reading, open);
    return going ? du_wait_park(L, &reading->wait) : du_wait_answer(L, &reading->wait);
}

static const luaL_Reg methods[] = {{"size", size},     {"digest", digest},      {"status", status},
                                   {"read", read_all}, {"close", close_source}, {NULL, NULL}};
static const struct du_box_type source_type = {"dunite.native.Source", methods, close_source};

void du_lua_source_open(lua_State *L) {
    du_box_define(L, &source_type);
}

#include "filler_int.h"

/* Room for so many bytes in all. */
static bool reserve(struct du_filler *filler, int64_t bytes) {
    return du_index_reserve(filler->desk->cache->index, du_fill_reservation(filler->fill), bytes,
                            &filler->disk_error) == DU_OK;
}

void du_filler_create(struct du_job *job) {
    struct du_filler *filler = du_filler_of(job);
    int64_t length = du_fill_length(filler->fill);
    if (!reserve(filler, length))
        filler->no_room = filler->disk_error.kind == DU_OVERLOADED;
    else if (du_partial_new(filler->desk->cache->blobs, length, &filler->partial,
                            &filler->disk_error) == DU_OK)
        du_fill_set_file(filler->fill, du_partial_fd(filler->partial), &filler->disk_error);
}

/* How many of the bytes to write are in the file already. */
static size_t known(const struct du_filler *filler) {
    int64_t ahead = du_partial_size(filler->partial) - filler->place;
    return (size_t)ahead < filler->writing.size ? (size_t)ahead : filler->writing.size;
}

/* Where the length was known all the room was reserved before. */
static bool may_grow(struct du_filler *filler, size_t more) {
    int64_t bytes = du_partial_size(filler->partial) + (int64_t)more;
    bool may = reserve(filler, bytes);
    filler->outgrew = !may && !du_index_may_hold(filler->desk->cache->index, bytes);
    return may;
}

void du_filler_write(struct du_job *job) {
    struct du_filler *filler = du_filler_of(job);
    const char *data = filler->writing.data;
    size_t again = known(filler), fresh = filler->writing.size - again;
    if (du_partial_compare(filler->partial, filler->place, data, again, &filler->disk_error) !=
            DU_OK ||
        !may_grow(filler, fresh) ||
        du_partial_write(filler->partial, data + again, fresh, &filler->disk_error) != DU_OK)
        return;
    filler->place += (int64_t)filler->writing.size;
    du_fill_advance(filler->fill, du_partial_size(filler->partial));
}

static enum du_error_kind enter_in_index(struct du_filler *filler, const struct du_digest *digest,
                                         struct du_blob **pin) {
    const struct du_want *want = filler->inflow.want;
    enum du_error_kind kind =
        du_index_add(filler->desk->cache->index, digest, du_partial_size(filler->partial),
                     du_partial_take_fd(filler->partial), want->by_digest ? NULL : want->name,
                     want->version, pin);
    return kind == DU_OK ? DU_OK : du_error_set(&filler->disk_error, kind, "enter a blob");
}

void du_filler_finish(struct du_job *job) {
    struct du_filler *filler = du_filler_of(job);
    const struct du_want *want = filler->inflow.want;
    struct du_digest digest;
    struct du_blob *pin = NULL;
    if (du_partial_verify(filler->partial, want->by_digest ? &want->digest : NULL,
                          du_fill_length(filler->fill), &digest, &filler->disk_error) != DU_OK ||
        du_partial_publish(filler->partial, &filler->disk_error) != DU_OK ||
        enter_in_index(filler, &digest, &pin) != DU_OK)
        return;
    du_partial_free(&filler->partial);
    du_fill_verified(filler->fill, &pin);
    filler->over = true;
}

void du_filler_discard(struct du_job *job) {
    struct du_filler *filler = du_filler_of(job);
    du_partial_free(&filler->partial);
    filler->over = true;
}

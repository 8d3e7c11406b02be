#ifndef DU_TEST_STORE_INDEXING_H
#define DU_TEST_STORE_INDEXING_H

/* An index over a folder, and texts as blobs in it. */

#include "fixture.h"
#include "index.h"

struct store {
    struct fixture *fixture;
    struct du_ledger *journal;
    struct du_blobs *blobs;
    struct du_index *index;
    char mark[33];
};

/* Not loaded yet. */
static inline void open_unread_store(struct store *store, struct fixture *fixture, bool journal) {
    char path[FIXTURE_PATH];
    struct du_error error;
    store->fixture = fixture;
    const char *mark = store->mark[0] != '\0' ? store->mark : NULL;
    if (journal)
        store->journal = fixture_ledger(fixture, "journal.db", DU_INDEX_SCHEMA, false);
    if (du_blobs_open(&store->blobs, &fixture->base, fixture_path(fixture, "blobs", path), mark,
                      false, store->mark, &error) != DU_OK ||
        du_index_new(&store->index, &fixture->base, store->blobs, store->journal, &error) != DU_OK)
        fail_msg("%s", error.message);
}

static inline void load_store(struct store *store) {
    assert_int_equal(du_index_load(store->index, NULL), DU_OK);
    du_index_wait(store->index);
}

static inline void open_store(struct store *store, struct fixture *fixture, bool journal) {
    open_unread_store(store, fixture, journal);
    load_store(store);
}

static inline void close_store(struct store *store) {
    du_index_free(&store->index);
    du_blobs_close(&store->blobs);
    du_ledger_close(&store->journal);
}

static inline void reopen(struct store *store) {
    close_store(store);
    open_store(store, store->fixture, true);
}

/* Makes a blob visible, as a fill does; the descriptor is the caller's. */
static inline int publish(struct store *store, const char *text, struct du_digest *digest) {
    struct du_partial *partial;
    assert_int_equal(du_partial_new(store->blobs, -1, &partial, NULL), DU_OK);
    assert_int_equal(du_partial_write(partial, text, strlen(text), NULL), DU_OK);
    assert_int_equal(du_partial_verify(partial, NULL, -1, digest, NULL), DU_OK);
    assert_int_equal(du_partial_publish(partial, NULL), DU_OK);
    int fd = du_partial_take_fd(partial);
    du_partial_free(&partial);
    return fd;
}

static inline struct du_blob *add(struct store *store, const char *text, const char *name,
                                  const char *version) {
    struct du_digest digest;
    struct du_blob *blob;
    int fd = publish(store, text, &digest);
    assert_int_equal(
        du_index_add(store->index, &digest, (int64_t)strlen(text), fd, name, version, &blob),
        DU_OK);
    return blob;
}

static inline struct du_digest digest_of(const char *text) {
    struct du_digest digest;
    assert_int_equal(du_digest_of(text, strlen(text), &digest), DU_OK);
    return digest;
}

static inline void put(struct store *store, const char *text, const char *name,
                       const char *version) {
    struct du_blob *blob = add(store, text, name, version);
    du_blob_unref(&blob);
}

static inline bool has(struct store *store, const char *text) {
    struct du_digest digest = digest_of(text);
    struct du_blob *blob = du_index_find(store->index, &digest);
    bool found = blob != NULL;
    du_blob_unref(&blob);
    return found;
}

static inline bool has_name(struct store *store, const char *name, const char *version) {
    struct du_blob *blob = du_index_find_name(store->index, name, version);
    bool found = blob != NULL;
    du_blob_unref(&blob);
    return found;
}

static inline bool on_disk(struct store *store, const char *text) {
    struct du_digest digest = digest_of(text);
    if (store->journal != NULL)
        du_ledger_flush(store->journal);
    int fd = du_blobs_read(store->blobs, &digest, NULL);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static inline void assert_reads(struct du_blob *blob, const char *text) {
    char bytes[64] = "";
    int fd = du_blob_open(blob, NULL);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, bytes, sizeof bytes - 1, 0), strlen(text));
    assert_string_equal(bytes, text);
}

#endif

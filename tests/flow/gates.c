#include "gates.h"

#include "single_flight.h"
#include "upstream.h"

struct gates gates;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */

enum du_join __real_du_single_flight_join(struct du_single_flight *table, const void *key,
                                          size_t size, struct du_waiter *waiter,
                                          const struct du_flight_options *options,
                                          struct du_flight **flight, struct du_error *error);
enum du_join __wrap_du_single_flight_join(struct du_single_flight *table, const void *key,
                                          size_t size, struct du_waiter *waiter,
                                          const struct du_flight_options *options,
                                          struct du_flight **flight, struct du_error *error);
enum du_error_kind __real_du_partial_new(struct du_blobs *blobs, int64_t size,
                                         struct du_partial **partial, struct du_error *error);
enum du_error_kind __wrap_du_partial_new(struct du_blobs *blobs, int64_t size,
                                         struct du_partial **partial, struct du_error *error);
enum du_error_kind __real_du_partial_write(struct du_partial *partial, const void *data,
                                           size_t size, struct du_error *error);
enum du_error_kind __wrap_du_partial_write(struct du_partial *partial, const void *data,
                                           size_t size, struct du_error *error);
enum du_error_kind __real_du_partial_verify(struct du_partial *partial,
                                            const struct du_digest *expected, int64_t size,
                                            struct du_digest *digest, struct du_error *error);
enum du_error_kind __wrap_du_partial_verify(struct du_partial *partial,
                                            const struct du_digest *expected, int64_t size,
                                            struct du_digest *digest, struct du_error *error);
enum du_error_kind __real_du_index_add(struct du_index *index, const struct du_digest *digest,
                                       int64_t size, int fd, const char *name, const char *version,
                                       struct du_blob **blob);
enum du_error_kind __wrap_du_index_add(struct du_index *index, const struct du_digest *digest,
                                       int64_t size, int fd, const char *name, const char *version,
                                       struct du_blob **blob);

void __real_du_flight_complete(struct du_flight **flight, struct du_outcome outcome);
void __wrap_du_flight_complete(struct du_flight **flight, struct du_outcome outcome);
void __real_du_fetch_pause(struct du_fetch *fetch);
void __wrap_du_fetch_pause(struct du_fetch *fetch);

enum du_join __wrap_du_single_flight_join(struct du_single_flight *table, const void *key,
                                          size_t size, struct du_waiter *waiter,
                                          const struct du_flight_options *options,
                                          struct du_flight **flight, struct du_error *error) {
    rig_gate_pass(&gates.join);
    return __real_du_single_flight_join(table, key, size, waiter, options, flight, error);
}

enum du_error_kind __wrap_du_partial_new(struct du_blobs *blobs, int64_t size,
                                         struct du_partial **partial, struct du_error *error) {
    rig_gate_pass(&gates.create);
    return __real_du_partial_new(blobs, size, partial, error);
}

enum du_error_kind __wrap_du_partial_write(struct du_partial *partial, const void *data,
                                           size_t size, struct du_error *error) {
    rig_gate_pass(&gates.write);
    return __real_du_partial_write(partial, data, size, error);
}

enum du_error_kind __wrap_du_partial_verify(struct du_partial *partial,
                                            const struct du_digest *expected, int64_t size,
                                            struct du_digest *digest, struct du_error *error) {
    rig_gate_pass(&gates.verify);
    return __real_du_partial_verify(partial, expected, size, digest, error);
}

enum du_error_kind __wrap_du_index_add(struct du_index *index, const struct du_digest *digest,
                                       int64_t size, int fd, const char *name, const char *version,
                                       struct du_blob **blob) {
    rig_gate_pass(&gates.index);
    return __real_du_index_add(index, digest, size, fd, name, version, blob);
}

void __wrap_du_flight_complete(struct du_flight **flight, struct du_outcome outcome) {
    rig_gate_pass(&gates.land);
    __real_du_flight_complete(flight, outcome);
}

void __wrap_du_fetch_pause(struct du_fetch *fetch) {
    rig_lock();
    gates.pauses++;
    rig_tell();
    rig_unlock();
    __real_du_fetch_pause(fetch);
}

/* NOLINTEND(bugprone-reserved-identifier) */

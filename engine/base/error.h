#ifndef DU_ERROR_H
#define DU_ERROR_H

/* The error kinds of the engine, with their classification.
 *
 * Invariants
 *  1. error.def is the only list of kinds; enum, names, class, status, retry advice and text are
 *     generated from it. A row without its classification does not compile.
 *  2. No switch over these enums has a `default`: -Wswitch-enum names what a new row leaves out.
 *  3. struct du_error is a plain value: copying it is cloning it; it owns nothing.
 *
 * A function that can fail returns enum du_error_kind, DU_OK when it did not. One that can tell
 * more takes a struct du_error * last (NULL where the caller does not care) and fills it on
 * failure only.
 *
 * Thread: any.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum du_error_kind {
    DU_OK = 0,
#define DU_ERROR(constant, name, class, http, retry, text) DU_##constant,
#include "error.def"
#undef DU_ERROR
};

enum {
    DU_ERROR_KIND_COUNT = 0
#define DU_ERROR(constant, name, class, http, retry, text) +1
#include "error.def"
#undef DU_ERROR
};

enum du_error_class { DU_CLASS_NOT_FOUND, DU_CLASS_UPSTREAM, DU_CLASS_LOCAL };

/* How a start of something that may wait went. Only DU_PENDING calls back: exactly once, after the
 * start has returned, on the caller's loop. */
enum du_step { DU_STEP_DONE, DU_STEP_PENDING, DU_STEP_FAILED };

struct du_error {
    enum du_error_kind kind;
    int status;          /* Upstream: the status it answered; else 0 */
    int64_t retry_after; /* Upstream, Overloaded: seconds, -1 when unknown */
    char expected[96];   /* Integrity: digest or size we were promised */
    char actual[96];     /* Integrity: what came */
    char message[224];   /* what happened to whom, for logs; never a secret */
};

/* "NotFound", …; "Ok" for DU_OK. Static storage. */
const char *du_error_name(enum du_error_kind kind);
const char *du_error_text(enum du_error_kind kind);
enum du_error_class du_error_class(enum du_error_kind kind);
const char *du_error_class_name(enum du_error_class class);
/* The HTTP status a member sees (RFC 9110 section 15); 499 is for logs only; 200 for DU_OK. */
int du_error_http(enum du_error_kind kind);
/* True when the same thing, tried again, may go well. */
bool du_error_retryable(const struct du_error *error);
/* The kind with that name; false when there is none. */
bool du_error_kind_of(const char *name, enum du_error_kind *kind);

/* Fills *error (unless NULL) with a printf-formatted message and returns kind, so that a failing
 * function may end in `return du_error_set(error, DU_IO, "write %s: %s", …)`. */
enum du_error_kind du_error_set(struct du_error *error, enum du_error_kind kind, const char *format,
                                ...) __attribute__((format(printf, 3, 4)));
/* An error of that kind with no more to say. */
struct du_error du_error_of(enum du_error_kind kind);
/* What errno means for a file of ours: ENOMEM is Memory, all else Io. */
enum du_error_kind du_error_errno(struct du_error *error, int number, const char *what,
                                  const char *path);

#endif

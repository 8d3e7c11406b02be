#ifndef DU_LOG_H
#define DU_LOG_H

/* Log lines, as text or as JSON, one a line, through a writer that never blocks its caller.
 *
 * Invariants
 *  1. A caller formats into a bounded ring; a thread of the log's own writes it out. A full ring
 *     drops the line and counts it; the writer reports the count as a line of its own.
 *     Lines below warnings are gathered for some 20 ms first.
 *  2. A NULL log drops everything: code that logs needs no test.
 *  3. Values are escaped: a line is one line, whatever a stranger put into it.
 *
 * Thread: any, but new and free.
 */

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct du_log;

enum du_log_level { DU_LOG_DEBUG, DU_LOG_INFO, DU_LOG_WARN, DU_LOG_ERROR };
enum du_log_format { DU_LOG_TEXT, DU_LOG_JSON };
enum du_log_type { DU_LOG_STRING, DU_LOG_INTEGER, DU_LOG_NUMBER, DU_LOG_BOOLEAN };

struct du_log_field {
    const char *key;
    enum du_log_type type;
    union {
        const char *string; /* NULL leaves the field out */
        int64_t integer;
        double number;
        bool boolean;
    } as;
};

/* Gets each finished line, without its newline, on the caller's thread: specs read it. */
typedef void du_log_sink(void *user, enum du_log_level level, const char *line, size_t size);

struct du_clock;

/* Writes to path, or to standard error when path is NULL. clock outlives the log. */
enum du_error_kind du_log_new(struct du_log **log, const struct du_clock *clock,
                              enum du_log_format format, enum du_log_level least, const char *path,
                              struct du_error *error);
/* Writes what is left, then ends the writer. */
void du_log_free(struct du_log **log);
/* Opens the path anew (after logrotate moved it). */
void du_log_reopen(struct du_log *log);
/* For the lines from now on. */
void du_log_set(struct du_log *log, enum du_log_format format, enum du_log_level least);
void du_log_set_sink(struct du_log *log, du_log_sink *sink, void *user);
/* Lines lost to a full ring so far. */
uint64_t du_log_dropped(const struct du_log *log);

/* request_id may be NULL. Lines: `2026-01-31T23:59:50Z INFO message request=… key=value`,
 * or {"time":…,"level":…,"message":…,"request_id":…,key:value}. */
void du_log_write(struct du_log *log, enum du_log_level level, const char *request_id,
                  const char *message, const struct du_log_field *fields, size_t count);
/* A message alone, printf-formatted. */
void du_log_format(struct du_log *log, enum du_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

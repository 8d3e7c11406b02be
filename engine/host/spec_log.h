#ifndef DU_SPEC_LOG_H
#define DU_SPEC_LOG_H

/* The lines that an engine under test logged, kept for its spec. Thread: any. */

#include "log.h"

#include <lua.h>

struct du_spec_log;

enum du_error_kind du_spec_log_new(struct du_spec_log **log);
void du_spec_log_free(struct du_spec_log **log);
/* A du_log_sink; user is the du_spec_log. */
void du_spec_log_hear(void *user, enum du_log_level level, const char *line, size_t size);
/* Pushes a list of the lines so far. May raise. */
void du_spec_log_push(struct du_spec_log *log, lua_State *L);

#endif

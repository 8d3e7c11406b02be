#ifndef DU_CONTROL_H
#define DU_CONTROL_H

/* Commands to the engine: to the one that runs, over its control socket; else to one that is
 * started for the moment, without listeners. So each command is written once, in
 * scripts/dunite/control.lua. */

#include "arguments.h"
#include "bytes.h"
#include "error.h"

#include <stdbool.h>

/* For one question after the other. */
struct du_control;

enum { DU_CONTROL_SECS = 900 }; /* a reload may run specs first */

/* 0, or the exit code; what went wrong has been said. running: only an engine that runs will do. */
int du_control_open(struct du_control **control, const struct du_arguments *options, bool running);
/* Calls command ("member.add") with a JSON body; answer is the JSON that came, within secs. The
 * exit code; what went wrong has been said. The first question finds out whether an engine runs. */
int du_control_ask(struct du_control *control, const char *command, const struct du_bytes *body,
                   int secs, struct du_bytes *answer);
void du_control_close(struct du_control **control);

/* One question: open, ask, close. */
int du_control_call(const struct du_arguments *options, const char *command,
                    const struct du_bytes *body, bool running, struct du_bytes *answer);

/* The same of the engine that runs on that data folder, and whatever the answer says. */
enum du_error_kind du_control_at(const char *data_dir, const char *command,
                                 const struct du_bytes *body, struct du_bytes *answer,
                                 struct du_error *error);

/* Builds a JSON object, member by member. */
void du_control_begin(struct du_bytes *body);
void du_control_text(struct du_bytes *body, const char *key,
                     const char *value); /* NULL: left out */
void du_control_raw(struct du_bytes *body, const char *key, const char *json);
/* Every value of the option, as an array; left out when it was not given. */
void du_control_list(struct du_bytes *body, const char *key, const struct du_arguments *options,
                     const char *option);
void du_control_end(struct du_bytes *body);

/* A table of the objects in the answer's array `key`: one line each, the named columns. */
void du_control_table(const struct du_bytes *answer, const char *key, const char *const *columns);

#endif

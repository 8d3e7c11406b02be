#ifndef DU_CHECK_H
#define DU_CHECK_H

/* A deployment loaded without being served: configuration, routes, totality. Nothing is opened.
 * Thread: one. */

#include "engine.h"

struct du_check;

/* DU_SCRIPT: see findings. */
enum du_error_kind du_check_new(struct du_check **check, const struct du_engine_options *options,
                                struct du_findings *findings, struct du_error *error);
void du_check_free(struct du_check **check);
void du_check_routes(struct du_check *check,
                     void (*each)(void *user, const char *method, const char *pattern,
                                  const char *where, const char *name),
                     void *user);
/* The data folder that the deployment names (relative to the current folder). */
const char *du_check_data_dir(const struct du_check *check);

#endif

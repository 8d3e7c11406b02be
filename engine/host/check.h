#ifndef DU_CHECK_H
#define DU_CHECK_H

/* A deployment loaded without being served: configuration, routes, totality. Nothing is opened. The
 * engine itself starts with one, to learn its settings.
 * Thread: one. */

#include "engine.h"

struct du_check;
struct du_config;
struct du_sources;

typedef void du_check_route(void *user, const char *method, const char *pattern, const char *where,
                            const char *name);

/* DU_SCRIPT: see findings. options outlive the check. */
enum du_error_kind du_check_new(struct du_check **check, const struct du_engine_options *options,
                                struct du_findings *findings, struct du_error *error);
void du_check_free(struct du_check **check);
void du_check_routes(struct du_check *check, du_check_route *each, void *user);
/* What it was read from, for states that are to be of the same text; borrowed. */
struct du_sources *du_check_sources(const struct du_check *check);
/* The scripts may go: their routes are not asked for any more. */
void du_check_close_scripts(struct du_check *check);
const struct du_config *du_check_config(const struct du_check *check);
/* The data folder that the deployment names, below its folder unless absolute. */
const char *du_check_data_dir(const struct du_check *check);

#endif

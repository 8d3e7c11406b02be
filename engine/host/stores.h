#ifndef DU_STORES_H
#define DU_STORES_H

/* What an engine keeps on disk and what it makes of it: data folder, ledgers, cache, limits,
 * members, keys. Opened bottom up, closed top down.
 *
 * Thread: the engine's, while no worker runs; what is in `shared` any.
 */

#include "config.h"
#include "context.h"
#include "counts.h"
#include "datadir.h"
#include "ledger.h"

struct du_stores {
    struct du_shared shared;
    struct du_base *base;
    struct du_datadir *datadir;
    struct du_ledger *counts_ledger, *journal;
    struct du_counter *counter;
    struct du_blobs *blobs;
    struct du_index *index;
};

/* base and config outlive the stores. On failure what was opened is closed again. */
enum du_error_kind du_stores_open(struct du_stores *stores, struct du_base *base,
                                  const struct du_config *config, const char *data_dir,
                                  struct du_error *error);
/* Ends the lanes and commits what was posted: no mail is owed any more. */
void du_stores_settle(struct du_stores *stores);
void du_stores_close(struct du_stores *stores);
/* The deployment's own members, in the place of those before. */
enum du_error_kind du_stores_set_members(struct du_stores *stores, const struct du_config *config,
                                         struct du_error *error);
/* Whether the last commit of a ledger failed. */
bool du_stores_degraded(struct du_stores *stores);

#endif

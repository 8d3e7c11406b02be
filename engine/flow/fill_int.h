#ifndef DU_FILL_INT_H
#define DU_FILL_INT_H

/* How a fill is moved. Its filler alone calls these, one at a time, on its loop or in the disk
 * lane.
 *
 *     du_fill_new        -> FILLING
 *     du_fill_verifying  FILLING -> VERIFYING
 *     du_fill_verified   VERIFYING -> VERIFIED
 *     du_fill_failed     FILLING, VERIFYING -> FAILED
 */

#include "fill.h"
#include "index.h"

/* One reference, the caller's; NULL: out of memory. */
struct du_fill *du_fill_new(void);
/* Before it is published: how long the body will be, -1 when unknown; and its file. The descriptor
 * is duplicated. */
void du_fill_set_length(struct du_fill *fill, int64_t length);
enum du_error_kind du_fill_set_file(struct du_fill *fill, int fd, struct du_error *error);
/* The space it takes while no blob does: released when it is verified, else with the last holder,
 * as the file then goes. */
struct du_reservation *du_fill_reservation(struct du_fill *fill);

/* That many bytes are in the file by now. */
void du_fill_advance(struct du_fill *fill, int64_t committed);
void du_fill_verifying(struct du_fill *fill);
/* Releases its reservation. Takes the blob's pin and keeps it as long as the fill has holders. */
void du_fill_verified(struct du_fill *fill, struct du_blob **pin);
void du_fill_failed(struct du_fill *fill, const struct du_error *error);

#endif

#ifndef DU_WARM_H
#define DU_WARM_H

/* What of a file is in memory: a loop sends only that, as reading anything else waits for a disk.
 *
 * Invariants
 *  1. Looking never waits. It asks for a byte of each stride with RWF_NOWAIT (preadv2(2)): a
 *     kernel reads ahead and forgets in larger pieces than that, and a stride that is in memory in
 *     part costs one short wait at worst.
 *  2. A file system that cannot say (EOPNOTSUPP) keeps its files in memory.
 *
 * Thread: until and read any; up lanes only.
 */

#include "error.h"
#include "fault.h"

#include <stddef.h>
#include <stdint.h>

/* How far from `first` on, to `end` at most, the file is in memory; `first`: it is not. */
int64_t du_warm_until(struct du_faults *faults, int fd, int64_t first, int64_t end);
/* Reads `size` bytes if all of them are in memory. False: they are not, or are not there. */
bool du_warm_read(struct du_faults *faults, int fd, int64_t first, char *data, size_t size);
/* Reads it into memory, and asks for as much again behind it. DU_IO. */
enum du_error_kind du_warm_up(struct du_faults *faults, int fd, int64_t first, int64_t end,
                              struct du_error *error);

#endif

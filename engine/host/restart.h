#ifndef DU_RESTART_H
#define DU_RESTART_H

/* Settings that only a restart changes. Thread: any. */

#include "bytes.h"
#include "config.h"

/* Appends a line for each that is another than the one in use, newlines between them. */
void du_restart_notes(const struct du_config *used, const struct du_config *found,
                      struct du_bytes *notes);

#endif

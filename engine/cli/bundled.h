#ifndef DU_BUNDLED_H
#define DU_BUNDLED_H

/* The deployment that this program carries, when it is a bundle: one file, which is the program
 * with a payload behind it.
 *
 *     ELF program, in it the slot ──offset, size, sha256──> │ payload: the scripts │
 *
 * Invariants
 *  1. The slot is part of the program, so a bundle that was cut off knows what it lacks: it never
 * takes itself for the plain program.
 *  2. The payload is used only when its digest is the slot's.
 *  3. Payload: for each script its name's length and its text's (32 bits, little endian), then
 * both, each with a NUL that the length leaves out.
 *
 * Thread: the main thread, before the engine starts; what was read is then only read.
 */

#include "bytes.h"
#include "embedded.h"

#include <stdbool.h>

/* Reads and checks the payload of the running program. False: it was said what is wrong with it. */
bool du_bundled_open(void);
void du_bundled_close(void);
/* NULL: this is the plain program. */
const struct du_scripts *du_bundled_scripts(void);
/* The scripts for a command that was given this folder; NULL for one that works on a folder. */
const struct du_scripts *du_bundled_unless(const char *folder);

void du_bundled_add(struct du_bytes *payload, const char *name, const char *text, size_t size);
/* Makes a bundle of `program` (the plain program's bytes) and payload, in place: sets the slot and
 * appends. False: there is no slot, or no memory. */
bool du_bundled_make(struct du_bytes *program, const struct du_bytes *payload);
/* Reads the running program's bytes, without a payload that it may carry. False: see errno. */
bool du_bundled_program(struct du_bytes *program);

#endif

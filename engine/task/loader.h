#ifndef DU_LOADER_H
#define DU_LOADER_H

/* require, for policy scripts.
 *
 * A module is looked for, in this order, among those that C preloaded, in the deployment (its
 * folder, or the bundle that stands for it), in --scripts DIR, and among the embedded copies; "a.b"
 * is a/b.lua or a/b/init.lua there.
 *
 * Invariants
 *  1. Only text is loaded. A name is letters, digits, "_" and "-" in parts joined by "."; so it
 * never leaves a folder.
 *  2. A module that requires itself, however far round, raises and names the chain. One that
 * another task is still loading raises too.
 *  3. A module may wait while it loads. One that failed may be required again (its text is what it
 *     was: see sources).
 *  4. A chunk is named after its file ("@DIR/a/b.lua"), an embedded one "@dunite:scripts/a/b.lua",
 *     one of a bundle "@bundle:a/b.lua".
 *
 * Thread: the worker's.
 */

#include "embedded.h"
#include "sources.h"

#include <lua.h>

struct du_loader {
    const char *deployment;          /* the deployment's folder; may be NULL */
    const struct du_scripts *bundle; /* in place of that folder; may be NULL */
    const char *main;    /* its main script's name: MAIN.lua there is no module. May be NULL */
    const char *scripts; /* --scripts DIR; may be NULL */
    struct du_sources *sources;                /* what files are read through */
    const struct du_embedded_script *embedded; /* may be NULL */
    size_t embedded_count;
};

/* Makes `require` global. Raises when memory is short: call it protected. The loader outlives the
 * state. */
void du_loader_open(lua_State *L, const struct du_loader *loader);
/* A module of C's: open(name, ":preload:") gives it when it is first required. Raises as above. */
void du_loader_preload(lua_State *L, const char *name, lua_CFunction open);

#endif

#include "versions.h"

#include "digest.h"
#include "ledger.h"
#include "upstream.h"

#include <lua.h>
#include <uv.h>

const char *du_versions_own(void) {
    return DU_VERSION;
}

void du_versions_each(void (*each)(void *user, const char *name, const char *version), void *user) {
    each(user, "dunite", DU_VERSION);
    each(user, "lua", LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE);
    each(user, "libuv", uv_version_string());
    each(user, "libcurl", du_client_version());
    each(user, "sqlite", du_ledger_version());
    each(user, "openssl", du_digest_version());
}

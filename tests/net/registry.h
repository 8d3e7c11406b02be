#ifndef REGISTRY_H
#define REGISTRY_H

/* A registry that wants tokens, a second host, and an origin that has credentials for the first.
 * Its tear-down fails when a secret ("S3CRET") got into the log or the last error. */

#include "fetching.h"

#define SECOND INT64_C(1000) /* in milliseconds */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define PATH      "/v2/acme/app/manifests/1"
#define SCOPE     "repository:acme/app:pull"

struct registry {
    struct rig rig;
    struct double_server *here, *elsewhere; /* 127.0.0.1, and 127.0.0.2, which is allowed */
    struct du_origin *origin;
    struct got got;
    char texts[16][512];
    int used;
    char log[8192];
};

int registry_set_up(void **state);
int registry_tear_down(void **state);

struct du_origin *registry_origin(struct registry *registry, enum du_origin_kind kind,
                                  const char *username, const char *password,
                                  const char *credential_host);
/* One answer more; holding may be NULL. */
void play(struct double_server *server, const char *to, const char *holding, const char *send,
          bool always);
/* A 401 whose challenge names that token server. Good as long as the registry, as json's is. */
const char *challenge(struct registry *registry, struct double_server *server, const char *more);
/* A 200 with that body. */
const char *json(struct registry *registry, const char *body);
/* It lets in who holds this token, and sends everybody else to that token server. */
void registry_wants(struct registry *registry, const char *token, struct double_server *server);
/* Fetches PATH with that scope (SCOPE), to the end. */
enum du_error_kind fetch_scoped(struct registry *registry, const char *scope);
enum du_error_kind fetch(struct registry *registry);

/* Starts a fetch of that URL; scope may be NULL. */
void begin(struct registry *registry, struct got *got, const char *url, const char *scope);
enum { MIB = 1024 * 1024 };
/* A body of that size (double_byte); of one that is held only the half comes. */
void play_fill(struct registry *registry, const char *to, size_t size, enum double_then then);

#endif

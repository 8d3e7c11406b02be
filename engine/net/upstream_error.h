#ifndef DU_UPSTREAM_ERROR_H
#define DU_UPSTREAM_ERROR_H

/* What goes wrong upstream, as errors of ours: the one place where curl's codes and HTTP statuses
 * are translated. A message names the upstream and what to check; it never holds a URL, for what
 * that carries may be secret. Thread: any. */

#include "upstream_int.h"

/* A transfer that ended with this code; where is "host:port". */
void du_upstream_error_of_curl(const struct du_origin *origin, const char *where, CURL *easy,
                               CURLcode code, struct du_error *error);

/* Says of which upstream, and of what there, an error of somebody below is; error may be NULL. */
void du_upstream_error_name(const struct du_origin *origin, const char *what,
                            struct du_error *error);

/* Whose status it is. */
enum du_upstream_party { DU_PARTY_ORIGIN, DU_PARTY_ELSEWHERE, DU_PARTY_TOKEN_SERVER };

/* A status we cannot use; retry_after is that header's value, or NULL (RFC 9110 section 10.2.3). A
 * token server's 404 is no NotFound: it says nothing about what was asked for. 401 and 403 go to
 * the log, too. */
void du_upstream_error_of_status(const struct du_origin *origin, enum du_upstream_party party,
                                 int status, const char *retry_after, struct du_error *error);

#endif

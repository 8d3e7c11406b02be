#ifndef DU_CURL_HANDLE_H
#define DU_CURL_HANDLE_H

/* A curl handle as we want it: nothing of the environment's (proxies, netrc), nothing that curl
 * would do by itself (redirects, encodings, 100 Continue), HTTP/1.1 over http or https. Thread: its
 * owner's. */

#include "outgoing.h"

#include <curl/curl.h>
#include <stdbool.h>

/* ca_file may be NULL. False: no memory. */
bool du_curl_handle_set_rules(CURL *easy, const char *ca_file);
/* The lines are the caller's to free once the handle is gone; *lines is set even on failure. */
bool du_curl_handle_set_request(CURL *easy, const struct du_outgoing *request,
                                struct curl_slist **lines);
/* The request wants the header only. */
bool du_curl_handle_is_head(const struct du_outgoing *request);

#endif

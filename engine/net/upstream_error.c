#include "upstream_error.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    CURLcode code;
    enum du_error_kind kind;
    const char *advice;
} meanings[] = {
    {CURLE_OUT_OF_MEMORY, DU_MEMORY, "this machine is short of memory"},
    {CURLE_OPERATION_TIMEDOUT, DU_TIMEOUT, "check that it is up"},
    {CURLE_URL_MALFORMAT, DU_INVALID_URL, "check its url"},
    {CURLE_COULDNT_RESOLVE_HOST, DU_TRANSPORT, "check the host name and this machine's DNS"},
    {CURLE_COULDNT_CONNECT, DU_TRANSPORT, "check that it is up and its url is right"},
    {CURLE_PARTIAL_FILE, DU_TRANSPORT, "the body broke off; check the network and its log"},
    {CURLE_PEER_FAILED_VERIFICATION, DU_TRANSPORT, "check its certificate, and ca_file"},
    {CURLE_SSL_CACERT_BADFILE, DU_TRANSPORT, "check that ca_file can be read"},
    {CURLE_SSL_CONNECT_ERROR, DU_TRANSPORT, "check that its url should begin with https"},
    {CURLE_WRITE_ERROR, DU_TRANSPORT, "its header is too long"},
};

void du_upstream_error_of_curl(const struct du_origin *origin, const char *where, CURL *easy,
                               CURLcode code, struct du_error *error) {
    enum du_error_kind kind = DU_TRANSPORT;
    const char *advice = "check the network and its log";
    long number = 0;
    char room[64] = "";
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].code == code) {
            kind = meanings[i].kind;
            advice = meanings[i].advice;
        }
    }
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    const char *reason = number != 0 ? strerror_r((int)number, room, sizeof room) : "";
    du_error_set(error, kind, "upstream %.40s (%.60s): %.48s%s%.32s; %s", origin->name, where,
                 curl_easy_strerror(code), number != 0 ? ", " : "", reason, advice);
}

void du_upstream_error_name(const struct du_origin *origin, const char *what,
                            struct du_error *error) {
    if (error == NULL)
        return;
    const struct du_error reason = *error;
    du_error_set(error, reason.kind, "upstream %.64s, %s: %.120s", origin->name, what,
                 reason.message);
}

/* Seconds or a date; -1 for neither. */
static int64_t seconds_of(const char *text, const struct du_clock *clock) {
    int64_t when_ms, now_ms = du_clock_wall_ms(clock);
    if (text == NULL)
        return -1;
    if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text))
        return strlen(text) < 10 ? strtoll(text, NULL, 10) : INT32_MAX;
    if (!du_clock_parse_http_date(text, &when_ms))
        return -1;
    return when_ms > now_ms ? (when_ms - now_ms + 999) / 1000 : 0;
}

void du_upstream_error_of_status(const struct du_origin *origin, enum du_upstream_party party,
                                 int status, const char *retry_after, struct du_error *error) {
    static const char *const names[] = {[DU_PARTY_ORIGIN] = "upstream",
                                        [DU_PARTY_ELSEWHERE] = "where it was redirected, upstream",
                                        [DU_PARTY_TOKEN_SERVER] = "the token server of upstream"};
    bool missing = status == 404 || status == 410;
    bool refused = status == 401 || status == 403;
    if (refused && party != DU_PARTY_ELSEWHERE)
        du_error_set(error, DU_UPSTREAM,
                     "%s %.64s refuses our credentials (%d); check its token, or username and "
                     "password, and what they may read",
                     names[party], origin->name, status);
    else if (missing && party != DU_PARTY_TOKEN_SERVER)
        du_error_set(error, DU_NOT_FOUND, "%s %.64s answered %d", names[party], origin->name,
                     status);
    else
        du_error_set(error, DU_UPSTREAM, "%s %.64s answered %d; check its log", names[party],
                     origin->name, status);
    error->status = error->kind == DU_UPSTREAM ? status : 0;
    error->retry_after = seconds_of(retry_after, &origin->engine->clock);
    if (refused)
        du_log_write(origin->engine->log, DU_LOG_WARN, NULL, error->message, NULL, 0);
}

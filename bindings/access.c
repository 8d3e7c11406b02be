#include "access.h"

#include "bindings.h"
#include "bindings_int.h"

#include <stdio.h>
#include <string.h>

static const char *end_name(enum du_exchange_end end) {
    switch (end) {
    case DU_EXCHANGE_COMPLETED:
        return "completed";
    case DU_EXCHANGE_ABORTED:
        return "aborted";
    case DU_EXCHANGE_SLOW:
        return "slow";
    case DU_EXCHANGE_BROKEN:
        return "broken";
    case DU_EXCHANGE_DRAINED:
        return "drained";
    }
    return "";
}

bool du_request_is_our_fault(enum du_error_kind problem) {
    if (problem == DU_OK || problem == DU_CANCELLED || problem == DU_WAIT_TIMEOUT)
        return false;
    switch (du_error_class(problem)) {
    case DU_CLASS_UPSTREAM:
    case DU_CLASS_LOCAL:
        return true;
    case DU_CLASS_NOT_FOUND:
        return false;
    }
    return false;
}

static enum du_fate fate_of(const struct du_request *request, enum du_exchange_end end) {
    switch (end) {
    case DU_EXCHANGE_COMPLETED:
        return du_request_is_our_fault(request->problem) ? DU_FATE_FAILED : DU_FATE_DONE;
    case DU_EXCHANGE_BROKEN:
        return du_request_is_our_fault(request->failure.kind) ? DU_FATE_FAILED : DU_FATE_LEFT;
    case DU_EXCHANGE_ABORTED:
    case DU_EXCHANGE_SLOW:
        return DU_FATE_LEFT;
    case DU_EXCHANGE_DRAINED:
        return DU_FATE_FAILED;
    }
    return DU_FATE_LEFT;
}

/* Whose fault it was that it ended so; DU_CANCELLED where nothing failed. */
static enum du_error_kind fault_of(const struct du_request *request, enum du_exchange_end end) {
    if (end == DU_EXCHANGE_BROKEN && request->failure.kind != DU_OK)
        return request->failure.kind;
    return request->problem != DU_OK ? request->problem : DU_CANCELLED;
}

/* Why a reply that was sent to its end is not what was asked for; NULL: it is. */
static const char *reason_of_status(const struct du_request *request) {
    if (request->status == 304)
        return "not_modified";
    if (request->status == 412)
        return "precondition_failed";
    if (request->status == 416)
        return "range_not_satisfiable";
    return du_exchange_is_head(request->exchange) ? "head" : NULL;
}

static const char *reason_of(const struct du_request *request, enum du_exchange_end end) {
    if (request->failure.kind != DU_OK)
        return du_error_name(request->failure.kind);
    return end != DU_EXCHANGE_COMPLETED ? end_name(end) : reason_of_status(request);
}

void du_access_settle(struct du_request *request, enum du_exchange_end end) {
    struct du_ending ending = {.fate = fate_of(request, end),
                               .bytes = du_exchange_sent_bytes(request->exchange),
                               .reason = reason_of(request, end),
                               .status = request->status,
                               .digest = request->digest[0] != '\0' ? request->digest : NULL};
    if (ending.fate == DU_FATE_FAILED)
        ending.problem = fault_of(request, end);
    du_holds_end(&request->holds, &ending);
}

/* What logs and metrics say: nobody was answered where nobody was left. */
static int status_of(const struct du_request *request) {
    return request->answered ? request->status : du_error_http(DU_CANCELLED);
}

static void count_error(struct du_metrics *metrics, enum du_error_kind kind) {
    struct du_bytes labels;
    if (kind == DU_OK)
        return;
    const char *name = du_error_name(kind);
    du_bytes_init(&labels);
    du_metrics_label(&labels, "kind", name, strlen(name));
    du_series_add(du_metrics_series(metrics, "dunite_errors_total", DU_METRIC_COUNTER,
                                    "Requests that ended in a problem, by kind.", labels.data),
                  1);
    du_bytes_deinit(&labels);
}

static enum du_log_level level_of(const struct du_request *request) {
    bool failed = request->failure.kind != DU_OK || status_of(request) >= 500;
    return failed ? DU_LOG_WARN : DU_LOG_INFO;
}

/* A slice as a field's text: cut to what a line should hold. */
static const char *text_of(struct du_slice slice, char *text, size_t room) {
    size_t size = slice.size < room ? slice.size : room - 1;
    memcpy(text, slice.data != NULL ? slice.data : "", size);
    text[size] = '\0';
    return text;
}

static const char *problem_of(const struct du_request *request) {
    enum du_error_kind kind =
        request->failure.kind != DU_OK ? request->failure.kind : request->problem;
    return kind != DU_OK ? du_error_name(kind) : NULL;
}

void du_access_write(struct du_context *context, const struct du_request *request,
                     enum du_exchange_end end) {
    struct du_exchange *exchange = request->exchange;
    struct du_slice method = du_exchange_method(exchange);
    char method_text[32], path_text[1024];
    int64_t bytes = du_exchange_sent_bytes(exchange);
    int64_t took_ns = du_clock_mono_ns(&context->base->clock) - du_exchange_began_ns(exchange);
    int64_t took_us = took_ns / 1000;
    const char *client = request->client != NULL ? request->client : du_exchange_peer(exchange);
    const struct du_log_field fields[] = {
        {"method", DU_LOG_STRING, {.string = text_of(method, method_text, sizeof method_text)}},
        {"path",
         DU_LOG_STRING,
         {.string = text_of(du_exchange_path(exchange), path_text, sizeof path_text)}},
        {"status", DU_LOG_INTEGER, {.integer = status_of(request)}},
        {"bytes", DU_LOG_INTEGER, {.integer = bytes}},
        {"ms", DU_LOG_NUMBER, {.number = (double)took_us / 1000}},
        {"member", DU_LOG_STRING, {.string = request->member}},
        {"client", DU_LOG_STRING, {.string = client}},
        {"route", DU_LOG_STRING, {.string = request->route}},
        {"cache", DU_LOG_STRING, {.string = request->cache_status}},
        {"problem", DU_LOG_STRING, {.string = problem_of(request)}},
        {"why",
         DU_LOG_STRING,
         {.string = request->failure.kind != DU_OK ? request->failure.message : NULL}},
        {"end", DU_LOG_STRING, {.string = end_name(end)}},
    };
    du_log_write(context->base->log, level_of(request), request->id, "request", fields,
                 sizeof fields / sizeof *fields);
    if (context->shared == NULL)
        return;
    du_traffic_add(&context->bindings->traffic, context->shared->metrics,
                   request->route != NULL ? request->route : "", method, status_of(request),
                   took_ns, bytes);
    count_error(context->shared->metrics,
                request->failure.kind != DU_OK ? request->failure.kind : request->problem);
}

void du_bindings_refused(struct du_context *context, int status, const char *reason) {
    const struct du_log_field fields[] = {
        {"status", DU_LOG_INTEGER, {.integer = status}},
        {"reason", DU_LOG_STRING, {.string = reason}},
    };
    du_log_write(context->base->log, DU_LOG_INFO, NULL, "request refused", fields, 2);
    if (context->shared == NULL)
        return;
    struct du_bytes labels;
    char code[16];
    du_bytes_init(&labels);
    du_metrics_label(&labels, "code", code, (size_t)snprintf(code, sizeof code, "%d", status));
    du_series_add(du_metrics_series(context->shared->metrics, "dunite_refused_total",
                                    DU_METRIC_COUNTER, "Requests that no script saw.", labels.data),
                  1);
    du_bytes_deinit(&labels);
}

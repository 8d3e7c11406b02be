#include "script_log.h"

static const char *name_of(enum du_task_end end) {
    switch (end) {
    case DU_TASK_RETURNED:
        return "returned";
    case DU_TASK_RAISED:
        return "raised";
    case DU_TASK_OVER_BUDGET:
        return "over budget";
    case DU_TASK_NO_MEMORY:
        return "no memory";
    case DU_TASK_CANCELLED:
        return "cancelled";
    }
    return "";
}

static void count(struct du_context *context, enum du_task_end end) {
    if (end != DU_TASK_OVER_BUDGET || context->shared == NULL)
        return;
    du_series_add(du_metrics_series(context->shared->metrics, "dunite_budget_kills_total",
                                    DU_METRIC_COUNTER, "Tasks ended for using up their budget.",
                                    ""),
                  1);
}

void du_script_log(struct du_context *context, const char *request_id, const char *message,
                   const struct du_task_result *result) {
    if (result->end == DU_TASK_RETURNED || result->end == DU_TASK_CANCELLED)
        return;
    const struct du_log_field fields[] = {
        {"how", DU_LOG_STRING, {.string = name_of(result->end)}},
        {"kind", DU_LOG_STRING, {.string = du_error_name(result->error.kind)}},
        {"error", DU_LOG_STRING, {.string = result->error.message}},
        {"traceback", DU_LOG_STRING, {.string = result->traceback}},
    };
    count(context, result->end);
    du_log_write(context->base->log, DU_LOG_ERROR, request_id, message, fields,
                 sizeof fields / sizeof *fields);
}

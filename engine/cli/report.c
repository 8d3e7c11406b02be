#include "report.h"

#include <stdio.h>

void du_report(const struct du_findings *findings, const struct du_error *error) {
    for (size_t i = 0; i < findings->count; i++)
        fprintf(stderr, "%s\n", findings->list[i]);
    if (findings->count == 0)
        fprintf(stderr, "dunite: %s\n",
                error->message[0] != '\0' ? error->message : du_error_text(error->kind));
}

int du_report_start(struct du_engine **engine, const struct du_engine_options *options) {
    struct du_findings findings = {0};
    struct du_error error = {0};
    enum du_error_kind kind = du_engine_start(engine, options, &findings, &error);
    if (kind != DU_OK)
        du_report(&findings, &error);
    du_findings_free(&findings);
    return kind == DU_OK ? 0 : 1;
}

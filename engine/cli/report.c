#include "report.h"

#include "bytes.h"

#include <stdio.h>
#include <string.h>

void du_report(const struct du_findings *findings, const struct du_error *error) {
    for (size_t i = 0; i < findings->count; i++)
        fprintf(stderr, "%s\n", findings->list[i]);
    if (findings->count == 0)
        fprintf(stderr, "dunite: %s\n",
                error->message[0] != '\0' ? error->message : du_error_text(error->kind));
}

void du_report_warnings(const struct du_findings *findings) {
    for (size_t i = 0; i < findings->warning_count; i++)
        fprintf(stderr, "%s (warning)\n", findings->warnings[i]);
}

/* "FILE:LINE: message", or "FILE: message", taken apart. */
static void add_place(struct du_bytes *json, const char *finding) {
    const char *colon = strchr(finding, ':');
    size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;
    bool has_line = digits > 0 && strncmp(colon + 1 + digits, ": ", 2) == 0;
    bool has_file = has_line || (colon != NULL && colon[1] == ' ');
    const char *message = has_line ? colon + digits + 3 : has_file ? colon + 2 : finding;
    du_bytes_text(json, "{\"file\":");
    if (has_file)
        du_bytes_json(json, finding, (size_t)(colon - finding));
    else
        du_bytes_text(json, "null");
    du_bytes_format(json, ",\"line\":%.*s,\"message\":", has_line ? (int)digits : 4,
                    has_line ? colon + 1 : "null");
    du_bytes_json(json, message, strlen(message));
}

static void add_finding(struct du_bytes *json, const char *finding, const char *severity) {
    du_bytes_text(json, json->size > 1 ? ",\n" : "");
    add_place(json, finding);
    du_bytes_format(json, ",\"severity\":\"%s\"}", severity);
}

void du_report_json(const struct du_findings *findings, const struct du_error *error) {
    struct du_bytes json;
    du_bytes_init(&json);
    du_bytes_text(&json, "[");
    for (size_t i = 0; i < findings->count; i++)
        add_finding(&json, findings->list[i], "error");
    if (findings->count == 0 && error != NULL)
        add_finding(&json, error->message, "error");
    for (size_t i = 0; i < findings->warning_count; i++)
        add_finding(&json, findings->warnings[i], "warning");
    du_bytes_text(&json, "]\n");
    if (!json.failed)
        fputs(json.data, stdout);
    du_bytes_deinit(&json);
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

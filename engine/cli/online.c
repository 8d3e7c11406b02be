#include "online.h"

#include "bundled.h"
#include "control.h"
#include "findings.h"
#include "json.h"
#include "report.h"
#include "scratch.h"

#include <stdio.h>

struct asking {
    const char *data_dir;
    bool silent;
    struct du_findings *findings;
};

/* The text under the key of the answer; "" when there is none. */
static void text_of(const struct du_bytes *answer, const char *key, struct du_bytes *text) {
    struct du_slice value;
    enum du_json_type type;
    du_bytes_init(text);
    du_bytes_text(text, "");
    if (du_json_find(answer->data, answer->size, key, &value, &type) && type == DU_JSON_STRING)
        du_json_string(value, text);
}

static void ask(struct asking *asking, struct du_slice question) {
    struct du_bytes body, answer, application, finding, found;
    struct du_error error = {0};
    du_bytes_init(&body);
    du_bytes_init(&answer);
    du_bytes_add(&body, question.data, question.size);
    enum du_error_kind kind = du_control_at(asking->data_dir, "online.ask", &body, &answer, &error);
    text_of(&body, "application", &application);
    text_of(&answer, "finding", &finding);
    text_of(&answer, "found", &found);
    if (kind != DU_OK || found.size == 0) {
        const char *wrong = finding.size > 0 ? finding.data : error.message;
        du_findings_add(asking->findings, wrong);
        if (!asking->silent)
            fprintf(stderr, "%s\n", wrong);
    } else if (!asking->silent) {
        printf("%s: %s\n", application.data, found.data);
        fflush(stdout);
    }
    du_bytes_deinit(&found);
    du_bytes_deinit(&finding);
    du_bytes_deinit(&application);
    du_bytes_deinit(&answer);
    du_bytes_deinit(&body);
}

static int ask_all(struct asking *asking) {
    struct du_bytes body, answer;
    struct du_slice rest, question;
    enum du_json_type type;
    struct du_error error = {0};
    du_control_begin(&body);
    du_control_end(&body);
    du_bytes_init(&answer);
    enum du_error_kind kind =
        du_control_at(asking->data_dir, "online.questions", &body, &answer, &error);
    if (kind != DU_OK)
        du_findings_add(asking->findings, error.message);
    else if (du_json_find(answer.data, answer.size, "questions", &rest, &type))
        while (du_json_next(&rest, &question, &type))
            ask(asking, question);
    du_bytes_deinit(&answer);
    du_bytes_deinit(&body);
    return asking->findings->count > 0 ? 1 : 0;
}

int du_online_check(const struct du_arguments *options, bool silent, struct du_findings *findings) {
    static const struct du_option data_dir = {"data-dir", DU_OPTION_TEXT, "DIR", ""};
    struct du_arguments given = *options;
    char folder[DU_SCRATCH_ROOM];
    struct du_error error = {0};
    struct du_bytes overrides;
    if (du_scratch_make(folder, &error) != DU_OK) {
        fprintf(stderr, "dunite: %s\n", error.message);
        return 1;
    }
    du_bytes_init(&overrides);
    du_arguments_give(&given, &data_dir, folder);
    du_arguments_overrides(&given, &overrides);
    const char *deployment = options->argument_count > 0 ? options->arguments[0] : NULL;
    struct du_engine_options wanted = {
        .folder = deployment != NULL ? deployment : ".",
        .bundle = du_bundled_unless(deployment),
        .scripts = du_arguments_text(options, "scripts"),
        .overrides = overrides.data,
        .offline = true,
        .quiet = true,
    };
    struct du_engine *engine = NULL;
    struct asking asking = {.data_dir = folder, .silent = silent, .findings = findings};
    int code = du_report_start(&engine, &wanted);
    if (code == 0) {
        code = ask_all(&asking);
        du_engine_stop(&engine);
    }
    du_bytes_deinit(&overrides);
    du_scratch_remove(folder);
    return code;
}

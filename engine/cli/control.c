#include "control.h"

#include "bundled.h"
#include "call.h"
#include "check.h"
#include "json.h"
#include "report.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

enum { CALL_SECS = 900 }; /* a reload may run specs first */

void du_control_begin(struct du_bytes *body) {
    du_bytes_init(body);
    du_bytes_text(body, "{");
}

void du_control_raw(struct du_bytes *body, const char *key, const char *json) {
    du_bytes_format(body, "%s\"%s\":%s", body->size > 1 ? "," : "", key, json);
}

void du_control_text(struct du_bytes *body, const char *key, const char *value) {
    if (value == NULL)
        return;
    du_control_raw(body, key, "");
    du_bytes_json(body, value, strlen(value));
}

void du_control_list(struct du_bytes *body, const char *key, const struct du_arguments *options,
                     const char *option) {
    struct du_bytes list;
    du_bytes_init(&list);
    for (size_t i = 0; i < options->given_count; i++) {
        if (strcmp(options->given[i].option->name, option) != 0)
            continue;
        du_bytes_text(&list, list.size == 0 ? "[" : ",");
        du_bytes_json(&list, options->given[i].value, strlen(options->given[i].value));
    }
    if (list.size > 0) {
        du_bytes_text(&list, "]");
        du_control_raw(body, key, list.data);
    }
    du_bytes_deinit(&list);
}

void du_control_end(struct du_bytes *body) {
    du_bytes_text(body, "}");
}

/* 0 when the answer says ok; else its message is said. */
static int judge(const struct du_bytes *answer) {
    struct du_slice value;
    enum du_json_type type;
    if (du_json_find(answer->data, answer->size, "ok", &value, &type) && type == DU_JSON_BOOLEAN &&
        value.data[0] == 't')
        return 0;
    struct du_bytes message;
    du_bytes_init(&message);
    if (du_json_find(answer->data, answer->size, "message", &value, &type))
        du_json_string(value, &message);
    fprintf(stderr, "dunite: %s\n", message.size > 0 ? message.data : "the engine gave no reason");
    du_bytes_deinit(&message);
    return 1;
}

/* Such a command makes no data folder where there is none. */
static bool only_looks(const char *command) {
    return strcmp(command, "explain") == 0;
}

/* What follows the header; the request asks for `Connection: close`. */
static enum du_error_kind strip_header(struct du_bytes *answer, struct du_error *error) {
    char *end = answer->size > 0 ? strstr(answer->data, "\r\n\r\n") : NULL;
    if (end == NULL)
        return du_error_set(error, DU_TRANSPORT, "the engine gave no answer");
    du_bytes_consume(answer, (size_t)(end + 4 - answer->data));
    return DU_OK;
}

enum du_error_kind du_control_at(const char *data_dir, const char *command,
                                 const struct du_bytes *body, struct du_bytes *answer,
                                 struct du_error *error) {
    char address[512];
    struct du_bytes request;
    snprintf(address, sizeof address, "unix:%s/control.sock", data_dir);
    du_bytes_init(&request);
    du_bytes_format(&request,
                    "POST /control/%s HTTP/1.1\r\nHost: control\r\nConnection: close\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    command, body->size);
    du_bytes_add(&request, body->data, body->size);
    enum du_error_kind kind = du_bytes_check(&request);
    struct du_slice text = {request.data, request.size};
    if (kind == DU_OK)
        kind = du_call(address, text, CALL_SECS, answer, error);
    du_bytes_deinit(&request);
    return kind == DU_OK ? strip_header(answer, error) : kind;
}

static int call_offline(const struct du_engine_options *wanted, const char *command,
                        const struct du_bytes *body, struct du_bytes *answer) {
    struct du_engine_options offline = *wanted;
    struct du_engine *engine = NULL;
    struct du_error error = {0};
    offline.offline = offline.quiet = true;
    int code = du_report_start(&engine, &offline);
    if (code != 0)
        return code;
    enum du_error_kind kind =
        du_control_at(du_engine_data_dir(engine), command, body, answer, &error);
    if (kind != DU_OK)
        fprintf(stderr, "dunite: %s\n", error.message);
    du_engine_stop(&engine);
    return kind == DU_OK ? judge(answer) : 1;
}

/* In a folder of its own, which goes again. */
static int call_in_scratch(const struct du_arguments *options,
                           const struct du_engine_options *wanted, const char *command,
                           const struct du_bytes *body, struct du_bytes *answer) {
    static const struct du_option data_dir = {"data-dir", DU_OPTION_TEXT, "DIR", ""};
    struct du_arguments given = *options;
    struct du_engine_options offline = *wanted;
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
    offline.overrides = overrides.data;
    int code = call_offline(&offline, command, body, answer);
    du_bytes_deinit(&overrides);
    du_scratch_remove(folder);
    return code;
}

/* The deployment is not right as it is now, but an engine may run that was started before: it is
 * where the call says, or where a folder's data usually is. */
static int call_unchecked(const struct du_arguments *options, const char *command,
                          const struct du_bytes *body, bool running, struct du_bytes *answer,
                          const struct du_findings *findings, const struct du_error *wrong) {
    const char *data_dir = du_arguments_text(options, "data-dir");
    const char *folder = du_arguments_text(options, "dir");
    char usual[512];
    snprintf(usual, sizeof usual, "%s/data", folder == NULL ? "." : folder);
    struct du_error error;
    if (running &&
        du_control_at(data_dir != NULL ? data_dir : usual, command, body, answer, &error) == DU_OK)
        return judge(answer);
    du_report(findings, wrong);
    return 1;
}

int du_control_call(const struct du_arguments *options, const char *command,
                    const struct du_bytes *body, bool running, struct du_bytes *answer) {
    struct du_bytes overrides;
    du_bytes_init(&overrides);
    du_arguments_overrides(options, &overrides);
    const char *folder = du_arguments_text(options, "dir");
    struct du_engine_options wanted = {
        .folder = folder == NULL ? "." : folder,
        .bundle = du_bundled_unless(folder),
        .scripts = du_arguments_text(options, "scripts"),
        .overrides = overrides.data,
    };
    struct du_check *check = NULL;
    struct du_findings findings = {0};
    struct du_error error = {0};
    int code = 1;
    if (du_check_new(&check, &wanted, &findings, &error) != DU_OK) {
        code = call_unchecked(options, command, body, running, answer, &findings, &error);
    } else if (du_control_at(du_check_data_dir(check), command, body, answer, &error) == DU_OK) {
        code = judge(answer);
    } else if (running) {
        fprintf(stderr, "dunite: no engine runs here (%s)\n", error.message);
    } else if (!du_scratch_is_folder(du_check_data_dir(check)) && only_looks(command)) {
        code = call_in_scratch(options, &wanted, command, body, answer);
    } else {
        code = call_offline(&wanted, command, body, answer);
    }
    if (check != NULL)
        du_check_free(&check);
    du_findings_free(&findings);
    du_bytes_deinit(&overrides);
    return code;
}

static void print_cell(struct du_slice object, const char *column) {
    struct du_slice value;
    enum du_json_type type;
    struct du_bytes text;
    du_bytes_init(&text);
    if (du_json_find(object.data, object.size, column, &value, &type)) {
        if (type == DU_JSON_STRING)
            du_json_string(value, &text);
        else
            du_bytes_add(&text, value.data, value.size);
    }
    printf("%-24s ", text.size > 0 ? text.data : "-");
    du_bytes_deinit(&text);
}

void du_control_table(const struct du_bytes *answer, const char *key, const char *const *columns) {
    struct du_slice rest, object;
    enum du_json_type type;
    if (!du_json_find(answer->data, answer->size, key, &rest, &type))
        return;
    for (size_t i = 0; columns[i] != NULL; i++)
        printf("%-24s ", columns[i]);
    putchar('\n');
    while (du_json_next(&rest, &object, &type)) {
        for (size_t i = 0; columns[i] != NULL; i++)
            print_cell(object, columns[i]);
        putchar('\n');
    }
}

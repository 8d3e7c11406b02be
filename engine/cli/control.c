#include "control.h"

#include "bundled.h"
#include "call.h"
#include "check.h"
#include "json.h"
#include "mem.h"
#include "report.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

struct du_control {
    const struct du_arguments *options;
    struct du_bytes overrides, in_scratch;
    struct du_engine_options wanted;
    struct du_check *check;
    struct du_engine *engine;      /* ours, where none runs */
    char scratch[DU_SCRATCH_ROOM]; /* its folder, which goes again; "": the deployment's */
    bool running;                  /* it must be another's */
    bool answered;                 /* somebody did: that one it is from then on */
    struct du_findings findings; /* where the deployment is not right as it is now (check NULL), */
    struct du_error wrong;       /* but an engine may run that was started before: */
    char usual[512];             /* where the call says, or where a folder's data usually is */
};

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
    du_arguments_list(options, option, &list);
    if (list.size > 0)
        du_control_raw(body, key, list.data);
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

static enum du_error_kind call_at(const char *data_dir, const char *command,
                                  const struct du_bytes *body, int secs, struct du_bytes *answer,
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
        kind = du_call(address, text, secs, answer, error);
    du_bytes_deinit(&request);
    return kind == DU_OK ? strip_header(answer, error) : kind;
}

enum du_error_kind du_control_at(const char *data_dir, const char *command,
                                 const struct du_bytes *body, struct du_bytes *answer,
                                 struct du_error *error) {
    return call_at(data_dir, command, body, DU_CONTROL_SECS, answer, error);
}

int du_control_open(struct du_control **control, const struct du_arguments *options, bool running) {
    struct du_control *made = du_calloc(1, sizeof *made);
    *control = made;
    if (made == NULL) {
        fprintf(stderr, "dunite: out of memory\n");
        return 1;
    }
    du_bytes_init(&made->overrides);
    du_bytes_init(&made->in_scratch);
    du_arguments_overrides(options, &made->overrides);
    const char *folder = du_arguments_text(options, "dir");
    made->options = options;
    made->running = running;
    made->wanted = (struct du_engine_options){
        .folder = folder == NULL ? "." : folder,
        .bundle = du_bundled_unless(folder),
        .scripts = du_arguments_text(options, "scripts"),
        .overrides = made->overrides.data,
    };
    const char *data_dir = du_arguments_text(options, "data-dir");
    if (data_dir != NULL)
        snprintf(made->usual, sizeof made->usual, "%s", data_dir);
    else
        snprintf(made->usual, sizeof made->usual, "%s/data", made->wanted.folder);
    if (du_check_new(&made->check, &made->wanted, &made->findings, &made->wrong) == DU_OK ||
        running)
        return 0;
    du_report(&made->findings, &made->wrong);
    du_control_close(control);
    return 1;
}

void du_control_close(struct du_control **control) {
    struct du_control *old = *control;
    *control = NULL;
    if (old == NULL)
        return;
    if (old->engine != NULL)
        du_engine_stop(&old->engine);
    if (old->scratch[0] != '\0')
        du_scratch_remove(old->scratch);
    if (old->check != NULL)
        du_check_free(&old->check);
    du_findings_free(&old->findings);
    du_bytes_deinit(&old->overrides);
    du_bytes_deinit(&old->in_scratch);
    du_free(old);
}

/* 0, or the exit code after it has been said why it cannot. */
static int start_own(struct du_control *control, const char *overrides) {
    struct du_engine_options offline = control->wanted;
    offline.overrides = overrides;
    offline.offline = offline.quiet = true;
    return du_report_start(&control->engine, &offline);
}

/* In a folder of its own, which goes again. */
static int start_in_scratch(struct du_control *control) {
    static const struct du_option data_dir = {"data-dir", DU_OPTION_TEXT, "DIR", ""};
    struct du_arguments given = *control->options;
    struct du_error error = {0};
    if (du_scratch_make(control->scratch, &error) != DU_OK) {
        control->scratch[0] = '\0';
        fprintf(stderr, "dunite: %s\n", error.message);
        return 1;
    }
    du_arguments_give(&given, &data_dir, control->scratch);
    du_arguments_overrides(&given, &control->in_scratch);
    return start_own(control, control->in_scratch.data);
}

/* 0: there is an engine to ask now. */
static int start(struct du_control *control, const char *command, const struct du_error *error) {
    if (control->check == NULL) {
        du_report(&control->findings, &control->wrong);
        return 1;
    }
    if (control->running) {
        fprintf(stderr, "dunite: no engine runs here (%s)\n", error->message);
        return 1;
    }
    if (!du_scratch_is_folder(du_check_data_dir(control->check)) && only_looks(command))
        return start_in_scratch(control);
    return start_own(control, control->overrides.data);
}

static const char *data_dir_of(const struct du_control *control) {
    if (control->engine != NULL)
        return du_engine_data_dir(control->engine);
    return control->check != NULL ? du_check_data_dir(control->check) : control->usual;
}

int du_control_ask(struct du_control *control, const char *command, const struct du_bytes *body,
                   int secs, struct du_bytes *answer) {
    struct du_error error = {0};
    enum du_error_kind kind = call_at(data_dir_of(control), command, body, secs, answer, &error);
    if (kind != DU_OK && !control->answered) {
        int code = start(control, command, &error);
        if (code != 0)
            return code;
        kind = call_at(data_dir_of(control), command, body, secs, answer, &error);
    }
    control->answered = true;
    if (kind != DU_OK)
        fprintf(stderr, "dunite: %s\n", error.message);
    return kind == DU_OK ? judge(answer) : 1;
}

int du_control_call(const struct du_arguments *options, const char *command,
                    const struct du_bytes *body, bool running, struct du_bytes *answer) {
    struct du_control *control;
    int code = du_control_open(&control, options, running);
    if (code == 0)
        code = du_control_ask(control, command, body, DU_CONTROL_SECS, answer);
    du_control_close(&control);
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

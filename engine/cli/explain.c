/* `dunite explain`: why a request would be answered as it would. */

#include "command.h"
#include "control.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "dunite: explain [DIR] METHOD PATH, as in: dunite explain GET /v1/downloads --as ada\n";

/* -H is curl's for --header. */
static void spell_out(int count, char **words) {
    static char header[] = "--header";
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], "-H") == 0)
            words[i] = header;
}

static void add_headers(const struct du_arguments *options, struct du_bytes *body) {
    struct du_bytes list;
    du_bytes_init(&list);
    for (size_t i = 0; i < options->given_count; i++) {
        const char *value = options->given[i].value;
        if (strcmp(options->given[i].option->name, "header") != 0)
            continue;
        du_bytes_text(&list, list.size == 0 ? "[" : ",");
        du_bytes_json(&list, value, strlen(value));
    }
    if (list.size > 0) {
        du_bytes_text(&list, "]");
        du_control_raw(body, "headers", list.data);
    }
    du_bytes_deinit(&list);
}

static void write_body(const struct du_arguments *options, struct du_bytes *body) {
    size_t first = options->argument_count - 2;
    du_control_begin(body);
    du_control_text(body, "method", options->arguments[first]);
    du_control_text(body, "path", options->arguments[first + 1]);
    du_control_text(body, "as", du_arguments_text(options, "as"));
    du_control_text(body, "at", du_arguments_text(options, "at"));
    du_control_text(body, "body", du_arguments_text(options, "data"));
    add_headers(options, body);
    du_control_end(body);
}

static void print(const struct du_bytes *answer, bool json) {
    struct du_slice value;
    enum du_json_type type;
    struct du_bytes text;
    du_bytes_init(&text);
    if (json && du_json_find(answer->data, answer->size, "explanation", &value, &type))
        printf("%.*s\n", (int)value.size, value.data);
    else if (!json && du_json_find(answer->data, answer->size, "text", &value, &type) &&
             du_json_string(value, &text))
        fputs(text.data, stdout);
    du_bytes_deinit(&text);
}

int du_command_explain(int count, char **words) {
    static const struct du_option dir = {"dir", DU_OPTION_TEXT, "DIR", ""};
    struct du_arguments options;
    struct du_bytes body, answer;
    spell_out(count, words);
    if (!du_arguments_parse(count, words, du_arguments_explain, 0, &options))
        return 2;
    if (options.argument_count < 2 || options.argument_count > 3 ||
        options.arguments[options.argument_count - 1][0] != '/') {
        fputs(usage, stderr);
        return 2;
    }
    if (options.argument_count == 3)
        du_arguments_give(&options, &dir, options.arguments[0]);
    write_body(&options, &body);
    du_bytes_init(&answer);
    int code = du_control_call(&options, "explain", &body, false, &answer);
    if (code == 0)
        print(&answer, du_arguments_flag(&options, "json"));
    du_bytes_deinit(&body);
    du_bytes_deinit(&answer);
    return code;
}

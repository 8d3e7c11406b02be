/* `dunite keys`, `reload`, `status`, `flights`, `limits`: questions to the engine. */

#include "command.h"
#include "control.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

static const struct du_option options_table[] = {{"dir", DU_OPTION_TEXT, "DIR", ""},
                                                 {"scripts", DU_OPTION_TEXT, "DIR", ""},
                                                 {"data-dir", DU_OPTION_TEXT, "DIR", ""},
                                                 {0}};

/* How an answer is shown: as a table of the array `key`, or as it is. */
struct table {
    const char *key;
    const char *const *columns;
};

/* A command with at most one text in its body. */
struct question {
    const char *command;
    const char *name, *value; /* value NULL: none */
    bool running;             /* only an engine that runs can answer */
};

static int ask(const struct du_arguments *options, struct question question,
               const struct table *table) {
    struct du_bytes body, answer;
    du_control_begin(&body);
    du_control_text(&body, question.name, question.value);
    du_control_end(&body);
    du_bytes_init(&answer);
    int code = du_control_call(options, question.command, &body, question.running, &answer);
    if (code == 0 && table != NULL)
        du_control_table(&answer, table->key, table->columns);
    else if (code == 0)
        printf("%s\n", answer.data);
    du_bytes_deinit(&body);
    du_bytes_deinit(&answer);
    return code;
}

static bool is_one_of(const char *word, const char *const *words) {
    while (*words != NULL && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

int du_command_keys(int count, char **words) {
    static const char *const columns[] = {"kid", "active", "created", NULL};
    static const char *const plain[] = {"new", "reload", NULL};
    static const char *const of_one[] = {"retire", "remove", "activate", NULL};
    static const struct table table = {"keys", columns};
    struct du_arguments options;
    if (!du_arguments_parse(count, words, options_table, 0, &options))
        return 2;
    const char *verb = options.argument_count > 0 ? options.arguments[0] : "";
    const char *kid = options.argument_count > 1 ? options.arguments[1] : NULL;
    char command[32];
    snprintf(command, sizeof command, "keys.%s", verb);
    bool alone = strcmp(verb, "list") == 0 || is_one_of(verb, plain);
    if (!du_arguments_at_most(&options, alone ? 1 : 2, "keys"))
        return 2;
    if (strcmp(verb, "list") == 0)
        return ask(&options, (struct question){.command = command}, &table);
    if (is_one_of(verb, plain) || (is_one_of(verb, of_one) && kid != NULL))
        return ask(&options, (struct question){command, "kid", kid, false}, NULL);
    fprintf(stderr, "dunite: keys new | list | retire KID | activate KID | remove KID | reload\n");
    return 2;
}

static int ask_running(int count, char **words, const char *command) {
    struct du_arguments options;
    if (!du_arguments_parse(count, words, options_table, 0, &options) ||
        !du_arguments_at_most(&options, 0, command))
        return 2;
    return ask(&options, (struct question){.command = command, .running = true}, NULL);
}

/* What could not be changed, a line each. */
static void print_notes(const struct du_bytes *answer) {
    struct du_slice rest, line;
    struct du_bytes text;
    enum du_json_type type;
    if (!du_json_find(answer->data, answer->size, "needs_a_restart", &rest, &type))
        return;
    while (du_json_next(&rest, &line, &type)) {
        du_bytes_init(&text);
        du_json_string(line, &text);
        printf("%s\n", text.data != NULL ? text.data : "");
        du_bytes_deinit(&text);
    }
}

int du_command_reload(int count, char **words) {
    struct du_arguments options;
    struct du_bytes body, answer;
    struct du_slice generation;
    enum du_json_type type;
    if (!du_arguments_parse(count, words, options_table, 0, &options) ||
        !du_arguments_at_most(&options, 0, "reload"))
        return 2;
    du_control_begin(&body);
    du_control_end(&body);
    du_bytes_init(&answer);
    int code = du_control_call(&options, "reload", &body, true, &answer);
    if (code == 0 && du_json_find(answer.data, answer.size, "generation", &generation, &type)) {
        printf("reloaded: generation %.*s serves\n", (int)generation.size, generation.data);
        print_notes(&answer);
    }
    du_bytes_deinit(&body);
    du_bytes_deinit(&answer);
    return code;
}

int du_command_status(int count, char **words) {
    return ask_running(count, words, "status");
}

int du_command_flights(int count, char **words) {
    return ask_running(count, words, "flights");
}

int du_command_limits(int count, char **words) {
    struct du_arguments options;
    if (!du_arguments_parse(count, words, options_table, 0, &options))
        return 2;
    if (options.argument_count == 0)
        return ask(&options, (struct question){.command = "limits", .running = true}, NULL);
    if (options.argument_count == 2 && strcmp(options.arguments[0], "reset") == 0)
        return ask(&options,
                   (struct question){"limits.reset", "member", options.arguments[1], true}, NULL);
    fprintf(stderr, "dunite: limits | limits reset MEMBER\n");
    return 2;
}

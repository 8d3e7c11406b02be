/* `dunite keys`, `status`, `flights`, `limits`: questions to the engine. */

#include "command.h"
#include "control.h"

#include <stdio.h>
#include <string.h>

static const struct du_option options_table[] = {{"dir", DU_OPTION_TEXT, "DIR", ""},
                                                 {"scripts", DU_OPTION_TEXT, "DIR", ""},
                                                 {"data-dir", DU_OPTION_TEXT, "DIR", ""},
                                                 {0}};

static int ask(const struct du_arguments *options, const char *command, bool running,
               const char *key, const char *const *columns) {
    struct du_bytes body, answer;
    du_control_begin(&body);
    du_control_end(&body);
    du_bytes_init(&answer);
    int code = du_control_call(options, command, &body, running, &answer);
    if (code == 0 && columns != NULL)
        du_control_table(&answer, key, columns);
    else if (code == 0)
        printf("%s\n", answer.data);
    du_bytes_deinit(&body);
    du_bytes_deinit(&answer);
    return code;
}

int du_command_keys(int count, char **words) {
    static const char *const columns[] = {"kid", "active", "created", NULL};
    struct du_arguments options;
    if (!du_arguments_parse(count, words, options_table, 0, &options))
        return 2;
    const char *verb = options.argument_count > 0 ? options.arguments[0] : "";
    if (strcmp(verb, "new") == 0)
        return ask(&options, "keys.new", false, NULL, NULL);
    if (strcmp(verb, "list") == 0)
        return ask(&options, "keys.list", false, "keys", columns);
    fprintf(stderr, "dunite: keys new | list\n");
    return 2;
}

static int ask_running(int count, char **words, const char *command) {
    struct du_arguments options;
    if (!du_arguments_parse(count, words, options_table, 0, &options))
        return 2;
    return ask(&options, command, true, NULL, NULL);
}

int du_command_status(int count, char **words) {
    return ask_running(count, words, "status");
}

int du_command_flights(int count, char **words) {
    return ask_running(count, words, "flights");
}

int du_command_limits(int count, char **words) {
    return ask_running(count, words, "limits");
}

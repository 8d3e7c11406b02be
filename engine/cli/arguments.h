#ifndef DU_ARGUMENTS_H
#define DU_ARGUMENTS_H

/* Command-line options, declared in a table. Every option is also an environment variable
 * DUNITE_NAME; the command line wins. */

#include "bytes.h"

#include <stdbool.h>
#include <stddef.h>

enum du_option_kind { DU_OPTION_FLAG, DU_OPTION_TEXT, DU_OPTION_NUMBER, DU_OPTION_LIST };

struct du_option {
    const char *name; /* without dashes; "o,output" is -o and --output. A NULL name ends a table */
    enum du_option_kind kind;
    const char *value; /* what help calls its value */
    const char *help;
};

struct du_given {
    const struct du_option *option;
    const char *value; /* "1" for a flag */
};

struct du_arguments {
    struct du_given given[32];
    size_t given_count;
    const char *arguments[64]; /* what is no option, in order */
    size_t argument_count;
};

/* False: what was wrong has been said on standard error; exit with 2. rest_after: after so many
 * arguments everything else is an argument too (for `spec DIR [busted options]`); 0: never. */
bool du_arguments_parse(int count, char **words, const struct du_option *table, size_t rest_after,
                        struct du_arguments *options);
/* False, and said on standard error, when there are more arguments than that: exit with 2. command:
 * whose they are. */
bool du_arguments_at_most(const struct du_arguments *options, size_t most, const char *command);
/* As if it had been given as the last option. */
void du_arguments_give(struct du_arguments *options, const struct du_option *option,
                       const char *value);
/* The last value given, by the command line or DUNITE_*; NULL when there is none. */
const char *du_arguments_text(const struct du_arguments *options, const char *name);
/* Given, or set by DUNITE_* to something else than 0, false, no or off. */
bool du_arguments_flag(const struct du_arguments *options, const char *name);
/* All values given, as a JSON list: by the command line, else by DUNITE_*, where commas or spaces
 * stand between them. json is empty, and stays so when there is none. */
void du_arguments_list(const struct du_arguments *options, const char *name, struct du_bytes *json);
/* "  --name VALUE  help" lines. */
void du_arguments_help(const struct du_option *table);

/* The settings that options override, as JSON for the deployment: listen, data-dir, workers,
 * log-format. */
void du_arguments_overrides(const struct du_arguments *options, struct du_bytes *json);

#endif

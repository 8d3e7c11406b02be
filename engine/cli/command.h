#ifndef DU_COMMAND_H
#define DU_COMMAND_H

/* The commands of the program. Each gets the words after its name and gives the exit code: 0 fine,
 * 1 the thing failed, 2 the call was wrong. */

#include "arguments.h"

struct du_command {
    const char *name;
    int (*run)(int count, char **words);
    const char *usage; /* after "dunite " */
    const char *help;  /* one line */
    const struct du_option *options;
};

extern const struct du_command du_commands[]; /* ends with a NULL name */

int du_command_serve(int count, char **words);
int du_command_check(int count, char **words);
int du_command_routes(int count, char **words);
int du_command_eject(int count, char **words);
int du_command_explain(int count, char **words);
int du_command_spec(int count, char **words);
int du_command_member(int count, char **words);
int du_command_keys(int count, char **words);
int du_command_reload(int count, char **words);
int du_command_cache(int count, char **words);
int du_command_status(int count, char **words);
int du_command_flights(int count, char **words);
int du_command_limits(int count, char **words);
int du_command_bundle(int count, char **words);
int du_command_audit(int count, char **words);
int du_command_version(int count, char **words);
int du_command_help(int count, char **words);

extern const struct du_option du_arguments_serve[], du_arguments_load[], du_arguments_member[],
    du_arguments_bundle[], du_arguments_explain[], du_arguments_audit[], du_arguments_check[],
    du_arguments_eject[], du_arguments_cache[];

#endif

/* The dunite program: finds the command and runs it. */

#include "bundled.h"
#include "command.h"
#include "nearest.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define SCRIPTS_OPTION                                                                             \
    { "scripts", DU_OPTION_TEXT, "DIR", "look for scripts here before the built-in ones" }
#define DATA_DIR_OPTION                                                                            \
    { "data-dir", DU_OPTION_TEXT, "DIR", "where the store is, instead of the deployment's" }

const struct du_option du_arguments_load[] = {SCRIPTS_OPTION, DATA_DIR_OPTION, {0}};

const struct du_option du_arguments_check[] = {
    {"online", DU_OPTION_FLAG, NULL, "ask the upstreams for every catalog entry, too"},
    {"format", DU_OPTION_TEXT, "FORMAT", "text, or json for editors"},
    SCRIPTS_OPTION,
    DATA_DIR_OPTION,
    {0}};

const struct du_option du_arguments_eject[] = {
    {"dir", DU_OPTION_TEXT, "DIR", "the deployment; the current folder if not given"},
    {"force", DU_OPTION_FLAG, NULL, "write over what is there"},
    {0}};

const struct du_option du_arguments_serve[] = {
    {"listen", DU_OPTION_LIST, "ADDR", "host:port, [::]:port or unix:PATH; may come several times"},
    {"workers", DU_OPTION_NUMBER, "N", "worker threads; 0 is one per core"},
    {"log-format", DU_OPTION_TEXT, "FORMAT", "text or json"},
    {"accept-empty-cache", DU_OPTION_FLAG, NULL, "start although the cache's mark is missing"},
    SCRIPTS_OPTION,
    DATA_DIR_OPTION,
    {0}};

const struct du_option du_arguments_member[] = {
    {"dir", DU_OPTION_TEXT, "DIR", "the deployment; the current folder if not given"},
    {"email", DU_OPTION_TEXT, "EMAIL", "the member's address, with which they sign in"},
    {"password-stdin", DU_OPTION_FLAG, NULL, "read the password from standard input"},
    {"entitle", DU_OPTION_LIST, "SLUG",
     "an application the member may have; may come several times"},
    {"admin", DU_OPTION_FLAG, NULL, "an administrator"},
    {"skip-bad", DU_OPTION_FLAG, NULL, "import: take what is good, leave what is not"},
    {"dry-run", DU_OPTION_FLAG, NULL, "import: tell what would be done, change nothing"},
    {"name", DU_OPTION_TEXT, "NAME", "token add: what the token is for, in your words"},
    {"expires", DU_OPTION_TEXT, "TIME", "token add: 90d if not given; or never"},
    {"for", DU_OPTION_LIST, "USE", "token add: downloads or pulls only; may come several times"},
    {"app", DU_OPTION_LIST, "SLUG", "token add: this application only; may come several times"},
    SCRIPTS_OPTION,
    DATA_DIR_OPTION,
    {0}};

const struct du_option du_arguments_cache[] = {
    {"json", DU_OPTION_FLAG, NULL, "ls: as JSON, sizes in bytes"},
    {"dir", DU_OPTION_TEXT, "DIR", "the deployment; the current folder if not given"},
    SCRIPTS_OPTION,
    DATA_DIR_OPTION,
    {0}};

static const struct du_option control_options[] = {
    {"dir", DU_OPTION_TEXT, "DIR", "the deployment; the current folder if not given"},
    SCRIPTS_OPTION,
    DATA_DIR_OPTION,
    {0}};

const struct du_option du_arguments_explain[] = {
    {"as", DU_OPTION_TEXT, "MEMBER", "the member who asks; nobody if not given"},
    {"header", DU_OPTION_LIST, "HEADER",
     "of the request, 'Name: value'; also as -H; may come several times"},
    {"at", DU_OPTION_TEXT, "TIME", "when it is asked (RFC 3339); now if not given"},
    {"data", DU_OPTION_TEXT, "BODY", "the request's body"},
    {"json", DU_OPTION_FLAG, NULL, "for programs"},
    {"dir", DU_OPTION_TEXT, "DIR", "the deployment; the current folder if not given"},
    SCRIPTS_OPTION,
    DATA_DIR_OPTION,
    {0}};

static const struct du_option no_options[] = {{0}};

const struct du_command du_commands[] = {
    {"serve", du_command_serve, "serve [DIR] [options]", "runs the deployment in DIR",
     du_arguments_serve},
    {"check", du_command_check, "check [DIR] [options]",
     "loads everything without serving, tells all that is wrong", du_arguments_check},
    {"routes", du_command_routes, "routes [DIR]", "the route table", du_arguments_load},
    {"eject", du_command_eject, "eject [NAME …] [options]",
     "copies standard scripts into the deployment for editing; lists them without a NAME",
     du_arguments_eject},
    {"explain", du_command_explain, "explain [DIR] METHOD PATH [options]",
     "why a request would be answered as it would; touches nothing", du_arguments_explain},
    {"spec", du_command_spec, "spec [DIR] [busted options]",
     "runs the deployment's specs inside the engine", du_arguments_load},
    {"member", du_command_member,
     "member add|list|passwd|disable|enable|remove [ID]\n"
     "       dunite member import FILE\n"
     "       dunite member token add|list|revoke [ID]",
     "members in the ledger, and their access tokens", du_arguments_member},
    {"keys", du_command_keys, "keys new|list|retire|activate|remove|reload [KID]", "signing keys",
     control_options},
    {"reload", du_command_reload, "reload", "puts the scripts as they are now in force",
     control_options},
    {"cache", du_command_cache, "cache ls | verify [DIGEST…] | evict SIZE | rm DIGEST…",
     "the blobs that are kept: lists, verifies, removes them", du_arguments_cache},
    {"status", du_command_status, "status", "how the running engine is", control_options},
    {"flights", du_command_flights, "flights", "what is in flight", control_options},
    {"limits", du_command_limits, "limits [reset MEMBER]", "who holds what", control_options},
    {"bundle", du_command_bundle, "bundle [DIR] -o FILE",
     "one program file: the engine and the scripts in DIR", du_arguments_bundle},
    {"audit", du_command_audit,
     "audit [--member ID] [--app SLUG] [--digest DIGEST] [--since TIME] [--json]", "who got what",
     du_arguments_audit},
    {"version", du_command_version, "version", "versions of everything linked", no_options},
    {"help", du_command_help, "help [COMMAND]", "this, or more on a command", no_options},
    {0}};

static const struct du_command *find(const char *name) {
    for (const struct du_command *command = du_commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

static int no_command(const char *name) {
    struct du_nearest nearest;
    du_nearest_init(&nearest, name);
    for (const struct du_command *command = du_commands; command->name != NULL; command++)
        du_nearest_try(&nearest, command->name);
    fprintf(stderr, "dunite: no command '%s'", name);
    if (nearest.best != NULL)
        fprintf(stderr, ", did you mean '%s'?", nearest.best);
    fprintf(stderr, "; see `dunite help`\n");
    return 2;
}

static void list_commands(void) {
    puts("dunite: a gateway that hands a private upstream to members\n\nusage: dunite COMMAND …\n");
    for (const struct du_command *command = du_commands; command->name != NULL; command++)
        printf("  %-9s %s\n", command->name, command->help);
    puts("\nEvery option is also an environment variable: --data-dir is DUNITE_DATA_DIR.\n"
         "\nexamples:\n"
         "  dunite check examples/storefront     is everything right?\n"
         "  dunite serve examples/storefront     serve it\n"
         "  dunite member add ada --email ada@example.com\n");
}

int du_command_help(int count, char **words) {
    const struct du_command *command = count > 0 ? find(words[0]) : NULL;
    if (count > 0 && command == NULL) {
        return no_command(words[0]);
    }
    if (command == NULL) {
        list_commands();
        return 0;
    }
    printf("usage: dunite %s\n%s\n", command->usage, command->help);
    if (command->options->name != NULL)
        puts("\noptions:");
    du_arguments_help(command->options);
    return 0;
}

static bool asks_for_help(int count, char **words) {
    return count > 0 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0);
}

/* What is larger goes back to the system when it is freed. glibc would keep the 19 MiB of a
 * password's check for the next one, which is half of all that the program holds. */
enum { KEPT_MOST = 1 << 20 };

int main(int count, char **words) {
    mallopt(M_MMAP_THRESHOLD, KEPT_MOST);
    if (count < 2) {
        du_command_help(0, NULL);
        return 2;
    }
    if (asks_for_help(count - 1, words + 1))
        return du_command_help(0, NULL);
    if (strcmp(words[1], "--version") == 0)
        return du_command_version(0, NULL);
    const struct du_command *command = find(words[1]);
    if (command == NULL) {
        return no_command(words[1]);
    }
    if (asks_for_help(count - 2, words + 2))
        return du_command_help(1, words + 1);
    if (!du_bundled_open())
        return 1;
    int code = command->run(count - 2, words + 2);
    du_bundled_close();
    return code;
}

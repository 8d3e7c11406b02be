#include "arguments.h"

#include "nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* An option's letter, 0 when it has none, and its name without that. */
static char letter_of(const struct du_option *option) {
    return option->name[1] == ',' ? option->name[0] : '\0';
}

static const char *name_of(const struct du_option *option) {
    return letter_of(option) != '\0' ? option->name + 2 : option->name;
}

static bool is_named(const struct du_option *option, const char *name, size_t size) {
    return strlen(name_of(option)) == size && strncmp(name_of(option), name, size) == 0;
}

/* word: "--name", "--name=value", "-l". Sets *value to what stands behind its equals sign, or NULL.
 */
static const struct du_option *find(const struct du_option *table, const char *word,
                                    const char **value) {
    bool letter = word[1] != '-';
    const char *equals = letter ? NULL : strchr(word, '=');
    size_t size = equals == NULL ? strlen(word) : (size_t)(equals - word);
    *value = equals == NULL ? NULL : equals + 1;
    for (; table->name != NULL; table++) {
        if (letter ? letter_of(table) == word[1] : is_named(table, word + 2, size - 2))
            return table;
    }
    return NULL;
}

static bool is_number(const char *text) {
    return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

static bool keep(struct du_arguments *options, const struct du_option *option, const char *value) {
    if (option->kind == DU_OPTION_NUMBER && !is_number(value)) {
        fprintf(stderr, "dunite: --%s takes a whole number, not '%s'\n", name_of(option), value);
        return false;
    }
    if (options->given_count == sizeof options->given / sizeof *options->given) {
        fprintf(stderr, "dunite: too many options\n");
        return false;
    }
    options->given[options->given_count++] = (struct du_given){option, value};
    return true;
}

static bool no_option(const char *word, const struct du_option *table) {
    struct du_nearest nearest;
    du_nearest_init(&nearest, word + 2);
    for (; table->name != NULL; table++)
        du_nearest_try(&nearest, table->name);
    fprintf(stderr, "dunite: no option '%s'", word);
    if (nearest.best != NULL)
        fprintf(stderr, ", did you mean '--%s'?", nearest.best);
    fprintf(stderr, "; see `dunite help`\n");
    return false;
}

/* Words[*at] is an option; moves *at over its value. */
static bool parse_option(int count, char **words, int *at, const struct du_option *table,
                         struct du_arguments *options) {
    const char *value;
    const struct du_option *option = find(table, words[*at], &value);
    if (option == NULL) {
        return no_option(words[*at], table);
    }
    if (option->kind == DU_OPTION_FLAG && value != NULL) {
        fprintf(stderr, "dunite: --%s takes no value, found '%s'\n", name_of(option), value);
        return false;
    }
    if (option->kind == DU_OPTION_FLAG)
        return keep(options, option, "1");
    if (value != NULL)
        return keep(options, option, value);
    if (*at + 1 == count) {
        fprintf(stderr, "dunite: %s wants %s\n", words[*at], option->value);
        return false;
    }
    return keep(options, option, words[++*at]);
}

/* "-" alone is an argument: standard input. */
static bool is_option(const char *word) {
    return word[0] == '-' && (word[1] == '-' || (word[1] != '\0' && word[2] == '\0'));
}

bool du_arguments_parse(int count, char **words, const struct du_option *table, size_t rest_after,
                        struct du_arguments *options) {
    memset(options, 0, sizeof *options);
    bool rest = false;
    for (int at = 0; at < count; at++) {
        rest |= rest_after > 0 && options->argument_count >= rest_after;
        if (!rest && strcmp(words[at], "--") == 0) {
            rest = true;
        } else if (!rest && is_option(words[at])) {
            if (!parse_option(count, words, &at, table, options))
                return false;
        } else if (options->argument_count <
                   sizeof options->arguments / sizeof *options->arguments) {
            options->arguments[options->argument_count++] = words[at];
        } else {
            fprintf(stderr, "dunite: too many arguments\n");
            return false;
        }
    }
    return true;
}

bool du_arguments_at_most(const struct du_arguments *options, size_t most, const char *command) {
    if (options->argument_count <= most)
        return true;
    fprintf(stderr, "dunite: %s takes no argument '%s' here; see `dunite help %s`\n", command,
            options->arguments[most], command);
    return false;
}

void du_arguments_give(struct du_arguments *options, const struct du_option *option,
                       const char *value) {
    keep(options, option, value);
}

static const char *from_environment(const char *name) {
    char variable[64] = "DUNITE_";
    size_t at = strlen(variable);
    for (; *name != '\0' && at + 1 < sizeof variable; name++, at++)
        variable[at] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
    variable[at] = '\0';
    const char *value = getenv(variable);
    return value != NULL && *value != '\0' ? value : NULL;
}

static const char *on_command_line(const struct du_arguments *options, const char *name) {
    const char *value = NULL;
    for (size_t i = 0; i < options->given_count; i++) {
        if (strcmp(name_of(options->given[i].option), name) == 0)
            value = options->given[i].value;
    }
    return value;
}

const char *du_arguments_text(const struct du_arguments *options, const char *name) {
    const char *value = on_command_line(options, name);
    return value != NULL ? value : from_environment(name);
}

bool du_arguments_flag(const struct du_arguments *options, const char *name) {
    static const char *const no[] = {"0", "false", "no", "off"};
    const char *value = du_arguments_text(options, name);
    bool set = value != NULL;
    for (size_t i = 0; set && i < sizeof no / sizeof *no; i++)
        set = strcasecmp(value, no[i]) != 0;
    return set;
}

static void add_item(struct du_bytes *json, const char *text, size_t size) {
    du_bytes_text(json, json->size == 0 ? "[" : ",");
    du_bytes_json(json, text, size);
}

void du_arguments_list(const struct du_arguments *options, const char *name,
                       struct du_bytes *json) {
    for (size_t i = 0; i < options->given_count; i++) {
        if (strcmp(name_of(options->given[i].option), name) == 0)
            add_item(json, options->given[i].value, strlen(options->given[i].value));
    }
    const char *rest = json->size > 0 ? NULL : from_environment(name);
    for (size_t size; rest != NULL && *rest != '\0'; rest += size) {
        rest += strspn(rest, ", ");
        size = strcspn(rest, ", ");
        if (size > 0)
            add_item(json, rest, size);
    }
    if (json->size > 0)
        du_bytes_text(json, "]");
}

void du_arguments_help(const struct du_option *table) {
    for (; table->name != NULL; table++) {
        char left[48];
        int used =
            letter_of(table) == 0 ? 0 : snprintf(left, sizeof left, "-%c, ", letter_of(table));
        snprintf(left + used, sizeof left - (size_t)used, "--%s %s", name_of(table),
                 table->value == NULL ? "" : table->value);
        printf("  %-24s %s\n", left, table->help);
    }
}

static void add_key(struct du_bytes *json, const char *key) {
    if (json->size > 1)
        du_bytes_text(json, ",");
    du_bytes_json(json, key, strlen(key));
    du_bytes_text(json, ":");
}

static void add_text(struct du_bytes *json, const char *key, const char *value) {
    if (value == NULL)
        return;
    add_key(json, key);
    du_bytes_json(json, value, strlen(value));
}

/* A setting in a table of its own: {"log":{"format":"json"}}. */
static void add_within(struct du_bytes *json, const char *table, const char *key,
                       const char *value) {
    if (value == NULL)
        return;
    add_key(json, table);
    du_bytes_format(json, "{\"%s\":%s}", key, value);
}

static void add_listen(const struct du_arguments *options, struct du_bytes *json) {
    struct du_bytes list;
    du_bytes_init(&list);
    du_arguments_list(options, "listen", &list);
    if (list.size > 0) {
        add_key(json, "listen");
        du_bytes_text(json, list.data);
    }
    du_bytes_deinit(&list);
}

/* A folder that is named outside of a deployment is below where one stands, not below the
 * deployment. */
static void add_data_dir(const struct du_arguments *options, struct du_bytes *json) {
    const char *folder = du_arguments_text(options, "data-dir");
    char here[4096] = "";
    struct du_bytes path;
    du_bytes_init(&path);
    if (folder != NULL && folder[0] != '/' && getcwd(here, sizeof here) != NULL) {
        du_bytes_format(&path, "%s/%s", here, folder);
        folder = path.data;
    }
    add_text(json, "data_dir", folder);
    du_bytes_deinit(&path);
}

void du_arguments_overrides(const struct du_arguments *options, struct du_bytes *json) {
    struct du_bytes format;
    const char *name = du_arguments_text(options, "log-format");
    du_bytes_init(&format);
    if (name != NULL)
        du_bytes_json(&format, name, strlen(name));
    du_bytes_text(json, "{");
    add_listen(options, json);
    add_data_dir(options, json);
    add_text(json, "workers", du_arguments_text(options, "workers"));
    add_within(json, "log", "format", format.data);
    add_within(json, "cache", "accept_empty",
               du_arguments_flag(options, "accept-empty-cache") ? "true" : NULL);
    du_bytes_text(json, "}");
    du_bytes_deinit(&format);
}

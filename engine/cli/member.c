/* `dunite member`: members in the ledger. */

#include "member.h"
#include "command.h"
#include "control.h"
#include "json.h"
#include "password.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* With an end of line, and so much that what was cut is still too long for a password: it is
 * refused then, and nobody gets another password than they gave. */
enum { PASSWORD_ROOM = DU_PASSWORD_MOST + 3 };

static bool read_line(char line[PASSWORD_ROOM]) {
    if (fgets(line, PASSWORD_ROOM, stdin) == NULL)
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return line[0] != '\0';
}

/* From standard input, or asked for twice on a terminal without showing it. */
static bool read_password(bool from_stdin, char password[PASSWORD_ROOM]) {
    if (from_stdin || !isatty(STDIN_FILENO))
        return read_line(password);
    struct termios shown, hidden;
    tcgetattr(STDIN_FILENO, &shown);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    char again[PASSWORD_ROOM] = "";
    fprintf(stderr, "Password: ");
    bool fine = read_line(password);
    fprintf(stderr, "\nAgain: ");
    fine = fine && read_line(again) && strcmp(password, again) == 0;
    fprintf(stderr, "\n");
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    return fine;
}

/* The body of add and passwd; false when there is no password to be had. */
static bool describe(const struct du_arguments *options, const char *id, bool with_password,
                     struct du_bytes *body) {
    char password[PASSWORD_ROOM] = "";
    if (with_password && !read_password(du_arguments_flag(options, "password-stdin"), password)) {
        fprintf(stderr, "dunite: no password was given (or the two differ)\n");
        return false;
    }
    du_control_begin(body);
    du_control_text(body, "id", id);
    du_control_text(body, "email", du_arguments_text(options, "email"));
    du_control_text(body, "password", with_password ? password : NULL);
    du_control_list(body, "entitlements", options, "entitle");
    if (du_arguments_flag(options, "admin"))
        du_control_raw(body, "admin", "true");
    du_control_end(body);
    return true;
}

static int wrong_call(void) {
    fprintf(stderr,
            "dunite: member add ID --email EMAIL | list | passwd ID | disable ID | enable ID"
            " | remove ID | import FILE | token add|list|revoke\n");
    return 2;
}

/* With a note where it is perhaps not what was meant. */
static void print_done(const struct du_bytes *answer, const char *id, const char *verb) {
    struct du_slice value;
    enum du_json_type type;
    struct du_bytes text;
    printf("%s: %s done\n", id, verb);
    du_bytes_init(&text);
    if (du_json_find(answer->data, answer->size, "note", &value, &type) &&
        du_json_string(value, &text))
        fprintf(stderr, "dunite: note: %s\n", text.data);
    du_bytes_deinit(&text);
}

static bool is_one_of(const char *verb, const char *const *verbs) {
    for (; *verbs != NULL; verbs++) {
        if (strcmp(verb, *verbs) == 0)
            return true;
    }
    return false;
}

int du_command_member(int count, char **words) {
    static const char *const with_id[] = {"add", "passwd", "disable", "enable", "remove", NULL};
    static const char *const columns[] = {"id", "email", "active", "admin", "entitlements", NULL};
    struct du_arguments options;
    if (!du_arguments_parse(count, words, du_arguments_member, 0, &options))
        return 2;
    const char *verb = options.argument_count > 0 ? options.arguments[0] : "";
    bool token = strcmp(verb, "token") == 0, list = strcmp(verb, "list") == 0;
    if (!du_arguments_at_most(&options, token ? 3 : list ? 1 : 2, "member"))
        return 2;
    const char *id = options.argument_count > 1 ? options.arguments[1] : NULL;
    if (token)
        return du_member_token(&options);
    if (strcmp(verb, "import") == 0)
        return du_member_import(&options);
    bool add = strcmp(verb, "add") == 0;
    if (!list && (!is_one_of(verb, with_id) || id == NULL))
        return wrong_call();
    if (add && du_arguments_text(&options, "email") == NULL) {
        fprintf(stderr, "dunite: member add wants --email EMAIL\n");
        return 2;
    }
    struct du_bytes body, answer;
    du_bytes_init(&answer);
    if (!describe(&options, id, add || strcmp(verb, "passwd") == 0, &body))
        return 1;
    char command[32];
    snprintf(command, sizeof command, "member.%s", verb);
    int code = du_control_call(&options, command, &body, false, &answer);
    if (code == 0 && list)
        du_control_table(&answer, "members", columns);
    else if (code == 0)
        print_done(&answer, id, verb);
    du_bytes_deinit(&body);
    du_bytes_deinit(&answer);
    return code;
}

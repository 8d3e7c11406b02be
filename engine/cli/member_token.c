/* `dunite member token`: access tokens, which stand for a member's password in a CI job. */

#include "control.h"
#include "json.h"
#include "member.h"

#include <stdio.h>
#include <string.h>

static int wrong_call(void) {
    fprintf(stderr, "dunite: member token add ID --name NAME [--expires 90d] [--for downloads]"
                    " [--app SLUG] | list [ID] | revoke TOKEN\n");
    return 2;
}

static int call(const struct du_arguments *options, const char *verb, struct du_bytes *body,
                struct du_bytes *answer) {
    char command[32];
    snprintf(command, sizeof command, "member.token.%s", verb);
    du_control_end(body);
    du_bytes_init(answer);
    int code = du_control_call(options, command, body, false, answer);
    du_bytes_deinit(body);
    return code;
}

/* A string of the answer; empty when there is none. The caller ends it. */
static struct du_bytes text_of(const struct du_bytes *answer, const char *key) {
    struct du_bytes text;
    struct du_slice value;
    enum du_json_type type;
    du_bytes_init(&text);
    du_bytes_add(&text, "", 0);
    if (du_json_find(answer->data, answer->size, key, &value, &type))
        du_json_string(value, &text);
    return text;
}

/* The token alone on standard output, so that a script can take it from there. */
static void show(const struct du_bytes *answer) {
    struct du_bytes secret = text_of(answer, "secret"), id = text_of(answer, "token"),
                    member = text_of(answer, "member"), expires = text_of(answer, "expires");
    printf("%s\n", secret.size > 0 ? secret.data : "");
    fprintf(stderr, "access token %s of %s; expires: %s. It is not shown again.\n",
            id.size > 0 ? id.data : "", member.size > 0 ? member.data : "",
            expires.size > 0 ? expires.data : "");
    du_bytes_deinit(&secret);
    du_bytes_deinit(&id);
    du_bytes_deinit(&member);
    du_bytes_deinit(&expires);
}

static int add(const struct du_arguments *options, const char *id) {
    struct du_bytes body, answer;
    du_control_begin(&body);
    du_control_text(&body, "id", id);
    du_control_text(&body, "name", du_arguments_text(options, "name"));
    du_control_text(&body, "expires", du_arguments_text(options, "expires"));
    du_control_list(&body, "uses", options, "for");
    du_control_list(&body, "applications", options, "app");
    int code = call(options, "add", &body, &answer);
    if (code == 0)
        show(&answer);
    du_bytes_deinit(&answer);
    return code;
}

static int list(const struct du_arguments *options, const char *id) {
    static const char *const columns[] = {"token",   "member",  "name", "uses", "applications",
                                          "created", "expires", "used", NULL};
    struct du_bytes body, answer;
    du_control_begin(&body);
    du_control_text(&body, "id", id);
    int code = call(options, "list", &body, &answer);
    if (code == 0)
        du_control_table(&answer, "tokens", columns);
    du_bytes_deinit(&answer);
    return code;
}

static int revoke(const struct du_arguments *options, const char *token) {
    struct du_bytes body, answer;
    du_control_begin(&body);
    du_control_text(&body, "token", token);
    int code = call(options, "revoke", &body, &answer);
    if (code == 0)
        printf("%s: revoke done\n", token);
    du_bytes_deinit(&answer);
    return code;
}

int du_member_token(const struct du_arguments *options) {
    const char *verb = options->argument_count > 1 ? options->arguments[1] : "";
    const char *subject = options->argument_count > 2 ? options->arguments[2] : NULL;
    if (strcmp(verb, "list") == 0)
        return list(options, subject);
    if (strcmp(verb, "add") == 0 && subject != NULL)
        return add(options, subject);
    if (strcmp(verb, "revoke") == 0 && subject != NULL)
        return revoke(options, subject);
    return wrong_call();
}

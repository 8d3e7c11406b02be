#include "registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The log of a rig's engine, for looking what it says. */
static void on_line(void *user, enum du_log_level level, const char *line, size_t size) {
    struct registry *registry = user;
    size_t before = strlen(registry->log);
    (void)level;
    snprintf(registry->log + before, sizeof registry->log - before, "%.*s\n", (int)size, line);
}

struct du_origin *registry_origin(struct registry *registry, enum du_origin_kind kind,
                                  const char *username, const char *password,
                                  const char *credential_host) {
    struct du_cidr allowed[1];
    assert_int_equal(du_cidr_parse("127.0.0.2", &allowed[0], NULL), DU_OK);
    struct du_origin_options options = {.name = "hub",
                                        .kind = kind,
                                        .url = double_url(registry->here, ""),
                                        .username = username,
                                        .password = password,
                                        .allow_private = allowed,
                                        .allow_private_count = 1,
                                        .credential_hosts = &credential_host,
                                        .credential_host_count = credential_host != NULL};
    return origin_with(&registry->rig, &options);
}

int registry_set_up(void **state) {
    struct registry *registry = calloc(1, sizeof *registry);
    rig_init(&registry->rig, NULL);
    assert_int_equal(du_log_new(&registry->rig.base.log, &registry->rig.base.clock, DU_LOG_TEXT,
                                DU_LOG_DEBUG, "/dev/null", NULL),
                     DU_OK);
    du_log_set_sink(registry->rig.base.log, on_line, registry);
    registry->here = double_listen("127.0.0.1", rig_asked, &registry->rig);
    registry->elsewhere = double_listen("127.0.0.2", rig_asked, &registry->rig);
    registry->origin = registry_origin(registry, DU_ORIGIN_OCI, "ada", "S3CRET", NULL);
    *state = registry;
    return 0;
}

int registry_tear_down(void **state) {
    struct registry *registry = *state;
    assert_null(strstr(registry->log, "S3CRET"));
    assert_null(strstr(registry->got.error.message, "S3CRET"));
    got_deinit(&registry->got);
    du_origin_unref(&registry->origin);
    double_free(registry->here);
    double_free(registry->elsewhere);
    rig_deinit(&registry->rig);
    du_log_free(&registry->rig.base.log);
    free(registry);
    return 0;
}

void play(struct double_server *server, const char *to, const char *holding, const char *send,
          bool always) {
    struct double_answer script[] = {{.to = to, .holding = holding, .send = send, .always = always},
                                     {0}};
    double_play(server, script);
}

const char *challenge(struct registry *registry, struct double_server *server, const char *more) {
    char *text = registry->texts[registry->used++];
    snprintf(
        text, sizeof registry->texts[0],
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"%s\",service=\"reg x\"%s"
        "\r\nContent-Length: 6\r\n\r\ndenied",
        double_url(server, "/token"), more);
    return text;
}

const char *json(struct registry *registry, const char *body) {
    char *text = registry->texts[registry->used++];
    snprintf(text, sizeof registry->texts[0], "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    return text;
}

void registry_wants(struct registry *registry, const char *token, struct double_server *server) {
    char *line = registry->texts[registry->used++];
    snprintf(line, sizeof registry->texts[0], "\r\nAuthorization: Bearer %s\r\n", token);
    play(registry->here, "GET /v2/", line, OK_ANSWER, true);
    play(registry->here, "GET /v2/", NULL,
         challenge(registry, server, ",scope=\"repository:acme/app:pull\""), true);
}

enum du_error_kind fetch_scoped(struct registry *registry, const char *with_scope) {
    struct du_fetch_options options = {
        .origin = registry->origin, .url = PATH, .scope = with_scope};
    got_deinit(&registry->got);
    memset(&registry->got, 0, sizeof registry->got);
    enum du_error_kind kind = got_start(&registry->got, &registry->rig, &options);
    return kind == DU_OK ? got_end(&registry->got) : kind;
}

enum du_error_kind fetch(struct registry *registry) {
    return fetch_scoped(registry, SCOPE);
}

void begin(struct registry *registry, struct got *got, const char *url, const char *scope) {
    struct du_fetch_options options = {.origin = registry->origin, .url = url, .scope = scope};
    memset(got, 0, sizeof *got);
    assert_int_equal(got_start(got, &registry->rig, &options), DU_OK);
}

void play_fill(struct registry *registry, const char *to, size_t size, enum double_then then) {
    char text[64];
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    struct double_answer script[] = {
        {.to = to, .send = text, .fill = then == DOUBLE_HOLD ? size / 2 : size, .then = then}, {0}};
    double_play(registry->here, script);
}

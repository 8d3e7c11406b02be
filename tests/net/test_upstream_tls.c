/* Upstream over TLS: whose certificate is believed. */

#include "fetching.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
    struct rig rig;
    struct got got;
    EVP_PKEY *key;
    X509 *certificate;
    SSL_CTX *context;
    int fd;
    pthread_t thread;
    char url[64], file[64];
};

static X509 *sign_own(EVP_PKEY *key, const char *address) {
    X509 *certificate = X509_new();
    X509V3_CTX extension_context;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509V3_set_ctx_nodb(&extension_context);
    X509V3_set_ctx(&extension_context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &extension_context, NID_subject_alt_name, address);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

/* One connection, one answer; a client that does not believe the certificate leaves in the midst.
 */
static void *serve(void *argument) {
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    struct scene *scene = argument;
    char request[4096];
    int client = accept(scene->fd, NULL, NULL);
    SSL *ssl = SSL_new(scene->context);
    SSL_set_fd(ssl, client);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof request) > 0)
        SSL_write(ssl, answer, sizeof answer - 1);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(client);
    return NULL;
}

static void write_certificate(struct scene *scene) {
    strcpy(scene->file, "/tmp/dunite-test-XXXXXX");
    int fd = mkstemp(scene->file);
    FILE *file = fdopen(fd, "w");
    PEM_write_X509(file, scene->certificate);
    fclose(file);
}

static void serve_as(struct scene *scene, const char *address) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof to;
    scene->key = EVP_EC_gen("P-256");
    scene->certificate = sign_own(scene->key, address);
    scene->context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(scene->context, scene->certificate);
    SSL_CTX_use_PrivateKey(scene->context, scene->key);
    write_certificate(scene);
    scene->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(scene->fd, (struct sockaddr *)&to, size), 0);
    assert_int_equal(listen(scene->fd, 8), 0);
    getsockname(scene->fd, (struct sockaddr *)&to, &size);
    snprintf(scene->url, sizeof scene->url, "https://127.0.0.1:%d", ntohs(to.sin_port));
    pthread_create(&scene->thread, NULL, serve, scene);
}

static int set_up(void **state) {
    struct scene *scene = calloc(1, sizeof *scene);
    signal(SIGPIPE, SIG_IGN);
    rig_init(&scene->rig, NULL);
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    pthread_join(scene->thread, NULL);
    close(scene->fd);
    unlink(scene->file);
    SSL_CTX_free(scene->context);
    X509_free(scene->certificate);
    EVP_PKEY_free(scene->key);
    got_deinit(&scene->got);
    rig_deinit(&scene->rig);
    free(scene);
    return 0;
}

static enum du_error_kind fetch(struct scene *scene, const char *ca_file) {
    struct du_origin_options options = {.name = "tls", .url = scene->url, .ca_file = ca_file};
    struct du_origin *origin = origin_with(&scene->rig, &options);
    enum du_error_kind kind = got_path(&scene->got, &scene->rig, origin, "/x");
    du_origin_unref(&origin);
    return kind;
}

static void a_certificate_that_ca_file_vouches_for_is_believed(void **state) {
    struct scene *scene = *state;
    serve_as(scene, "IP:127.0.0.1");
    assert_int_equal(fetch(scene, scene->file), DU_OK);
    assert_string_equal(scene->got.body.data, "ok");
}

static void a_certificate_nobody_vouches_for_is_a_transport_error(void **state) {
    struct scene *scene = *state;
    serve_as(scene, "IP:127.0.0.1");
    assert_int_equal(fetch(scene, NULL), DU_TRANSPORT);
    assert_non_null(strstr(scene->got.error.message, "check its certificate, and ca_file"));
}

static void a_certificate_of_another_host_is_a_transport_error(void **state) {
    struct scene *scene = *state;
    serve_as(scene, "IP:127.0.0.2");
    assert_int_equal(fetch(scene, scene->file), DU_TRANSPORT);
    assert_non_null(strstr(scene->got.error.message, "check its certificate"));
}

static void a_ca_file_that_cannot_be_read_is_named_as_the_reason(void **state) {
    struct scene *scene = *state;
    serve_as(scene, "IP:127.0.0.1");
    assert_int_equal(fetch(scene, "/nonexistent/ca.pem"), DU_TRANSPORT);
    assert_non_null(strstr(scene->got.error.message, "check that ca_file can be read"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_certificate_that_ca_file_vouches_for_is_believed),
        TEST(a_certificate_nobody_vouches_for_is_a_transport_error),
        TEST(a_certificate_of_another_host_is_a_transport_error),
        TEST(a_ca_file_that_cannot_be_read_is_named_as_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

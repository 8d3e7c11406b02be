/* The least that an answer costs on the parts that dunite stands on: libuv and llhttp, one constant
 * answer of 4 KiB to whatever is asked, and nothing else.
 *
 *     bare PORT
 */

#include <llhttp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BODY = 4096, READ_MOST = 65536, HEAD_MOST = 128 };

struct conn {
    uv_tcp_t tcp;
    llhttp_t parser;
    uv_write_t write;
    bool writing, last;
};

static llhttp_settings_t settings;
static char answer[2][HEAD_MOST + BODY]; /* to keep the connection, to close it */
static size_t answer_size[2];
static char input[READ_MOST];

static void on_close(uv_handle_t *handle) {
    free(handle->data);
}

static void shut(struct conn *conn) {
    if (!uv_is_closing((uv_handle_t *)&conn->tcp))
        uv_close((uv_handle_t *)&conn->tcp, on_close);
}

static void on_written(uv_write_t *write, int status) {
    struct conn *conn = write->data;
    conn->writing = false;
    if (status != 0 || conn->last)
        shut(conn);
}

static int on_message(llhttp_t *parser) {
    struct conn *conn = parser->data;
    conn->last = llhttp_should_keep_alive(parser) == 0;
    uv_buf_t text = uv_buf_init(answer[conn->last], (unsigned)answer_size[conn->last]);
    int sent = uv_try_write((uv_stream_t *)&conn->tcp, &text, 1);
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done == text.len) {
        if (conn->last)
            shut(conn);
        return 0;
    }
    if (conn->writing) /* a client that pipelines and does not read */
        return -1;
    text = uv_buf_init(text.base + done, (unsigned)(text.len - done));
    conn->write.data = conn;
    conn->writing = uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &text, 1, on_written) == 0;
    return conn->writing ? 0 : -1;
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *room) {
    (void)handle, (void)size;
    *room = uv_buf_init(input, sizeof input);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *text) {
    struct conn *conn = stream->data;
    if (size < 0 || (size > 0 && llhttp_execute(&conn->parser, text->base, (size_t)size) != HPE_OK))
        shut(conn);
}

static void on_connection(uv_stream_t *listener, int status) {
    struct conn *conn = status == 0 ? calloc(1, sizeof *conn) : NULL;
    if (conn == NULL)
        return;
    uv_tcp_init(listener->loop, &conn->tcp);
    conn->tcp.data = conn;
    llhttp_init(&conn->parser, HTTP_REQUEST, &settings);
    conn->parser.data = conn;
    if (uv_accept(listener, (uv_stream_t *)&conn->tcp) == 0)
        uv_read_start((uv_stream_t *)&conn->tcp, on_room, on_read);
    else
        shut(conn);
}

static void make_answers(void) {
    for (int last = 0; last < 2; last++) {
        int head =
            snprintf(answer[last], HEAD_MOST, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n",
                     BODY, last ? "Connection: close\r\n" : "");
        memset(answer[last] + head, 'x', BODY);
        answer_size[last] = (size_t)head + BODY;
    }
}

int main(int count, char **arguments) {
    uv_tcp_t listener;
    struct sockaddr_in address;
    if (count != 2) {
        fprintf(stderr, "usage: bare PORT\n");
        return 2;
    }
    llhttp_settings_init(&settings);
    settings.on_message_complete = on_message;
    make_answers();
    uv_tcp_init(uv_default_loop(), &listener);
    uv_ip4_addr("127.0.0.1", atoi(arguments[1]), &address);
    int result = uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    if (result == 0)
        result = uv_listen((uv_stream_t *)&listener, 4096, on_connection);
    if (result != 0) {
        fprintf(stderr, "bare: %s\n", uv_strerror(result));
        return 1;
    }
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

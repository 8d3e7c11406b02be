#include "played.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static enum du_body_state play_next(struct du_body *body, struct du_piece *piece) {
    struct play *play = (struct play *)body;
    const struct play_step *step = &play->steps[play->at];
    play->asked++;
    assert_int_equal(play->closed, 0);
    if (step->state != DU_BODY_END && step->state != DU_BODY_BROKEN)
        play->at++;
    *piece = (struct du_piece){step->data, step->size, step->fd, step->offset};
    if (step->state == DU_BODY_BYTES && piece->size == 0)
        piece->size = strlen(step->data);
    return step->state;
}

static void play_sent(struct du_body *body, size_t size) {
    ((struct play *)body)->sent += size;
}

static void play_close(struct du_body *body) {
    ((struct play *)body)->closed++;
}

void play_init(struct play *play, int64_t length, const struct play_step *steps) {
    static const struct du_body_type type = {play_next, play_sent, play_close};
    memset(play, 0, sizeof(*play));
    play->body.type = &type;
    play->body.length = length;
    play->steps = steps;
}

void play_reply(struct play *play, struct du_exchange *exchange, int status) {
    struct du_reply reply;
    du_reply_init(&reply, status);
    reply.body = &play->body;
    du_exchange_reply(exchange, &reply);
    assert_null(reply.body);
}

static void reply_with_play(struct stand *stand, struct du_exchange *exchange) {
    play_reply(stand->user, exchange, 200);
}

void played_start(struct played *played, const struct du_server_limits *limits, int64_t length,
                  const struct play_step *steps) {
    stand_start(&played->stand, limits);
    played->stand.on_request = reply_with_play;
    played->stand.user = &played->play;
    play_init(&played->play, length, steps);
    played->client = stand_connect(&played->stand);
}

void played_end(struct played *played) {
    assert_int_equal(played->play.closed, 1);
    stand_end(&played->stand);
}

/* A file in memory whose byte at n is a function of n. */
int played_file(size_t size) {
    int fd = memfd_create("body", MFD_CLOEXEC);
    unsigned char *block = malloc(size);
    for (size_t i = 0; i < size; i++)
        block[i] = (unsigned char)(i * 31 >> 3);
    assert_int_equal(write(fd, block, size), size);
    free(block);
    return fd;
}

void assert_played_file(const struct client *client, size_t from, size_t size) {
    const char *body = client_body(client);
    size_t got = client->got.size - (size_t)(body - client->got.data);
    assert_int_equal(got, size);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)body[i] != (unsigned char)((from + i) * 31 >> 3))
            fail_msg("byte %zu is wrong", i);
}

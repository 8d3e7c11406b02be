/* The mailbox: posts from many threads, in order, each once, on the loop. */

#include "list.h"
#include "mailbox.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { POSTERS = 8, MAILS = 2000 };

struct fixture {
    uv_loop_t loop;
    struct du_mailbox mailbox;
};

struct numbered {
    struct du_mail mail;
    struct du_mailbox *mailbox;
    unsigned poster, number;
    unsigned delivered;
};

static unsigned order[64], ordered;

static int set_up(void **state) {
    struct fixture *fixture = du_calloc(1, sizeof(*fixture));
    uv_loop_init(&fixture->loop);
    assert_int_equal(du_mailbox_init(&fixture->mailbox, &fixture->loop), 0);
    fixture->mailbox.user = fixture;
    ordered = 0;
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    if (!uv_is_closing((uv_handle_t *)&fixture->mailbox.async))
        du_mailbox_close(&fixture->mailbox, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    du_free(fixture);
    return 0;
}

static struct numbered *numbered_of(struct du_mail *mail) {
    return du_container_of(mail, struct numbered, mail);
}

static void note(struct du_mail *mail) {
    order[ordered++] = numbered_of(mail)->number;
}

/* --- contention --- */

struct contention {
    struct du_mailbox *mailbox;
    pthread_barrier_t start;
    struct numbered mails[POSTERS][MAILS];
    unsigned next[POSTERS]; /* the number each poster's next mail must have */
    unsigned out_of_order, seen;
    uv_thread_t loop_thread;
    unsigned elsewhere;
};

struct poster {
    unsigned number;
};

static struct contention *contention;

static void count_in_order(struct du_mail *mail) {
    struct numbered *numbered = numbered_of(mail);
    uv_thread_t self = uv_thread_self();
    contention->elsewhere += !uv_thread_equal(&self, &contention->loop_thread);
    contention->out_of_order += numbered->number != contention->next[numbered->poster]++;
    numbered->delivered++;
    contention->seen++;
    du_mailbox_expect(contention->mailbox, -1);
}

static void *post_all(void *argument) {
    struct poster *poster = argument;
    pthread_barrier_wait(&contention->start);
    for (unsigned i = 0; i < MAILS; i++)
        du_mailbox_post(contention->mailbox, &contention->mails[poster->number][i].mail);
    return NULL;
}

static void every_mail_of_many_threads_comes_once_and_in_its_posters_order(void **state) {
    struct fixture *fixture = *state;
    pthread_t threads[POSTERS];
    struct poster posters[POSTERS];
    contention = du_calloc(1, sizeof(*contention));
    contention->mailbox = &fixture->mailbox;
    contention->loop_thread = uv_thread_self();
    pthread_barrier_init(&contention->start, NULL, POSTERS + 1);
    for (unsigned p = 0; p < POSTERS; p++)
        for (unsigned i = 0; i < MAILS; i++)
            contention->mails[p][i] =
                (struct numbered){.mail.deliver = count_in_order, .poster = p, .number = i};
    for (unsigned p = 0; p < POSTERS; p++) {
        posters[p] = (struct poster){.number = p};
        assert_int_equal(pthread_create(&threads[p], NULL, post_all, &posters[p]), 0);
    }
    du_mailbox_expect(&fixture->mailbox, POSTERS * MAILS);
    pthread_barrier_wait(&contention->start);
    uv_run(&fixture->loop, UV_RUN_DEFAULT); /* returns only when none is expected any more */
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(threads[p], NULL);
    assert_int_equal(contention->seen, POSTERS * MAILS);
    assert_int_equal(contention->out_of_order, 0);
    assert_int_equal(contention->elsewhere, 0);
    for (unsigned p = 0; p < POSTERS; p++)
        for (unsigned i = 0; i < MAILS; i++)
            assert_int_equal(contention->mails[p][i].delivered, 1);
    pthread_barrier_destroy(&contention->start);
    du_free(contention);
}

/* --- expect --- */

static void a_mailbox_alone_does_not_keep_the_loop_alive(void **state) {
    struct fixture *fixture = *state;
    assert_false(uv_loop_alive(&fixture->loop));
}

static void an_expected_mail_keeps_the_loop_alive(void **state) {
    struct fixture *fixture = *state;
    du_mailbox_expect(&fixture->mailbox, 1);
    assert_true(uv_loop_alive(&fixture->loop));
    du_mailbox_expect(&fixture->mailbox, 1);
    du_mailbox_expect(&fixture->mailbox, -1);
    assert_true(uv_loop_alive(&fixture->loop));
    du_mailbox_expect(&fixture->mailbox, -1);
    assert_false(uv_loop_alive(&fixture->loop));
}

/* --- order and reentrance --- */

static void post_is_never_deliver(void **state) {
    struct fixture *fixture = *state;
    struct numbered mail = {.mail.deliver = note, .number = 1};
    du_mailbox_post(&fixture->mailbox, &mail.mail);
    assert_int_equal(ordered, 0);
    du_mailbox_drain(&fixture->mailbox);
    assert_int_equal(ordered, 1);
}

static void again_until_three(struct du_mail *mail) {
    struct numbered *numbered = numbered_of(mail);
    note(mail);
    if (++numbered->delivered < 3)
        du_mailbox_post(numbered->mailbox, mail);
}

static void a_mail_posted_again_from_its_deliver_waits_for_the_next_turn(void **state) {
    struct fixture *fixture = *state;
    struct numbered mail = {.mail.deliver = again_until_three, .mailbox = &fixture->mailbox};
    du_mailbox_post(&fixture->mailbox, &mail.mail);
    for (unsigned turn = 1; turn <= 3; turn++) {
        du_mailbox_drain(&fixture->mailbox);
        assert_int_equal(ordered, turn);
    }
    du_mailbox_drain(&fixture->mailbox);
    assert_int_equal(ordered, 3);
}

static void note_and_drain(struct du_mail *mail) {
    note(mail);
    du_mailbox_drain(numbered_of(mail)->mailbox);
}

static void a_drain_within_a_deliver_keeps_the_order(void **state) {
    struct fixture *fixture = *state;
    struct numbered mails[4];
    for (unsigned i = 0; i < 4; i++)
        mails[i] = (struct numbered){.mail.deliver = i == 0 ? note_and_drain : note,
                                     .mailbox = &fixture->mailbox,
                                     .number = i};
    for (unsigned i = 0; i < 4; i++)
        du_mailbox_post(&fixture->mailbox, &mails[i].mail);
    du_mailbox_drain(&fixture->mailbox);
    assert_int_equal(ordered, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(order[i], i);
}

static void note_and_free(struct du_mail *mail) {
    note(mail);
    du_free(numbered_of(mail));
}

static void a_mail_may_be_freed_by_its_deliver(void **state) {
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 3; i++) {
        struct numbered *mail = du_calloc(1, sizeof(*mail));
        mail->mail.deliver = note_and_free;
        mail->number = i;
        du_mailbox_post(&fixture->mailbox, &mail->mail);
    }
    du_mailbox_drain(&fixture->mailbox);
    assert_int_equal(ordered, 3);
}

/* --- close --- */

static unsigned closes;

static void count_close(struct du_mailbox *mailbox) {
    assert_ptr_equal(du_container_of(mailbox, struct fixture, mailbox), mailbox->user);
    closes++;
}

static void closing_delivers_what_was_posted(void **state) {
    struct fixture *fixture = *state;
    struct numbered mail = {.mail.deliver = note, .number = 7};
    closes = 0;
    du_mailbox_post(&fixture->mailbox, &mail.mail);
    du_mailbox_close(&fixture->mailbox, count_close);
    assert_int_equal(ordered, 1);
    assert_int_equal(closes, 0);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(closes, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        RULE(every_mail_of_many_threads_comes_once_and_in_its_posters_order),
        RULE(a_mailbox_alone_does_not_keep_the_loop_alive),
        RULE(an_expected_mail_keeps_the_loop_alive),
        RULE(post_is_never_deliver),
        RULE(a_mail_posted_again_from_its_deliver_waits_for_the_next_turn),
        RULE(a_drain_within_a_deliver_keeps_the_order),
        RULE(a_mail_may_be_freed_by_its_deliver),
        RULE(closing_delivers_what_was_posted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#ifndef DU_MAILBOX_H
#define DU_MAILBOX_H

/* How other threads talk to a loop: one mailbox, one uv_async_t a worker.
 *
 * Invariants
 *  1. A mail's node is embedded in what is posted, so posting cannot fail.
 *  2. Mails are delivered on the loop, in the order they were posted, each once. A mail may be
 * posted again (or freed) from its own deliver.
 *  3. deliver is never called from within du_mailbox_post.
 *  4. While du_mailbox_expect says that mails are due, the mailbox keeps the loop alive.
 *
 * Thread: post from any; all else on the loop.
 */

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

struct du_mail {
    struct du_mail *next;
    void (*deliver)(struct du_mail *mail);
};

struct du_mailbox {
    uv_async_t async;
    pthread_mutex_t lock;
    struct du_mail *first, **last;   /* posted; under the lock */
    struct du_mail *due, **last_due; /* being delivered; the loop's */
    unsigned long expected;
    void (*closed)(struct du_mailbox *mailbox);
    void *user;
};

/* The mailbox does not keep the loop alive by itself. 0 or a libuv error. */
int du_mailbox_init(struct du_mailbox *mailbox, uv_loop_t *loop);
void du_mailbox_post(struct du_mailbox *mailbox, struct du_mail *mail);
/* Delivers at once what was posted so far; for shutting down and for specs that drive a loop. */
void du_mailbox_drain(struct du_mailbox *mailbox);
/* One more (or one less) mail is on its way; the loop stays alive while the number is above zero.
 */
void du_mailbox_expect(struct du_mailbox *mailbox, int change);
/* Delivers what was posted; nothing may be posted any more. closed (may be NULL) is called when its
 * memory may be reused. */
void du_mailbox_close(struct du_mailbox *mailbox, void (*closed)(struct du_mailbox *mailbox));

#endif

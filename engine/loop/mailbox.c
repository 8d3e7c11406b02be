#include "mailbox.h"

#include "list.h"

/* What was posted goes behind what is due already, so a drain from within a deliver keeps the
 * order. */
static void collect(struct du_mailbox *mailbox) {
    pthread_mutex_lock(&mailbox->lock);
    *mailbox->last_due = mailbox->first;
    if (mailbox->first != NULL)
        mailbox->last_due = mailbox->last;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
}

static struct du_mail *take(struct du_mailbox *mailbox) {
    struct du_mail *mail = mailbox->due;
    if (mail == NULL)
        return NULL;
    mailbox->due = mail->next;
    if (mailbox->due == NULL)
        mailbox->last_due = &mailbox->due;
    return mail;
}

void du_mailbox_drain(struct du_mailbox *mailbox) {
    struct du_mail *mail;
    collect(mailbox);
    while ((mail = take(mailbox)) != NULL)
        mail->deliver(mail);
}

static void on_async(uv_async_t *async) {
    du_mailbox_drain(du_container_of(async, struct du_mailbox, async));
}

int du_mailbox_init(struct du_mailbox *mailbox, uv_loop_t *loop) {
    int failed = uv_async_init(loop, &mailbox->async, on_async);
    if (failed)
        return failed;
    uv_unref((uv_handle_t *)&mailbox->async);
    pthread_mutex_init(&mailbox->lock, NULL);
    mailbox->first = mailbox->due = NULL;
    mailbox->last = &mailbox->first;
    mailbox->last_due = &mailbox->due;
    mailbox->expected = 0;
    mailbox->closed = NULL;
    return 0;
}

void du_mailbox_post(struct du_mailbox *mailbox, struct du_mail *mail) {
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    bool first = mailbox->first == NULL;
    *mailbox->last = mail;
    mailbox->last = &mail->next;
    /* Under the lock: once it is released the loop may deliver the mail and close the mailbox. */
    if (first)
        uv_async_send(&mailbox->async);
    pthread_mutex_unlock(&mailbox->lock);
}

void du_mailbox_expect(struct du_mailbox *mailbox, int change) {
    mailbox->expected += (unsigned long)change;
    if (mailbox->expected > 0)
        uv_ref((uv_handle_t *)&mailbox->async);
    else
        uv_unref((uv_handle_t *)&mailbox->async);
}

static void on_closed(uv_handle_t *handle) {
    struct du_mailbox *mailbox = du_container_of(handle, struct du_mailbox, async);
    pthread_mutex_destroy(&mailbox->lock);
    if (mailbox->closed != NULL)
        mailbox->closed(mailbox);
}

void du_mailbox_close(struct du_mailbox *mailbox, void (*closed)(struct du_mailbox *mailbox)) {
    du_mailbox_drain(mailbox);
    mailbox->closed = closed;
    uv_close((uv_handle_t *)&mailbox->async, on_closed);
}

#include "gated_body.h"

#include "mem.h"

enum { TICK_MS = 100 };

enum gate_state { SHUT, OPEN, CUT };

struct du_gate {
    struct du_mail mail;
    struct du_mailbox *mailbox;
    struct du_list waiting;
    size_t waiting_count;
    int64_t at;
    int references;
    enum gate_state state;
};

struct gated {
    struct du_body body;
    struct du_body *inner;
    struct du_gate *gate;
    struct du_list node; /* in the gate's, while it stands there */
    struct du_timers *timers;
    struct du_timer timer;
    int64_t at;    /* bytes given */
    int64_t share; /* bytes a tick; 0: any */
    int64_t left;  /* of this tick's share */
    int64_t tick;  /* when it began, monotonic ms */
    bool headed;   /* what goes before it had the time to go */
};

/* Gates. */

static void wake_all(struct du_mail *mail) {
    struct du_gate *gate = du_container_of(mail, struct du_gate, mail);
    struct du_list *node;
    while ((node = du_list_take(&gate->waiting)) != NULL) {
        gate->waiting_count--;
        struct gated *gated = du_container_of(node, struct gated, node);
        gated->body.wake(&gated->body);
    }
    du_mailbox_expect(gate->mailbox, -1);
    du_gate_unref(&gate);
}

static void change(struct du_gate *gate, enum gate_state state) {
    if (gate->state != SHUT)
        return;
    gate->state = state;
    if (du_list_empty(&gate->waiting))
        return;
    gate->references++;
    gate->mail.deliver = wake_all;
    du_mailbox_expect(gate->mailbox, 1);
    du_mailbox_post(gate->mailbox, &gate->mail);
}

struct du_gate *du_gate_new(struct du_context *context, int64_t at) {
    struct du_gate *gate = du_calloc(1, sizeof *gate);
    if (gate == NULL)
        return NULL;
    gate->references = 1;
    gate->mailbox = context->mailbox;
    gate->at = at;
    du_list_init(&gate->waiting);
    return gate;
}

struct du_gate *du_gate_ref(struct du_gate *gate) {
    gate->references++;
    return gate;
}

void du_gate_unref(struct du_gate **unused) {
    struct du_gate *gate = *unused;
    *unused = NULL;
    if (gate != NULL && --gate->references == 0)
        du_free(gate);
}

void du_gate_open(struct du_gate *gate) {
    change(gate, OPEN);
}

void du_gate_cut(struct du_gate *gate) {
    change(gate, CUT);
}

size_t du_gate_waiting(const struct du_gate *gate) {
    return gate->waiting_count;
}

/* Bodies. */

static enum du_body_state stand_at_gate(struct gated *gated) {
    du_list_append(&gated->gate->waiting, &gated->node);
    gated->gate->waiting_count++;
    return DU_BODY_WAIT;
}

/* How many bytes the gate lets pass. */
static int64_t passable(const struct gated *gated) {
    if (gated->gate == NULL || gated->gate->state == OPEN)
        return INT64_MAX;
    return gated->gate->at - gated->at;
}

/* How many bytes the pace allows now. */
static int64_t paced(struct gated *gated) {
    if (gated->share == 0)
        return INT64_MAX;
    int64_t now = du_clock_mono_ms(gated->timers->clock);
    if (now - gated->tick >= TICK_MS) {
        gated->tick = now;
        gated->left = gated->share;
    }
    return gated->left;
}

static enum du_body_state await_tick(struct gated *gated) {
    int64_t over = du_clock_mono_ms(gated->timers->clock) - gated->tick;
    return du_timers_start(gated->timers, &gated->timer, TICK_MS - over) == DU_OK ? DU_BODY_WAIT
                                                                                  : DU_BODY_BROKEN;
}

static void tick(struct du_timer *timer) {
    struct gated *gated = du_container_of(timer, struct gated, timer);
    gated->body.wake(&gated->body);
}

/* One that gives no byte breaks a moment later, so that its head goes out. */
static enum du_body_state break_off(struct gated *gated) {
    bool headed = gated->headed || gated->at > 0;
    gated->headed = true;
    if (!headed && du_timers_start(gated->timers, &gated->timer, 1) == DU_OK)
        return DU_BODY_WAIT;
    return DU_BODY_BROKEN;
}

static enum du_body_state next(struct du_body *body, struct du_piece *piece) {
    struct gated *gated = (struct gated *)body;
    int64_t gate = passable(gated), pace = paced(gated);
    if (gate == 0)
        return gated->gate->state == CUT ? break_off(gated) : stand_at_gate(gated);
    if (pace == 0)
        return await_tick(gated);
    enum du_body_state state = gated->inner->type->next(gated->inner, piece);
    size_t most = (size_t)(gate < pace ? gate : pace);
    if ((state == DU_BODY_BYTES || state == DU_BODY_FILE) && piece->size > most)
        piece->size = most;
    return state;
}

static void sent(struct du_body *body, size_t size) {
    struct gated *gated = (struct gated *)body;
    gated->at += (int64_t)size;
    if (gated->share > 0)
        gated->left -= (int64_t)size;
    gated->inner->type->sent(gated->inner, size);
}

static void close_body(struct du_body *body) {
    struct gated *gated = (struct gated *)body;
    if (!du_list_empty(&gated->node)) {
        du_list_remove(&gated->node);
        gated->gate->waiting_count--;
    }
    du_timers_stop(gated->timers, &gated->timer);
    du_gate_unref(&gated->gate);
    gated->inner->type->close(gated->inner);
    du_free(gated);
}

static void wake(struct du_body *inner) {
    struct gated *gated = inner->driver;
    gated->body.wake(&gated->body);
}

static const struct du_body_type gated_type = {next, sent, close_body};

struct du_body *du_gated_body_new(struct du_body **inner, struct du_context *context,
                                  struct du_gate *gate, int64_t pace) {
    struct gated *gated = du_calloc(1, sizeof *gated);
    if (gated == NULL)
        return NULL;
    gated->body.type = &gated_type;
    gated->body.length = (*inner)->length;
    gated->inner = *inner;
    gated->gate = gate == NULL ? NULL : du_gate_ref(gate);
    gated->timers = context->timers;
    gated->timer.fire = tick;
    gated->share = pace > 0 ? pace * TICK_MS / 1000 + 1 : 0;
    gated->left = gated->share;
    gated->tick = du_clock_mono_ms(gated->timers->clock);
    du_list_init(&gated->node);
    (*inner)->wake = wake;
    (*inner)->driver = gated;
    *inner = NULL;
    return &gated->body;
}

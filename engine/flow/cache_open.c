/* Openings: from asking for a blob to having it, by a hit, a flight or a passage. */

#include "cache_int.h"
#include "desk.h"
#include "filler.h"
#include "mem.h"
#include "passage.h"
#include "want.h"

/* Somebody who waits. The caller may leave, and its struct go, while a mail is under way. */
struct opening {
    struct du_mail mail;
    struct du_waiter waiter;
    struct du_desk *desk;
    struct du_mailbox *home;
    struct du_want *want;
    struct du_cache_open *open; /* NULL once the caller has left */
    struct du_passage *passage;
    bool posted;       /* the passage's mail */
    struct du_job job; /* opening a cold file in the disk lane */
    struct du_blob *cold;
};

static void arrived(struct du_mail *mail);

static struct opening *opening_new(struct du_cache *cache, struct du_client *client,
                                   const struct du_cache_options *options,
                                   struct du_cache_open *open) {
    struct du_desk *desk = du_desk_find(cache, client, open->home);
    struct opening *opening = desk != NULL ? du_calloc(1, sizeof *opening) : NULL;
    if (opening == NULL || (opening->want = du_want_new(options)) == NULL) {
        du_free(opening);
        return NULL;
    }
    opening->mail.deliver = arrived;
    opening->desk = desk;
    opening->home = open->home;
    opening->open = open;
    desk->openings++;
    return opening;
}

static void opening_free(struct opening *opening) {
    struct du_desk *desk = opening->desk;
    du_want_unref(&opening->want);
    du_free(opening);
    desk->openings--;
    du_desk_left(desk);
}

/* On the thread that settles the flight. */
static void deliver(struct du_waiter *waiter) {
    struct opening *opening = du_container_of(waiter, struct opening, waiter);
    du_mailbox_post(opening->home, &opening->mail);
}

static struct du_blob *find(const struct opening *opening) {
    const struct du_want *want = opening->want;
    return du_cache_look_up(opening->desk->cache, want->by_digest ? &want->digest : NULL,
                            want->name, want->version, want->size, NULL);
}

/* The flight before may just have put it into the index: then all who joined look there. */
static void lead(struct opening *opening, struct du_flight *flight) {
    struct du_blob *blob = find(opening);
    if (blob == NULL) {
        du_filler_start(opening->desk, opening->want, &flight);
        return;
    }
    du_blob_unref(&blob);
    du_flight_complete(&flight, (struct du_outcome){du_error_of(DU_OK), NULL});
}

static enum du_step settle(struct opening *opening);

static enum du_step join(struct opening *opening) {
    const struct du_want *want = opening->want;
    struct du_flight_options options = {NULL, opening->desk};
    struct du_flight *flight;
    if (want->cancel_when_abandoned)
        options.on_abandon = du_desk_abandoned;
    opening->waiter = (struct du_waiter){.deliver = deliver};
    opening->open->status = DU_CACHE_COALESCED;
    switch (du_single_flight_join(opening->desk->cache->flights, want->key, want->key_size,
                                  &opening->waiter, &options, &flight, &opening->open->error)) {
    case DU_JOIN_LEADER:
        opening->open->status = DU_CACHE_MISS;
        lead(opening, flight);
        return DU_STEP_PENDING;
    case DU_JOIN_JOINED:
        return DU_STEP_PENDING;
    case DU_JOIN_SETTLED:
        return settle(opening);
    case DU_JOIN_FAILED:
        break;
    }
    return DU_STEP_FAILED;
}

/* A hit that cannot be opened is our disk's failure: fetching it again would not mend that. */
static enum du_step is_hit(struct du_cache_open *open) {
    open->status = DU_CACHE_HIT;
    if (du_blob_open(open->blob, &open->error) >= 0)
        return DU_STEP_DONE;
    du_blob_unref(&open->blob);
    return DU_STEP_FAILED;
}

static enum du_step look_again(struct opening *opening) {
    struct du_cache_open *open = opening->open;
    open->blob = find(opening);
    if (open->blob != NULL)
        return is_hit(open);
    if (opening->want->origin != NULL)
        return join(opening);
    open->status = DU_CACHE_MISS;
    du_error_set(&open->error, DU_NOT_FOUND, "it is not in the cache");
    return DU_STEP_FAILED;
}

/* Passing through ------------------------------------------------------------------------------ */

static void passage_opened(void *user) {
    struct opening *opening = user;
    opening->posted = true;
    du_mailbox_post(opening->home, &opening->mail);
}

static enum du_step pass_through(struct opening *opening) {
    opening->open->status = DU_CACHE_BYPASS;
    opening->passage = du_passage_new(opening->desk, opening->want, passage_opened, opening);
    if (opening->passage == NULL) {
        du_error_set(&opening->open->error, DU_MEMORY, "pass a body through");
        return DU_STEP_FAILED;
    }
    du_passage_begin(opening->passage);
    return DU_STEP_PENDING;
}

/* Its head is there, or it failed. */
static void hand_over(struct opening *opening) {
    struct du_cache_open *open = opening->open;
    if (open != NULL) {
        open->error = *du_passage_error(opening->passage);
        if (open->error.kind == DU_OK) {
            open->passage = opening->passage;
            opening->passage = NULL;
        }
    }
    du_passage_close(&opening->passage);
}

/* Settling ------------------------------------------------------------------------------------- */

/* The leader could not get it, but from elsewhere. */
static bool is_anothers_failure(const struct opening *opening, const struct du_outcome *outcome) {
    const struct du_want *leaders = du_want_of(outcome->value);
    return du_error_class(outcome->error.kind) != DU_CLASS_LOCAL && leaders != NULL &&
           !du_want_same_source(leaders, opening->want);
}

/* What the outcome means: a fill, a failure, "look again", or (with the leader's want) "there is no
 * room for it". */
static enum du_step settle(struct opening *opening) {
    struct du_cache_open *open = opening->open;
    struct du_outcome *outcome = &opening->waiter.outcome;
    open->fill = du_fill_of(outcome->value);
    if (open->fill != NULL) {
        open->hold = opening->waiter.held;
        return DU_STEP_DONE;
    }
    bool again = outcome->error.kind == DU_OK || is_anothers_failure(opening, outcome);
    bool no_room = outcome->error.kind == DU_OK && outcome->value != NULL;
    du_value_unref(&outcome->value);
    if (no_room)
        return pass_through(opening);
    if (again)
        return look_again(opening);
    open->error = outcome->error;
    return DU_STEP_FAILED;
}

static void count(struct du_cache *cache, const struct du_cache_open *open) {
    atomic_fetch_add(&cache->figures.opened[open->status], 1);
}

/* The news is here: it tells who waits, if he still does. */
static void finish(struct opening *opening) {
    struct du_cache_open *open = opening->open;
    du_mailbox_expect(opening->home, -1);
    if (open != NULL) {
        open->state = NULL;
        count(opening->desk->cache, open);
    }
    opening_free(opening);
    if (open != NULL)
        open->opened(open);
}

static void arrived(struct du_mail *mail) {
    struct opening *opening = du_container_of(mail, struct opening, mail);
    struct du_cache_open *open = opening->open;
    if (opening->passage != NULL) {
        hand_over(opening);
    } else if (open == NULL) {
        du_flight_drop(&opening->waiter.held);
        du_value_unref(&opening->waiter.outcome.value);
    } else if (settle(opening) == DU_STEP_PENDING) {
        return;
    }
    finish(opening);
}

/* Cold hits ------------------------------------------------------------------------------------ */

static void open_cold(struct du_job *job) {
    du_blob_open(du_container_of(job, struct opening, job)->cold, NULL);
}

/* The pin keeps the file open, so whoever looks now sees it; and if it could not be opened, why. */
static void have_opened_cold(struct du_job *job) {
    struct opening *opening = du_container_of(job, struct opening, job);
    struct du_blob *pin = opening->cold;
    opening->cold = NULL;
    if (opening->open == NULL || look_again(opening) != DU_STEP_PENDING)
        finish(opening);
    du_blob_unref(&pin);
}

/* Takes the pin. */
static enum du_step wait_for_disk(struct opening *opening, struct du_blob **pin) {
    opening->cold = *pin;
    opening->job =
        (struct du_job){.work = open_cold, .done = have_opened_cold, .home = opening->home};
    enum du_error_kind kind = du_lane_submit(opening->desk->cache->disk, &opening->job);
    if (kind == DU_OK) {
        *pin = NULL;
        return DU_STEP_PENDING;
    }
    opening->cold = NULL;
    du_error_set(&opening->open->error, kind, "the disk lane is full");
    return DU_STEP_FAILED;
}

/* What is known to be too large needs no flight to find out. */
static enum du_step begin(struct opening *opening) {
    struct du_cache *cache = opening->desk->cache;
    const struct du_want *want = opening->want;
    bool too_large = want->size >= 0 ? !du_index_may_hold(cache->index, want->size)
                                     : du_cache_has_outgrown(cache, want);
    return too_large ? pass_through(opening) : join(opening);
}

static enum du_step open_new(struct opening *opening, struct du_blob **cold) {
    enum du_step step = *cold != NULL ? wait_for_disk(opening, cold) : begin(opening);
    if (step != DU_STEP_PENDING) {
        opening_free(opening);
        return step;
    }
    opening->open->state = opening;
    du_mailbox_expect(opening->home, 1);
    return step;
}

enum du_step du_cache_open(struct du_cache *cache, struct du_client *client,
                           const struct du_cache_options *options, struct du_cache_open *open) {
    enum du_step step = DU_STEP_FAILED;
    struct opening *opening = NULL;
    bool cold = false;
    *open = (struct du_cache_open){.home = open->home,
                                   .opened = open->opened,
                                   .status = DU_CACHE_HIT,
                                   .error = du_error_of(DU_OK),
                                   .cache = cache};
    struct du_blob *blob = du_cache_look_up(cache, options->digest, options->name, options->version,
                                            options->size, &cold);
    if (blob != NULL && !cold) {
        open->blob = blob;
        step = is_hit(open);
        count(cache, open);
        return step;
    }
    if (!cold)
        open->status = DU_CACHE_MISS;
    if (!cold && options->origin == NULL)
        du_error_set(&open->error, DU_NOT_FOUND, "it is not in the cache");
    else if ((opening = opening_new(cache, client, options, open)) == NULL)
        du_error_set(&open->error, DU_MEMORY, "open a blob");
    else
        step = open_new(opening, &blob);
    du_blob_unref(&blob);
    if (step != DU_STEP_PENDING)
        count(cache, open);
    return step;
}

bool du_cache_leave(struct du_cache *cache, struct du_cache_open *open) {
    struct opening *opening = open->state;
    (void)cache;
    if (opening == NULL)
        return false;
    open->state = NULL;
    opening->open = NULL;
    if (opening->posted || opening->cold != NULL)
        return true;
    bool passing = opening->passage != NULL; /* its waiter has been told long since */
    du_passage_close(&opening->passage);
    if (passing || du_flight_leave(&opening->waiter)) {
        du_mailbox_expect(opening->home, -1);
        opening_free(opening);
    }
    return true;
}

void du_cache_release(struct du_cache_open *open) {
    du_blob_unref(&open->blob);
    du_flight_drop(&open->hold);
    du_fill_unref(&open->fill);
    du_passage_close(&open->passage);
}

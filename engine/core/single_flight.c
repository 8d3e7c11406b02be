#include "single_flight.h"

#include "mem.h"
#include "table.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

struct du_flight_domain {
    pthread_mutex_t lock; /* of all tables, flights and waiters of the domain */
    pthread_cond_t hook_left;
    uint64_t searches; /* numbers the searches for circles; a flight is marked with the last */
};

struct du_single_flight {
    struct du_flight_domain *domain;
    struct du_table flights; /* by key */
};

struct du_flight {
    struct du_table_node node; /* in the table; first */
    atomic_int references;
    struct du_flight_domain *domain;
    struct du_single_flight *table; /* NULL once it is out of the table */
    struct du_flight_options options;
    struct du_list waiters;    /* of this flight, by in_flight */
    struct du_list waiting_in; /* waiters of other flights that this one's operation is in */
    struct du_list hooks;      /* calls of on_abandon under way */
    size_t waiting, holds;
    bool published, ended;
    struct du_value *value; /* what was published */
    uint64_t search;        /* the last search for a circle that saw it */
    struct du_flight *found;
    char key[];
};

/* One call of on_abandon, on the stack of the thread that makes it. */
struct hook_call {
    pthread_t thread;
    struct du_list node;
};

enum du_error_kind du_flight_domain_new(struct du_flight_domain **domain) {
    *domain = du_calloc(1, sizeof **domain);
    if (*domain == NULL)
        return DU_MEMORY;
    pthread_mutex_init(&(*domain)->lock, NULL);
    pthread_cond_init(&(*domain)->hook_left, NULL);
    return DU_OK;
}

void du_flight_domain_free(struct du_flight_domain **domain) {
    if (*domain == NULL)
        return;
    pthread_cond_destroy(&(*domain)->hook_left);
    pthread_mutex_destroy(&(*domain)->lock);
    du_free(*domain);
    *domain = NULL;
}

enum du_error_kind du_single_flight_new(struct du_single_flight **table,
                                        struct du_flight_domain *domain) {
    *table = du_calloc(1, sizeof **table);
    if (*table == NULL)
        return DU_MEMORY;
    (*table)->domain = domain;
    du_table_init(&(*table)->flights);
    return DU_OK;
}

void du_single_flight_free(struct du_single_flight **table) {
    assert(*table == NULL || (*table)->flights.count == 0);
    du_free(*table);
    *table = NULL;
}

struct du_flight *du_flight_ref(struct du_flight *flight) {
    atomic_fetch_add_explicit(&flight->references, 1, memory_order_relaxed);
    return flight;
}

void du_flight_unref(struct du_flight **flight) {
    struct du_flight *gone = *flight;
    *flight = NULL;
    if (gone == NULL || atomic_fetch_sub_explicit(&gone->references, 1, memory_order_acq_rel) != 1)
        return;
    du_value_unref(&gone->value);
    du_free(gone);
}

/* From here to the next such line: the domain's lock is held. */

/* A flight in the table with its leader's reference; NULL when out of memory. The key is copied
 * into the flight, so a flight costs one allocation and what the table grows by. */
static struct du_flight *start(struct du_single_flight *table, struct du_table_key key,
                               const struct du_flight_options *options) {
    struct du_flight *flight = du_calloc(1, sizeof *flight + key.size);
    if (flight == NULL)
        return NULL;
    atomic_init(&flight->references, 1);
    flight->domain = table->domain;
    flight->table = table;
    if (options != NULL)
        flight->options = *options;
    du_list_init(&flight->waiters);
    du_list_init(&flight->waiting_in);
    du_list_init(&flight->hooks);
    key.bytes = memcpy(flight->key, key.bytes, key.size);
    du_table_add(&table->flights, &flight->node, key);
    return flight;
}

/* By identity: out goes this very flight, never another one of its key. */
static void take_out(struct du_flight *flight) {
    if (flight->table != NULL)
        du_table_remove(&flight->table->flights, &flight->node);
    flight->table = NULL;
}

static void wait_for(struct du_waiter *waiter, struct du_flight *flight) {
    assert(waiter->state != DU_WAITER_WAITING);
    waiter->state = DU_WAITER_WAITING;
    waiter->flight = flight;
    du_list_append(&flight->waiters, &waiter->in_flight);
    flight->waiting++;
    du_list_init(&waiter->in_within);
    if (waiter->within != NULL && !waiter->within->ended)
        du_list_append(&waiter->within->waiting_in, &waiter->in_within);
}

static void wait_no_more(struct du_waiter *waiter, enum du_waiter_state state) {
    waiter->state = state;
    waiter->flight->waiting--;
    waiter->flight = NULL;
    du_list_remove(&waiter->in_flight);
    du_list_remove(&waiter->in_within);
}

/* All waiters to a list of the caller's own, who then delivers to them without the lock. */
static void settle_all(struct du_flight *flight, struct du_list *settled) {
    while (!du_list_empty(&flight->waiters)) {
        struct du_waiter *waiter =
            du_container_of(flight->waiters.next, struct du_waiter, in_flight);
        wait_no_more(waiter, DU_WAITER_SETTLED);
        du_list_append(settled, &waiter->in_flight);
    }
}

/* True when the operation of `from` waits, directly or through others, for the flight `to`. A chain
 * of flights found and not yet looked at stands in for recursion. */
static bool leads_to(struct du_flight_domain *domain, struct du_flight *from,
                     const struct du_flight *to) {
    uint64_t search = ++domain->searches;
    struct du_flight *last = from;
    from->search = search;
    from->found = NULL;
    for (struct du_flight *flight = from; flight != NULL; flight = flight->found) {
        if (flight == to)
            return true;
        du_list_each(node, &flight->waiting_in) {
            struct du_flight *next = du_container_of(node, struct du_waiter, in_within)->flight;
            if (next->search == search)
                continue;
            next->search = search;
            next->found = NULL;
            last = last->found = next;
        }
    }
    return false;
}

static bool unwanted(const struct du_flight *flight) {
    return flight->waiting == 0 && flight->holds == 0 && !flight->ended;
}

/* To be asked when somebody has just left: true when on_abandon is due. The call is entered at
 * once, so that du_flight_complete cannot slip past it. */
static bool enter_hook(struct du_flight *flight, struct hook_call *call) {
    if (!unwanted(flight) || flight->table == NULL || flight->options.on_abandon == NULL)
        return false;
    call->thread = pthread_self();
    du_list_append(&flight->hooks, &call->node);
    du_flight_ref(flight);
    return true;
}

/* Waits for hooks that other threads are in; the hook may itself complete the flight. */
static void outwait_hooks(struct du_flight *flight) {
    for (;;) {
        bool others = false;
        du_list_each(node, &flight->hooks) {
            struct hook_call *call = du_container_of(node, struct hook_call, node);
            others |= !pthread_equal(call->thread, pthread_self());
        }
        if (!others)
            return;
        pthread_cond_wait(&flight->domain->hook_left, &flight->domain->lock);
    }
}

static enum du_join settle_at_once(struct du_flight *flight, struct du_waiter *waiter) {
    flight->holds++;
    waiter->held = du_flight_ref(flight);
    waiter->outcome.value = du_value_ref(flight->value);
    waiter->state = DU_WAITER_SETTLED;
    return DU_JOIN_SETTLED;
}

/* From here on the lock is not held on entry. */

static void call_hook(struct du_flight *flight, struct hook_call *call) {
    flight->options.on_abandon(flight, flight->options.user);
    pthread_mutex_lock(&flight->domain->lock);
    du_list_remove(&call->node);
    pthread_cond_broadcast(&flight->domain->hook_left);
    pthread_mutex_unlock(&flight->domain->lock);
    du_flight_unref(&flight);
}

enum du_join du_single_flight_join(struct du_single_flight *table, const void *key, size_t size,
                                   struct du_waiter *waiter,
                                   const struct du_flight_options *options,
                                   struct du_flight **flight, struct du_error *error) {
    enum du_join join = DU_JOIN_JOINED;
    struct du_table_key wanted = du_table_key(size > 0 ? key : "", size);
    *flight = NULL;
    waiter->domain = table->domain;
    waiter->outcome.error.kind = DU_OK;
    waiter->outcome.value = NULL;
    waiter->held = NULL;
    pthread_mutex_lock(&table->domain->lock);
    struct du_flight *found = (struct du_flight *)du_table_find(&table->flights, &wanted);
    if (found == NULL) {
        found = *flight = start(table, wanted, options);
        join = found != NULL ? DU_JOIN_LEADER : DU_JOIN_FAILED;
    } else if (found->published) {
        join = settle_at_once(found, waiter);
    } else if (waiter->within != NULL && leads_to(table->domain, found, waiter->within)) {
        join = DU_JOIN_FAILED;
    }
    if (join == DU_JOIN_LEADER || join == DU_JOIN_JOINED)
        wait_for(waiter, found);
    pthread_mutex_unlock(&table->domain->lock);
    if (join == DU_JOIN_FAILED && found == NULL)
        du_error_set(error, DU_MEMORY, "out of memory for a flight");
    else if (join == DU_JOIN_FAILED)
        du_error_set(error, DU_SCRIPT,
                     "a flight cannot wait for itself, nor for one that waits for it");
    return join;
}

size_t du_single_flight_count(struct du_single_flight *table) {
    pthread_mutex_lock(&table->domain->lock);
    size_t count = table->flights.count;
    pthread_mutex_unlock(&table->domain->lock);
    return count;
}

bool du_single_flight_is_up(struct du_single_flight *table, const void *key, size_t size) {
    struct du_table_key wanted = du_table_key(size > 0 ? key : "", size);
    pthread_mutex_lock(&table->domain->lock);
    bool up = du_table_find(&table->flights, &wanted) != NULL;
    pthread_mutex_unlock(&table->domain->lock);
    return up;
}

void du_single_flight_each(struct du_single_flight *table,
                           void (*each)(void *user, const void *key, size_t size, size_t waiters,
                                        bool published),
                           void *user) {
    pthread_mutex_lock(&table->domain->lock);
    for (struct du_table_node *node = NULL;
         (node = du_table_next(&table->flights, node)) != NULL;) {
        const struct du_flight *flight = (struct du_flight *)node;
        each(user, flight->key, node->key.size, flight->waiting, flight->published);
    }
    pthread_mutex_unlock(&table->domain->lock);
}

void du_flight_watch(struct du_flight *flight, const struct du_flight_options *options) {
    pthread_mutex_lock(&flight->domain->lock);
    assert(!unwanted(flight));
    flight->options = *options;
    pthread_mutex_unlock(&flight->domain->lock);
}

static const struct du_error no_error = {.kind = DU_OK, .retry_after = -1};

/* Each gets a reference of its own; `held` is NULL when the flight is over. An error is large, so
 * it is copied only where there is one. */
static void deliver_all(struct du_list *settled, const struct du_error *error,
                        struct du_value *value, struct du_flight *held) {
    for (struct du_list *node = du_list_take(settled); node != NULL; node = du_list_take(settled)) {
        struct du_waiter *waiter = du_container_of(node, struct du_waiter, in_flight);
        if (error->kind != DU_OK)
            waiter->outcome.error = *error;
        waiter->outcome.value = du_value_ref(value);
        waiter->held = held != NULL ? du_flight_ref(held) : NULL;
        waiter->deliver(waiter);
    }
}

void du_flight_publish(struct du_flight *flight, struct du_value *value) {
    struct du_list settled;
    struct du_flight *kept = du_flight_ref(flight); /* a deliver hook may complete it */
    du_list_init(&settled);
    pthread_mutex_lock(&flight->domain->lock);
    assert(!flight->published && !flight->ended);
    flight->published = true;
    flight->value = du_value_ref(value);
    flight->holds += flight->waiting;
    settle_all(flight, &settled);
    pthread_mutex_unlock(&flight->domain->lock);
    deliver_all(&settled, &no_error, flight->value, flight);
    du_flight_unref(&kept);
}

bool du_flight_published(struct du_flight *flight) {
    pthread_mutex_lock(&flight->domain->lock);
    bool published = flight->published;
    pthread_mutex_unlock(&flight->domain->lock);
    return published;
}

static void end(struct du_flight **flight, const struct du_error *error, struct du_value *value) {
    struct du_flight *ending = *flight;
    struct du_list settled;
    *flight = NULL;
    du_list_init(&settled);
    pthread_mutex_lock(&ending->domain->lock);
    assert(!ending->ended);
    ending->ended = true;
    take_out(ending);
    settle_all(ending, &settled);
    while (du_list_take(&ending->waiting_in) != NULL)
        continue;
    outwait_hooks(ending);
    pthread_mutex_unlock(&ending->domain->lock);
    deliver_all(&settled, error, value, NULL);
    du_value_unref(&value);
    du_flight_unref(&ending);
}

void du_flight_complete(struct du_flight **flight, struct du_outcome outcome) {
    end(flight, &outcome.error, outcome.value);
}

void du_flight_succeed(struct du_flight **flight, struct du_value *value) {
    end(flight, &no_error, value);
}

bool du_flight_leave(struct du_waiter *waiter) {
    if (waiter->domain == NULL)
        return true;
    struct hook_call call;
    bool hook = false;
    pthread_mutex_lock(&waiter->domain->lock);
    struct du_flight *flight = waiter->flight;
    bool left = waiter->state != DU_WAITER_SETTLED;
    if (waiter->state == DU_WAITER_WAITING) {
        wait_no_more(waiter, DU_WAITER_IDLE);
        hook = enter_hook(flight, &call);
    }
    pthread_mutex_unlock(&waiter->domain->lock);
    if (hook)
        call_hook(flight, &call);
    return left;
}

bool du_flight_confirm_abandoned(struct du_flight *flight) {
    pthread_mutex_lock(&flight->domain->lock);
    bool abandoned = unwanted(flight);
    if (abandoned)
        take_out(flight);
    pthread_mutex_unlock(&flight->domain->lock);
    return abandoned;
}

struct du_flight *du_flight_hold(struct du_flight *flight) {
    pthread_mutex_lock(&flight->domain->lock);
    flight->holds++;
    pthread_mutex_unlock(&flight->domain->lock);
    return du_flight_ref(flight);
}

void du_flight_drop(struct du_flight **held) {
    struct du_flight *flight = *held;
    struct hook_call call;
    *held = NULL;
    if (flight == NULL)
        return;
    pthread_mutex_lock(&flight->domain->lock);
    flight->holds--;
    bool hook = enter_hook(flight, &call);
    pthread_mutex_unlock(&flight->domain->lock);
    if (hook)
        call_hook(flight, &call);
    du_flight_unref(&flight);
}

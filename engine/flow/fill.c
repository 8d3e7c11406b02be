#include "fill_int.h"

#include "mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct du_fill_port {
    struct du_mail mail; /* under way: it holds a reference to the fill */
    struct du_mailbox *home;
    struct du_fill *fill;
    struct du_fill_port *next;
    bool posted;
    struct du_list parked;
    int64_t least_seen; /* by any that is parked, or lower */
};

struct du_fill {
    struct du_value value;
    int64_t length;
    int fd;
    atomic_int state; /* stored after what it stands for: committed, error, pin */
    atomic_int_fast64_t committed;
    struct du_reservation reservation;
    struct du_error error; /* FAILED */
    struct du_blob *pin;   /* VERIFIED: nobody removes what is being read */
    pthread_mutex_t lock;  /* the ports and what is parked in them */
    struct du_fill_port *ports;
};

/* Life ---------------------------------------------------------------------------------------- */

static void free_fill(struct du_value *value) {
    struct du_fill *fill = du_container_of(value, struct du_fill, value);
    for (struct du_fill_port *port = fill->ports, *next; port != NULL; port = next) {
        assert(!port->posted && du_list_empty(&port->parked));
        next = port->next;
        du_free(port);
    }
    if (fill->fd >= 0)
        close(fill->fd);
    du_blob_unref(&fill->pin);
    du_index_release(&fill->reservation);
    pthread_mutex_destroy(&fill->lock);
    du_free(fill);
}

static const struct du_value_type fill_type = {"fill", free_fill};

struct du_fill *du_fill_new(void) {
    struct du_fill *fill = du_calloc(1, sizeof *fill);
    if (fill == NULL)
        return NULL;
    du_value_init(&fill->value, &fill_type);
    pthread_mutex_init(&fill->lock, NULL);
    atomic_init(&fill->state, DU_FILL_FILLING);
    atomic_init(&fill->committed, 0);
    fill->length = -1;
    fill->fd = -1;
    return fill;
}

struct du_value *du_fill_value(struct du_fill *fill) {
    return &fill->value;
}

struct du_fill *du_fill_of(struct du_value *value) {
    return value != NULL && value->type == &fill_type ? (struct du_fill *)value : NULL;
}

void du_fill_unref(struct du_fill **fill) {
    struct du_value *value = *fill != NULL ? &(*fill)->value : NULL;
    *fill = NULL;
    du_value_unref(&value);
}

void du_fill_set_length(struct du_fill *fill, int64_t length) {
    fill->length = length;
}

enum du_error_kind du_fill_set_file(struct du_fill *fill, int fd, struct du_error *error) {
    fill->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return fill->fd >= 0 ? DU_OK : du_error_errno(error, errno, "share", "a partial");
}

struct du_reservation *du_fill_reservation(struct du_fill *fill) {
    return &fill->reservation;
}

/* Looking ------------------------------------------------------------------------------------- */

int64_t du_fill_length(const struct du_fill *fill) {
    return fill->length;
}

int du_fill_fd(const struct du_fill *fill) {
    return fill->fd;
}

/* State first: so `committed` is the whole when the state says that it is. */
enum du_fill_state du_fill_look(const struct du_fill *fill, int64_t *committed,
                                struct du_error *error) {
    enum du_fill_state state = (enum du_fill_state)atomic_load(&fill->state);
    *committed = atomic_load(&fill->committed);
    if (state == DU_FILL_FAILED && error != NULL)
        *error = fill->error;
    return state;
}

const struct du_digest *du_fill_digest(const struct du_fill *fill) {
    bool verified = atomic_load(&fill->state) == DU_FILL_VERIFIED;
    return verified && fill->pin != NULL ? du_blob_digest(fill->pin) : NULL;
}

/* Parking: from here to the next such line the lock is held ------------------------------------ */

static bool has_come(const struct du_fill *fill, int64_t seen) {
    int64_t committed;
    switch (du_fill_look(fill, &committed, NULL)) {
    case DU_FILL_FILLING:
    case DU_FILL_VERIFYING:
        return committed > seen;
    case DU_FILL_VERIFIED:
    case DU_FILL_FAILED:
        break;
    }
    return true;
}

static void park(struct du_fill_port *port, struct du_fill_parked *parked) {
    du_list_append(&port->parked, &parked->node);
    if (parked->seen < port->least_seen)
        port->least_seen = parked->seen;
}

/* Those for whom it has come go to `due`; the others park on. */
static void sort_out(struct du_fill_port *port, struct du_list *due) {
    struct du_list all;
    du_list_init(&all);
    du_list_move(&all, &port->parked);
    port->least_seen = INT64_MAX;
    du_list_each(node, &all) {
        struct du_fill_parked *parked = du_container_of(node, struct du_fill_parked, node);
        du_list_remove(node);
        if (has_come(port->fill, parked->seen))
            du_list_append(due, node);
        else
            park(port, parked);
    }
}

static struct du_fill_port *find_port(struct du_fill *fill, const struct du_mailbox *home) {
    struct du_fill_port *port = fill->ports;
    while (port != NULL && port->home != home)
        port = port->next;
    return port;
}

/* From here on the lock is not held on entry. ----------------------------------------------------
 */

static void deliver(struct du_mail *mail) {
    struct du_fill_port *port = du_container_of(mail, struct du_fill_port, mail);
    struct du_fill *fill = port->fill;
    struct du_list due, *node;
    du_list_init(&due);
    pthread_mutex_lock(&fill->lock);
    port->posted = false;
    sort_out(port, &due);
    pthread_mutex_unlock(&fill->lock);
    while ((node = du_list_take(&due)) != NULL) {
        struct du_fill_parked *parked = du_container_of(node, struct du_fill_parked, node);
        parked->woken(parked);
    }
    du_fill_unref(&fill);
}

static void wake(struct du_fill *fill) {
    pthread_mutex_lock(&fill->lock);
    for (struct du_fill_port *port = fill->ports; port != NULL; port = port->next) {
        if (port->posted || du_list_empty(&port->parked) || !has_come(fill, port->least_seen))
            continue;
        port->posted = true;
        du_value_ref(&fill->value);
        du_mailbox_post(port->home, &port->mail);
    }
    pthread_mutex_unlock(&fill->lock);
}

struct du_fill_port *du_fill_port(struct du_fill *fill, struct du_mailbox *home) {
    pthread_mutex_lock(&fill->lock);
    struct du_fill_port *port = find_port(fill, home);
    if (port == NULL && (port = du_calloc(1, sizeof *port)) != NULL) {
        port->mail.deliver = deliver;
        port->home = home;
        port->fill = fill;
        port->least_seen = INT64_MAX;
        du_list_init(&port->parked);
        port->next = fill->ports;
        fill->ports = port;
    }
    pthread_mutex_unlock(&fill->lock);
    return port;
}

bool du_fill_park(struct du_fill_port *port, struct du_fill_parked *parked, int64_t seen) {
    pthread_mutex_lock(&port->fill->lock);
    bool come = has_come(port->fill, seen);
    if (!come) {
        parked->seen = seen;
        park(port, parked);
    }
    pthread_mutex_unlock(&port->fill->lock);
    return !come;
}

void du_fill_unpark(struct du_fill_port *port, struct du_fill_parked *parked) {
    pthread_mutex_lock(&port->fill->lock);
    du_list_remove(&parked->node);
    pthread_mutex_unlock(&port->fill->lock);
}

/* Moving -------------------------------------------------------------------------------------- */

static void enter(struct du_fill *fill, enum du_fill_state state) {
    atomic_store(&fill->state, (int)state);
    wake(fill);
}

void du_fill_advance(struct du_fill *fill, int64_t committed) {
    assert(atomic_load(&fill->state) == DU_FILL_FILLING);
    atomic_store(&fill->committed, committed);
    wake(fill);
}

void du_fill_verifying(struct du_fill *fill) {
    assert(atomic_load(&fill->state) == DU_FILL_FILLING);
    atomic_store(&fill->state, DU_FILL_VERIFYING);
}

void du_fill_verified(struct du_fill *fill, struct du_blob **pin) {
    assert(atomic_load(&fill->state) == DU_FILL_VERIFYING);
    du_index_release(&fill->reservation);
    fill->pin = *pin;
    *pin = NULL;
    enter(fill, DU_FILL_VERIFIED);
}

void du_fill_failed(struct du_fill *fill, const struct du_error *error) {
    assert(atomic_load(&fill->state) < DU_FILL_VERIFIED);
    fill->error = *error;
    enter(fill, DU_FILL_FAILED);
}

#include "counter.h"

#include "fault.h"
#include "list.h"
#include "map.h"
#include "mem.h"

#include <pthread.h>
#include <string.h>

enum { DAYS_KEPT = 8 };

/* What a subject has used of one scope on one day. */
struct row {
    struct du_list node;
    int32_t day;
    int64_t count;
    char scope[];
};

struct subject {
    UT_hash_handle hh;
    struct du_list rows; /* a few: one per scope and day kept */
    char name[];
};

struct memory {
    struct du_counter counter;
    struct du_faults *faults;
    pthread_mutex_t lock;
    struct subject *subjects;
    int32_t newest; /* the latest day that was counted */
};

static struct memory *memory_of(struct du_counter *counter) {
    return du_container_of(counter, struct memory, counter);
}

static void free_subject(struct memory *memory, struct subject *subject) {
    HASH_DELETE(hh, memory->subjects, subject);
    du_list_each(node, &subject->rows) du_free(du_container_of(node, struct row, node));
    du_free(subject);
}

/* Days that are long over, so that a process that lives for years does not grow. */
static void forget_old(struct memory *memory, int32_t day) {
    if (memory->subjects != NULL && day <= memory->newest)
        return;
    memory->newest = day;
    struct subject *subject, *next;
    HASH_ITER(hh, memory->subjects, subject, next) {
        du_list_each(node, &subject->rows) {
            struct row *row = du_container_of(node, struct row, node);
            if (row->day > day - DAYS_KEPT)
                continue;
            du_list_remove(node);
            du_free(row);
        }
        if (du_list_empty(&subject->rows))
            free_subject(memory, subject);
    }
}

/* NULL when nothing was counted. */
static struct row *find_row(struct memory *memory, const char *scope, const char *name,
                            int32_t day) {
    struct subject *subject;
    HASH_FIND_STR(memory->subjects, name, subject);
    if (subject == NULL)
        return NULL;
    du_list_each(node, &subject->rows) {
        struct row *row = du_container_of(node, struct row, node);
        if (row->day == day && strcmp(row->scope, scope) == 0)
            return row;
    }
    return NULL;
}

static struct subject *make_subject(struct memory *memory, const char *name) {
    struct subject *subject;
    HASH_FIND_STR(memory->subjects, name, subject);
    if (subject != NULL)
        return subject;
    size_t size = strlen(name);
    subject = du_calloc(1, sizeof *subject + size + 1);
    if (subject == NULL)
        return NULL;
    memcpy(subject->name, name, size);
    du_list_init(&subject->rows);
    HASH_ADD_KEYPTR(hh, memory->subjects, subject->name, size, subject);
    if (!du_map_failed(subject))
        return subject;
    du_free(subject);
    return NULL;
}

/* NULL when out of memory. */
static struct row *make_row(struct memory *memory, const char *scope, const char *name,
                            int32_t day) {
    struct row *row = find_row(memory, scope, name, day);
    if (row != NULL)
        return row;
    size_t size = strlen(scope);
    row = du_calloc(1, sizeof *row + size + 1);
    if (row == NULL)
        return NULL;
    struct subject *subject = make_subject(memory, name);
    if (subject == NULL) {
        du_free(row);
        return NULL;
    }
    memcpy(row->scope, scope, size);
    row->day = day;
    du_list_append(&subject->rows, &row->node);
    return row;
}

static enum du_step add(struct du_counter *counter, struct du_count *count) {
    struct memory *memory = memory_of(counter);
    count->granted = false;
    count->error.kind = DU_OK;
    if (du_fault(memory->faults, DU_FAULT_COUNTER_ADD) != 0) {
        du_error_set(&count->error, DU_STORE, "count a grant of %s: a fault was armed",
                     count->scope);
        return DU_STEP_FAILED;
    }
    if (count->cap == 0) /* who may have none costs no memory */
        return DU_STEP_DONE;
    pthread_mutex_lock(&memory->lock);
    forget_old(memory, count->day);
    struct row *row = make_row(memory, count->scope, count->subject, count->day);
    if (row != NULL) {
        count->granted = count->cap == DU_UNLIMITED || row->count < count->cap;
        row->count += count->granted;
    }
    pthread_mutex_unlock(&memory->lock);
    if (row != NULL)
        return DU_STEP_DONE;
    du_error_set(&count->error, DU_MEMORY, "out of memory for a count of %s", count->scope);
    return DU_STEP_FAILED;
}

static enum du_error_kind give_back(struct du_counter *counter, const char *scope,
                                    const char *subject, int32_t day, struct du_error *error) {
    struct memory *memory = memory_of(counter);
    if (du_fault(memory->faults, DU_FAULT_COUNTER_GIVE_BACK) != 0)
        return du_error_set(error, DU_STORE, "give a count of %s back: a fault was armed", scope);
    pthread_mutex_lock(&memory->lock);
    struct row *row = find_row(memory, scope, subject, day);
    if (row != NULL && row->count > 0)
        row->count--;
    pthread_mutex_unlock(&memory->lock);
    return DU_OK;
}

static int64_t read_count(struct du_counter *counter, const char *scope, const char *subject,
                          int32_t day) {
    struct memory *memory = memory_of(counter);
    pthread_mutex_lock(&memory->lock);
    struct row *row = find_row(memory, scope, subject, day);
    int64_t count = row != NULL ? row->count : 0;
    pthread_mutex_unlock(&memory->lock);
    return count;
}

static void free_memory(struct du_counter *counter) {
    struct memory *memory = memory_of(counter);
    struct subject *subject, *next;
    HASH_ITER(hh, memory->subjects, subject, next) {
        free_subject(memory, subject);
    }
    pthread_mutex_destroy(&memory->lock);
    du_free(memory);
}

static const struct du_counter_type memory_type = {
    .add = add, .give_back = give_back, .read = read_count, .free = free_memory};

enum du_error_kind du_counter_memory_new(struct du_counter **counter, struct du_faults *faults) {
    struct memory *memory = du_calloc(1, sizeof *memory);
    *counter = NULL;
    if (memory == NULL)
        return DU_MEMORY;
    memory->counter.type = &memory_type;
    memory->faults = faults;
    pthread_mutex_init(&memory->lock, NULL);
    *counter = &memory->counter;
    return DU_OK;
}

void du_counter_free(struct du_counter **counter) {
    if (*counter != NULL)
        (*counter)->type->free(*counter);
    *counter = NULL;
}

#ifndef DU_TASK_INT_H
#define DU_TASK_INT_H

/* What the files of the task floor share: tasks.c keeps them, task.c runs, parks and wakes them,
 * ending.c tells how they ended, held.c keeps what comes early. */

#include "budget.h"
#include "task.h"

enum du_task_state { DU_TASK_IDLE, DU_TASK_RUNNING, DU_TASK_PARKED, DU_TASK_READY };

/* What a task that waits does when it is cancelled, and when it goes on. */
struct du_task_parking {
    void (*cancel)(void *user);
    void *cancel_user;
    lua_KFunction after; /* NULL: what was pushed are the results */
    lua_KContext context;
    du_task_push *push;
    void *push_user;
};

struct du_task {
    struct du_list link; /* among the alive, or the idle */
    struct du_list ready;
    struct du_tasks *tasks;
    lua_State *thread; /* anchored in the registry under the task's address */
    struct du_task_options options;
    enum du_task_state state;
    uint64_t run;    /* which use of this memory it is */
    uint64_t ticket; /* the one that may wake it; 0: none */
    uint64_t woken;  /* the one that did before its wait was reached; 0: none */
    struct du_task_parking parking;
    lua_State *held; /* what an early wake-up pushed; anchored under &held */
    struct du_budget budget;
    unsigned barred; /* resumes under way that nothing can yield through */
    bool cancelled;
    int status; /* Lua's, of its function */
    struct du_error failure;
    void *user;
};

struct du_tasks {
    lua_State *state, *aside; /* aside: where protected calls outside of any task run */
    struct du_task *running;
    struct du_list alive, idle, ready;
    size_t alive_count;
    uint64_t last_ticket, last_run;
    bool closing;
    struct du_task_watch *watch; /* NULL: nobody looks */
    void (*push_error)(lua_State *L, const struct du_error *error);
    bool (*read_error)(lua_State *L, int index, struct du_error *error);
};

/* An idle task whose thread has room for that many values; it stays among the idle. NULL: no
 * memory. */
struct du_task *du_tasks_idle(struct du_tasks *tasks, int room);
/* Runs body (its argument: user) on the aside thread. Gives Lua's status and leaves nothing there.
 */
int du_tasks_protect(struct du_tasks *tasks, lua_CFunction body, void *user,
                     lua_CFunction on_raise);

/* A thread that waits for the engine has the mark on top of its stack; scripts never get hold of
 * it. */
int du_task_park(lua_State *L, lua_KContext context, lua_KFunction after);
bool du_task_parked(lua_State *thread);
/* Before a parked thread is resumed, with no values. */
void du_task_unpark(lua_State *thread);

/* The message handler of all that a task runs: notes its failure, gives the traceback in its place.
 */
int du_ending_on_raise(lua_State *L);
/* The task's thread gave this status and that many results; LUA_YIELD: its budget stopped it. Tells
 * its `ended`. */
void du_ending_tell(struct du_task *task, int status, int count);

/* Pushes at once what the task gets later: when it reaches its wait, or is resumed. */
void du_held_keep(struct du_task *task, du_task_push *push, void *user);
/* The push for then; its user is the task. Raises what the early push did. */
int du_held_push(lua_State *L, void *task);
void du_held_drop(struct du_task *task);

#endif

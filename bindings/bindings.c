#include "bindings.h"

#include "bindings_int.h"
#include "box.h"
#include "loader.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "operation.h"

#include <errno.h>
#include <sys/random.h>

struct du_shared *du_module_shared(lua_State *L) {
    struct du_shared *shared = du_context_of(L)->shared;
    if (shared == NULL)
        luaL_error(L, "this uses the engine, and none runs: the deployment is only being checked");
    return shared;
}

/* package.preload's function of "dunite.native". */
static int open_native(lua_State *L) {
    lua_newtable(L);
#define DU_MODULE(name) du_lua_##name##_open(L);
#include "module.def"
#undef DU_MODULE
    return 1;
}

static struct du_bindings *new_bindings(void) {
    struct du_bindings *bindings = du_calloc(1, sizeof *bindings);
    if (bindings == NULL)
        return NULL;
    du_list_init(&bindings->operations);
    du_list_init(&bindings->requests);
    while (getrandom(&bindings->next_id, sizeof bindings->next_id, 0) < 0 && errno == EINTR)
        continue;
    return bindings;
}

void du_bindings_open(lua_State *L, struct du_context *context) {
    context->state = L;
    du_box_define_own(L);
    du_loader_preload(L, "dunite.native", open_native);
    if (context->bindings == NULL)
        context->bindings = new_bindings();
    if (context->bindings == NULL)
        luaL_error(L, "out of memory for a context");
    if (context->tasks != NULL) {
        du_tasks_set_error_push(context->tasks, du_lua_push_error);
        du_tasks_set_error_read(context->tasks, du_lua_read_error);
    }
}

void du_bindings_stop(struct du_context *context) {
    if (context->bindings != NULL)
        du_operations_close(context);
}

void du_bindings_close(struct du_context *context) {
    du_free(context->bindings);
    context->bindings = NULL;
}

void du_bindings_less_owed(struct du_context *context) {
    if (context->less_owed != NULL)
        context->less_owed(context);
}

void du_bindings_expect(struct du_context *context, int change) {
    context->bindings->calls += (size_t)change;
    if (change < 0)
        du_bindings_less_owed(context);
}

struct du_bindings_owed du_bindings_owed(const struct du_context *context) {
    const struct du_bindings *bindings = context->bindings;
    return (struct du_bindings_owed){bindings->request_count, bindings->calls};
}

bool du_bindings_ran_out(struct du_context *context) {
    bool ran_out = context->bindings->out_of_memory;
    context->bindings->out_of_memory = false;
    return ran_out;
}

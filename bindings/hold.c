#include "hold.h"

#include "mem.h"
#include "task.h"

static const struct du_ending done = {.fate = DU_FATE_DONE};

void du_scope_init(struct du_scope *scope, struct du_request *request) {
    du_list_init(&scope->holds);
    scope->request = request;
}

struct du_scope *du_scope_of(lua_State *L) {
    struct du_task *task = du_task_current(L);
    return task != NULL ? du_task_user(task) : NULL;
}

static int leave(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return lua_gettop(L) - 1;
}

int du_scope_enter(lua_State *L) {
    du_task_set_user(du_task_current(L), lua_touserdata(L, 1));
    lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, leave);
    return leave(L, LUA_OK, 0);
}

void du_hold_begin(struct du_hold *hold, const struct du_hold_type *type, struct du_scope *scope) {
    hold->type = type;
    hold->boxed = true;
    hold->ended = false;
    hold->owner = scope != NULL ? DU_HOLD_TASK : DU_HOLD_BOX;
    du_list_init(&hold->node);
    if (scope != NULL)
        du_list_append(&scope->holds, &hold->node);
}

/* Its owner has no more to do with it. */
static void disown(struct du_hold *hold) {
    du_list_remove(&hold->node);
    hold->owner = DU_HOLD_BOX;
    if (!hold->boxed)
        du_free(hold);
}

void du_hold_end(struct du_hold *hold, const struct du_ending *ending) {
    if (hold == NULL || hold->ended)
        return;
    hold->ended = true;
    hold->type->end(hold, ending);
    disown(hold);
}

bool du_hold_give(struct du_hold *hold, struct du_list *reply_holds) {
    if (hold->ended)
        return false;
    du_list_remove(&hold->node);
    du_list_append(reply_holds, &hold->node);
    hold->owner = DU_HOLD_REPLY;
    return true;
}

void du_holds_end(struct du_list *holds, const struct du_ending *ending) {
    for (struct du_list *node = du_list_take(holds); node != NULL; node = du_list_take(holds))
        du_hold_end(du_container_of(node, struct du_hold, node), ending);
}

void du_scope_end(struct du_scope *scope, const struct du_ending *ending) {
    du_holds_end(&scope->holds, ending);
}

void du_hold_unbox(struct du_hold **hold) {
    struct du_hold *unboxed = *hold;
    *hold = NULL;
    if (unboxed == NULL)
        return;
    unboxed->boxed = false;
    if (unboxed->ended)
        du_free(unboxed);
    else if (unboxed->owner == DU_HOLD_BOX)
        du_hold_end(unboxed, &done);
}

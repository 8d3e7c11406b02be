#include "wait.h"

#include "bindings_int.h"
#include "lua_errors.h"
#include "mem.h"

#include <lauxlib.h>

static void free_wait(struct du_wait *wait) {
    du_timers_stop(wait->context->timers, &wait->timer);
    if (wait->type->drop != NULL)
        wait->type->drop(wait);
    struct du_context *context = wait->context;
    if (wait->parked)
        du_mailbox_expect(context->mailbox, -1);
    du_free(wait);
    du_bindings_expect(context, -1);
}

static int push(lua_State *L, void *user) {
    struct du_wait *wait = user;
    return wait->type->push(L, wait);
}

void du_wait_settle(struct du_wait *wait) {
    if (!wait->abandoned)
        du_task_wake(wait->ticket, push, wait);
    free_wait(wait);
}

static void deliver(struct du_mail *mail) {
    du_wait_settle(du_container_of(mail, struct du_wait, mail));
}

void du_wait_post(struct du_wait *wait) {
    du_mailbox_post(wait->context->mailbox, &wait->mail);
}

static void expire(struct du_timer *timer) {
    struct du_wait *wait = du_container_of(timer, struct du_wait, timer);
    if (wait->abandoned || !wait->type->withdraw(wait))
        return;
    wait->expired = true;
    du_wait_settle(wait);
}

void *du_wait_try(lua_State *L, const struct du_wait_type *type) {
    struct du_wait *wait = du_calloc(1, type->size);
    if (wait == NULL)
        return NULL;
    wait->type = type;
    wait->context = du_context_of(L);
    du_bindings_expect(wait->context, 1);
    wait->scope = du_scope_of(L);
    wait->ticket = du_task_ticket(L);
    wait->mail.deliver = deliver;
    wait->timer.fire = expire;
    return wait;
}

void du_wait_check(lua_State *L) {
    if (du_context_of(L)->mailbox == NULL)
        luaL_error(L, "nothing can wait while the scripts load");
    du_task_check_wait(L);
}

void *du_wait_new(lua_State *L, const struct du_wait_type *type) {
    du_wait_check(L);
    struct du_wait *wait = du_wait_try(L, type);
    if (wait == NULL)
        du_lua_raise(L, du_error_of(DU_MEMORY));
    return wait;
}

static int push_protected(lua_State *L) {
    return push(L, lua_touserdata(L, 1));
}

int du_wait_answer(lua_State *L, struct du_wait *wait) {
    int top = lua_gettop(L);
    lua_pushcfunction(L, push_protected);
    lua_pushlightuserdata(L, wait);
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    free_wait(wait);
    if (status != LUA_OK)
        return lua_error(L);
    return lua_gettop(L) - top;
}

/* The task is cancelled while it waits. */
static void cancel(void *user) {
    struct du_wait *wait = user;
    if (wait->type->withdraw(wait))
        free_wait(wait);
    else
        wait->abandoned = true;
}

int du_wait_park(lua_State *L, struct du_wait *wait) {
    wait->parked = true;
    du_mailbox_expect(wait->context->mailbox, 1);
    return du_task_wait(L, wait->ticket, cancel, wait);
}

enum du_error_kind du_wait_bound(struct du_wait *wait, int64_t ms) {
    return du_timers_start(wait->context->timers, &wait->timer, ms);
}

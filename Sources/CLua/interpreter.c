/* Opening, the trampoline, and the protected calls that Swift may use. */
#include <stdlib.h>
#include <string.h>

#include "interpreter_state.h"

static const char slots[LV_SLOT_COUNT];

const void *lv_slot_key(int slot) { return &slots[slot]; }

static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
    lv_lua *session = context;
    size_t before = block ? old_size : 0;
    if (new_size == 0) {
        session->used -= before;
        free(block);
        return NULL;
    }
    if (new_size > before && session->used + (new_size - before) > session->limit) return NULL;
    void *result = realloc(block, new_size);
    if (result) session->used = session->used - before + new_size;
    return result;
}

lv_lua *lv_lua_of(lua_State *L) { return *(lv_lua **)lua_getextraspace(L); }
lua_State *lv_lua_main(lv_lua *session) { return session->main; }
size_t lv_lua_memory_used(lv_lua *session) { return session->used; }
bool lv_lua_is_decoding(lv_lua *session) { return session->decoding > 0; }
void lv_lua_set_memory_limit(lv_lua *session, size_t bytes) { session->limit = bytes; }

/* Swift's answer becomes results or an error; no Swift frame is live here. */
static int finish(lua_State *L, int status) {
    if (status >= LV_ON_STACK) return status - LV_ON_STACK;
    if (status == LV_INTERRUPT) lv_raise_interrupt(L);
    int top = lua_gettop(L);
    luaL_checkstack(L, 4, "too many results");
    /* A method of the reply is bound to the running function's first argument. */
    int result = lv_run_decoder(L, top > 0 ? 1 : 0);
    if (result != LUA_OK) return lua_error(L);
    if (status == LV_RAISE) return lua_error(L);
    return lua_gettop(L) - top;
}

int lv_trampoline(lua_State *L) {
    lv_lua *session = lv_lua_of(L);
    int operation = (int)lua_tointegerx(L, lua_upvalueindex(1), NULL);
    luaL_checkstack(L, 20, "too many arguments");
    bool ran = lv_lua_set_running(session, false);
    int status = session->dispatch(session->owner, L, operation);
    lv_lua_set_running(session, ran);
    return finish(L, status);
}

/* native(operation [, text]) gives the prelude its native functions. */
static int make_native(lua_State *L) {
    luaL_checkinteger(L, 1);
    lua_settop(L, 2);
    lua_pushcclosure(L, lv_trampoline, 2);
    return 1;
}

/* register(slot, value) keeps a value where C and Swift find it. */
static int register_slot(lua_State *L) {
    lua_Integer slot = luaL_checkinteger(L, 1);
    luaL_argcheck(L, slot >= 0 && slot < LV_SLOT_COUNT, 1, "no such slot");
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, lv_slot_key((int)slot));
    return 0;
}

static int collect_box(lua_State *L) {
    lv_lua *session = lv_lua_of(L);
    struct lv_box *box = lua_touserdata(L, 1);
    if (box && session->count_object) session->count_object(session->owner, box->payload, -1);
    return 0;
}

static int change_mask(lua_State *L) {
    lv_lua_mask(lv_lua_of(L), (int)luaL_checkinteger(L, 1));
    return 0;
}

static int ask_unwinding(lua_State *L) {
    lua_pushboolean(L, lv_lua_of(L)->unwinding);
    return 1;
}

static int open_protected(lua_State *L) {
    luaL_openlibs(L);
    /* Metatables of the userdata; the prelude adds their metamethods. */
    static const int boxed[] = {LV_SLOT_OBJECT, LV_SLOT_ERROR, LV_SLOT_DURATION, LV_SLOT_TIME};
    static const char *const names[] = {"object", "error", "TimeSpan", "DateTime"};
    for (int i = 0; i < 4; i++) {
        lua_createtable(L, 0, 16);
        lua_pushstring(L, names[i]);
        lua_setfield(L, -2, "__name");
        if (i < 2) {
            lua_pushcfunction(L, collect_box);
            lua_setfield(L, -2, "__gc");
        }
        lua_rawsetp(L, LUA_REGISTRYINDEX, lv_slot_key(boxed[i]));
    }
    /* identifier -> userdata, weak: the same thing is the same value. */
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_OBJECTS));
    /* A value of its own, so that it can be raised without memory. */
    lua_newtable(L);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, "interrupted");
    lua_setfield(L, -2, "__name");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_INTERRUPT));

    /* list -> length, of lists that hold nil; weak: it is forgotten with the list. */
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_LENGTHS));

    lv_install_guards(L);

    /* The table from which the prelude starts. */
    lua_createtable(L, 0, 12);
    lua_pushcfunction(L, make_native);
    lua_setfield(L, -2, "native");
    lua_pushcfunction(L, register_slot);
    lua_setfield(L, -2, "register");
    lua_pushcfunction(L, change_mask);
    lua_setfield(L, -2, "mask");
    lua_pushcfunction(L, ask_unwinding);
    lua_setfield(L, -2, "unwinding");
    lua_pushlightuserdata(L, (void *)lv_slot_key(LV_SLOT_RECORD));
    lua_setfield(L, -2, "recordmark");
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_LENGTHS));
    lua_setfield(L, -2, "lengths");
    /* The unguarded pcall, for `try`, which runs `finally` on the way of an interrupt too. */
    lua_getfield(L, LUA_REGISTRYINDEX, "lunavisor.pcall");
    lua_setfield(L, -2, "pcall");
    for (int i = 0; i < 4; i++) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(boxed[i]));
        lua_setfield(L, -2, names[i]);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_NATIVE));
    return 0;
}

lv_lua *lv_lua_open(void *owner, lv_dispatch dispatch, lv_count_object count_object, size_t memory_limit) {
    lv_lua *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->owner = owner;
    session->dispatch = dispatch;
    session->count_object = count_object;
    session->limit = memory_limit;
    lua_State *L = lua_newstate(allocate, session);
    if (!L) {
        free(session);
        return NULL;
    }
    session->main = L;
    *(lv_lua **)lua_getextraspace(L) = session;
    lua_pushcfunction(L, open_protected);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
        lv_lua_close(session);
        return NULL;
    }
    lv_install_hook(L);
    return session;
}

void lv_lua_close(lv_lua *session) {
    /* Finalizers run now, where no hook does. */
    lv_watchdog_closing(1, lv_lua_last_signal());
    lua_close(session->main);
    lv_watchdog_closing(-1, 0);
    lv_watch_close(session->watch);
    free(session->reply);
    free(session);
}

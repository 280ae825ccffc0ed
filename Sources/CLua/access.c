/* Reading and keeping Lua values for Swift, without an error ever leaving these functions. */
#include <string.h>

#include "interpreter_state.h"

static bool has_metatable(lua_State *L, int slot) {
    /* stack: …, metatable */
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(slot));
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
    return same;
}

int lv_kind_at(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TNONE: return LV_KIND_NONE;
    case LUA_TNIL: return LV_KIND_NIL;
    case LUA_TBOOLEAN: return LV_KIND_BOOLEAN;
    case LUA_TNUMBER: return lua_isinteger(L, index) ? LV_KIND_INTEGER : LV_KIND_FLOAT;
    case LUA_TSTRING: return LV_KIND_STRING;
    case LUA_TFUNCTION: return LV_KIND_FUNCTION;
    case LUA_TTABLE: {
        if (!lua_checkstack(L, 4) || !lua_getmetatable(L, index)) return LV_KIND_TABLE;
        int kind = LV_KIND_OTHER;
        if (has_metatable(L, LV_SLOT_LIST)) kind = LV_KIND_LIST;
        else if (has_metatable(L, LV_SLOT_MISSING)) kind = LV_KIND_MISSING;
        else {
            /* Each record has a metatable of its own, marked under the slot's key. */
            lua_rawgetp(L, -1, lv_slot_key(LV_SLOT_RECORD));
            if (lua_toboolean(L, -1)) kind = LV_KIND_RECORD;
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
        return kind;
    }
    case LUA_TUSERDATA: {
        if (!lua_checkstack(L, 4) || !lua_getmetatable(L, index)) return LV_KIND_OTHER;
        int kind = LV_KIND_OTHER;
        if (has_metatable(L, LV_SLOT_OBJECT)) kind = LV_KIND_OBJECT;
        else if (has_metatable(L, LV_SLOT_DURATION)) kind = LV_KIND_DURATION;
        else if (has_metatable(L, LV_SLOT_TIME)) kind = LV_KIND_TIME;
        else if (has_metatable(L, LV_SLOT_ERROR)) kind = LV_KIND_ERROR;
        lua_pop(L, 1);
        return kind;
    }
    default: return LV_KIND_OTHER;
    }
}

lua_Integer lv_list_length(lua_State *L, int index) {
    lua_Integer length = (lua_Integer)lua_rawlen(L, index);
    if (lua_type(L, index) != LUA_TTABLE || !lua_checkstack(L, 3)) return length;
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_LENGTHS));
    if (lua_istable(L, -1)) {
        lua_pushvalue(L, index);
        lua_rawget(L, -2);
        /* stack: lengths, the list's own length */
        lua_Integer known = lua_tointeger(L, -1);
        if (known > length) length = known;
    }
    lua_settop(L, top);
    return length;
}

int64_t lv_payload(lua_State *L, int index) {
    if (lua_rawlen(L, index) < sizeof(struct lv_box)) return 0;
    struct lv_box *box = lua_touserdata(L, index);
    return box ? box->payload : 0;
}

static int keep_protected(lua_State *L) {
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 1;
}

int lv_keep(lua_State *L, int index) {
    if (!lua_checkstack(L, 4)) return LUA_NOREF;
    index = lua_absindex(L, index);
    lua_pushcfunction(L, keep_protected);
    lua_pushvalue(L, index);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        lua_pop(L, 1);
        return LUA_NOREF;
    }
    int reference = (int)lua_tointegerx(L, -1, NULL);
    lua_pop(L, 1);
    return reference;
}

/* luaL_unref writes only to slots that exist, so it allocates nothing; it is protected all the same. */
static int release_protected(lua_State *L) {
    luaL_unref(L, LUA_REGISTRYINDEX, (int)lua_tointegerx(L, 1, NULL));
    return 0;
}

void lv_release(lua_State *L, int reference) {
    if (reference < 0 || !lua_checkstack(L, 4)) return;
    lua_pushcfunction(L, release_protected);
    lua_pushinteger(L, reference);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

bool lv_push_reference(lua_State *L, int reference) {
    if (!lua_checkstack(L, 2)) return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
    return true;
}

bool lv_push_slot(lua_State *L, int slot) {
    if (slot < 0 || slot >= LV_SLOT_COUNT || !lua_checkstack(L, 2)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(slot));
    return true;
}

static int set_slot_protected(lua_State *L) {
    lua_rawsetp(L, LUA_REGISTRYINDEX, lua_touserdata(L, 1));
    return 0;
}

void lv_set_slot_from_top(lua_State *L, int slot) {
    lua_pushcfunction(L, set_slot_protected);
    lua_pushlightuserdata(L, (void *)lv_slot_key(slot));
    lua_rotate(L, -3, 2);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1);
}

int lv_upvalue(int n) { return lua_upvalueindex(n); }

int lv_registry_index(void) { return LUA_REGISTRYINDEX; }
void lv_drop(lua_State *L, int n) { lua_pop(L, n); }

static int set_field_protected(lua_State *L) {
    /* stack: table, value, name as light userdata */
    const char *name = lua_touserdata(L, 3);
    lua_pushstring(L, name);
    lua_pushvalue(L, 2);
    lua_rawset(L, 1);
    return 0;
}

bool lv_set_field(lua_State *L, int table, const char *name) {
    table = lua_absindex(L, table);
    if (!lua_checkstack(L, 5)) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushcfunction(L, set_field_protected);
    lua_pushvalue(L, table);
    lua_pushvalue(L, -3);
    lua_pushlightuserdata(L, (void *)name);
    bool good = lua_pcall(L, 3, 0, 0) == LUA_OK;
    lua_pop(L, good ? 1 : 2);
    return good;
}

struct text {
    const char *bytes;
    size_t length;
};

static int push_native_protected(lua_State *L) {
    struct text *text = lua_touserdata(L, 2);
    lua_settop(L, 1);
    if (text->bytes) lua_pushlstring(L, text->bytes, text->length);
    else lua_pushnil(L);
    lua_pushcclosure(L, lv_trampoline, 2);
    return 1;
}

bool lv_push_native(lua_State *L, int operation, const char *bytes, size_t length) {
    if (!lua_checkstack(L, 4)) return false;
    struct text text = {bytes, length};
    lua_pushcfunction(L, push_native_protected);
    lua_pushinteger(L, operation);
    lua_pushlightuserdata(L, &text);
    if (lua_pcall(L, 2, 1, 0) == LUA_OK) return true;
    lua_pop(L, 1);
    return false;
}

static int push_field_protected(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_NATIVE));
    lua_getfield(L, -1, lua_touserdata(L, 1));
    return 1;
}

bool lv_push_native_field(lua_State *L, const char *name) {
    if (!lua_checkstack(L, 4)) return false;
    lua_pushcfunction(L, push_field_protected);
    lua_pushlightuserdata(L, (void *)name);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) return true;
    lua_pop(L, 1);
    return false;
}

int lv_push_reply(lua_State *L) {
    if (!lua_checkstack(L, 4)) return -1;
    int top = lua_gettop(L);
    if (lv_run_decoder(L, 0) == LUA_OK) return lua_gettop(L) - top;
    lua_settop(L, top);
    return -1;
}

/* A protected call with one result of what may run a script's own metamethod. */
static int call_metamethod(lua_State *L, int arguments) {
    lv_lua *session = lv_lua_of(L);
    bool ran = lv_lua_set_running(session, true);
    int status = lua_pcall(L, arguments, 1, 0);
    lv_lua_set_running(session, ran);
    return status;
}

static int text_protected(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    return 1;
}

bool lv_push_text(lua_State *L, int index) {
    if (!lua_checkstack(L, 4)) return false;
    index = lua_absindex(L, index);
    lua_pushcfunction(L, text_protected);
    lua_pushvalue(L, index);
    if (call_metamethod(L, 1) == LUA_OK) return true;
    lua_pop(L, 1);
    return false;
}

static int compare_protected(lua_State *L) {
    lua_pushboolean(L, lua_compare(L, 1, 2, (int)lua_tointegerx(L, 3, NULL)));
    return 1;
}

int lv_compare(lua_State *L, int left, int right, int operation) {
    if (!lua_checkstack(L, 6)) return -1;
    left = lua_absindex(L, left);
    right = lua_absindex(L, right);
    lua_pushcfunction(L, compare_protected);
    lua_pushvalue(L, left);
    lua_pushvalue(L, right);
    lua_pushinteger(L, operation);
    if (call_metamethod(L, 3) != LUA_OK) {
        lua_pop(L, 1);
        return -1;
    }
    int result = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return result;
}

static int get_protected(lua_State *L) {
    lua_gettable(L, 1);
    return 1;
}

int lv_get_protected(lua_State *L, int table) {
    /* stack: …, key */
    table = lua_absindex(L, table);
    lua_pushcfunction(L, get_protected);
    lua_pushvalue(L, table);
    lua_rotate(L, -3, 2);
    return call_metamethod(L, 2);
}

int lv_current_line(lua_State *L, char *source, const char **full_source, size_t *full_length) {
    lua_Debug record;
    for (int level = 0; lua_getstack(L, level, &record); level++) {
        if (!lua_getinfo(L, "Sl", &record)) return 0;
        /* The prelude's own functions are not where the user is. */
        if (record.currentline > 0 && strcmp(record.source, "=[lunavisor]") != 0) {
            memcpy(source, record.short_src, LUA_IDSIZE);
            *full_source = record.source;
            *full_length = record.srclen;
            return record.currentline;
        }
    }
    return 0;
}

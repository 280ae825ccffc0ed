/* Pushing what Swift replied. Runs inside a protected call: everything here may raise "not enough memory". */
#include <stdlib.h>
#include <string.h>

#include "interpreter_state.h"

enum { LV_REPLY_DEPTH = 150 };

int lv_set_reply(lv_lua *session, const uint8_t *bytes, size_t length, int count) {
    if (length > session->reply_capacity) {
        size_t capacity = length < 256 ? 256 : length + length / 2;
        uint8_t *larger = realloc(session->reply, capacity);
        if (!larger) return 0;
        session->reply = larger;
        session->reply_capacity = capacity;
    }
    if (length) memcpy(session->reply, bytes, length);
    session->reply_length = length;
    session->reply_count = count;
    return 1;
}

struct reader {
    lv_lua *session;
    const uint8_t *at, *end;
};

static void take(lua_State *L, struct reader *reader, void *target, size_t size) {
    if ((size_t)(reader->end - reader->at) < size) luaL_error(L, "the reply is cut short");
    memcpy(target, reader->at, size);
    reader->at += size;
}

static uint32_t take32(lua_State *L, struct reader *reader) {
    uint32_t value;
    take(L, reader, &value, sizeof value);
    return value;
}

static int64_t take64(lua_State *L, struct reader *reader) {
    int64_t value;
    take(L, reader, &value, sizeof value);
    return value;
}

static void push_string(lua_State *L, struct reader *reader) {
    uint32_t length = take32(L, reader);
    if ((size_t)(reader->end - reader->at) < length) luaL_error(L, "the reply is cut short");
    lua_pushlstring(L, (const char *)reader->at, length);
    reader->at += length;
}

static void push_box(lua_State *L, int64_t payload, int slot) {
    struct lv_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->payload = payload;
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(slot));
    lua_setmetatable(L, -2);
}

/* The one userdata of a live object or an error. */
static void push_counted(lua_State *L, struct reader *reader, int64_t identifier, int slot) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_OBJECTS));
    /* stack: objects */
    if (lua_rawgeti(L, -1, identifier) != LUA_TNIL) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    struct lv_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->payload = identifier;
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, identifier);
    /* Counted only once its collector is in place. */
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(slot));
    lua_setmetatable(L, -2);
    reader->session->count_object(reader->session->owner, identifier, 1);
    lua_remove(L, -2);
}

static void push_value(lua_State *L, struct reader *reader, int depth) {
    if (depth > LV_REPLY_DEPTH) luaL_error(L, "the value is nested too deeply");
    luaL_checkstack(L, 8, "the value is nested too deeply");
    uint8_t tag;
    take(L, reader, &tag, 1);
    switch (tag) {
    case LV_TAG_NIL: lua_pushnil(L); break;
    case LV_TAG_TRUE: lua_pushboolean(L, 1); break;
    case LV_TAG_FALSE: lua_pushboolean(L, 0); break;
    case LV_TAG_INTEGER: lua_pushinteger(L, take64(L, reader)); break;
    case LV_TAG_FLOAT: {
        double number;
        take(L, reader, &number, sizeof number);
        lua_pushnumber(L, number);
        break;
    }
    case LV_TAG_STRING: push_string(L, reader); break;
    case LV_TAG_LIST:
    case LV_TAG_TABLE: {
        uint32_t count = take32(L, reader);
        lua_createtable(L, count < 1u << 20 ? (int)count : 0, 0);
        if (tag == LV_TAG_LIST) {
            lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_LIST));
            lua_setmetatable(L, -2);
        }
        /* A list keeps the places of what is nil, and so its length; a plain table has neither. */
        lua_Integer place = 0;
        bool has_nil = false;
        for (uint32_t i = 0; i < count; i++) {
            push_value(L, reader, depth + 1);
            if (!lua_isnil(L, -1)) {
                lua_rawseti(L, -2, ++place);
                continue;
            }
            lua_pop(L, 1);
            if (tag == LV_TAG_LIST) {
                has_nil = true;
                place++;
            }
        }
        if (has_nil) {
            lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_LENGTHS));
            lua_pushvalue(L, -2);
            lua_pushinteger(L, place);
            lua_rawset(L, -3);
            lua_pop(L, 1);
        }
        break;
    }
    case LV_TAG_FIELDS: {
        uint32_t count = take32(L, reader);
        lua_createtable(L, 0, count < 1u << 16 ? (int)count : 0);
        for (uint32_t i = 0; i < count; i++) {
            push_string(L, reader);
            push_value(L, reader, depth + 1);
            lua_rawset(L, -3);
        }
        break;
    }
    case LV_TAG_RECORD: {
        /* The prelude's maker takes (type name, names, table) and gives the record. */
        lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_RECORD_MAKER));
        push_value(L, reader, depth + 1);
        uint32_t count = take32(L, reader);
        lua_createtable(L, count < 1u << 16 ? (int)count : 0, 0);
        lua_createtable(L, 0, count < 1u << 16 ? (int)count : 0);
        /* stack: maker, type name, names, fields */
        for (uint32_t i = 0; i < count; i++) {
            push_string(L, reader);
            lua_pushvalue(L, -1);
            lua_rawseti(L, -4, (lua_Integer)i + 1);
            push_value(L, reader, depth + 1);
            lua_rawset(L, -3);
        }
        lua_call(L, 3, 1);
        break;
    }
    case LV_TAG_OBJECT: push_counted(L, reader, take64(L, reader), LV_SLOT_OBJECT); break;
    case LV_TAG_ERROR: push_counted(L, reader, take64(L, reader), LV_SLOT_ERROR); break;
    case LV_TAG_DURATION: push_box(L, take64(L, reader), LV_SLOT_DURATION); break;
    case LV_TAG_TIME: push_box(L, take64(L, reader), LV_SLOT_TIME); break;
    case LV_TAG_REFERENCE: lua_rawgeti(L, LUA_REGISTRYINDEX, (lua_Integer)take32(L, reader)); break;
    case LV_TAG_METHOD: {
        lua_pushinteger(L, take32(L, reader));
        push_string(L, reader);
        lua_pushvalue(L, 1);
        lua_pushcclosure(L, lv_trampoline, 3);
        break;
    }
    case LV_TAG_FUNCTION: {
        lua_pushinteger(L, take32(L, reader));
        push_string(L, reader);
        lua_pushcclosure(L, lv_trampoline, 2);
        break;
    }
    default: luaL_error(L, "the reply has an unknown tag %d", tag);
    }
}

struct detached {
    struct reader reader;
    int count;
};

static int decode_protected(lua_State *L) {
    /* stack: the running function's first argument, the reply */
    struct detached *reply = lua_touserdata(L, 2);
    lua_settop(L, 1);
    luaL_checkstack(L, reply->count + 8, "too many results");
    for (int i = 0; i < reply->count; i++) push_value(L, &reply->reader, 0);
    return reply->count;
}

/* Pushes the reply's values in a protected call; the status of lua_pcall, with the values or the error on top. `argument`: the stack
 * index of what methods are bound to, 0: nothing. The caller has made room for three values.
 *
 * Pushing may collect garbage, and finalizers written in Lua may call native functions, which reply in turn. So the reply is taken out
 * of the session while it is read, and `decoding` tells Swift to let go of nothing that it names. (Stopping the collector instead
 * would cancel its pauses: restarting it begins a new cycle at once.) */
int lv_run_decoder(lua_State *L, int argument) {
    lv_lua *session = lv_lua_of(L);
    uint8_t *bytes = session->reply;
    size_t capacity = session->reply_capacity;
    struct detached reply = {{session, bytes, bytes + session->reply_length}, session->reply_count};
    session->reply = NULL;
    session->reply_capacity = session->reply_length = 0;
    session->reply_count = 0;
    session->decoding++;
    lua_pushcfunction(L, decode_protected);
    if (argument) lua_pushvalue(L, argument);
    else lua_pushnil(L);
    lua_pushlightuserdata(L, &reply);
    int status = lua_pcall(L, 2, LUA_MULTRET, 0);
    session->decoding--;
    if (session->reply) {
        free(bytes);
    } else {
        session->reply = bytes;
        session->reply_capacity = capacity;
    }
    return status;
}

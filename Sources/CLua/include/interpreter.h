/* One Lua interpreter as the shell uses it.
 *
 * The rule of this module: Lua raises errors with longjmp, and longjmp must never cross a Swift frame. So
 *   - Swift is entered from Lua only through `trampoline` (interpreter.c). Swift fills the reply (reply.h) and returns a status;
 *     C has the frame to itself again when it pushes the results, or raises.
 *   - Swift calls only functions that cannot raise: the readers of lua.h (lua_type, lua_tolstring on a string, lua_rawget, lua_next …),
 *     lua_pcallk, luaL_loadbufferx, and the lv_ functions declared here. Whatever may allocate runs inside a protected call.
 */
#ifndef LV_INTERPRETER_H
#define LV_INTERPRETER_H
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lv_lua lv_lua;

/* What Swift answers to the trampoline. Values >= LV_ON_STACK: that many (minus LV_ON_STACK) results lie on top of the stack. */
enum lv_status { LV_RETURN = 0, LV_RAISE = 1, LV_INTERRUPT = 2, LV_ON_STACK = 16 };

/* Called for each native function; `operation` is the number the function was made with. */
typedef int (*lv_dispatch)(void *owner, lua_State *L, int operation);
/* A userdata for the live object or error `identifier` came into being (delta 1) or was collected (delta -1). Must not touch Lua. */
typedef void (*lv_count_object)(void *owner, int64_t identifier, int delta);

/* Kinds of values that Swift distinguishes on the stack. */
enum lv_kind {
    LV_KIND_NONE, LV_KIND_NIL, LV_KIND_BOOLEAN, LV_KIND_INTEGER, LV_KIND_FLOAT, LV_KIND_STRING, LV_KIND_TABLE /* no metatable */,
    LV_KIND_LIST, LV_KIND_RECORD, LV_KIND_FUNCTION, LV_KIND_OBJECT, LV_KIND_DURATION, LV_KIND_TIME, LV_KIND_ERROR,
    LV_KIND_MISSING /* given, but nil: {name=, near=} */, LV_KIND_OTHER
};

/* Names of the metatables that the prelude registers, and of other values kept in the registry. */
enum lv_slot {
    LV_SLOT_LIST, LV_SLOT_RECORD, LV_SLOT_MISSING, LV_SLOT_OBJECT, LV_SLOT_DURATION, LV_SLOT_TIME, LV_SLOT_ERROR, LV_SLOT_BINDINGS,
    LV_SLOT_OBJECTS, LV_SLOT_INTERRUPT, LV_SLOT_RECORD_MAKER, LV_SLOT_SCOPE, LV_SLOT_NATIVE, LV_SLOT_LENGTHS, LV_SLOT_COUNT
};

/* A new interpreter with the standard libraries, or NULL when memory is short. `memory_limit` is in bytes. */
lv_lua *lv_lua_open(void *owner, lv_dispatch dispatch, lv_count_object count_object, size_t memory_limit);
void lv_lua_close(lv_lua *session);
lua_State *lv_lua_main(lv_lua *session);
lv_lua *lv_lua_of(lua_State *L);
size_t lv_lua_memory_used(lv_lua *session);
/* True while a reply is being pushed: what it names must not be let go. */
bool lv_lua_is_decoding(lv_lua *session);
void lv_lua_set_memory_limit(lv_lua *session, size_t bytes);
/* Stops the script with an error after about this many instructions; 0: no limit. With a limit one call of a C function that takes more
   than ten seconds of processor time ends the process. */
void lv_lua_set_instruction_limit(lv_lua *session, uint64_t instructions);

/* Interruption. `request` is async-signal-safe. A script is stopped at its next check (every 10 000 instructions); pcall, xpcall and
   coroutine.resume do not run on; <close> handlers and sections between mask and unmask do, for at most 10 s after the first request
   or until the next one. */
void lv_lua_request_interrupt(lv_lua *session);
bool lv_lua_interrupt_requested(lv_lua *session);
/* True when a wait should give up now: requested, and not masked. */
bool lv_lua_should_stop(lv_lua *session);
/* Back to normal, when no Lua code runs any more. */
void lv_lua_clear_interrupt(lv_lua *session);
/* Unwinds like an interrupt, but with an exit code (os.exit). Call before answering LV_INTERRUPT. */
void lv_lua_request_exit(lv_lua *session, int code);
bool lv_lua_exit_requested(lv_lua *session, int *code);
bool lv_lua_is_unwinding(lv_lua *session);
/* Says whether Lua, not Swift, runs from now on; what it was before. */
bool lv_lua_set_running(lv_lua *session, bool runs);
void lv_lua_mask(lv_lua *session, int delta);
/* Lets SIGINT, SIGTERM and SIGHUP interrupt this session; NULL: only their number is kept. Blocking calls return with EINTR. A script that
   does not stop is ended with its process: 5 s after SIGTERM, or by a second SIGINT more than 1 s after one that was not answered. */
void lv_lua_catch_signals(lv_lua *session);
/* The signal that came last, 0 when none did since it was asked last. */
int lv_lua_take_signal(void);
int lv_lua_last_signal(void);

/* Kind of the value at `index`; never raises. */
int lv_kind_at(lua_State *L, int index);
/* Payload of a duration (100 ns), a time (ns since 1970), an object or an error (identifier). */
int64_t lv_payload(lua_State *L, int index);
/* Elements of a table from 1 on; of a list that holds nil all the same. */
lua_Integer lv_list_length(lua_State *L, int index);
/* Keeps the value at `index`; a reference for lv_push_reference, or LUA_NOREF when memory is short. */
int lv_keep(lua_State *L, int index);
void lv_release(lua_State *L, int reference);
/* These push onto the stack; false when there is no room. */
bool lv_push_reference(lua_State *L, int reference);
bool lv_push_slot(lua_State *L, int slot);
void lv_set_slot_from_top(lua_State *L, int slot);
int lv_upvalue(int n);
int lv_registry_index(void);
void lv_drop(lua_State *L, int n);
/* Copies `name` = value on top of the stack into the table at `table`; pops the value; false when memory is short. */
bool lv_set_field(lua_State *L, int table, const char *name);
/* Makes a native function for `operation` with a string as its second upvalue (NULL: none), on top; false when memory is short. */
bool lv_push_native(lua_State *L, int operation, const char *text, size_t length);
/* Pushes a function of the table that the prelude starts from; false when memory is short. */
bool lv_push_native_field(lua_State *L, const char *name);
/* Pushes the values of the reply; their number, or -1 when memory is short (then nothing is pushed). */
int lv_push_reply(lua_State *L);
/* tostring, protected: pushes a string; false (nothing pushed) when that failed. */
bool lv_push_text(lua_State *L, int index);
/* lua_compare, protected, with the kind of failure as -1. */
int lv_compare(lua_State *L, int left, int right, int operation);
/* lua_gettable for the key on top, protected; LUA_OK or the status, result or error value on top. */
int lv_get_protected(lua_State *L, int table);
/* Line and chunk name of the innermost running Lua function; 0 when there is none. `source` is at least LUA_IDSIZE bytes. */
int lv_current_line(lua_State *L, char *source, const char **full_source, size_t *full_length);
#endif

/* The interpreter's own record, shared by the files of this module only. */
#ifndef LV_INTERPRETER_STATE_H
#define LV_INTERPRETER_STATE_H
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "interpreter.h"
#include "reply.h"

struct lv_lua {
    lua_State *main;
    void *owner;
    lv_dispatch dispatch;
    lv_count_object count_object;
    /* Memory in bytes, counted by the allocator. */
    size_t used, limit;
    uint64_t instruction_limit, instructions;
    struct lv_watch *watch; /* NULL: no limit (watchdog.c) */
    /* Interruption (interrupt.c); atomic because cmdlets ask from threads of their own. */
    atomic_int requests;
    atomic_int seen;  /* requests already answered by an error or a mask */
    atomic_int masked; /* depth of sections that an interrupt waits for */
    atomic_bool unwinding; /* an interrupt or an exit is on its way up */
    bool exiting;
    int exit_code;
    _Atomic(int64_t) deadline; /* monotonic ns after which masks no longer hold; 0: none */
    /* The reply (reply.c). */
    uint8_t *reply;
    size_t reply_capacity, reply_length;
    int reply_count;
    int decoding; /* replies that are being pushed now */
};

/* Payload of the userdata that this module makes. */
struct lv_box {
    int64_t payload;
};

enum { LV_HOOK_INTERVAL = 10000 };

int lv_trampoline(lua_State *L);
int lv_run_decoder(lua_State *L, int argument);
void lv_install_hook(lua_State *L);
void lv_install_guards(lua_State *L);
_Noreturn void lv_raise_interrupt(lua_State *L);
const void *lv_slot_key(int slot);
/* The watchdog (watchdog.c). `listen`: whether signals ask a script to stop, or only leave their number. `signal` is async-signal-safe. */
void lv_watchdog_listen(bool listens);
void lv_watchdog_signal(int number);
void lv_watchdog_answered(void);
/* Finalizers of an interpreter that closes run between 1 and -1; `signal`: the last that came. */
void lv_watchdog_closing(int delta, int signal);
struct lv_watch *lv_watch_open(void);
void lv_watch_close(struct lv_watch *watch);
/* A sign of life of the script. */
void lv_watch_beat(struct lv_watch *watch);
#endif

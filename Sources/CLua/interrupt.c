/* Stopping a script from outside.
 *
 * A permanent count hook, inherited by coroutines, looks at a counter that the signal handler raises. The error that it throws cannot
 * be swallowed: pcall, xpcall, coroutine.resume and coroutine.close are wrapped so that they throw it on. While it travels up, <close>
 * handlers and sections that masked it run undisturbed, for at most ten seconds or until the next request.
 */
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "interpreter_state.h"

static const int64_t grace = 10 * INT64_C(1000000000);

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static _Atomic(lv_lua *) signal_target;
static atomic_int last_signal;

/* The script looked at the request. What a job's interpreter does says nothing about the script's. */
static void answered(lv_lua *session) {
    if (atomic_load(&signal_target) == session) lv_watchdog_answered();
}

void lv_lua_request_interrupt(lv_lua *session) { atomic_fetch_add(&session->requests, 1); }
bool lv_lua_interrupt_requested(lv_lua *session) { return atomic_load(&session->requests) > 0; }
bool lv_lua_is_unwinding(lv_lua *session) { return session->unwinding; }

void lv_lua_set_instruction_limit(lv_lua *session, uint64_t instructions) {
    session->instruction_limit = instructions;
    if (instructions && !session->watch) session->watch = lv_watch_open();
}

void lv_lua_mask(lv_lua *session, int delta) {
    session->masked += delta;
    if (session->masked < 0) session->masked = 0;
}

void lv_lua_clear_interrupt(lv_lua *session) {
    atomic_store(&session->requests, 0);
    session->seen = 0;
    session->masked = 0;
    session->unwinding = false;
    session->exiting = false;
    session->deadline = 0;
    session->instructions = 0;
    answered(session);
}

void lv_lua_request_exit(lv_lua *session, int code) {
    session->exiting = true;
    session->exit_code = code;
}

bool lv_lua_exit_requested(lv_lua *session, int *code) {
    *code = session->exit_code;
    return session->exiting;
}

bool lv_lua_should_stop(lv_lua *session) {
    int requests = atomic_load(&session->requests);
    if (requests == 0) return false;
    answered(session);
    if (session->masked == 0 && !session->unwinding) return true;
    if (session->deadline == 0) {
        session->deadline = now() + grace;
        session->seen = requests;
    }
    return requests > session->seen || now() >= session->deadline;
}

_Noreturn void lv_raise_interrupt(lua_State *L) {
    lv_lua *session = lv_lua_of(L);
    session->seen = atomic_load(&session->requests);
    if (session->deadline == 0) session->deadline = now() + grace;
    session->unwinding = true;
    lua_rawgetp(L, LUA_REGISTRYINDEX, lv_slot_key(LV_SLOT_INTERRUPT));
    lua_error(L);
    __builtin_unreachable();
}

/* Errors of finalizers are swallowed by Lua, so none is raised there. */
static bool in_finalizer(lua_State *L) {
    lua_Debug record;
    for (int level = 0; level < 200 && lua_getstack(L, level, &record); level++) {
        lua_getinfo(L, "n", &record);
        if (record.name && record.name[0] == '_' && record.name[2] == 'g' && record.name[3] == 'c') return true;
    }
    return false;
}

static void check(lua_State *L, lua_Debug *record) {
    (void)record;
    lv_lua *session = lv_lua_of(L);
    lv_watch_beat(session->watch);
    if (session->instruction_limit) {
        session->instructions += LV_HOOK_INTERVAL;
        if (session->instructions > session->instruction_limit && !in_finalizer(L)) {
            session->instructions = 0;
            luaL_error(L, "the script used up its instructions (a limit of restricted mode)");
        }
    }
    if (atomic_load_explicit(&session->requests, memory_order_relaxed) == 0) return;
    if (lv_lua_should_stop(session) && !in_finalizer(L)) lv_raise_interrupt(L);
}

void lv_install_hook(lua_State *L) { lua_sethook(L, check, LUA_MASKCOUNT, LV_HOOK_INTERVAL); }

/* Results of the wrapped function lie on the stack; throw on what must not be swallowed. */
static int guarded_end(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lv_lua *session = lv_lua_of(L);
    if (session->unwinding && session->masked == 0 && !lua_toboolean(L, 1)) lv_raise_interrupt(L);
    return lua_gettop(L);
}

static int guarded(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, guarded_end);
    return guarded_end(L, LUA_OK, 0);
}

static void guard(lua_State *L, const char *name) {
    /* stack: library table */
    if (lua_getfield(L, -1, name) != LUA_TFUNCTION) luaL_error(L, "no %s", name);
    lua_pushcclosure(L, guarded, 1);
    lua_setfield(L, -2, name);
}

static int refuse_hook(lua_State *L) { return luaL_error(L, "debug.sethook is not available: the shell uses the hook for Ctrl-C"); }

void lv_install_guards(lua_State *L) {
    lua_pushglobaltable(L);
    lua_getfield(L, -1, "pcall");
    lua_setfield(L, LUA_REGISTRYINDEX, "lunavisor.pcall");
    guard(L, "pcall");
    guard(L, "xpcall");
    lua_getfield(L, -1, "coroutine");
    guard(L, "resume");
    guard(L, "close");
    lua_pop(L, 1);
    lua_getfield(L, -1, "debug");
    lua_pushcfunction(L, refuse_hook);
    lua_setfield(L, -2, "sethook");
    lua_pop(L, 2);
}

static void receive_signal(int number) {
    atomic_store(&last_signal, number);
    lv_lua *session = atomic_load(&signal_target);
    if (session) lv_lua_request_interrupt(session);
    if (number != SIGPIPE) lv_watchdog_signal(number);
}

/* Some pipe or socket has no reader any more. When it is standard output the program ends, also one that never looks at what its writes
   return; anything else is an error of the write that met it. poll is async-signal-safe. */
static void receive_pipe(int number) {
    struct pollfd output = {.fd = 1, .events = POLLOUT};
    if (poll(&output, 1, 0) == 1 && (output.revents & POLLERR)) receive_signal(number);
}

void lv_lua_catch_signals(lv_lua *session) {
    atomic_store(&signal_target, session);
    lv_watchdog_listen(session != NULL);
    struct sigaction action = {.sa_handler = receive_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = receive_pipe;
    sigaction(SIGPIPE, &action, NULL);
}

int lv_lua_take_signal(void) { return atomic_exchange(&last_signal, 0); }
int lv_lua_last_signal(void) { return atomic_load(&last_signal); }

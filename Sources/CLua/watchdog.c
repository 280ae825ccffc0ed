/* Ending a process whose script cannot be stopped.
 *
 * Hooks do not run while a finalizer does, nor inside one long call of a C function such as a pattern match. A thread of its own, which
 * no signal reaches, ends the process when a request to stop goes unanswered, or when a script under an instruction limit burns time
 * without an instruction. What signal handlers touch here is atomic.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "interpreter_state.h"

static const int64_t second = INT64_C(1000000000);
/* A second Ctrl-C counts as impatience only this long after the first. */
static const int64_t patience = INT64_C(1000000000);
/* SIGTERM and SIGHUP that nothing answers; cleaning up may take its grace of ten seconds before. */
static const int64_t unanswered_limit = 5 * INT64_C(1000000000);
static const int64_t answered_limit = 15 * INT64_C(1000000000);
/* Processor time without an instruction, under an instruction limit. */
static const int64_t stall_limit = 10 * INT64_C(1000000000);

enum { WATCHES = 256 };

/* Of one interpreter with an instruction limit; static, so that a look at one that closes is harmless. */
struct lv_watch {
    atomic_bool used;
    /* Lua runs, and no native function within it. */
    atomic_bool running;
    atomic_uint beats;
    /* The processor-time clock of the thread that runs it. */
    atomic_int clock;
    /* The watchdog's own: what it saw last, and when by that clock. */
    unsigned seen;
    int64_t since;
    bool stalled;
};

static struct lv_watch watches[WATCHES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t wake;
static atomic_bool listening;
static atomic_int closing;
static _Atomic(int64_t) unanswered_since, termination_since;
static atomic_bool termination_answered;
static atomic_int termination_code, ends_with;
static struct termios first_modes;
static atomic_bool has_modes;

static int64_t read_clock(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) return -1;
    return (int64_t)time.tv_sec * second + time.tv_nsec;
}

static void say(int descriptor, const char *text) {
    /* A full pipe must not hold this thread, too. */
    struct pollfd output = {.fd = descriptor, .events = POLLOUT};
    if (poll(&output, 1, 0) != 1 || !(output.revents & POLLOUT)) return;
    if (write(descriptor, text, strlen(text)) < 0) return;
}

static _Noreturn void end(int code, const char *text) {
    struct termios modes;
    if (atomic_load(&has_modes) && tcgetattr(0, &modes) == 0
        && (modes.c_lflag != first_modes.c_lflag || modes.c_iflag != first_modes.c_iflag || modes.c_oflag != first_modes.c_oflag)) {
        /* The line editor or a console was in the middle of something; the editor had asked for marked pastes. */
        tcsetattr(0, TCSANOW, &first_modes);
        if (isatty(1)) say(1, "\033[?2004l\r\n");
    }
    say(2, text);
    _exit(code);
}

static bool any_watch(void) {
    for (int i = 0; i < WATCHES; i++) {
        if (atomic_load(&watches[i].used)) return true;
    }
    return false;
}

static void look_at_requests(void) {
    static const char unstopped[] = "The script did not stop at an instruction; ended.\n";
    int code = atomic_load(&ends_with);
    if (code) end(code, unstopped);
    int64_t since = atomic_load(&termination_since);
    if (since == 0) return;
    int64_t limit = atomic_load(&termination_answered) ? answered_limit : unanswered_limit;
    if (read_clock(CLOCK_MONOTONIC) - since >= limit) end(atomic_load(&termination_code), unstopped);
}

static void look_at(struct lv_watch *watch) {
    unsigned beats = atomic_load(&watch->beats);
    if (!atomic_load(&watch->used) || !atomic_load(&watch->running)) {
        watch->stalled = false;
        return;
    }
    int64_t time = read_clock((clockid_t)atomic_load(&watch->clock));
    if (time < 0) return;
    if (!watch->stalled || beats != watch->seen) {
        watch->stalled = true;
        watch->seen = beats;
        watch->since = time;
    } else if (time - watch->since >= stall_limit) {
        end(1, "lunavisor: the script used up its instructions within one call of a library function (a limit of restricted mode)\n");
    }
}

static void *watch_over(void *unused) {
    (void)unused;
    while (true) {
        if (atomic_load(&termination_since) || any_watch()) {
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_nsec += 250000000;
            if (until.tv_nsec >= second) {
                until.tv_nsec -= second;
                until.tv_sec += 1;
            }
            sem_clockwait(&wake, CLOCK_MONOTONIC, &until);
        } else {
            sem_wait(&wake);
        }
        look_at_requests();
        for (int i = 0; i < WATCHES; i++) look_at(&watches[i]);
    }
    return NULL;
}

static void begin(void) {
    sem_init(&wake, 0, 0);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    pthread_create(&thread, &attributes, watch_over, NULL);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void lv_watchdog_listen(bool listens) {
    pthread_once(&once, begin);
    if (listens && !atomic_load(&has_modes) && tcgetattr(0, &first_modes) == 0) atomic_store(&has_modes, true);
    atomic_store(&listening, listens);
    atomic_store(&unanswered_since, 0);
    atomic_store(&termination_since, 0);
    atomic_store(&ends_with, 0);
}

static void await_end(int number) {
    atomic_store(&termination_code, 128 + number);
    atomic_store(&termination_answered, false);
    atomic_store(&termination_since, read_clock(CLOCK_MONOTONIC));
}

void lv_watchdog_signal(int number) {
    if (!atomic_load(&listening) && atomic_load(&closing) == 0) return;
    int before = errno;
    if (number == SIGINT) {
        int64_t now = read_clock(CLOCK_MONOTONIC);
        int64_t first = atomic_load(&unanswered_since);
        if (first == 0) atomic_store(&unanswered_since, now);
        else if (now - first > patience) atomic_store(&ends_with, 128 + number);
    } else if (atomic_load(&termination_since) == 0) {
        await_end(number);
    }
    sem_post(&wake);
    errno = before;
}

void lv_watchdog_answered(void) {
    atomic_store(&unanswered_since, 0);
    atomic_store(&termination_answered, true);
}

void lv_watchdog_closing(int delta, int signal) {
    pthread_once(&once, begin);
    if (delta > 0) {
        atomic_fetch_add(&closing, 1);
        /* The request was answered, and nobody listens any more; what runs from now on are finalizers. */
        if ((signal == SIGTERM || signal == SIGHUP) && !atomic_load(&listening)) await_end(signal);
        sem_post(&wake);
    } else if (atomic_fetch_sub(&closing, 1) == 1 && !atomic_load(&listening)) {
        atomic_store(&unanswered_since, 0);
        atomic_store(&termination_since, 0);
    }
}

struct lv_watch *lv_watch_open(void) {
    pthread_once(&once, begin);
    for (int i = 0; i < WATCHES; i++) {
        bool free = false;
        if (!atomic_compare_exchange_strong(&watches[i].used, &free, true)) continue;
        sem_post(&wake);
        return &watches[i];
    }
    return NULL;
}

void lv_watch_close(struct lv_watch *watch) {
    if (!watch) return;
    atomic_store(&watch->running, false);
    atomic_store(&watch->used, false);
}

void lv_watch_beat(struct lv_watch *watch) {
    if (watch) atomic_fetch_add_explicit(&watch->beats, 1, memory_order_relaxed);
}

bool lv_lua_set_running(lv_lua *session, bool runs) {
    struct lv_watch *watch = session->watch;
    if (!watch) return false;
    clockid_t clock;
    if (runs && pthread_getcpuclockid(pthread_self(), &clock) == 0) atomic_store(&watch->clock, (int)clock);
    lv_watch_beat(watch);
    return atomic_exchange(&watch->running, runs);
}

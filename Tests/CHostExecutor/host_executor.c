#define _GNU_SOURCE
#include "host_executor.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef ARCH_SET_GS
#define ARCH_SET_GS 0x1001
#endif

// What the child's signal handler works on; the child has one thread and copies of these. `current` is shared with the parent.
static const lv_executor_case *cases;
static lv_executor_outcome *outcomes;
static const uint8_t *pristine;
static volatile uint32_t *current;
static uint32_t total, last_tick = ~0u;

static void begin_case(ucontext_t *context) {
    const lv_executor_case *c = &cases[*current];
    memcpy((void *)(uintptr_t)LV_EXECUTOR_DATA, pristine, LV_EXECUTOR_WRITABLE);
    memset((void *)(uintptr_t)LV_EXECUTOR_CODE, 0xcc, 0x1000);
    memcpy((void *)(uintptr_t)LV_EXECUTOR_ENTRY, c->code, LV_EXECUTOR_CODE_BYTES);
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    greg_t *registers = context->uc_mcontext.gregs;
    for (int i = 0; i < 16; i++) registers[order[i]] = (greg_t)c->state.gpr[i];
    registers[REG_RIP] = (greg_t)c->state.rip;
    registers[REG_EFL] = (greg_t)c->state.rflags;
    uint64_t selectors = (uint64_t)registers[REG_CSGSFS];
    registers[REG_CSGSFS] = (greg_t)((selectors & ~0xffffull) | c->selector);
    uint8_t *image = (uint8_t *)context->uc_mcontext.fpregs;
    uint32_t mask;
    memcpy(&mask, image + 28, 4);
    memcpy(image, c->state.fx, sizeof c->state.fx);
    memcpy(image + 28, &mask, 4);
    // The XSAVE header behind the legacy part: x87 and SSE are to be loaded from it.
    uint64_t present;
    memcpy(&present, image + 512, 8);
    present |= 3;
    memcpy(image + 512, &present, 8);
}

static void end_case(const ucontext_t *context, uint64_t vector) {
    lv_executor_outcome *o = &outcomes[*current];
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    const greg_t *registers = context->uc_mcontext.gregs;
    for (int i = 0; i < 16; i++) o->state.gpr[i] = (uint64_t)registers[order[i]];
    o->state.rip = (uint64_t)registers[REG_RIP];
    o->state.rflags = (uint64_t)registers[REG_EFL];
    o->error_code = (uint64_t)registers[REG_ERR];
    o->cr2 = (uint64_t)registers[REG_CR2];
    memcpy(o->state.fx, context->uc_mcontext.fpregs, sizeof o->state.fx);
    memcpy(o->data, (const void *)(uintptr_t)LV_EXECUTOR_DATA, LV_EXECUTOR_WRITABLE);
    o->vector = vector;
}

static void on_signal(int number, siginfo_t *information, void *pointer) {
    (void)information;
    ucontext_t *context = pointer;
    uint64_t vector = (uint64_t)context->uc_mcontext.gregs[REG_TRAPNO];
    if (number == SIGVTALRM) {
        // Two ticks within one case: it does not end.
        if (last_tick != *current) {
            last_tick = *current;
            return;
        }
        vector = LV_EXECUTOR_TIMED_OUT;
    }
    if (number != SIGUSR1) {
        end_case(context, vector);
        *current += 1;
    }
    if (*current >= total) _exit(0);
    begin_case(context);
}

static void run_child(void) {
    struct rlimit none = {0, 0}, seconds = {60, 60};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_CPU, &seconds);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    void *code = mmap((void *)(uintptr_t)LV_EXECUTOR_CODE, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
    void *data = mmap((void *)(uintptr_t)LV_EXECUTOR_DATA, LV_EXECUTOR_DATA_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    void *stack = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED || data == MAP_FAILED || stack == MAP_FAILED) _exit(1);
    memcpy(data, pristine, LV_EXECUTOR_DATA_SIZE);
    if (mprotect((uint8_t *)data + LV_EXECUTOR_WRITABLE, LV_EXECUTOR_DATA_SIZE - LV_EXECUTOR_WRITABLE, PROT_READ) != 0) _exit(1);
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)LV_EXECUTOR_GS_BASE) != 0) _exit(1);
    __asm__ volatile("movl %0,%%ds\n\tmovl %0,%%es" ::"r"(LV_EXECUTOR_USER_DATA));
    stack_t alternative = {.ss_sp = stack, .ss_size = 0x10000};
    if (sigaltstack(&alternative, NULL) != 0) _exit(1);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGVTALRM, SIGUSR1};
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) sigaction(signals[i], &action, NULL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    struct itimerval tick = {{0, 10000}, {0, 10000}};
    setitimer(ITIMER_VIRTUAL, &tick, NULL);
    syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), SIGUSR1);
    _exit(1);
}

lv_executor_outcome *lv_executor_allocate(uint32_t count) {
    // One word behind the outcomes is the index of the case being run.
    void *p = mmap(NULL, count * sizeof(lv_executor_outcome) + 64, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void lv_executor_release(lv_executor_outcome *shared, uint32_t count) {
    munmap(shared, count * sizeof(lv_executor_outcome) + 64);
}

int lv_executor_run(const lv_executor_case *list, lv_executor_outcome *shared, uint32_t count, const uint8_t *data) {
    cases = list;
    outcomes = shared;
    pristine = data;
    total = count;
    current = (volatile uint32_t *)&shared[count];
    *current = 0;
    for (uint32_t i = 0; i < count; i++) shared[i].vector = LV_EXECUTOR_NOT_RUN;
    while (*current < count) {
        uint32_t before = *current;
        pid_t child = fork();
        if (child < 0) return errno;
        if (child == 0) run_child();
        int status = 0;
        while (waitpid(child, &status, 0) < 0)
            if (errno != EINTR) return errno;
        if (*current >= count) break;
        // A child that could not even set itself up ends normally with the first case still to do.
        if (WIFEXITED(status) && *current == before) return EPERM;
        shared[*current].vector = LV_EXECUTOR_CRASHED;
        *current += 1;
    }
    return 0;
}

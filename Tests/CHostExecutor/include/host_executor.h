// Runs single instructions and short sequences on the host's processor, from a given state to the state they end in.
//
// A forked child does it: one signal ends a case and, on its return, starts the next, so that a case costs one signal. Memory the
// cases may touch lies at fixed addresses, the same for every processor that the host is compared with.
//
//   LV_EXECUTOR_CODE   one page, read, write and execute, filled with INT3; a case's bytes start at LV_EXECUTOR_ENTRY
//   LV_EXECUTOR_DATA   two pages read and write, then one read-only; unmapped on both sides
#ifndef LV_HOST_EXECUTOR_H
#define LV_HOST_EXECUTOR_H
#include <stdint.h>

enum {
    LV_EXECUTOR_CODE = 0x10000000, LV_EXECUTOR_ENTRY = 0x10000800, LV_EXECUTOR_DATA = 0x20000000,
    LV_EXECUTOR_WRITABLE = 0x2000, LV_EXECUTOR_DATA_SIZE = 0x3000, LV_EXECUTOR_GS_BASE = 0x20000800,
    LV_EXECUTOR_CODE_BYTES = 64,
    // Selectors of the host's user segments (Linux); DS, ES and SS hold the data one.
    LV_EXECUTOR_CODE32 = 0x23, LV_EXECUTOR_USER_DATA = 0x2b, LV_EXECUTOR_CODE64 = 0x33,
};

// Registers before or after a case: RAX RCX RDX RBX RSP RBP RSI RDI R8-R15, and the first 416 bytes of the FXSAVE64 image.
typedef struct lv_executor_state {
    uint64_t gpr[16], rip, rflags;
    uint8_t fx[416];
} lv_executor_state;

typedef struct lv_executor_case {
    lv_executor_state state;
    uint8_t code[LV_EXECUTOR_CODE_BYTES];
    uint64_t selector;  // of CS: LV_EXECUTOR_CODE64 or LV_EXECUTOR_CODE32
} lv_executor_case;

enum { LV_EXECUTOR_NOT_RUN = 0xff, LV_EXECUTOR_TIMED_OUT = 0xfe, LV_EXECUTOR_CRASHED = 0xfd };

// `vector` is that of the exception that ended the case (3: INT3, the usual end) or one of the values above.
typedef struct lv_executor_outcome {
    lv_executor_state state;
    uint64_t vector, error_code, cr2;
    uint8_t data[LV_EXECUTOR_WRITABLE];
} lv_executor_outcome;

// The data pages of an outcome (Swift sees no array this long).
static inline uint8_t *lv_executor_data(lv_executor_outcome *outcome) { return outcome->data; }

// Room for outcomes, shared with the children; NULL: no memory.
lv_executor_outcome *lv_executor_allocate(uint32_t count);
void lv_executor_release(lv_executor_outcome *outcomes, uint32_t count);

// Runs the cases, each with LV_EXECUTOR_DATA_SIZE bytes of `data` in place. 0, or an errno value when no child could be made.
int lv_executor_run(const lv_executor_case *cases, lv_executor_outcome *outcomes, uint32_t count, const uint8_t *data);
#endif

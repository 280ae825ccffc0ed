// The guest's x87 and SSE arithmetic: one host instruction per guest instruction, under the guest's own control word.
//
// Swift's floating-point operators are never used for the guest: they fold, reorder and know neither rounding modes nor flags.
// Here one inline assembly block loads the control word, does the operation, stores the flags and puts the host's word back.
//
//   floating_point.h       control words, access to the registers of the state block
//   floating_point_sse.h   SSE and SSE2; MMX is done on the low half of the same operations
//   floating_point_x87.h   x87 and the FXSAVE image
//   floating_point_native.h the x87 of the host in the translator's hands
#ifndef LV_FLOATING_POINT_H
#define LV_FLOATING_POINT_H
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include "processor_state.h"

#pragma clang assume_nonnull begin

// What the host's own code runs with (System V ABI: all exceptions masked, round to nearest, 64-bit precision).
enum { LV_HOST_MXCSR = 0x1f80, LV_HOST_FCW = 0x37f };
// Bits of the first model's MXCSR (AMD APM vol. 1, 4.2.2): MXCSR_MASK of the FXSAVE image.
enum { LV_MXCSR_MASK = 0xffff };

// Puts the host's floating-point units into the state the routines below start from. Called when a thread begins to run a VP.
static inline void lv_floating_point_begin(void) {
    uint32_t mxcsr = LV_HOST_MXCSR;
    __asm__ volatile("fninit\n\tldmxcsr %0" ::"m"(mxcsr));
}

// Registers of the state block by number; the caller has masked the number.
static inline lv_xmm *lv_xmm_register(lv_vp *vp, uint32_t number) { return &vp->xmm[number & 15]; }
static inline lv_x87_register *lv_x87_physical(lv_vp *vp, uint32_t number) { return &vp->x87[number & 7]; }
static inline uint64_t lv_general_register(const lv_vp *vp, uint32_t number) { return vp->gpr[number & 15]; }
static inline void lv_set_general_register(lv_vp *vp, uint32_t number, uint64_t value) { vp->gpr[number & 15] = value; }

#pragma clang assume_nonnull end
#endif

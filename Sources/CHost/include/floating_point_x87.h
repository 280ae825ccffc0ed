// x87 arithmetic (Intel SDM vol. 1, 8) and the FXSAVE image.
//
// A kernel loads its operands into an empty host FPU, runs the guest's instruction under the guest's control word, unmasked
// exceptions included, and returns the host's status word: C0-C3 and the flags this operation raised. An unmasked exception
// is pending in the host only until the FNCLEX that follows, no waiting instruction lies between, so it never traps here; what
// the operation wrote or did not write is what the processor does, scaled results of overflow and underflow included.
// The host FPU is empty and without flags before and after a kernel (lv_floating_point_begin), PE apart: nearly every operation raises
// it, and FNCLEX takes longer than all the rest. It stays, and is reported with the next operations, while the guest has it set and masked
// (LV_X87_INEXACT of the control word that is passed), where that makes no difference.
#ifndef LV_FLOATING_POINT_X87_H
#define LV_FLOATING_POINT_X87_H
#include "floating_point.h"

#pragma clang assume_nonnull begin

// The 10 significant bytes of a register, as FLDT and FSTPT address them.
#define LV_ST(p) (*(lv_x87_register *)(p))

// Above the control word: the guest has PE set and masked.
enum { LV_X87_PRECISION = 0x20, LV_X87_INEXACT = LV_X87_PRECISION << 16 };

static inline void lv_x87_enter(uint32_t fcw) {
    uint16_t word = (uint16_t)fcw;
    if (__builtin_expect(!(fcw & LV_X87_INEXACT), 0))
        __asm__ volatile("fnstsw %%ax\n\ttestb $0x20,%%al\n\tjz 1f\n\tfnclex\n1:" ::: "ax", "cc");
    if (__builtin_expect(word != LV_HOST_FCW, 0)) __asm__ volatile("fldcw %0" ::"m"(word));
}
static inline void lv_x87_leave(uint32_t fcw) {
    uint16_t word = LV_HOST_FCW;
    if (__builtin_expect((uint16_t)fcw != LV_HOST_FCW, 0)) __asm__ volatile("fldcw %0" ::"m"(word));
}

// Status to AX; flags but PE, or any that is not masked (ES), go, so that what follows cannot trap.
#define LV_X87_STATUS "\n\tfnstsw %%ax\n\ttestb $0x9f,%%al\n\tjz 1f\n\tfnclex\n1:\t"

// destination = destination OP source, both registers. The instruction is written for ST(0) = destination, ST(1) = source.
#define LV_X87_BINARY(name, insn)                                                                                      \
    static inline uint32_t lv_##name(lv_x87_register *destination, const lv_x87_register *source, uint32_t fcw) {      \
        uint16_t status;                                                                                               \
        lv_x87_enter(fcw);                                                                                             \
        __asm__ volatile("fldt %[s]\n\tfldt %[d]\n\t" insn LV_X87_STATUS "fstpt %[d]\n\tfstp %%st(0)"                  \
                         : [d] "+m"(*destination), "=&a"(status)                                                       \
                         : [s] "m"(*source)                                                                            \
                         : "cc");                                                                                      \
        lv_x87_leave(fcw);                                                                                             \
        return status;                                                                                                 \
    }
LV_X87_BINARY(fadd, "fadd %%st(1),%%st")
LV_X87_BINARY(fsub, "fsub %%st(1),%%st")
LV_X87_BINARY(fsubr, "fsubr %%st(1),%%st")
LV_X87_BINARY(fmul, "fmul %%st(1),%%st")
LV_X87_BINARY(fdiv, "fdiv %%st(1),%%st")
LV_X87_BINARY(fdivr, "fdivr %%st(1),%%st")
LV_X87_BINARY(fscale, "fscale")
LV_X87_BINARY(fprem, "fprem")
LV_X87_BINARY(fprem1, "fprem1")

// destination = destination OP memory operand; `source` is a copy of it.
#define LV_X87_MEMORY(name, insn, type)                                                                                \
    static inline uint32_t lv_##name(lv_x87_register *destination, const lv_x87_register *source, uint32_t fcw) {      \
        uint16_t status;                                                                                               \
        lv_x87_enter(fcw);                                                                                             \
        __asm__ volatile("fldt %[d]\n\t" insn " %[s]" LV_X87_STATUS "fstpt %[d]"                                        \
                         : [d] "+m"(*destination), "=&a"(status)                                                       \
                         : [s] "m"(*(const type *)source)                                                              \
                         : "cc");                                                                                      \
        lv_x87_leave(fcw);                                                                                             \
        return status;                                                                                                 \
    }
typedef uint16_t __attribute__((may_alias)) lv_x87_m16;
typedef uint32_t __attribute__((may_alias)) lv_x87_m32;
typedef uint64_t __attribute__((may_alias)) lv_x87_m64;
#define LV_X87_MEMORIES(op)                                                                                            \
    LV_X87_MEMORY(f##op##_m32, "f" #op "s", lv_x87_m32) LV_X87_MEMORY(f##op##_m64, "f" #op "l", lv_x87_m64)            \
    LV_X87_MEMORY(fi##op##_m16, "fi" #op "s", lv_x87_m16) LV_X87_MEMORY(fi##op##_m32, "fi" #op "l", lv_x87_m32)
LV_X87_MEMORIES(add)
LV_X87_MEMORIES(sub)
LV_X87_MEMORIES(subr)
LV_X87_MEMORIES(mul)
LV_X87_MEMORIES(div)
LV_X87_MEMORIES(divr)
// Comparisons leave ST(0) alone; the result is in C0, C2, C3.
LV_X87_MEMORIES(com)
LV_X87_BINARY(fcom, "fcom %%st(1)")
LV_X87_BINARY(fucom, "fucom %%st(1)")

#define LV_X87_UNARY(name, insn)                                                                                       \
    static inline uint32_t lv_##name(lv_x87_register *destination, uint32_t fcw) {                                     \
        uint16_t status;                                                                                               \
        lv_x87_enter(fcw);                                                                                             \
        __asm__ volatile("fldt %[d]\n\t" insn LV_X87_STATUS "fstpt %[d]" : [d] "+m"(*destination), "=&a"(status)::"cc"); \
        lv_x87_leave(fcw);                                                                                             \
        return status;                                                                                                 \
    }
LV_X87_UNARY(fsqrt, "fsqrt")
LV_X87_UNARY(frndint, "frndint")
LV_X87_UNARY(f2xm1, "f2xm1")
LV_X87_UNARY(fsin, "fsin")
LV_X87_UNARY(fcos, "fcos")
LV_X87_UNARY(ftst, "ftst")
LV_X87_UNARY(fxam, "fxam")
LV_X87_UNARY(fchs, "fchs")
LV_X87_UNARY(fabs, "fabs")

// Two operands, the result takes ST(1)'s place and ST(0) is popped. Whether the host popped depends on the exceptions, so FNINIT clears up.
// On an unmasked IE, DE or ZE the caller drops the result.
#define LV_X87_POPPING(name, insn)                                                                                     \
    static inline uint32_t lv_##name(lv_x87_register *st1, const lv_x87_register *st0, uint32_t fcw) {                 \
        uint16_t status;                                                                                               \
        lv_x87_enter(fcw);                                                                                             \
        __asm__ volatile("fldt %[b]\n\tfldt %[a]\n\t" insn "\n\tfnstsw %%ax\n\tfnclex\n\tfstpt %[b]\n\tfninit"          \
                         : [b] "+m"(*st1), "=&a"(status)                                                               \
                         : [a] "m"(*st0));                                                                             \
        return status;                                                                                                 \
    }
LV_X87_POPPING(fyl2x, "fyl2x")
LV_X87_POPPING(fyl2xp1, "fyl2xp1")
LV_X87_POPPING(fpatan, "fpatan")

// One operand, two results: `st0` is replaced, `pushed` goes on top. Where the operation pushed nothing (C2, or an unmasked
// exception) `pushed` is meaningless and the caller drops it.
#define LV_X87_PUSHING(name, insn)                                                                                     \
    static inline uint32_t lv_##name(lv_x87_register *st0, lv_x87_register *pushed, uint32_t fcw) {                    \
        uint16_t status, host = LV_HOST_FCW;                                                                           \
        lv_x87_register before = *st0;                                                                                 \
        lv_x87_enter(fcw);                                                                                             \
        __asm__ volatile("fldt %[d]\n\t" insn "\n\tfnstsw %%ax\n\tfnclex\n\tfldcw %[host]\n\t"                          \
                         "fstpt %[p]\n\tfstpt %[d]\n\tfninit"                                                          \
                         : [d] "+m"(*st0), [p] "=m"(*pushed), "=&a"(status)                                            \
                         : [host] "m"(host));                                                                          \
        /* TOP 6: it pushed; TOP 7: it did not, and the second store met an empty register. */                         \
        if ((status >> 11 & 7) != 6) *st0 = before;                                                                    \
        return status;                                                                                                 \
    }
LV_X87_PUSHING(fptan, "fptan")
LV_X87_PUSHING(fsincos, "fsincos")
LV_X87_PUSHING(fxtract, "fxtract")

// Loads. Nothing here depends on the control word but the flags, of which none raises PE; the caller drops the result on an unmasked
// exception.
#define LV_X87_LOAD(name, insn, type)                                                                                  \
    static inline uint32_t lv_##name(lv_x87_register *destination, const lv_x87_register *source) {                    \
        uint16_t status;                                                                                               \
        __asm__ volatile(insn " %[s]" LV_X87_STATUS "fstpt %[d]"                                                        \
                         : [d] "=m"(*destination), "=&a"(status)                                                       \
                         : [s] "m"(*(const type *)source)                                                              \
                         : "cc");                                                                                      \
        return status & ~LV_X87_PRECISION;                                                                             \
    }
LV_X87_LOAD(fld_m32, "flds", lv_x87_m32)
LV_X87_LOAD(fld_m64, "fldl", lv_x87_m64)
LV_X87_LOAD(fild_m16, "filds", lv_x87_m16)
LV_X87_LOAD(fild_m32, "fildl", lv_x87_m32)
LV_X87_LOAD(fild_m64, "fildll", lv_x87_m64)
LV_X87_LOAD(fbld, "fbld", lv_x87_register)

// Constants follow the rounding control (SDM vol. 1, 8.3.8).
#define LV_X87_CONSTANT(name)                                                                                          \
    static inline void lv_##name(lv_x87_register *destination, uint32_t fcw) {                                         \
        lv_x87_enter(fcw);                                                                                             \
        __asm__ volatile(#name "\n\tfstpt %[d]" : [d] "=m"(*destination));                                             \
        lv_x87_leave(fcw);                                                                                             \
    }
LV_X87_CONSTANT(fld1) LV_X87_CONSTANT(fldz) LV_X87_CONSTANT(fldpi) LV_X87_CONSTANT(fldl2e) LV_X87_CONSTANT(fldl2t)
LV_X87_CONSTANT(fldlg2) LV_X87_CONSTANT(fldln2)

// Stores with conversion, into a copy the caller puts into guest memory. Run under the guest's word without popping.
#define LV_X87_STORE(name, insn, type)                                                                                 \
    static inline uint32_t lv_##name(lv_x87_register *memory, const lv_x87_register *source, uint32_t fcw) {           \
        uint16_t status;                                                                                               \
        lv_x87_enter(fcw);                                                                                             \
        __asm__ volatile("fldt %[s]\n\t" insn " %[m]" LV_X87_STATUS "fstp %%st(0)"                                      \
                         : [m] "+m"(*(type *)memory), "=&a"(status)                                                    \
                         : [s] "m"(*source)                                                                            \
                         : "cc");                                                                                      \
        lv_x87_leave(fcw);                                                                                             \
        return status;                                                                                                 \
    }
LV_X87_STORE(fst_m32, "fsts", lv_x87_m32)
LV_X87_STORE(fst_m64, "fstl", lv_x87_m64)
LV_X87_STORE(fist_m16, "fists", lv_x87_m16)
LV_X87_STORE(fist_m32, "fistl", lv_x87_m32)
// Forms that exist only with a pop: run masked so that they always pop; the caller drops the result on an unmasked IE.
#define LV_X87_STORE_POP(name, insn, type)                                                                             \
    static inline uint32_t lv_##name(lv_x87_register *memory, const lv_x87_register *source, uint32_t fcw) {           \
        uint16_t status;                                                                                               \
        lv_x87_enter(fcw | 0x3f);                                                                                      \
        __asm__ volatile("fldt %[s]\n\t" insn " %[m]" LV_X87_STATUS                                                     \
                         : [m] "+m"(*(type *)memory), "=&a"(status)                                                    \
                         : [s] "m"(*source)                                                                            \
                         : "cc");                                                                                      \
        lv_x87_leave(fcw | 0x3f);                                                                                      \
        return status;                                                                                                 \
    }
LV_X87_STORE_POP(fist_m64, "fistpll", lv_x87_m64)
LV_X87_STORE_POP(fbst, "fbstp", lv_x87_register)

// Tag of a register that is not empty (SDM vol. 1, 8.1.7): 0 valid, 1 zero, 2 special.
static inline uint32_t lv_x87_tag(const lv_x87_register *r) {
    uint32_t exponent = r->sign_exponent & 0x7fff;
    if (exponent == 0) return r->significand == 0 ? 1 : 2;
    if (exponent == 0x7fff || !(r->significand >> 63)) return 2;
    return 0;
}
// The tag word as FNSTENV stores it. The state block's own word knows only empty (3) and the rest.
static inline uint32_t lv_x87_tag_word(const lv_vp *vp) {
    uint32_t word = 0;
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t tag = vp->ftw >> (2 * i) & 3;
        word |= (tag == 3 ? 3 : lv_x87_tag(&vp->x87[i])) << (2 * i);
    }
    return word;
}

// The FXSAVE image (SDM vol. 2, FXSAVE; AMD APM vol. 2, 11.4.4): 416 bytes are written in 64-bit mode, 288 else.
//
//   0 FCW  2 FSW  4 abridged tags  6 FOP  8 FIP [FCS at 12]  16 FDP [FDS at 20]  24 MXCSR  28 MXCSR_MASK  32 ST0-7  160 XMM
//
// AMD's processors save the pointers only while an unmasked exception is pending, else zeros. They restore them always, as those with
// XSAVEERPTR do (CPUID 8000_0008 EBX bit 2); older ones leave them as they are when none is pending, and show the last program's.
typedef struct lv_fxsave_image { uint8_t bytes[512]; } __attribute__((aligned(16))) lv_fxsave_image;

static inline void lv_fxsave_fill(lv_fxsave_image *image, const lv_vp *vp, bool rex_w, uint32_t vectors) {
    uint8_t *p = image->bytes;
    memset(p, 0, sizeof *image);
    uint32_t top = vp->fsw >> 11 & 7, tags = 0;
    for (uint32_t i = 0; i < 8; i++) {
        if ((vp->ftw >> (2 * i) & 3) != 3) tags |= 1u << i;
        memcpy(p + 32 + 16 * i, &vp->x87[(top + i) & 7], 10);
    }
    memcpy(p, &vp->fcw, 2);
    memcpy(p + 2, &vp->fsw, 2);
    p[4] = (uint8_t)tags;
    if (vp->fsw & 0x80) {
        memcpy(p + 6, &vp->fop, 2);
        if (rex_w) {
            memcpy(p + 8, &vp->fip, 8);
            memcpy(p + 16, &vp->fdp, 8);
        } else {
            memcpy(p + 8, &vp->fip, 4); memcpy(p + 12, &vp->fcs, 2);
            memcpy(p + 16, &vp->fdp, 4); memcpy(p + 20, &vp->fds, 2);
        }
    }
    uint32_t mask = LV_MXCSR_MASK;
    memcpy(p + 24, &vp->mxcsr, 4);
    memcpy(p + 28, &mask, 4);
    memcpy(p + 160, vp->xmm, 16 * vectors);
}
static inline uint32_t lv_fxsave_mxcsr(const lv_fxsave_image *image) {
    uint32_t value; memcpy(&value, image->bytes + 24, 4); return value;
}
// Precondition: no reserved bit of the image's MXCSR is set.
static inline void lv_fxsave_take(lv_vp *vp, const lv_fxsave_image *image, bool rex_w, uint32_t vectors) {
    const uint8_t *p = image->bytes;
    uint16_t word;
    memcpy(&word, p, 2);
    vp->fcw = (word & 0x1f3f) | 0x40;
    memcpy(&word, p + 2, 2);
    word &= 0x7f7f;
    if (word & ~vp->fcw & 0x3f) word |= 0x8080;
    vp->fsw = word;
    uint32_t top = word >> 11 & 7;
    vp->ftw = 0;
    for (uint32_t i = 0; i < 8; i++) {
        if (!(p[4] >> i & 1)) vp->ftw |= (uint16_t)(3u << (2 * i));
        memcpy(&vp->x87[(top + i) & 7], p + 32 + 16 * i, 10);
    }
    memcpy(&word, p + 6, 2);
    vp->fop = word & 0x7ff;
    vp->fip = 0; vp->fcs = 0; vp->fdp = 0; vp->fds = 0;
    if (rex_w) {
        memcpy(&vp->fip, p + 8, 8); memcpy(&vp->fdp, p + 16, 8);
    } else {
        memcpy(&vp->fip, p + 8, 4); memcpy(&vp->fcs, p + 12, 2);
        memcpy(&vp->fdp, p + 16, 4); memcpy(&vp->fds, p + 20, 2);
    }
    vp->mxcsr = lv_fxsave_mxcsr(image) & LV_MXCSR_MASK;
    memcpy(vp->xmm, p + 160, 16 * vectors);
}
static inline uint64_t lv_fxsave_word(const lv_fxsave_image *image, uint32_t offset) {
    uint64_t value; memcpy(&value, image->bytes + (offset & 0x1f8), 8); return value;
}
static inline void lv_fxsave_set_word(lv_fxsave_image *image, uint32_t offset, uint64_t value) {
    memcpy(image->bytes + (offset & 0x1f8), &value, 8);
}

#pragma clang assume_nonnull end
#endif

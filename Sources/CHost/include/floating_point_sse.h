// SSE and SSE2 arithmetic, and the integer operations that MMX shares (Intel SDM vol. 1, 10 and 11).
//
// Two kinds of routine, both `destination OP= source` on whole registers:
//   vector kernels        no flags:          void     lv_NAME(destination, source)
//   floating kernels      guest's MXCSR in:  uint32_t lv_NAME(destination, source, mxcsr)
// A floating kernel returns the new MXCSR, with LV_SSE_FAULT set when an unmasked exception was raised; the destination is then unchanged.
#ifndef LV_FLOATING_POINT_SSE_H
#define LV_FLOATING_POINT_SSE_H
#include "floating_point.h"

#pragma clang assume_nonnull begin

typedef long long lv_vector __attribute__((vector_size(16), may_alias));

// Set in a floating kernel's result: raise #XM (or #UD with CR4.OSXMMEXCPT clear) and write nothing but MXCSR.
#define LV_SSE_FAULT 0x80000000u

// The MXCSR to run a guest operation with: the guest's rounding, DAZ and FZ, everything masked, no flags.
// FZ works only while underflow is masked (SDM vol. 1, 10.2.3.3), so it goes when the guest unmasked it.
static inline uint32_t lv_sse_control(uint32_t mxcsr) {
    uint32_t control = (mxcsr & 0xffc0) | 0x1f80;
    return (mxcsr & 0x0800) ? control : control & ~0x8000u;
}

// The guest's MXCSR after an operation that raised `status`. An unmasked IE, DE or ZE is found before the operation is done,
// so that OE, UE and PE are not reported with it (SDM vol. 1, 11.5.2 and 4.9.2).
static inline uint32_t lv_sse_settle(uint32_t mxcsr, uint32_t status) {
    uint32_t raised = status & 0x3f, unmasked = raised & ~(mxcsr >> 7);
    if (__builtin_expect(unmasked == 0, 1)) return mxcsr | raised;
    if (unmasked & 7) raised &= 7;
    return mxcsr | raised | LV_SSE_FAULT;
}

// An unmasked underflow is raised by a tiny result even when it is exact (SDM vol. 1, 4.9.1.5); masked, the host says nothing then.
static inline uint32_t lv_tiny_single(uint32_t v) { return (v & 0x7f800000) == 0 && (v & 0x007fffff) != 0; }
static inline uint32_t lv_tiny_double(uint64_t v) { return (v & 0x7ff0000000000000) == 0 && (v & 0x000fffffffffffff) != 0; }
static inline uint32_t lv_tiny_ss(const lv_xmm *r) { return lv_tiny_single(r->u32[0]); }
static inline uint32_t lv_tiny_sd(const lv_xmm *r) { return lv_tiny_double(r->u64[0]); }
static inline uint32_t lv_tiny_ps(const lv_xmm *r) {
    return lv_tiny_single(r->u32[0]) | lv_tiny_single(r->u32[1]) | lv_tiny_single(r->u32[2]) | lv_tiny_single(r->u32[3]);
}
static inline uint32_t lv_tiny_pd(const lv_xmm *r) { return lv_tiny_double(r->u64[0]) | lv_tiny_double(r->u64[1]); }
static inline uint32_t lv_tiny_none(const lv_xmm *r) { (void)r; return 0; }

// What the routine below is asked about. NARROW: CVTSD2SS and CVTPD2PS, whose operand is `b`.
enum { LV_SSE_ADD, LV_SSE_SUB, LV_SSE_MUL, LV_SSE_DIV, LV_SSE_NARROW };
// PE as it is reported with an unmasked overflow or underflow: of the result with an unbounded exponent, not of the infinity, largest
// or denormal number that the masked operation makes (SDM vol. 1, 4.9.1.4 and 4.9.1.5). For all lanes together; rare, so a call.
uint32_t lv_sse_scaled_inexact(uint32_t operation, bool is_double, uint32_t lanes, const lv_xmm *a, const lv_xmm *b, uint32_t mxcsr);

// The host's word back, only where it is not already there. Flags left in it are nobody's: every kernel loads its own.
static inline void lv_sse_restore(uint32_t control) {
    if (__builtin_expect(control != LV_HOST_MXCSR, 0)) {
        uint32_t host = LV_HOST_MXCSR;
        __asm__ volatile("ldmxcsr %0" ::"m"(host));
    }
}

// `operation` (-1: none of the above), `is_double` and `lanes` are for lv_sse_scaled_inexact.
#define LV_SSE_SCALING(name, insn, tiny, operation, is_double, lanes)                                                                      \
    static inline uint32_t lv_##name(lv_xmm *destination, const lv_xmm *source, uint32_t mxcsr) {                      \
        uint32_t control = lv_sse_control(mxcsr), status;                                                              \
        lv_vector value = *(lv_vector *)destination;                                                                   \
        __asm__ volatile("ldmxcsr %[control]\n\t" insn " %[source],%[value]\n\tstmxcsr %[status]"                       \
                         : [value] "+x"(value), [status] "=m"(status)                                                  \
                         : [source] "x"(*(const lv_vector *)source), [control] "m"(control));                          \
        lv_sse_restore(control);                                                                                       \
        lv_xmm result;                                                                                                 \
        *(lv_vector *)&result = value;                                                                                 \
        if (__builtin_expect(!(mxcsr & 0x0800), 0)) status |= lv_tiny_##tiny(&result) << 4;                            \
        uint32_t settled = lv_sse_settle(mxcsr, status);                                                               \
        if (__builtin_expect(!(settled & LV_SSE_FAULT), 1)) *(lv_vector *)destination = value;                         \
        else if (operation >= 0 && !(status & ~(mxcsr >> 7) & 7) && (status & ~(mxcsr >> 7) & 0x18))                    \
            settled = (settled & ~0x20u) | (mxcsr & 0x20) |                                                            \
                      lv_sse_scaled_inexact((uint32_t)operation, is_double, lanes, destination, source, mxcsr);        \
        return settled;                                                                                                \
    }
#define LV_SSE_FLOATING(name, insn, tiny) LV_SSE_SCALING(name, insn, tiny, -1, false, 0)
#define LV_SSE_ARITHMETIC(op, code)                                                                                    \
    LV_SSE_SCALING(op##ps, #op "ps", ps, code, false, 4) LV_SSE_SCALING(op##ss, #op "ss", ss, code, false, 1)          \
    LV_SSE_SCALING(op##pd, #op "pd", pd, code, true, 2) LV_SSE_SCALING(op##sd, #op "sd", sd, code, true, 1)
#define LV_SSE_NEVER_TINY(op)                                                                                          \
    LV_SSE_FLOATING(op##ps, #op "ps", none) LV_SSE_FLOATING(op##ss, #op "ss", none)                                    \
    LV_SSE_FLOATING(op##pd, #op "pd", none) LV_SSE_FLOATING(op##sd, #op "sd", none)
LV_SSE_ARITHMETIC(add, LV_SSE_ADD)
LV_SSE_ARITHMETIC(sub, LV_SSE_SUB)
LV_SSE_ARITHMETIC(mul, LV_SSE_MUL)
LV_SSE_ARITHMETIC(div, LV_SSE_DIV)
LV_SSE_NEVER_TINY(min)
LV_SSE_NEVER_TINY(max)
LV_SSE_NEVER_TINY(sqrt)

// Conversions between whole registers. MMX forms use the same operation with the upper half zero.
LV_SSE_FLOATING(cvtps2pd, "cvtps2pd", none)
LV_SSE_SCALING(cvtpd2ps, "cvtpd2ps", ps, LV_SSE_NARROW, false, 2)
LV_SSE_FLOATING(cvtss2sd, "cvtss2sd", none)
LV_SSE_SCALING(cvtsd2ss, "cvtsd2ss", ss, LV_SSE_NARROW, false, 1)
LV_SSE_FLOATING(cvtdq2ps, "cvtdq2ps", none)
LV_SSE_FLOATING(cvtps2dq, "cvtps2dq", none)
LV_SSE_FLOATING(cvttps2dq, "cvttps2dq", none)
LV_SSE_FLOATING(cvtpd2dq, "cvtpd2dq", none)
LV_SSE_FLOATING(cvttpd2dq, "cvttpd2dq", none)

// CMPccxx: the predicate is an immediate; only its low three bits count (SDM vol. 2, CMPPS).
#define LV_SSE_COMPARE(suffix)                                                                                         \
    LV_SSE_FLOATING(cmpeq##suffix, "cmpeq" #suffix, none) LV_SSE_FLOATING(cmplt##suffix, "cmplt" #suffix, none)        \
    LV_SSE_FLOATING(cmple##suffix, "cmple" #suffix, none) LV_SSE_FLOATING(cmpunord##suffix, "cmpunord" #suffix, none)  \
    LV_SSE_FLOATING(cmpneq##suffix, "cmpneq" #suffix, none) LV_SSE_FLOATING(cmpnlt##suffix, "cmpnlt" #suffix, none)    \
    LV_SSE_FLOATING(cmpnle##suffix, "cmpnle" #suffix, none) LV_SSE_FLOATING(cmpord##suffix, "cmpord" #suffix, none)    \
    static inline uint32_t lv_cmp##suffix(lv_xmm *d, const lv_xmm *s, uint32_t predicate, uint32_t mxcsr) {            \
        switch (predicate & 7) {                                                                                       \
        case 0: return lv_cmpeq##suffix(d, s, mxcsr);                                                                  \
        case 1: return lv_cmplt##suffix(d, s, mxcsr);                                                                  \
        case 2: return lv_cmple##suffix(d, s, mxcsr);                                                                  \
        case 3: return lv_cmpunord##suffix(d, s, mxcsr);                                                               \
        case 4: return lv_cmpneq##suffix(d, s, mxcsr);                                                                 \
        case 5: return lv_cmpnlt##suffix(d, s, mxcsr);                                                                 \
        case 6: return lv_cmpnle##suffix(d, s, mxcsr);                                                                 \
        default: return lv_cmpord##suffix(d, s, mxcsr);                                                                \
        }                                                                                                              \
    }
LV_SSE_COMPARE(ps)
LV_SSE_COMPARE(ss)
LV_SSE_COMPARE(pd)
LV_SSE_COMPARE(sd)

// COMISS and its kin: `flags` receives CF, PF and ZF at their places in RFLAGS.
#define LV_SSE_ORDER(insn)                                                                                             \
    static inline uint32_t lv_##insn(const lv_xmm *first, const lv_xmm *second, uint32_t mxcsr, uint64_t *flags) {     \
        uint32_t control = lv_sse_control(mxcsr), status;                                                              \
        bool carry, parity, zero;                                                                                      \
        __asm__ volatile("ldmxcsr %[control]\n\t" #insn " %[second],%[first]\n\tstmxcsr %[status]"                      \
                         : "=@ccc"(carry), "=@ccp"(parity), "=@ccz"(zero), [status] "=m"(status)                       \
                         : [first] "x"(*(const lv_vector *)first), [second] "x"(*(const lv_vector *)second),           \
                           [control] "m"(control));                                                                    \
        lv_sse_restore(control);                                                                                       \
        *flags = (uint64_t)carry | (uint64_t)parity << 2 | (uint64_t)zero << 6;                                        \
        return lv_sse_settle(mxcsr, status);                                                                           \
    }
LV_SSE_ORDER(comiss)
LV_SSE_ORDER(ucomiss)
LV_SSE_ORDER(comisd)
LV_SSE_ORDER(ucomisd)

// General register to scalar.
#define LV_SSE_FROM_INTEGER(name, insn, type)                                                                          \
    static inline uint32_t lv_##name(lv_xmm *destination, uint64_t integer, uint32_t mxcsr) {                          \
        uint32_t control = lv_sse_control(mxcsr), status;                                                              \
        lv_vector value = *(lv_vector *)destination;                                                                   \
        __asm__ volatile("ldmxcsr %[control]\n\t" insn " %[integer],%[value]\n\tstmxcsr %[status]"                      \
                         : [value] "+x"(value), [status] "=m"(status)                                                  \
                         : [integer] "r"((type)integer), [control] "m"(control));                                      \
        lv_sse_restore(control);                                                                                       \
        uint32_t settled = lv_sse_settle(mxcsr, status);                                                               \
        if (!(settled & LV_SSE_FAULT)) *(lv_vector *)destination = value;                                              \
        return settled;                                                                                                \
    }
LV_SSE_FROM_INTEGER(cvtsi2ss32, "cvtsi2ssl", uint32_t)
LV_SSE_FROM_INTEGER(cvtsi2ss64, "cvtsi2ssq", uint64_t)
LV_SSE_FROM_INTEGER(cvtsi2sd32, "cvtsi2sdl", uint32_t)
LV_SSE_FROM_INTEGER(cvtsi2sd64, "cvtsi2sdq", uint64_t)

// Scalar to general register; 32-bit results are zero-extended.
#define LV_SSE_TO_INTEGER(name, insn, type)                                                                            \
    static inline uint32_t lv_##name(uint64_t *integer, const lv_xmm *source, uint32_t mxcsr) {                        \
        uint32_t control = lv_sse_control(mxcsr), status;                                                              \
        type value;                                                                                                    \
        __asm__ volatile("ldmxcsr %[control]\n\t" insn " %[source],%[value]\n\tstmxcsr %[status]"                       \
                         : [value] "=r"(value), [status] "=m"(status)                                                  \
                         : [source] "x"(*(const lv_vector *)source), [control] "m"(control));                          \
        lv_sse_restore(control);                                                                                       \
        *integer = value;                                                                                              \
        return lv_sse_settle(mxcsr, status);                                                                           \
    }
LV_SSE_TO_INTEGER(cvtss2si32, "cvtss2si", uint32_t)
LV_SSE_TO_INTEGER(cvtss2si64, "cvtss2siq", uint64_t)
LV_SSE_TO_INTEGER(cvttss2si32, "cvttss2si", uint32_t)
LV_SSE_TO_INTEGER(cvttss2si64, "cvttss2siq", uint64_t)
LV_SSE_TO_INTEGER(cvtsd2si32, "cvtsd2si", uint32_t)
LV_SSE_TO_INTEGER(cvtsd2si64, "cvtsd2siq", uint64_t)
LV_SSE_TO_INTEGER(cvttsd2si32, "cvttsd2si", uint32_t)
LV_SSE_TO_INTEGER(cvttsd2si64, "cvttsd2siq", uint64_t)

// Vector kernels: no flags, no control word.
#define LV_VECTOR(insn)                                                                                                \
    static inline void lv_##insn(lv_xmm *destination, const lv_xmm *source) {                                          \
        lv_vector value = *(lv_vector *)destination;                                                                   \
        __asm__(#insn " %[source],%[value]" : [value] "+x"(value) : [source] "x"(*(const lv_vector *)source));         \
        *(lv_vector *)destination = value;                                                                             \
    }
// Approximations: neither rounding nor flags (SDM vol. 2, RCPPS).
LV_VECTOR(rcpps) LV_VECTOR(rcpss) LV_VECTOR(rsqrtps) LV_VECTOR(rsqrtss)
// Integer to double is always exact.
LV_VECTOR(cvtdq2pd)
LV_VECTOR(andps) LV_VECTOR(andnps) LV_VECTOR(orps) LV_VECTOR(xorps)
LV_VECTOR(unpcklps) LV_VECTOR(unpckhps) LV_VECTOR(unpcklpd) LV_VECTOR(unpckhpd)
LV_VECTOR(paddb) LV_VECTOR(paddw) LV_VECTOR(paddd) LV_VECTOR(paddq)
LV_VECTOR(psubb) LV_VECTOR(psubw) LV_VECTOR(psubd) LV_VECTOR(psubq)
LV_VECTOR(paddsb) LV_VECTOR(paddsw) LV_VECTOR(paddusb) LV_VECTOR(paddusw)
LV_VECTOR(psubsb) LV_VECTOR(psubsw) LV_VECTOR(psubusb) LV_VECTOR(psubusw)
LV_VECTOR(pmullw) LV_VECTOR(pmulhw) LV_VECTOR(pmulhuw) LV_VECTOR(pmuludq) LV_VECTOR(pmaddwd) LV_VECTOR(psadbw)
LV_VECTOR(pavgb) LV_VECTOR(pavgw)
LV_VECTOR(pminub) LV_VECTOR(pminsw) LV_VECTOR(pmaxub) LV_VECTOR(pmaxsw)
LV_VECTOR(pcmpeqb) LV_VECTOR(pcmpeqw) LV_VECTOR(pcmpeqd) LV_VECTOR(pcmpgtb) LV_VECTOR(pcmpgtw) LV_VECTOR(pcmpgtd)
LV_VECTOR(pand) LV_VECTOR(pandn) LV_VECTOR(por) LV_VECTOR(pxor)
LV_VECTOR(psllw) LV_VECTOR(pslld) LV_VECTOR(psllq) LV_VECTOR(psrlw) LV_VECTOR(psrld) LV_VECTOR(psrlq)
LV_VECTOR(psraw) LV_VECTOR(psrad)
LV_VECTOR(packsswb) LV_VECTOR(packssdw) LV_VECTOR(packuswb)
LV_VECTOR(punpcklbw) LV_VECTOR(punpcklwd) LV_VECTOR(punpckldq) LV_VECTOR(punpcklqdq)
LV_VECTOR(punpckhbw) LV_VECTOR(punpckhwd) LV_VECTOR(punpckhdq) LV_VECTOR(punpckhqdq)

// MMX packs: both halves of one register hold the operands, one pack of it gives the 64-bit result.
#define LV_MMX_PACK(insn)                                                                                              \
    static inline void lv_##insn##_mmx(lv_xmm *destination, const lv_xmm *source) {                                    \
        destination->u64[1] = source->u64[0];                                                                          \
        lv_##insn(destination, destination);                                                                           \
    }
LV_MMX_PACK(packsswb) LV_MMX_PACK(packssdw) LV_MMX_PACK(packuswb)
// MMX high unpacks: the upper half of what the 128-bit low unpack makes.
#define LV_MMX_UNPACK_HIGH(insn, low)                                                                                  \
    static inline void lv_##insn##_mmx(lv_xmm *destination, const lv_xmm *source) {                                    \
        lv_##low(destination, source);                                                                                 \
        destination->u64[0] = destination->u64[1];                                                                     \
    }
LV_MMX_UNPACK_HIGH(punpckhbw, punpcklbw) LV_MMX_UNPACK_HIGH(punpckhwd, punpcklwd) LV_MMX_UNPACK_HIGH(punpckhdq, punpckldq)

// Sign masks.
static inline uint32_t lv_movmskps(const lv_xmm *s) {
    uint32_t r; __asm__("movmskps %1,%0" : "=r"(r) : "x"(*(const lv_vector *)s)); return r;
}
static inline uint32_t lv_movmskpd(const lv_xmm *s) {
    uint32_t r; __asm__("movmskpd %1,%0" : "=r"(r) : "x"(*(const lv_vector *)s)); return r;
}
static inline uint32_t lv_pmovmskb(const lv_xmm *s) {
    uint32_t r; __asm__("pmovmskb %1,%0" : "=r"(r) : "x"(*(const lv_vector *)s)); return r;
}

// Shuffles: the order is an immediate, so they are done by lane.
static inline void lv_pshufd(lv_xmm *d, const lv_xmm *s, uint32_t order) {
    lv_xmm v = *s;
    for (int i = 0; i < 4; i++) d->u32[i] = v.u32[order >> (2 * i) & 3];
}
// Words `base`..`base + 3`; the other half is copied. PSHUFW is the low form on a 64-bit register.
static inline void lv_pshufw_at(lv_xmm *d, const lv_xmm *s, uint32_t order, uint32_t base) {
    lv_xmm v = *s, r = v;
    for (uint32_t i = 0; i < 4; i++) r.u16[base + i] = v.u16[base + (order >> (2 * i) & 3)];
    *d = r;
}
static inline void lv_shufps(lv_xmm *d, const lv_xmm *s, uint32_t order) {
    lv_xmm a = *d, b = *s;
    d->u32[0] = a.u32[order & 3]; d->u32[1] = a.u32[order >> 2 & 3];
    d->u32[2] = b.u32[order >> 4 & 3]; d->u32[3] = b.u32[order >> 6 & 3];
}
static inline void lv_shufpd(lv_xmm *d, const lv_xmm *s, uint32_t order) {
    uint64_t low = d->u64[order & 1], high = s->u64[order >> 1 & 1];
    d->u64[0] = low; d->u64[1] = high;
}
// Byte shifts of a whole register by an immediate; 16 and more clear it.
static inline void lv_pslldq(lv_xmm *d, uint32_t bytes) {
    lv_xmm v = *d, r = {.u64 = {0, 0}};
    for (uint32_t i = bytes; i < 16; i++) r.u8[i] = v.u8[i - bytes];
    *d = r;
}
static inline void lv_psrldq(lv_xmm *d, uint32_t bytes) {
    lv_xmm v = *d, r = {.u64 = {0, 0}};
    for (uint32_t i = bytes; i < 16; i++) r.u8[i - bytes] = v.u8[i];
    *d = r;
}
// Lanes by number, for Swift, which sees a C array as a tuple.
static inline uint8_t lv_lane8(const lv_xmm *v, uint32_t i) { return v->u8[i & 15]; }
static inline uint16_t lv_lane16(const lv_xmm *v, uint32_t i) { return v->u16[i & 7]; }
static inline void lv_set_lane16(lv_xmm *v, uint32_t i, uint16_t x) { v->u16[i & 7] = x; }
static inline uint32_t lv_lane32(const lv_xmm *v, uint32_t i) { return v->u32[i & 3]; }
static inline void lv_set_lane32(lv_xmm *v, uint32_t i, uint32_t x) { v->u32[i & 3] = x; }
static inline uint64_t lv_lane64(const lv_xmm *v, uint32_t i) { return v->u64[i & 1]; }
static inline void lv_set_lane64(lv_xmm *v, uint32_t i, uint64_t x) { v->u64[i & 1] = x; }
static inline lv_xmm lv_xmm_of(uint64_t low, uint64_t high) { return (lv_xmm){.u64 = {low, high}}; }

#pragma clang assume_nonnull end
#endif

// The guest's x87 state in the host's x87, while translated code runs x87 instructions one for one.
#ifndef LV_FLOATING_POINT_NATIVE_H
#define LV_FLOATING_POINT_NATIVE_H
#include "floating_point_x87.h"

#pragma clang assume_nonnull begin

#define LV_ALL_XMM                                                                                                     \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15"

// Brings control word, status, tags and registers into the host's x87. Precondition: every exception is masked, so that none is pending.
static inline void lv_x87_bring(const lv_vp *vp) {
    lv_fxsave_image image;
    lv_fxsave_fill(&image, vp, true, 0);
    uint32_t mxcsr = LV_HOST_MXCSR;
    memcpy(image.bytes + 24, &mxcsr, 4);
    __asm__ volatile("fxrstor64 %0" ::"m"(image) : LV_ALL_XMM, "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
}

// Puts them back, and leaves the host's x87 as its own code expects it. A register in use has the tag 0.
static inline void lv_x87_take(lv_vp *vp) {
    lv_fxsave_image image;
    __asm__ volatile("fxsave64 %0\n\tfninit" : "=m"(image) : : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
    const uint8_t *p = image.bytes;
    memcpy(&vp->fcw, p, 2);
    memcpy(&vp->fsw, p + 2, 2);
    uint32_t top = vp->fsw >> 11 & 7;
    vp->ftw = 0;
    for (uint32_t i = 0; i < 8; i++) {
        if (!(p[4] >> i & 1)) vp->ftw |= (uint16_t)(3u << (2 * i));
        memcpy(&vp->x87[(top + i) & 7], p + 32 + 16 * i, 10);
    }
}

#pragma clang assume_nonnull end
#endif

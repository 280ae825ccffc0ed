#include "floating_point_sse.h"

// PE of one operation rounded to 24 or 53 bits with a range that never ends: the x87 with its precision control is that.
static uint32_t rounded_inexact(uint32_t operation, bool is_double, uint64_t a, uint64_t b, uint32_t mxcsr) {
    uint16_t word = (uint16_t)(0x7f | (mxcsr >> 3 & 0x0c00)), status;
    bool from_double = is_double || operation == LV_SSE_NARROW;
    if (is_double) word |= 0x200;
    lv_x87_register x, y = {0x8000000000000000, 0x3fff, {0, 0, 0}};
    if (from_double) {
        __asm__ volatile("fldl %1\n\tfstpt %0" : "=m"(x) : "m"(a));
        if (operation != LV_SSE_NARROW) __asm__ volatile("fldl %1\n\tfstpt %0" : "=m"(y) : "m"(b));
    } else {
        __asm__ volatile("flds %1\n\tfstpt %0" : "=m"(x) : "m"(*(uint32_t *)&a));
        __asm__ volatile("flds %1\n\tfstpt %0" : "=m"(y) : "m"(*(uint32_t *)&b));
    }
#define LV_ROUNDED(insn)                                                                                               \
    __asm__ volatile("fnclex\n\tfldcw %[w]\n\tfldt %[y]\n\tfldt %[x]\n\t" insn " %%st(1),%%st\n\tfnstsw %%ax\n\tfninit"  \
                     : "=a"(status)                                                                                    \
                     : [w] "m"(word), [x] "m"(x), [y] "m"(y))
    switch (operation) {
    case LV_SSE_ADD: LV_ROUNDED("fadd"); break;
    case LV_SSE_SUB: LV_ROUNDED("fsub"); break;
    case LV_SSE_DIV: LV_ROUNDED("fdiv"); break;
    default: LV_ROUNDED("fmul"); break;
    }
    return status & 0x20;
}

uint32_t lv_sse_scaled_inexact(uint32_t operation, bool is_double, uint32_t lanes, const lv_xmm *a, const lv_xmm *b, uint32_t mxcsr) {
    uint32_t inexact = 0, masked = (mxcsr & 0x6040) | 0x1f80;
    for (uint32_t i = 0; i < lanes; i++) {
        bool wide = is_double || operation == LV_SSE_NARROW;
        lv_xmm x = {.u64 = {wide ? a->u64[i] : a->u32[i], 0}}, y = {.u64 = {wide ? b->u64[i] : b->u32[i], 0}}, r = x;
        uint32_t flags;
        switch (operation * 2 + is_double) {
        case LV_SSE_ADD * 2: flags = lv_addss(&r, &y, masked); break;
        case LV_SSE_ADD * 2 + 1: flags = lv_addsd(&r, &y, masked); break;
        case LV_SSE_SUB * 2: flags = lv_subss(&r, &y, masked); break;
        case LV_SSE_SUB * 2 + 1: flags = lv_subsd(&r, &y, masked); break;
        case LV_SSE_MUL * 2: flags = lv_mulss(&r, &y, masked); break;
        case LV_SSE_MUL * 2 + 1: flags = lv_mulsd(&r, &y, masked); break;
        case LV_SSE_DIV * 2: flags = lv_divss(&r, &y, masked); break;
        case LV_SSE_DIV * 2 + 1: flags = lv_divsd(&r, &y, masked); break;
        default: flags = lv_cvtsd2ss(&r, &y, masked); x = y; break;
        }
        uint32_t tiny = is_double ? lv_tiny_sd(&r) : lv_tiny_ss(&r);
        bool scaled = ((flags & 8) && !(mxcsr & 0x400)) || (((flags & 0x10) || tiny) && !(mxcsr & 0x800));
        inexact |= scaled ? rounded_inexact(operation, is_double, x.u64[0], y.u64[0], mxcsr) : flags & 0x20;
    }
    return inexact;
}

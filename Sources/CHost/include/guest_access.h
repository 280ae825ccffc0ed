// Accesses to guest RAM by the guest's own instructions and by host code that shares it with running VPs.
//
// Aligned accesses are single-copy atomic, acquire on load and release on store (plain moves on x86-64, whose order is
// the guest's); unaligned ones are volatile between compiler barriers. The compiler may neither drop, merge nor move them.
#ifndef LV_GUEST_ACCESS_H
#define LV_GUEST_ACCESS_H
#include <stdint.h>
#include <stdbool.h>

typedef uint16_t __attribute__((aligned(1), may_alias)) lv_u16u;
typedef uint32_t __attribute__((aligned(1), may_alias)) lv_u32u;
typedef uint64_t __attribute__((aligned(1), may_alias)) lv_u64u;

static inline uint8_t lv_load8(const void *p) { return *(const volatile uint8_t *)p; }
static inline uint16_t lv_load16(const void *p) { return *(const volatile lv_u16u *)p; }
static inline uint32_t lv_load32(const void *p) { return *(const volatile lv_u32u *)p; }
static inline uint64_t lv_load64(const void *p) { return *(const volatile lv_u64u *)p; }
static inline void lv_store8(void *p, uint8_t v) { *(volatile uint8_t *)p = v; }
static inline void lv_store16(void *p, uint16_t v) { *(volatile lv_u16u *)p = v; }
static inline void lv_store32(void *p, uint32_t v) { *(volatile lv_u32u *)p = v; }
static inline void lv_store64(void *p, uint64_t v) { *(volatile lv_u64u *)p = v; }

// Locked read-modify-write: host locked instructions. `*expected` receives what was there. x86-64 allows them unaligned.
static inline bool lv_cas8(void *p, uint8_t *expected, uint8_t v) { return __atomic_compare_exchange_n((uint8_t *)p, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); }
static inline bool lv_cas16(void *p, uint16_t *expected, uint16_t v) {
    bool ok; __asm__ volatile("lock cmpxchgw %3,%1" : "=@ccz"(ok), "+m"(*(lv_u16u *)p), "+a"(*expected) : "r"(v) : "memory"); return ok; }
static inline bool lv_cas32(void *p, uint32_t *expected, uint32_t v) {
    bool ok; __asm__ volatile("lock cmpxchgl %3,%1" : "=@ccz"(ok), "+m"(*(lv_u32u *)p), "+a"(*expected) : "r"(v) : "memory"); return ok; }
static inline bool lv_cas64(void *p, uint64_t *expected, uint64_t v) {
    bool ok; __asm__ volatile("lock cmpxchgq %3,%1" : "=@ccz"(ok), "+m"(*(lv_u64u *)p), "+a"(*expected) : "r"(v) : "memory"); return ok; }
static inline bool lv_cas128(void *p, uint64_t expected[2], uint64_t lo, uint64_t hi) {  // p must be 16-byte aligned
    bool ok; __asm__ volatile("lock cmpxchg16b %1" : "=@ccz"(ok), "+m"(*(volatile __int128 *)p), "+a"(expected[0]), "+d"(expected[1]) : "b"(lo), "c"(hi) : "memory"); return ok; }
static inline uint8_t lv_xchg8(void *p, uint8_t v) { __asm__ volatile("xchgb %0,%1" : "+q"(v), "+m"(*(volatile uint8_t *)p) :: "memory"); return v; }
static inline uint16_t lv_xchg16(void *p, uint16_t v) { __asm__ volatile("xchgw %0,%1" : "+r"(v), "+m"(*(lv_u16u *)p) :: "memory"); return v; }
static inline uint32_t lv_xchg32(void *p, uint32_t v) { __asm__ volatile("xchgl %0,%1" : "+r"(v), "+m"(*(lv_u32u *)p) :: "memory"); return v; }
static inline uint64_t lv_xchg64(void *p, uint64_t v) { __asm__ volatile("xchgq %0,%1" : "+r"(v), "+m"(*(lv_u64u *)p) :: "memory"); return v; }
static inline uint8_t lv_xadd8(void *p, uint8_t v) { __asm__ volatile("lock xaddb %0,%1" : "+q"(v), "+m"(*(volatile uint8_t *)p) :: "memory", "cc"); return v; }
static inline uint16_t lv_xadd16(void *p, uint16_t v) { __asm__ volatile("lock xaddw %0,%1" : "+r"(v), "+m"(*(lv_u16u *)p) :: "memory", "cc"); return v; }
static inline uint32_t lv_xadd32(void *p, uint32_t v) { __asm__ volatile("lock xaddl %0,%1" : "+r"(v), "+m"(*(lv_u32u *)p) :: "memory", "cc"); return v; }
static inline uint64_t lv_xadd64(void *p, uint64_t v) { __asm__ volatile("lock xaddq %0,%1" : "+r"(v), "+m"(*(lv_u64u *)p) :: "memory", "cc"); return v; }

static inline void lv_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
// Words shared between threads (kick words, request bits, counters).
static inline uint64_t lv_atomic_load64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void lv_atomic_store64(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline uint64_t lv_atomic_exchange64(uint64_t *p, uint64_t v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
static inline uint64_t lv_atomic_or64(uint64_t *p, uint64_t v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }
static inline uint64_t lv_atomic_and64(uint64_t *p, uint64_t v) { return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); }
static inline uint64_t lv_atomic_add64(uint64_t *p, uint64_t v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }
static inline uint32_t lv_atomic_load32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void lv_atomic_store32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline uint32_t lv_atomic_exchange32(uint32_t *p, uint32_t v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
static inline uint32_t lv_atomic_or32(uint32_t *p, uint32_t v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }
static inline uint32_t lv_atomic_and32(uint32_t *p, uint32_t v) { return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); }
static inline bool lv_atomic_cas64(uint64_t *p, uint64_t *expected, uint64_t v) { return __atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE); }
static inline uint8_t lv_atomic_load8(const uint8_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint8_t lv_atomic_or8(uint8_t *p, uint8_t v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }
static inline uint8_t lv_atomic_and8(uint8_t *p, uint8_t v) { return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); }
// Runs of REP STOS and REP MOVS within a page: host string instructions, whose order between elements is the guest's.
static inline void lv_fill8(void *p, uint8_t v, uint64_t count) { __asm__ volatile("rep stosb" : "+D"(p), "+c"(count) : "a"(v) : "memory"); }
static inline void lv_copy(void *p, const void *from, uint64_t count) { __asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(count) : : "memory"); }
static inline void lv_pause(void) { __builtin_ia32_pause(); }
#endif

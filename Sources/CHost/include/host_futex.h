// Waiting on a word that other threads change (futex(2)); Glibc has no function for it.
#ifndef LV_HOST_FUTEX_H
#define LV_HOST_FUTEX_H
#include <stdint.h>
// Sleeps while `*word == expected`, at most `nanoseconds` of the monotonic clock (negative: for ever).
// 0: the word changed or somebody woke us (perhaps spuriously); 1: the time is up.
int lv_futex_wait(const uint32_t *word, uint32_t expected, int64_t nanoseconds);
// Wakes every thread that waits on `word`.
void lv_futex_wake_all(const uint32_t *word);
#endif

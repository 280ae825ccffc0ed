// A counter that wakes a thread in poll(2) (eventfd); Glibc's module map hides it from Swift.
#ifndef LV_HOST_EVENTS_H
#define LV_HOST_EVENTS_H
#include <stdint.h>

// A non-blocking, close-on-exec event descriptor, or -errno.
int lv_event_make(void);
// Makes it readable.
void lv_event_ring(int event);
// Takes its readiness back.
void lv_event_clear(int event);

// A close-on-exec watcher of descriptors (epoll(7)), or -errno.
int lv_watcher_make(void);
// Watches for the descriptor to become readable or hung up; each time is reported once, as `number`. Of the watchers of a descriptor only
// the first with a sleeper is woken, in the order of adding; the others find the report when they wait next, unless it has been taken back
// by then. 0 or -errno.
int lv_watcher_add(int watcher, int descriptor, uint64_t number);
void lv_watcher_remove(int watcher, int descriptor);
// Waits at most that long (-1: for ever); gives how many numbers were written.
int lv_watcher_wait(int watcher, uint64_t *numbers, int count, int milliseconds);
#endif

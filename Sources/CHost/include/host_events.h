// A counter that wakes a thread in poll(2) (eventfd); Glibc's module map hides it from Swift.
#ifndef LV_HOST_EVENTS_H
#define LV_HOST_EVENTS_H

// A non-blocking, close-on-exec event descriptor, or -errno.
int lv_event_make(void);
// Makes it readable.
void lv_event_ring(int event);
// Takes its readiness back.
void lv_event_clear(int event);
#endif

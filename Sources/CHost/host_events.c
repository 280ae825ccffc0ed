#include "host_events.h"
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int lv_event_make(void) {
    int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return event < 0 ? -errno : event;
}

// Neither can fail in a way that matters: a full counter is readable already, an empty one has nothing to take back.
void lv_event_ring(int event) {
    uint64_t one = 1;
    ssize_t ignored = write(event, &one, sizeof one);
    (void)ignored;
}

void lv_event_clear(int event) {
    uint64_t count;
    ssize_t ignored = read(event, &count, sizeof count);
    (void)ignored;
}

int lv_watcher_make(void) {
    int watcher = epoll_create1(EPOLL_CLOEXEC);
    return watcher < 0 ? -errno : watcher;
}

int lv_watcher_add(int watcher, int descriptor, uint64_t number) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, .data.u64 = number};
    return epoll_ctl(watcher, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

void lv_watcher_remove(int watcher, int descriptor) { epoll_ctl(watcher, EPOLL_CTL_DEL, descriptor, NULL); }

int lv_watcher_wait(int watcher, uint64_t *numbers, int count, int milliseconds) {
    struct epoll_event events[16];
    int found = epoll_wait(watcher, events, count < 16 ? count : 16, milliseconds);
    for (int i = 0; i < found; i++) numbers[i] = events[i].data.u64;
    return found < 0 ? 0 : found;
}

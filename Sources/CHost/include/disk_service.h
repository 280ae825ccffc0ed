// What joins a running machine and the process that serves one of its disks: whole messages on a socket pair, and the confinement of that
// process. A function returns 0 or a value >= 0 on success and -errno on failure; descriptors made are close-on-exec.
#ifndef LV_DISK_SERVICE_H
#define LV_DISK_SERVICE_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A pair of sockets that keep messages apart and tell when the other end is gone.
int lv_message_pair(int pair[2]);
// How long lv_message_receive waits on this end; 0: for ever.
int lv_message_patience(int socket, int64_t milliseconds);
// Sends one message, whole or not at all; raises no SIGPIPE.
int lv_message_send(int socket, const void *bytes, size_t size);
// Takes one message and returns its length, which may be more than `size`; 0: the other end is gone; -EAGAIN: there is none, and it does
// not wait or the time is up.
ssize_t lv_message_receive(int socket, void *bytes, size_t size, int waits);

// 1 when the process has ended, 0 when it still runs after that time.
int lv_process_wait_end(int process_descriptor, int milliseconds);

// Takes from this process, for good, what a disk's service does not need: new privileges, and every system call but those for its open
// files and sockets, memory, threads and time; the others fail with EPERM. It can open nothing afterwards.
int lv_confine_disk_service(void);
// The name of one of those system calls; NULL behind the last.
const char *lv_disk_service_call(int index);
#endif

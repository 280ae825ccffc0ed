#define _GNU_SOURCE
#include "include/disk_service.h"
#include "include/storage_file.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

int lv_message_pair(int pair[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0; }

int lv_message_patience(int socket, int64_t milliseconds) {
    struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
    return setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) < 0 ? -errno : 0;
}

int lv_message_send(int socket, const void *bytes, size_t size) {
    ssize_t sent;
    lv_disk_count_call();
    do sent = send(socket, bytes, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

ssize_t lv_message_receive(int socket, void *bytes, size_t size, int waits) {
    ssize_t received;
    lv_disk_count_call();
    do received = recv(socket, bytes, size, waits ? MSG_TRUNC : MSG_TRUNC | MSG_DONTWAIT);
    while (received < 0 && errno == EINTR);
    return received < 0 ? -errno : received;
}

int lv_process_wait_end(int process_descriptor, int milliseconds) {
    struct pollfd polled = {process_descriptor, POLLIN, 0};
    int count;
    do count = poll(&polled, 1, milliseconds);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count > 0;
}

// Its socket and its images; memory; the language's runtime, time, signals and the end. Identifiers in images are random.
#define ALLOWED(CALL) \
    CALL(recvfrom) CALL(sendto) CALL(read) CALL(write) CALL(pread64) CALL(pwrite64) CALL(preadv) CALL(pwritev) CALL(preadv2) \
    CALL(pwritev2) CALL(fdatasync) CALL(fsync) CALL(ftruncate) CALL(fallocate) CALL(lseek) CALL(fstat) CALL(newfstatat) \
    CALL(fstatfs) CALL(fcntl) CALL(close) \
    CALL(mmap) CALL(munmap) CALL(mprotect) CALL(mremap) CALL(madvise) CALL(brk) \
    CALL(futex) CALL(clock_gettime) CALL(clock_nanosleep) CALL(gettimeofday) CALL(getrandom) CALL(sched_yield) \
    CALL(sched_getaffinity) CALL(rt_sigreturn) CALL(rt_sigprocmask) CALL(rt_sigaction) CALL(restart_syscall) CALL(getpid) \
    CALL(gettid) CALL(tgkill) CALL(exit) CALL(exit_group)
#define NUMBER(name) SYS_##name,
#define NAME(name) #name,
static const int allowed[] = {ALLOWED(NUMBER)};
static const char *const names[] = {ALLOWED(NAME)};

const char *lv_disk_service_call(int index) {
    return index >= 0 && index < (int)(sizeof names / sizeof *names) ? names[index] : NULL;
}

int lv_confine_disk_service(void) {
    enum { COUNT = sizeof allowed / sizeof *allowed, HEAD = 4 };
    // load arch, other: refuse; load number; one comparison a call; refuse; allow.
    struct sock_filter code[HEAD + COUNT + 2];
    code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    code[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[3] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < COUNT; i++)
        code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], (unsigned char)(COUNT - i), 0);
    code[HEAD + COUNT] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    code[HEAD + COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {HEAD + COUNT + 2, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

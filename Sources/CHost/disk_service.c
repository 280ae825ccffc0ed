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

static const int allowed[] = {
    // Its socket and its images.
    SYS_recvfrom, SYS_sendto, SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2,
    SYS_fdatasync, SYS_fsync, SYS_ftruncate, SYS_fallocate, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_fstatfs, SYS_fcntl, SYS_close,
    // Memory.
    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk,
    // The language's runtime, time, signals and the end. Identifiers in images are random.
    SYS_futex, SYS_clock_gettime, SYS_clock_nanosleep, SYS_gettimeofday, SYS_getrandom, SYS_sched_yield, SYS_sched_getaffinity,
    SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_restart_syscall, SYS_getpid, SYS_gettid, SYS_tgkill, SYS_exit,
    SYS_exit_group,
};

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

#define _GNU_SOURCE
#include "include/process.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

// A message carries at most SCM_MAX_FD (253) descriptors (net/scm.h).
enum { MOST_DESCRIPTORS = 253, MOST_HANDED = 8192, FIRST_HANDED = 3 };

int lv_spawn_detached(const char *path, char *const arguments[], const int *descriptors, int count, int log) {
    if (count < 0 || count > MOST_HANDED) return -EINVAL;
    int *copies = calloc((size_t)count + 1, sizeof *copies), made = 0, failure = 0;
    if (!copies) return -ENOMEM;
    // Copies above the numbers they will get, so that no dup2 hits the source of another one.
    for (; made <= count; made++) {
        copies[made] = fcntl(made < count ? descriptors[made] : log, F_DUPFD_CLOEXEC, FIRST_HANDED + count);
        if (copies[made] < 0) { failure = errno; break; }
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t process = 0;
    if (!failure && !(failure = posix_spawn_file_actions_init(&actions))) {
        if (!(failure = posix_spawnattr_init(&attributes))) {
            sigset_t none, all;
            sigemptyset(&none);
            sigfillset(&all);
            posix_spawnattr_setsigmask(&attributes, &none);
            posix_spawnattr_setsigdefault(&attributes, &all);
            posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
            failure = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
            if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, copies[count], 1);
            if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, copies[count], 2);
            for (int i = 0; i < count && !failure; i++)
                failure = posix_spawn_file_actions_adddup2(&actions, copies[i], FIRST_HANDED + i);
            if (!failure) failure = posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_HANDED + count);
            if (!failure) failure = posix_spawn_file_actions_addchdir_np(&actions, "/");
            if (!failure) failure = posix_spawn(&process, path, &actions, &attributes, arguments, environ);
            posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    for (int i = 0; i < made; i++) close(copies[i]);
    free(copies);
    return failure ? -failure : process;
}

int lv_process_descriptor(pid_t process) {
    long descriptor = syscall(SYS_pidfd_open, process, 0);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int lv_process_signal(int process_descriptor, int signal) {
    return syscall(SYS_pidfd_send_signal, process_descriptor, signal, NULL, 0) < 0 ? -errno : 0;
}

static struct flock whole_file(short type) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return lock;
}

int lv_lock_take(int descriptor) {
    struct flock lock = whole_file(F_WRLCK);
    return fcntl(descriptor, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

int lv_lock_release(int descriptor) {
    struct flock lock = whole_file(F_UNLCK);
    return fcntl(descriptor, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

int lv_lock_is_held(int descriptor) {
    struct flock lock = whole_file(F_WRLCK);
    if (fcntl(descriptor, F_OFD_GETLK, &lock) < 0) return -errno;
    return lock.l_type != F_UNLCK;
}

static int socket_address(struct sockaddr_un *address, int folder, const char *name) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", folder, name);
    return length < 0 || (size_t)length >= sizeof address->sun_path ? -ENAMETOOLONG : 0;
}

int lv_socket_listen(int folder, const char *name, int backlog) {
    struct sockaddr_un address;
    int failure = socket_address(&address, folder, name);
    if (failure) return failure;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    // The mode of a socket that is not bound yet is the mode its file gets; nobody can connect in between.
    if (fchmod(descriptor, 0600) < 0 || (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        || bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0 || fchmodat(folder, name, 0600, 0) < 0
        || listen(descriptor, backlog) < 0) {
        failure = -errno;
        close(descriptor);
        return failure;
    }
    return descriptor;
}

int lv_socket_connect(int folder, const char *name) {
    struct sockaddr_un address;
    int failure = socket_address(&address, folder, name);
    if (failure) return failure;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
        failure = -errno;
        close(descriptor);
        return failure;
    }
    return descriptor;
}

int lv_socket_accept(int listener) {
    int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int lv_socket_peer(int socket, uid_t *user, pid_t *process) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -errno;
    *user = peer.uid;
    *process = peer.pid;
    return 0;
}

int lv_socket_pair(int pair[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0 ? -errno : 0;
}

typedef union {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
} control_buffer;

ssize_t lv_send(int socket, const void *bytes, size_t size, const int *descriptors, int count) {
    if (count < 0 || count > MOST_DESCRIPTORS) return -EINVAL;
    struct iovec part = {(void *)bytes, size};
    struct msghdr message;
    control_buffer control;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)count);
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

ssize_t lv_receive(int socket, void *bytes, size_t size, int *descriptors, int capacity, int *count) {
    struct iovec part = {bytes, size};
    struct msghdr message;
    control_buffer control;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    *count = 0;
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int sent = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < sent; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + sizeof(int) * (size_t)i, sizeof descriptor);
            if (*count < capacity) descriptors[(*count)++] = descriptor;
            else close(descriptor);
        }
    }
    return received;
}

int lv_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0; }

int lv_user_name(uid_t user, char *name, size_t size) {
    struct passwd entry, *found = NULL;
    char buffer[4096];
    if (getpwuid_r(user, &entry, buffer, sizeof buffer, &found) != 0 || !found) return -ENOENT;
    return snprintf(name, size, "%s", entry.pw_name) < 0 ? -EINVAL : 0;
}

int lv_most_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if (limit.rlim_cur != limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    }
    return limit.rlim_cur > INT_MAX ? INT_MAX : (int)limit.rlim_cur;
}

// Processes and what they hand each other: spawning a detached worker, process descriptors, open-file-description locks, Unix sockets
// reached through a folder's descriptor, and descriptors that travel with a message. Glibc's module map hides most of it from Swift.
// Unless said otherwise a function returns 0 or a value >= 0 on success and -errno on failure; descriptors made are close-on-exec.
#ifndef LV_PROCESS_H
#define LV_PROCESS_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Starts `path` in a new session with folder /, default signals, standard input from /dev/null, output and error to `log`, the `count`
// descriptors as 3, 4, 5 ... in order and nothing else open. Returns the process id.
int lv_spawn_detached(const char *path, char *const arguments[], const int *descriptors, int count, int log);

// A descriptor of a process (pidfd); it becomes readable when the process ends.
int lv_process_descriptor(pid_t process);
int lv_process_signal(int process_descriptor, int signal);

// Exclusive lock of the open file description; -EAGAIN or -EACCES when another one holds it. Needs a descriptor open for writing.
int lv_lock_take(int descriptor);
int lv_lock_release(int descriptor);
// 1 when another open file description holds the lock, 0 when none does; takes nothing.
int lv_lock_is_held(int descriptor);

// A listening, non-blocking socket `name` (mode 0600) in `folder`, and a non-blocking connection to it. The path is /proc/self/fd/N/name:
// socket paths are limited to 108 bytes, folders are not.
int lv_socket_listen(int folder, const char *name, int backlog);
int lv_socket_connect(int folder, const char *name);
// A non-blocking connection, -EAGAIN when nobody waits.
int lv_socket_accept(int listener);
int lv_socket_peer(int socket, uid_t *user, pid_t *process);
int lv_socket_pair(int pair[2]);

// Never blocks, raises no SIGPIPE. The descriptors go with the first byte.
ssize_t lv_send(int socket, const void *bytes, size_t size, const int *descriptors, int count);
// Never blocks; up to `capacity` descriptors are stored and counted in `count`, what is beyond is closed.
ssize_t lv_receive(int socket, void *bytes, size_t size, int *descriptors, int capacity, int *count);

// Lets this process open as many descriptors as its hard limit allows; returns how many.
int lv_most_descriptors(void);

// A non-blocking pipe: [0] reads, [1] writes.
int lv_pipe(int ends[2]);

// The user's name into `name` (NUL-terminated), or -ENOENT.
int lv_user_name(uid_t user, char *name, size_t size);

// Words shared between processes through a mapped file.
static inline uint64_t lv_shared_load(const void *word) { return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE); }
static inline void lv_shared_store(void *word, uint64_t value) { __atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE); }
#endif

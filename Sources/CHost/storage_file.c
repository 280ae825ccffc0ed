#define _GNU_SOURCE
#include "include/storage_file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MOST_SEGMENTS = 1024 };

// A process may hold several machines; a thread works for one at a time.
static __thread uint64_t calls;

void lv_disk_count_call(void) { calls++; }

uint64_t lv_disk_take_calls(void) {
    uint64_t taken = calls;
    calls = 0;
    return taken;
}

// QEMU's lock bytes: a reader that shares no writing holds a shared lock on 201, a writer one on 101.
enum { NO_WRITERS_BYTE = 201, WRITER_BYTE = 101 };

static int transfer(int descriptor, const struct iovec *segments, int count, uint64_t offset, int writing) {
    // `done` bytes of segments[0] are transferred.
    size_t done = 0;
    while (count > 0) {
        if (done >= segments[0].iov_len) {
            segments++, count--, done = 0;
            continue;
        }
        if (offset > INT64_MAX - SSIZE_MAX / 2) return -EFBIG;
        ssize_t moved;
        lv_disk_count_call();
        if (done) {
            char *rest = (char *)segments[0].iov_base + done;
            size_t size = segments[0].iov_len - done;
            moved = writing ? pwrite(descriptor, rest, size, (off_t)offset) : pread(descriptor, rest, size, (off_t)offset);
        } else {
            int batch = count < MOST_SEGMENTS ? count : MOST_SEGMENTS;
            moved = writing ? pwritev(descriptor, segments, batch, (off_t)offset) : preadv(descriptor, segments, batch, (off_t)offset);
        }
        if (moved < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (moved == 0) {
            if (writing) return -EIO;
            for (; count > 0; segments++, count--, done = 0) memset((char *)segments[0].iov_base + done, 0, segments[0].iov_len - done);
            return 0;
        }
        offset += (uint64_t)moved;
        while (count > 0 && (size_t)moved >= segments[0].iov_len - done) {
            moved -= (ssize_t)(segments[0].iov_len - done);
            segments++, count--, done = 0;
        }
        done += (size_t)moved;
    }
    return 0;
}

int lv_disk_read(int descriptor, const struct iovec *segments, int count, uint64_t offset) {
    return transfer(descriptor, segments, count, offset, 0);
}

int lv_disk_write(int descriptor, const struct iovec *segments, int count, uint64_t offset) {
    return transfer(descriptor, segments, count, offset, 1);
}

static int once(int descriptor, const struct iovec *segments, int count, uint64_t offset, int no_wait, int writing) {
    size_t wanted = 0;
    for (int index = 0; index < count; index++) wanted += segments[index].iov_len;
    if (count > MOST_SEGMENTS || wanted > SSIZE_MAX / 2 || offset > INT64_MAX - SSIZE_MAX / 2) return -EAGAIN;
    int flags = no_wait ? RWF_NOWAIT : 0;
    lv_disk_count_call();
    ssize_t moved = writing ? pwritev2(descriptor, segments, count, (off_t)offset, flags)
                            : preadv2(descriptor, segments, count, (off_t)offset, flags);
    if (moved < 0) return errno == EINTR ? -EAGAIN : -errno;
    return (size_t)moved == wanted ? 0 : -EAGAIN;
}

int lv_disk_read_once(int descriptor, const struct iovec *segments, int count, uint64_t offset, int no_wait) {
    return once(descriptor, segments, count, offset, no_wait, 0);
}

int lv_disk_write_once(int descriptor, const struct iovec *segments, int count, uint64_t offset, int no_wait) {
    return once(descriptor, segments, count, offset, no_wait, 1);
}

int lv_disk_is_local(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) return 0;
    switch ((unsigned long)status.f_type) {
    case 0xEF53:
    case 0x01021994:
    case 0x58465342:
    case 0x9123683E: return 1;
    default: return 0;
    }
}

static int change(int descriptor, int mode, uint64_t offset, uint64_t count) {
    if (offset > INT64_MAX || count > INT64_MAX - offset) return -EFBIG;
    if (count == 0) return 0;
    lv_disk_count_call();
    while (fallocate(descriptor, mode, (off_t)offset, (off_t)count) != 0)
        if (errno != EINTR) return -errno;
    return 0;
}

int lv_disk_allocate(int descriptor, uint64_t offset, uint64_t count) { return change(descriptor, 0, offset, count); }

int lv_disk_punch(int descriptor, uint64_t offset, uint64_t count) {
    return change(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
}

int64_t lv_disk_seek(int descriptor, uint64_t offset, int data) {
    if (offset > INT64_MAX) return -ENXIO;
    lv_disk_count_call();
    off_t found = lseek(descriptor, (off_t)offset, data ? SEEK_DATA : SEEK_HOLE);
    return found < 0 ? -errno : found;
}

static int lock(int descriptor, int command, short type, off_t start, off_t length, struct flock *answer) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = start;
    lock.l_len = length;
    if (fcntl(descriptor, command, &lock) != 0) return errno == EACCES ? -EAGAIN : -errno;
    if (answer) *answer = lock;
    return 0;
}

int lv_disk_lock(int descriptor, int writer) {
    if (writer) return lock(descriptor, F_OFD_SETLK, F_WRLCK, 0, 0, NULL);
    int result = lock(descriptor, F_OFD_SETLK, F_RDLCK, NO_WRITERS_BYTE, 1, NULL);
    if (result != 0) return result;
    struct flock foreign;
    result = lock(descriptor, F_OFD_GETLK, F_WRLCK, WRITER_BYTE, 1, &foreign);
    return result != 0 ? result : foreign.l_type == F_UNLCK ? 0 : -EAGAIN;
}

int lv_disk_share(int descriptor) {
    // The byte that readers hold is never let go meanwhile, so that no writer slips in.
    int result = lock(descriptor, F_OFD_SETLK, F_RDLCK, NO_WRITERS_BYTE, 1, NULL);
    if (result == 0) result = lock(descriptor, F_OFD_SETLK, F_UNLCK, 0, NO_WRITERS_BYTE, NULL);
    if (result == 0) result = lock(descriptor, F_OFD_SETLK, F_UNLCK, NO_WRITERS_BYTE + 1, 0, NULL);
    return result;
}

void lv_disk_unlock(int descriptor) { lock(descriptor, F_OFD_SETLK, F_UNLCK, 0, 0, NULL); }

int lv_disk_open_folder(const char *path) {
    int descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int lv_disk_open_beneath(int folder, const char *path, int flags) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (uint64_t)(flags | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    for (int attempt = 0; attempt < 16; attempt++) {
        long descriptor = syscall(SYS_openat2, folder, path, &how, sizeof how);
        if (descriptor >= 0) return (int)descriptor;
        if (errno != EAGAIN && errno != EINTR) return -errno;
    }
    return -EAGAIN;
}

int lv_disk_open_in(int folder, const char *name, int flags, unsigned mode) {
    int descriptor;
    do descriptor = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
    while (descriptor < 0 && errno == EINTR);
    return descriptor < 0 ? -errno : descriptor;
}

int lv_disk_rename_new(int folder, const char *from, const char *to) {
    if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -errno;
    // A file system without the flag: a hard link does not replace either.
    if (linkat(folder, from, folder, to, 0) != 0) return -errno;
    unlinkat(folder, from, 0);
    return 0;
}

int lv_disk_synchronise_folder(int folder) {
    // A descriptor that only looks names up cannot be synchronised.
    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    int result = fsync(descriptor) == 0 ? 0 : -errno;
    close(descriptor);
    return result;
}

int lv_disk_is_zero(const void *bytes, uint64_t count) {
    const char *first = bytes;
    return count == 0 || (first[0] == 0 && memcmp(first, first + 1, count - 1) == 0);
}

// System calls under virtual disks: whole transfers, holes, locks, and opening beneath a folder. Each returns 0 (or a descriptor, or an
// offset) or -errno.
#ifndef LV_STORAGE_FILE_H
#define LV_STORAGE_FILE_H
#include <stdint.h>
#include <sys/uio.h>
// System calls that this thread has made for images since it was asked the last time, and one more.
uint64_t lv_disk_take_calls(void);
void lv_disk_count_call(void);
// Reads or writes all segments at `offset`, over short transfers, interruptions and more than IOV_MAX segments. Bytes behind the file's
// end read as zeros.
int lv_disk_read(int descriptor, const struct iovec *segments, int count, uint64_t offset);
int lv_disk_write(int descriptor, const struct iovec *segments, int count, uint64_t offset);
// One transfer of all segments. With `no_wait` it fails rather than wait for storage (RWF_NOWAIT). -EAGAIN: not all was done at once, and
// what was done may be repeated; -EOPNOTSUPP: the file system has no such transfer.
int lv_disk_read_once(int descriptor, const struct iovec *segments, int count, uint64_t offset, int no_wait);
int lv_disk_write_once(int descriptor, const struct iovec *segments, int count, uint64_t offset, int no_wait);
// Whether a buffered write waits at most for this host's own memory and disks, not for another host (ext2 to ext4, tmpfs, xfs, btrfs).
int lv_disk_is_local(int descriptor);
// Reserves room, and makes the file longer where it has to be; -EOPNOTSUPP where the file system cannot.
int lv_disk_allocate(int descriptor, uint64_t offset, uint64_t count);
// Gives room back without changing the file's size.
int lv_disk_punch(int descriptor, uint64_t offset, uint64_t count);
// The first offset at or behind `offset` that may hold data (`data`) or is a hole (!`data`); -ENXIO: none up to the end.
int64_t lv_disk_seek(int descriptor, uint64_t offset, int data);
// Locks that belong to the open file description and so go with the descriptor to another process; -EAGAIN: somebody else holds one.
// A writer shuts out everybody, a reader only writers.
int lv_disk_lock(int descriptor, int writer);
// Makes a writer's lock a reader's, without a moment between in which anybody else could become a writer.
int lv_disk_share(int descriptor);
// Lets them go for every holder of the description, also for a child of ours that has not yet come to its exec.
void lv_disk_unlock(int descriptor);
// Opens a folder to look up names in it; needs no permission to read it.
int lv_disk_open_folder(const char *path);
// Opens the relative `path` beneath `folder`, refusing `..` and absolute paths that lead out (-EXDEV) and symbolic links (-ELOOP).
int lv_disk_open_beneath(int folder, const char *path, int flags);
// Opens or makes the file `name` in `folder`; a symbolic link of that name is -ELOOP.
int lv_disk_open_in(int folder, const char *name, int flags, unsigned mode);
// Gives a file of `folder` its name unless that is taken (-EEXIST).
int lv_disk_rename_new(int folder, const char *from, const char *to);
// Makes new and removed names of `folder` last over a power cut.
int lv_disk_synchronise_folder(int folder);
// True when no byte differs from zero.
int lv_disk_is_zero(const void *bytes, uint64_t count);
#endif

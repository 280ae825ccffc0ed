#include "include/disk_device.h"
#include <errno.h>
#include <linux/nbd.h>
#include <sys/ioctl.h>

int lv_nbd_attach(int device, int socket, uint64_t block_size, uint64_t size, uint32_t flags) {
    if (ioctl(device, NBD_SET_SOCK, (unsigned long)socket) < 0) return -errno;
    if (ioctl(device, NBD_SET_BLKSIZE, (unsigned long)block_size) < 0
        || ioctl(device, NBD_SET_SIZE_BLOCKS, (unsigned long)(size / block_size)) < 0
        || ioctl(device, NBD_SET_FLAGS, (unsigned long)flags) < 0) {
        int failure = -errno;
        ioctl(device, NBD_CLEAR_SOCK);
        return failure;
    }
    return 0;
}

int lv_nbd_serve(int device) {
    int result = ioctl(device, NBD_DO_IT) < 0 ? -errno : 0;
    ioctl(device, NBD_CLEAR_QUE);
    ioctl(device, NBD_CLEAR_SOCK);
    return result;
}

void lv_nbd_detach(int device) { ioctl(device, NBD_DISCONNECT); }

// The kernel's network block devices (linux/nbd.h), which take their content from a socket. 0 on success and -errno on failure.
#ifndef LV_DISK_DEVICE_H
#define LV_DISK_DEVICE_H
#include <stdint.h>

// Tells an open /dev/nbdN what it is and where its content comes from; -EBUSY when it has a socket already.
int lv_nbd_attach(int device, int socket, uint64_t block_size, uint64_t size, uint32_t flags);
// Serves it until it is detached or the socket ends.
int lv_nbd_serve(int device);
void lv_nbd_detach(int device);
#endif

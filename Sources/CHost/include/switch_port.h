// What joins a network adapter and its virtual switch: sealed shared memory, signals that never block, TAP devices.
// A function returns 0 or a value >= 0 on success and -errno on failure; descriptors made are close-on-exec.
#ifndef LV_SWITCH_PORT_H
#define LV_SWITCH_PORT_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

// Memory of `size` bytes that can neither shrink nor grow, so that a mapping of it never faults.
int lv_port_memory(size_t size);
// 0 when the file has exactly `size` bytes and is sealed as lv_port_memory seals it.
int lv_port_memory_check(int descriptor, size_t size);
// Maps `control` bytes, then two rings of `ring` bytes each, every ring twice in a row, so that a record never wraps. NULL on failure.
void *lv_port_map(int descriptor, size_t control, size_t ring);
void lv_port_unmap(void *base, size_t control, size_t ring);

// Makes the other end of a socket pair readable; what cannot be sent now is a signal that already waits. Whatever flags the other side
// sets on the socket, this does not block.
void lv_signal_send(int socket);
// Takes signals back.
void lv_signal_take(int socket);

// Opens the TAP device `name` (made when there is none, an empty name: one is drawn) with a virtio-net header before each frame and
// checksum and segmentation offloads; `name` (at least 16 bytes) receives its name. Needs CAP_NET_ADMIN unless the device belongs to the user.
int lv_tap_open(char *name);
// Brings an interface up.
int lv_interface_up(const char *name);
// 1: a bridge, 2: a TAP or TUN device, 0: another interface, -ENODEV: none.
int lv_interface_kind(const char *name);
// Makes interface `port` a port of `bridge`.
int lv_bridge_add(const char *bridge, const char *port);

static inline void lv_ring_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
#endif

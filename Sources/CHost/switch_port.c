#define _GNU_SOURCE
#include "include/switch_port.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, OWN_HEADER = 10 };

int lv_port_memory(size_t size) {
    int descriptor = memfd_create("switch port", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return -errno;
    if (ftruncate(descriptor, (off_t)size) < 0 || fcntl(descriptor, F_ADD_SEALS, SEALS) < 0) {
        int failure = -errno;
        close(descriptor);
        return failure;
    }
    return descriptor;
}

int lv_port_memory_check(int descriptor, size_t size) {
    struct stat status;
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || fstat(descriptor, &status) < 0) return -errno;
    return (seals & SEALS) == SEALS && !(seals & F_SEAL_WRITE) && status.st_size == (off_t)size ? 0 : -EINVAL;
}

void *lv_port_map(int descriptor, size_t control, size_t ring) {
    size_t all = control + 4 * ring;
    char *base = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return NULL;
    int kind = MAP_SHARED | MAP_FIXED, access = PROT_READ | PROT_WRITE, bad = 0;
    bad |= mmap(base, control, access, kind, descriptor, 0) == MAP_FAILED;
    for (size_t i = 0; i < 4; i++)
        bad |= mmap(base + control + i * ring, ring, access, kind, descriptor, (off_t)(control + i / 2 * ring)) == MAP_FAILED;
    if (!bad) return base;
    munmap(base, all);
    return NULL;
}

void lv_port_unmap(void *base, size_t control, size_t ring) { munmap(base, control + 4 * ring); }

void lv_signal_send(int socket) {
    while (send(socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

void lv_signal_take(int socket) {
    char bytes[256];
    while (recv(socket, bytes, sizeof bytes, MSG_DONTWAIT) < 0 && errno == EINTR) {}
}

static int interface_request(int request, struct ifreq *interface) {
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) return -errno;
    int result = ioctl(control, (unsigned long)request, interface) < 0 ? -errno : 0;
    close(control);
    return result;
}

static int named(struct ifreq *interface, const char *name) {
    memset(interface, 0, sizeof *interface);
    if (strlen(name) >= IFNAMSIZ) return -ENODEV;
    memcpy(interface->ifr_name, name, strlen(name));
    return 0;
}

int lv_tap_open(char *name) {
    struct ifreq interface;
    int failure = named(&interface, name);
    if (failure) return failure;
    int descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return -errno;
    interface.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    int header = OWN_HEADER;
    if (ioctl(descriptor, TUNSETIFF, &interface) < 0 || ioctl(descriptor, TUNSETVNETHDRSZ, &header) < 0
        || ioctl(descriptor, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0) {
        failure = -errno;
        close(descriptor);
        return failure;
    }
    memcpy(name, interface.ifr_name, IFNAMSIZ);
    return descriptor;
}

int lv_interface_up(const char *name) {
    struct ifreq interface;
    int failure = named(&interface, name);
    if (failure || (failure = interface_request(SIOCGIFFLAGS, &interface))) return failure;
    if (interface.ifr_flags & IFF_UP) return 0;
    interface.ifr_flags |= IFF_UP;
    return interface_request(SIOCSIFFLAGS, &interface);
}

int lv_interface_kind(const char *name) {
    if (strlen(name) == 0 || strlen(name) >= IFNAMSIZ || if_nametoindex(name) == 0) return -ENODEV;
    struct ifreq interface;
    struct ethtool_drvinfo driver;
    memset(&driver, 0, sizeof driver);
    driver.cmd = ETHTOOL_GDRVINFO;
    named(&interface, name);
    interface.ifr_data = (char *)&driver;
    if (interface_request(SIOCETHTOOL, &interface) < 0) return 0;
    return strcmp(driver.driver, "bridge") == 0 ? 1 : strcmp(driver.driver, "tun") == 0 ? 2 : 0;
}

int lv_bridge_add(const char *bridge, const char *port) {
    struct ifreq interface;
    int failure = named(&interface, bridge);
    if (failure) return failure;
    interface.ifr_ifindex = (int)if_nametoindex(port);
    failure = interface_request(SIOCBRADDIF, &interface);
    return failure == -EBUSY ? 0 : failure;
}

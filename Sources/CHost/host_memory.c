#define _GNU_SOURCE
#include "host_memory.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int lv_memory_file(const char *name, uint64_t size) {
    int descriptor = memfd_create(name, MFD_CLOEXEC);
    if (descriptor < 0) return -1;
    if (ftruncate(descriptor, (off_t)size) != 0) {
        int error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

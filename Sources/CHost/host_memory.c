#define _GNU_SOURCE
#include "host_memory.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
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

bool lv_punch_hole(int descriptor, uint64_t offset, uint64_t count) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)count) == 0;
}

bool lv_barrier_all_threads(void) {
    if (syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) return true;
    // A process says once that it will use it.
    return syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0
        && syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

uint32_t lv_page_sum(const void *page) {
    const unsigned char *bytes = page;
    const uint64_t factor = 0x9e3779b97f4a7c15;
    uint64_t any = 0;
    uint64_t lanes[4] = {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89};
    // The first nonzero word is soon found in most pages that are used; a page of zeros costs no multiplication.
    for (unsigned at = 0; at < 4096 && any == 0; at += 64) {
        uint64_t words[8];
        memcpy(words, bytes + at, 64);
        any = words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7];
    }
    if (any == 0) return 0;
    for (unsigned at = 0; at < 4096; at += 32) {
        uint64_t words[4];
        memcpy(words, bytes + at, 32);
        for (int lane = 0; lane < 4; lane++) {
            uint64_t product = (lanes[lane] ^ words[lane]) * factor;
            lanes[lane] = product << 31 | product >> 33;
        }
    }
    uint64_t sum = 0;
    for (int lane = 0; lane < 4; lane++) {
        sum = (sum ^ lanes[lane]) * factor;
        sum ^= sum >> 29;
    }
    uint32_t folded = (uint32_t)(sum ^ sum >> 32);
    return folded == 0 ? 1 : folded;
}

bool lv_map_code(uint64_t code, uint64_t data, void **writable, void **executable) {
    int descriptor = lv_memory_file("lunavisor-code", code);
    if (descriptor < 0) return false;
    void *window = mmap(NULL, code, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
    void *place = window == MAP_FAILED ? MAP_FAILED : mmap(NULL, code + data, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool done = place != MAP_FAILED && mmap(place, code, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, descriptor, 0) != MAP_FAILED;
    int error = errno;
    close(descriptor);
    if (!done) {
        if (place != MAP_FAILED) munmap(place, code + data);
        if (window != MAP_FAILED) munmap(window, code);
        errno = error;
        return false;
    }
    *writable = window;
    *executable = place;
    return true;
}

bool lv_host_has_bmi2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("bmi2");
}

// Disk marks inside a guest: diskmark DEVICE does direct I/O on a whole disk and prints, in guestmark's form,
//     GM-BEGIN <test>
//     GM-END <test> <microseconds> <checksum of what was read, or of what was written>
// seqread and seqwrite: 64 MiB in pieces of 64 KiB; rndread and rndwrite: 4000 pieces of 4 KiB. Writes end with a flush.
// The guest sleeps around each test, so that a reader of the console who is late counts an idle machine.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int run(int disk, const char *name, size_t size, long count, int random, int writes) {
    static _Alignas(4096) uint64_t buffer[65536 / 8];
    uint64_t slots = (uint64_t)lseek(disk, 0, SEEK_END) / size, state = 88172645463325252u, sum = 0;
    memset(buffer, 0x5a, sizeof buffer);
    usleep(300000);
    printf("GM-BEGIN %s\n", name);
    fflush(stdout);
    usleep(300000);
    uint64_t begun = microseconds();
    for (long i = 0; i < count; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        off_t at = (off_t)((random ? state : (uint64_t)i) % slots * size);
        if (writes) buffer[0] = state;
        ssize_t done = writes ? pwrite(disk, buffer, size, at) : pread(disk, buffer, size, at);
        if (done != (ssize_t)size) {
            perror("diskmark");
            return 1;
        }
        sum = sum * 31 + buffer[0];
    }
    if (writes && fsync(disk) != 0) {
        perror("diskmark");
        return 1;
    }
    printf("GM-END %s %llu %016llx\n", name, (unsigned long long)(microseconds() - begun), (unsigned long long)sum);
    fflush(stdout);
    usleep(300000);
    return 0;
}

int main(int count, char **arguments) {
    int disk = count == 2 ? open(arguments[1], O_RDWR | O_DIRECT) : -1;
    if (disk < 0) {
        fprintf(stderr, "diskmark: name a disk of the guest that may be overwritten\n");
        return 2;
    }
    return run(disk, "seqread", 65536, 1024, 0, 0) || run(disk, "rndread", 4096, 4000, 1, 0)
        || run(disk, "seqwrite", 65536, 1024, 0, 1) || run(disk, "rndwrite", 4096, 4000, 1, 1);
}

// Network marks inside two guests:
//     netmark serve             answers one connection after another on TCP port 5001 until one of them says quit
//     netmark tcp HOST MIB      sends MIB mebibytes in writes of 64 KiB and waits until the server has read them all
//     netmark rr HOST COUNT     sends a message of 64 bytes and waits for the server's answer of 64 bytes, COUNT times
//     netmark quit HOST         ends the server
// A mark is printed in guestmark's form, with the checksum of what the server read or answered:
//     GM-BEGIN <test>
//     GM-END <test> <microseconds> <checksum>
// The guest sleeps around each test, so that a reader of the console who is late counts an idle machine.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { port = 5001, piece = 65536, message = 64 };

static _Alignas(4096) unsigned char buffer[piece];

static uint64_t microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int whole(int connection, void *place, size_t count, int writes) {
    for (size_t done = 0; done < count;) {
        char *at = (char *)place + done;
        ssize_t size = writes ? write(connection, at, count - done) : read(connection, at, count - done);
        if (size <= 0) return -1;
        done += (size_t)size;
    }
    return 0;
}

// One byte of each 256 is enough to notice what is lost, doubled or out of order, and costs next to nothing.
static uint64_t sum(uint64_t sum, uint64_t position, const unsigned char *bytes, size_t count) {
    for (size_t i = (256 - position % 256) % 256; i < count; i += 256) sum = sum * 31 + bytes[i];
    return sum;
}

static void absorb(int connection) {
    uint64_t position = 0, total = 0;
    ssize_t size;
    while ((size = read(connection, buffer, sizeof buffer)) > 0) {
        total = sum(total, position, buffer, (size_t)size);
        position += (uint64_t)size;
    }
    whole(connection, &total, sizeof total, 1);
}

static void echo(int connection) {
    while (whole(connection, buffer, message, 0) == 0) {
        buffer[0]++;
        if (whole(connection, buffer, message, 1) != 0) return;
    }
}

static int serve(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4) != 0) {
        perror("netmark");
        return 1;
    }
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        char wish = 0;
        if (connection < 0) continue;
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (whole(connection, &wish, 1, 0) == 0) {
            if (wish == 't') absorb(connection);
            if (wish == 'r') echo(connection);
        }
        close(connection);
        if (wish == 'q') return 0;
    }
}

// The server's guest may still be booting.
static int reach(const char *host, char wish) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return -1;
    for (int tries = 0; tries < 3000; tries++) {
        int connection = socket(AF_INET, SOCK_STREAM, 0), on = 1;
        if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0) {
            setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (whole(connection, &wish, 1, 1) == 0) return connection;
        }
        close(connection);
        usleep(100000);
    }
    return -1;
}

static uint64_t begin(const char *test) {
    usleep(500000);
    printf("GM-BEGIN %s\n", test);
    fflush(stdout);
    usleep(300000);
    return microseconds();
}

static int end(const char *test, uint64_t begun, uint64_t total) {
    printf("GM-END %s %llu %016llx\n", test, (unsigned long long)(microseconds() - begun), (unsigned long long)total);
    fflush(stdout);
    usleep(300000);
    return 0;
}

static int failed(void) {
    perror("netmark");
    return 1;
}

static int send_all(int connection, long mebibytes) {
    uint64_t total = 0, state = 88172645463325252u;
    for (size_t i = 0; i < piece; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        buffer[i] = (unsigned char)state;
    }
    uint64_t begun = begin("tcp");
    for (long i = 0; i < mebibytes * 16; i++) {
        buffer[0] = (unsigned char)i;
        if (whole(connection, buffer, piece, 1) != 0) return failed();
    }
    shutdown(connection, SHUT_WR);
    if (whole(connection, &total, sizeof total, 0) != 0) return failed();
    return end("tcp", begun, total);
}

static int ask(int connection, long count) {
    uint64_t total = 0, begun = begin("rr");
    for (long i = 0; i < count; i++) {
        buffer[0] = (unsigned char)i;
        if (whole(connection, buffer, message, 1) != 0 || whole(connection, buffer, message, 0) != 0) return failed();
        total = sum(total, 0, buffer, message);
    }
    return end("rr", begun, total);
}

int main(int count, char **arguments) {
    const char *wish = count > 1 ? arguments[1] : "";
    if (count == 2 && strcmp(wish, "serve") == 0) return serve();
    if ((count == 4 && (strcmp(wish, "tcp") == 0 || strcmp(wish, "rr") == 0)) || (count == 3 && strcmp(wish, "quit") == 0)) {
        int connection = reach(arguments[2], wish[0]);
        if (connection < 0) return failed();
        if (wish[0] == 'q') return 0;
        long amount = strtol(arguments[3], NULL, 10);
        return wish[0] == 't' ? send_all(connection, amount) : ask(connection, amount);
    }
    fprintf(stderr, "netmark: say “serve”, “tcp HOST MIB”, “rr HOST COUNT” or “quit HOST”\n");
    return 2;
}

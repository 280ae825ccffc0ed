#include "include/checksum.h"
#include <string.h>

int lv_crc32c_is_native(void) { return __builtin_cpu_supports("sse4.2") != 0; }

__attribute__((target("sse4.2"))) uint32_t lv_crc32c_native(uint32_t crc, const void *bytes, uint64_t count) {
    const uint8_t *next = bytes;
    uint64_t state = crc;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        state = __builtin_ia32_crc32di(state, word);
    }
    crc = (uint32_t)state;
    for (; count > 0; count--, next++) crc = __builtin_ia32_crc32qi(crc, *next);
    return crc;
}

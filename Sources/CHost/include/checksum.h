// CRC-32C with the instruction that many hosts have for it.
#ifndef LV_CHECKSUM_H
#define LV_CHECKSUM_H
#include <stdint.h>

// Whether this host has it (SSE4.2).
int lv_crc32c_is_native(void);
// The state `crc` (the complement of the sum so far) after `count` bytes. Precondition: lv_crc32c_is_native().
uint32_t lv_crc32c_native(uint32_t crc, const void *bytes, uint64_t count);
#endif

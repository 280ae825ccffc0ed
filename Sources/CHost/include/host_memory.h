// Anonymous memory files; Glibc's module map does not show memfd_create to Swift.
#ifndef LV_HOST_MEMORY_H
#define LV_HOST_MEMORY_H
#include <stdint.h>
// A close-on-exec memory file of `size` bytes; -1 with errno where the host refuses.
int lv_memory_file(const char *name, uint64_t size);
#endif

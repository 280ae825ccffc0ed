// Memory files and mappings, and what is done with whole pages; Glibc's module map does not show memfd_create to Swift.
#ifndef LV_HOST_MEMORY_H
#define LV_HOST_MEMORY_H
#include <stdbool.h>
#include <stdint.h>
// A close-on-exec memory file of `size` bytes; -1 with errno where the host refuses.
int lv_memory_file(const char *name, uint64_t size);
// Gives a range of a file's pages back to the host: they read as zeros afterwards. false with errno where that is refused.
bool lv_punch_hole(int descriptor, uint64_t offset, uint64_t count);
// After true, what any thread of this process stored before it last loaded from memory is seen by the caller, and what the caller stored
// before is seen by all (membarrier(2)). false where the host does not offer that.
bool lv_barrier_all_threads(void);
// A sum over the 4096 bytes of a page; 0 exactly when all of them are zero.
uint32_t lv_page_sum(const void *page);
// Memory for generated code, seen twice: `code` bytes that may be written and, elsewhere, be executed, never both at one address (W^X);
// behind the executable view lie `data` bytes that may be written. To be given back with munmap. false with errno where the host refuses.
bool lv_map_code(uint64_t code, uint64_t data, void **writable, void **executable);
// RORX and its kin are there.
bool lv_host_has_bmi2(void);
#endif

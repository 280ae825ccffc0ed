// CHost is mostly headers; every header is compiled here once on its own.
#include "processor_state.h"
#include "guest_access.h"
_Static_assert(sizeof(lv_uop) == 32, "the interpreter steps over micro-operations by 32 bytes");
_Static_assert(offsetof(lv_vp, gpr) == 0, "general registers come first");

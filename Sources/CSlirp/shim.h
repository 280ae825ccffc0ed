/* User-mode networking: the far side of a NAT switch. */
#include <slirp/libslirp.h>

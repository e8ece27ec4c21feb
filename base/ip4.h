/* SPDX-License-Identifier: MIT */
#ifndef BASE_IP4_H
#define BASE_IP4_H

#include "base/be.h"

enum { IP4_ALSO = 7 }; /* IPv4 addresses besides the first */

/* An address and the network that is on the link with it. */
struct ip4_prefix {
	struct be32 ip, mask;
};

static inline bool ip4_in_prefix(struct be32 ip, struct ip4_prefix p)
{
	return !((ip.raw ^ p.ip.raw) & p.mask.raw);
}

#endif

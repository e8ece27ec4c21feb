/* SPDX-License-Identifier: MIT */
/* The part of the original's <net/ip.h> that programs used. */
#ifndef COMPAT_NET_IP_H
#define COMPAT_NET_IP_H

#include "../ix/types.h"

/* Host byte order. */
#define MAKE_IP_ADDR(a, b, c, d)                         \
	(((uint32_t)(a) << 24) | ((uint32_t)(b) << 16) | \
	 ((uint32_t)(c) << 8) | (uint32_t)(d))

struct ip_addr {
	uint32_t addr;
};

#endif

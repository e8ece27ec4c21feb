/* SPDX-License-Identifier: MIT */
/* Which TCP and UDP ports of an address are ours where Linux has the others.
 * The gate (what an application may use) and the NIC (what it takes) both ask
 * here. */
#ifndef BASE_PORTS_H
#define BASE_PORTS_H

#include "base/types.h"

enum { PORTS_NAMED = 16 };

struct ports {
	u16 named[PORTS_NAMED]; /* 0: none */
	u16 min, max;		/* those that we choose from; min > max: none */
};

static inline bool ports_has(const struct ports *p, u16 port)
{
	if (port >= p->min && port <= p->max)
		return port;
	for (u32 i = 0; i < PORTS_NAMED; i++) {
		if (p->named[i] == port)
			return port;
	}
	return false;
}

#endif

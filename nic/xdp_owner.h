/* SPDX-License-Identifier: MIT */
/* Who has an XDP program: what a message can say of it. */
#ifndef NIC_XDP_OWNER_H
#define NIC_XDP_OWNER_H

#include "base/types.h"

enum { XDP_OWNER_NAME = 24 };

struct xdp_owner {
	u32 id;			      /* of the program on the interface */
	char program[XDP_OWNER_NAME]; /* empty: not known */
	int pid;		      /* 0: not known */
	char comm[XDP_OWNER_NAME];    /* of that process */
};

/* Of the program on interface @ifindex. Takes a while: for the message that
 * there is one already. */
void xdp_owner_find(struct xdp_owner *o, int ifindex);

#endif

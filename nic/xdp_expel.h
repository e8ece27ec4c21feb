/* SPDX-License-Identifier: MIT */
/* Sockets that have been passed to a user, and are not his any more. */
#ifndef NIC_XDP_EXPEL_H
#define NIC_XDP_EXPEL_H

#include <sys/types.h>

#include "nic/nic_open.h"

struct xdp_sockets {
	uid_t uid;
	u32 n;
	ino_t ino[NIC_MAX_QUEUES];
};

/* Ends the user's processes that have some of them, once ours are closed. */
void xdp_expel(const struct xdp_sockets *s);

#endif

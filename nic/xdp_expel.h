/* SPDX-License-Identifier: MIT */
/* Sockets that have been passed to a user, and are not his any more. */
#ifndef NIC_XDP_EXPEL_H
#define NIC_XDP_EXPEL_H

#include <sys/types.h>

#include "nic/nic_open.h"

struct xdp_sockets {
	uid_t uid;
	int watch; /* epoll instance: in it is what has not been closed yet,
		    * whoever has it, and be it nobody: what is in a message,
		    * or only mapped */
	u32 n;
	ino_t ino[NIC_MAX_QUEUES];
};

/* 0 or -errno. */
int xdp_watch_open(struct xdp_sockets *s);
/* One more, while ours is open. 0 or -errno. */
int xdp_watch(struct xdp_sockets *s, int fd);
/* Once ours are closed: ends the user's processes that have some of them. Not
 * somebody else's, to whom he may have passed one, to have them killed. */
void xdp_expel(const struct xdp_sockets *s);
/* Has somebody one all the same? */
bool xdp_left(const struct xdp_sockets *s);

#endif

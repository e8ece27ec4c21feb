/* SPDX-License-Identifier: MIT */
/* AF_XDP on the host: an interface with its program, umem and sockets. */
#ifndef NIC_XDP_HOST_H
#define NIC_XDP_HOST_H

#include <xdp/xsk.h>

#include "nic/rss.h"
#include "nic/xdp.h"
#include "nic/xdp_prog.h"

enum {
	XDP_BIND_SG = 1 << 4,	/* XDP_USE_SG, Linux 6.6: a packet may have
				 * several descriptors */
	XDP_LINK_OVERHEAD = 18, /* Ethernet header and a VLAN tag */
};

struct xdp_nic {
	struct nic nic;
	char ifname[32];
	struct xdp_prog prog;
	struct rss_saved rss;
	struct xsk_umem *umem;
	u32 bind_flags;
	struct nic_config cfg; /* for resume() */
	struct xdp_queue {
		struct xdp_q q;
		u64 drops; /* of sockets closed by suspend() */
		struct xsk_socket *xsk;
		/* libxdp keeps pointers to these. */
		struct xsk_ring_prod fill, tx;
		struct xsk_ring_cons comp, rx;
	} * queues;
};

/* Registers the umem and binds a socket to each queue of x->ifname, in the
 * best mode that @cfg allows; sets x->bind_flags and x->nic.zero_copy. Leaves
 * nothing behind when it fails. 0 or -errno. */
int xdp_sockets_open(struct xdp_nic *x, const struct nic_config *cfg);

/* Harmless if not open. */
void xdp_sockets_close(struct xdp_nic *x);

/* Does a packet of @mtu bytes take more than one frame? */
static inline bool xdp_needs_frags(u32 mtu)
{
	return mtu + XDP_LINK_OVERHEAD > MBUF_ROOM;
}

#endif

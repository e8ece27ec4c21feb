/* SPDX-License-Identifier: MIT */
/* AF_XDP, off the packet's way: an interface with its program, umem and
 * sockets. */
#ifndef NIC_XDP_NIC_H
#define NIC_XDP_NIC_H

#include <xdp/xsk.h>

#include "nic/rss.h"
#include "nic/tap.h"
#include "nic/xdp.h"
#include "nic/xdp_pair.h"
#include "nic/xdp_prog.h"

enum {
	XDP_BIND_SG = 1 << 4,	/* XDP_USE_SG, Linux 6.6: a packet may have
				 * several descriptors */
	XDP_LINK_OVERHEAD = 18, /* Ethernet header and a VLAN tag */
};

struct xdp_nic {
	struct nic nic;
	char ifname[32];
	int index; /* of the interface */
	struct xdp_prog prog;
	struct xdp_pair pair; /* shared: who else has our queues */
	struct rss_saved rss;
	struct xsk_umem *umem;
	u32 bind_flags;
	struct nic_config cfg; /* for resume() */
	struct xdp_queue {
		struct xdp_q q;
		u64 lost;     /* by this socket, and counted in q */
		u32 nr_short; /* q.nr_short when that was counted */
		struct xsk_socket *xsk;
		/* libxdp keeps pointers to these. */
		struct xsk_ring_prod fill, tx;
		struct xsk_ring_cons comp, rx;
		struct tap_q side; /* beside another one, instead of all that */
	} ALIGNED(NIC_PAGE) * queues; /* pages of their own: nic.parts */
};

u32 xdp_queue_parts(struct nic *nic, u32 i, struct nic_part out[NIC_PARTS]);

/* Registers the umem and binds a socket to each queue of x->ifname, in the
 * best mode that @cfg allows; sets x->bind_flags and x->nic.zero_copy. Leaves
 * nothing behind when it fails. 0 or -errno. */
int xdp_sockets_open(struct xdp_nic *x, const struct nic_config *cfg);

/* Harmless if not open. */
void xdp_sockets_close(struct xdp_nic *x);

/* xdp_side.c: beside another dataplane. Makes nic.q[] those of side doors. 0 or
 * -errno. */
int xdp_sides_open(struct xdp_nic *x, const struct nic_config *cfg);
void xdp_sides_close(struct xdp_nic *x);

/* A packet socket for what AF_XDP does not take, in nic.large_fd. 0 or -errno.
 */
int xdp_open_large(struct xdp_nic *x);

/* What the kernel has lost since the last time for want of a buffer in a ring:
 * because the pool had too few for it meanwhile, or because our thread did not
 * come to it in time. In copy mode a packet without buffer is in both of
 * rx_dropped and rx_fill_ring_empty_descs. */
static inline void xdp_count_lost(struct xdp_queue *x,
				  const struct xdp_statistics *st)
{
	u64 lost = st->rx_ring_full +
		   max(st->rx_dropped, st->rx_fill_ring_empty_descs);
	struct nicq *q = &x->q.q;
	u32 nr_short = READ_ONCE(x->q.nr_short);

	if (nr_short == x->nr_short)
		q->nr_late += lost - x->lost;
	else
		q->nr_drops += lost - x->lost;
	x->lost = lost;
	x->nr_short = nr_short;
}

/* Does Linux itself send there, and leave checksums to a NIC that there is not?
 */
bool xdp_csum_partial(const struct xdp_nic *x);

/* Does a packet of @mtu bytes take more than one frame? */
static inline bool xdp_needs_frags(u32 mtu)
{
	return mtu + XDP_LINK_OVERHEAD > MBUF_ROOM;
}

#endif

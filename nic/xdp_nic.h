/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP, off the packet's way: an interface with its program, umem and
 * sockets. All of AF_XDP by file, the packet's way last:
 *
 *   xdp_setup.c      from settings to an open interface: START HERE
 *   xdp_steer.bpf.c  the program
 *   xdp_prog.c       ... loaded and attached
 *   xdp_join.c       ... or found, where another dataplane has attached it
 *   xdp_owner.c      ... or is not ours: whose, for a message
 *   xdp_pair.c       who has our queues: we, or we and a successor
 *   xdp_side.c       ... whose sockets they are, if not ours
 *   xdp_side.bpf.c   ... a way out there for who may have no packet socket
 *   xdp_socket.c     sockets
 *   xdp_pass.c       ... for a user's dataplane, and xdp_expel.c, xdp_take.c:
 *                    see keep_msg.h
 *   xdp_ring.c       the rings of a queue
 *   xdp_parts.c      ... packets in several parts
 *   xdp_exit.c       ... system calls
 */
#ifndef NIC_XDP_NIC_H
#define NIC_XDP_NIC_H

#include <xdp/xsk.h>

#include "nic/rss.h"
#include "nic/tap.h"
#include "nic/xdp.h"
#include "nic/xdp_pair.h"
#include "nic/xdp_prog.h"

enum {
	XDP_BIND_SG = 1 << 4, /* XDP_USE_SG, Linux 6.6: a packet may have
			       * several descriptors */
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
	u32 nr_bound;	       /* xdp_pass.c: so many queues are */
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
		int side_index;	   /* its device's */
		struct xdp_side *door; /* a user's: the way out of it */
	} ALIGNED(NIC_PAGE) * queues;  /* pages of their own: nic.parts */
};

u32 xdp_queue_parts(struct nic *nic, u32 i, struct nic_part out[NIC_PARTS]);

/* ---- xdp_setup.c */

/* Not opened yet. NULL: no memory. */
struct xdp_nic *xdp_alloc(const struct nic_config *cfg, const char *arg);

/* The interface as @cfg wants it, with the program attached, which finds no
 * socket yet: nic->close() of it. 0 or -errno. */
int xdp_attach(const struct nic_config *cfg, const char *arg,
	       struct xdp_nic **out, char *why, size_t why_len);

/* x->nic.fd, bound, to the program: packets come to them. 0 or -errno. */
int xdp_tell_program(struct xdp_nic *x);

/* What is in force: queues' capabilities, and for people. */
void xdp_set_caps(struct xdp_nic *x);
void xdp_describe(struct xdp_nic *x);

/* @err of opening sockets, for people. */
int xdp_no_socket(int err, const struct xdp_nic *x,
		  const struct nic_config *cfg, char *why, size_t why_len);

/* ---- xdp_socket.c */

/* Entries of the rings, of what @cfg asks for. */
u32 xdp_tx_size(const struct nic_config *cfg);
u32 xdp_fill_size(const struct nic_config *cfg);
u32 xdp_rx_size(const struct nic_config *cfg);

/* Queue @i, whose rings q->fill to q->tx are mapped and x->nic.fd[i] is bound,
 * is ready. 0 or -ENOMEM. */
int xdp_queue_init(struct xdp_nic *x, const struct nic_config *cfg, u32 i);

/* The pages of a ring: the kernel's memory, indices and then entries. @entry:
 * bytes of one. */
struct nic_part xdp_ring_pages(const struct xdp_ring *r, size_t entry);

/* So that one call sends a ring's worth: needs rights. */
void xdp_widen(int fd, u32 ring);

/* Calls @bind with the flags of each mode that @cfg allows, best first, and
 * patiently while a queue is still another's, until it does not say that there
 * is no such mode; as xdp_sockets_open() sets x. */
int xdp_try_modes(struct xdp_nic *x, const struct nic_config *cfg,
		  int (*bind)(struct xdp_nic *x, const struct nic_config *cfg));

/* Registers the umem and binds a socket to each queue of x->ifname, in the
 * best mode that @cfg allows; sets x->bind_flags and x->nic.zero_copy. Leaves
 * nothing behind when it fails. 0 or -errno. */
int xdp_sockets_open(struct xdp_nic *x, const struct nic_config *cfg);

/* Harmless if not open. */
void xdp_sockets_close(struct xdp_nic *x);

/* ... or what is had beside another one's. */
int xdp_open_beside(struct xdp_nic *x, const struct nic_config *cfg, char *why,
		    size_t why_len);

/* xdp_side.c: beside another dataplane. Makes nic.q[] those of side doors. 0 or
 * -errno. */
int xdp_sides_open(struct xdp_nic *x, const struct nic_config *cfg);
void xdp_sides_close(struct xdp_nic *x);
/* Whoever has been passed one has nothing any more. */
void xdp_sides_delete(struct xdp_nic *x);
/* Programs of a way out from a device to interface @to, which is open while
 * *@out, or a copy of its map's descriptor, is there; harmless if not loaded. 0
 * or -errno. */
int xdp_side_load(struct xdp_side **out, u32 to, u32 mtu, u32 queue);
/* @queue has none any more: whose it was has ended. */
void xdp_side_forget(const struct xdp_prog *p, u32 queue);
/* Queues that have been opened for us, as @x is described; @fds become its. */
void xdp_sides_take(struct xdp_nic *x, const struct nic_config *cfg,
		    const int *fds);

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
 * Over virtio_net another machine's does; its driver has them computed while it
 * runs an XDP program itself. */
bool xdp_csum_partial(const struct xdp_nic *x);

/* Does a packet of @mtu bytes take more than one frame? */
static inline bool xdp_needs_frags(u32 mtu)
{
	return mtu + ETH_OVERHEAD > MBUF_ROOM;
}

#endif

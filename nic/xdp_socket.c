/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP sockets of an interface, by libxdp.
 *
 *   umem (registered once) <- socket 0: fill, comp, rx, tx
 *                          <- socket 1: fill, comp, rx, tx   shared umem
 *                          ...
 */
#include "nic/xdp_nic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "nic/xdp_exit.h"

enum {
	OPT_TX_BUDGET = 9, /* XDP_MAX_TX_SKB_BUDGET: younger than
			    * Debian 12, Linux 6.17 */
	BUSY_TRIES = 20,   /* a dead owner's queue is free only when
			    * the kernel has cleaned up behind it */
	BUSY_NS = 50 * 1000 * 1000,
	ZEROCOPY_PARTS = 5, /* descriptors per packet that every driver
			     * with multi-buffer zero copy takes */
};

static void map_prod(struct xdp_ring *r, const struct xsk_ring_prod *from)
{
	*r = (struct xdp_ring){
		.producer = from->producer,
		.consumer = from->consumer,
		.flags = from->flags,
		.entries = from->ring,
		.mask = from->mask,
		.head = *from->producer,
	};
}

static void map_cons(struct xdp_ring *r, const struct xsk_ring_cons *from)
{
	*r = (struct xdp_ring){
		.producer = from->producer,
		.consumer = from->consumer,
		.flags = from->flags,
		.entries = from->ring,
		.mask = from->mask,
		.head = *from->consumer,
	};
}

u32 xdp_tx_size(const struct nic_config *cfg)
{
	return cfg->ring_size ? cfg->ring_size : XDP_RING_SIZE;
}

/* A packet of each connection, as far as half of the frames go. */
u32 xdp_fill_size(const struct nic_config *cfg)
{
	u32 n = XDP_RING_SIZE;

	while (n < cfg->conns && n < cfg->frames_per_queue / 4 + 1 &&
	       n < XDP_RING_MAX / 2)
		n *= 2;
	return cfg->ring_size ? cfg->ring_size : n;
}

/* All that fill holds may be unread, and fill be full again. */
u32 xdp_rx_size(const struct nic_config *cfg)
{
	return cfg->ring_size ? cfg->ring_size : 2 * xdp_fill_size(cfg);
}

/* Whole pages: xdp_queue_parts(). */
static size_t sent_bytes(const struct xdp_q *q)
{
	size_t n = ((size_t)q->tx.mask + 1) * sizeof(q->sent_at[0]);

	return (n + NIC_PAGE - 1) & ~(size_t)(NIC_PAGE - 1);
}

int xdp_queue_init(struct xdp_nic *x, const struct nic_config *cfg, u32 i)
{
	struct xdp_q *q = &x->queues[i].q;
	bool sg = x->bind_flags & XDP_BIND_SG;

	q->posted = q->tx_done = q->q.nr_posted = 0;
	memset(q->q.in_place, 0, sizeof(q->q.in_place));
	q->q.udp_in_place = (struct nicq_in_place){ 0 };
	q->q.tx_pending = false;
	q->q.sent = NULL;
	q->tx_done = q->tx.head;
	q->umem = cfg->umem;
	q->frames_off = cfg->frames_shared
				? 0
				: (u64)i * cfg->frames_per_queue * MBUF_SIZE;
	q->target_max = min(xdp_fill_size(cfg), cfg->frames_per_queue / 2);
	/* A driver fills its own ring from ours, and asks for a system call
	 * whenever it cannot fill it up. */
	q->target_burst = min(q->target_max, xdp_tx_size(cfg));
	q->target_min = x->nic.zero_copy
				? q->target_burst
				: min(q->target_max, (u32)XDP_FILL_LOW);
	/* Connections are opened all at once, and nobody knows of them yet. */
	q->target = q->target_burst;
	q->frags = sg;
	q->busy_poll = cfg->busy_poll && x->nic.zero_copy;
	q->max_parts = 1;
	if (sg)
		q->max_parts =
			x->nic.zero_copy ? ZEROCOPY_PARTS : XDP_MAX_PARTS;
	q->sent_at = aligned_alloc(NIC_PAGE, sent_bytes(q));
	if (!q->sent_at)
		return -ENOMEM;
	memset(q->sent_at, 0, sent_bytes(q));
	q->fd = x->nic.fd[i];
	xdp_bind(q, &xdp_syscalls);
	q->q.mtu = x->nic.mtu;
	memcpy(q->q.mac, x->nic.mac, 6);
	return 0;
}

struct nic_part xdp_ring_pages(const struct xdp_ring *r, size_t entry)
{
	u64 first =
		min((u64)r->producer, (u64)r->consumer) & ~(u64)(NIC_PAGE - 1);
	u64 end = (u64)r->entries + ((u64)r->mask + 1) * entry;

	end = (end + NIC_PAGE - 1) & ~(u64)(NIC_PAGE - 1);
	return (struct nic_part){ (void *)first, end - first };
}

u32 xdp_queue_parts(struct nic *nic, u32 i, struct nic_part out[NIC_PARTS])
{
	struct xdp_queue *xq =
		&container_of(nic, struct xdp_nic, nic)->queues[i];
	struct xdp_q *q = &xq->q;

	out[0] = (struct nic_part){ xq, sizeof(*xq) };
	if (!q->sent_at)
		return 1; /* beside another one's */
	out[1] = (struct nic_part){ q->sent_at, sent_bytes(q) };
	out[2] = xdp_ring_pages(&q->fill, sizeof(u64));
	out[3] = xdp_ring_pages(&q->comp, sizeof(u64));
	out[4] = xdp_ring_pages(&q->rx, sizeof(struct xdp_frame));
	out[5] = xdp_ring_pages(&q->tx, sizeof(struct xdp_frame));
	return 6;
}

void xdp_sockets_close(struct xdp_nic *x)
{
	for (u32 i = 0; i < x->nic.nqueues; i++) {
		struct xdp_queue *xq = &x->queues[i];

		if (xq->xsk)
			xsk_socket__delete(xq->xsk);
		xq->xsk = NULL;
		free(xq->q.sent_at);
		xq->q.sent_at = NULL;
	}
	if (x->umem)
		xsk_umem__delete(x->umem);
	x->umem = NULL;
}

/* In copy mode a system call takes 32 packets, and the socket's buffer limits
 * what is on the way: let both be a ring's worth. */
void xdp_widen(int fd, u32 ring)
{
	u32 bytes = ring * MBUF_SIZE;

	setsockopt(fd, SOL_XDP, OPT_TX_BUDGET, &ring, sizeof(ring));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

static int open_socket(struct xdp_nic *x, const struct nic_config *cfg, u32 i)
{
	struct xdp_queue *xq = &x->queues[i];
	struct xsk_socket_config sc = {
		.rx_size = xdp_rx_size(cfg),
		.tx_size = xdp_tx_size(cfg),
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = (u16)x->bind_flags,
	};
	int err = xsk_socket__create_shared(
		&xq->xsk, x->ifname, cfg->first_queue + i, x->umem, &xq->rx,
		&xq->tx, &xq->fill, &xq->comp, &sc);

	if (err)
		return err;
	x->nic.fd[i] = xsk_socket__fd(xq->xsk);
	xdp_widen(x->nic.fd[i], xdp_tx_size(cfg));
	map_prod(&xq->q.fill, &xq->fill);
	map_prod(&xq->q.tx, &xq->tx);
	map_cons(&xq->q.comp, &xq->comp);
	map_cons(&xq->q.rx, &xq->rx);
	err = xdp_queue_init(x, cfg, i);
	/* In copy mode Linux 6.14 and newer do not know whom to poll. */
	if (xq->q.busy_poll)
		xdp_busy_poll(xq->q.fd);
	return err;
}

static int open_umem(struct xdp_nic *x, const struct nic_config *cfg)
{
	struct xsk_umem_config uc = {
		.fill_size = xdp_fill_size(cfg),
		.comp_size = xdp_tx_size(cfg),
		.frame_size = MBUF_SIZE,
	};
	size_t len = cfg->umem_len & ~(size_t)(MBUF_SIZE - 1);

	return xsk_umem__create(&x->umem, cfg->umem, len, &x->queues[0].fill,
				&x->queues[0].comp, &uc);
}

/* Registers the umem and binds all queues, or leaves nothing behind. */
static int open_sockets(struct xdp_nic *x, const struct nic_config *cfg)
{
	int err = open_umem(x, cfg);

	for (u32 i = 0; !err && i < x->nic.nqueues; i++)
		err = open_socket(x, cfg, i);
	if (err)
		xdp_sockets_close(x);
	return err;
}

static int patiently(struct xdp_nic *x, const struct nic_config *cfg,
		     int (*bind)(struct xdp_nic *x,
				 const struct nic_config *cfg))
{
	struct timespec pause = { .tv_nsec = BUSY_NS };
	int err = bind(x, cfg);

	for (int i = 0; err == -EBUSY && i < BUSY_TRIES; i++) {
		nanosleep(&pause, NULL);
		err = bind(x, cfg);
	}
	return err;
}

/* Are several descriptors per packet to be tried (@sg) in this mode? In copy
 * mode they cost: so they are for jumbo frames only, and for who asks for them.
 */
static bool fits(const struct xdp_nic *x, const struct nic_config *cfg,
		 bool zero, bool sg)
{
	if (xdp_needs_frags(x->nic.mtu) || cfg->gather == NIC_GATHER_ON)
		return sg;
	return !sg || (zero && cfg->gather == NIC_GATHER_AUTO);
}

int xdp_try_modes(struct xdp_nic *x, const struct nic_config *cfg,
		  int (*bind)(struct xdp_nic *x, const struct nic_config *cfg))
{
	static const u32 tries[] = {
		XDP_ZEROCOPY | XDP_BIND_SG,
		XDP_ZEROCOPY,
		XDP_COPY | XDP_BIND_SG,
		XDP_COPY,
	};
	int err = -EOPNOTSUPP;

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		bool zero = tries[i] & XDP_ZEROCOPY;
		bool sg = tries[i] & XDP_BIND_SG;

		if (zero ? cfg->mode == NIC_COPY || x->prog.generic
			 : cfg->mode == NIC_ZEROCOPY)
			continue;
		if (!fits(x, cfg, zero, sg))
			continue;
		x->bind_flags = tries[i] | XDP_USE_NEED_WAKEUP;
		x->nic.zero_copy = zero;
		err = patiently(x, cfg, bind);
		if (err != -EOPNOTSUPP && err != -EINVAL && err != -ENOTSUP &&
		    err != -EPROTONOSUPPORT)
			break;
	}
	return err;
}

int xdp_sockets_open(struct xdp_nic *x, const struct nic_config *cfg)
{
	return xdp_try_modes(x, cfg, open_sockets);
}

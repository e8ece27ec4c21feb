/* SPDX-License-Identifier: MIT */
/* TAP, the packet's way. In front of each packet stands a virtio_net_hdr:
 * checksums of packets that never leave the machine are not computed. */
#include "nic/tap.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "nic/sleep.h"
#include "nic/vnet.h"

_Static_assert(UINT16_MAX + ETH_OVERHEAD <= TAP_MAX_PARTS * MBUF_ROOM,
	       "IP's longest");

static struct tap_q *tap_of(struct nicq *nq)
{
	return container_of(nq, struct tap_q, q);
}

/* Frames for the next packet. False: too few are free. */
static bool get_ready(struct tap_q *t)
{
	u32 empty = t->parts - t->nready;

	if (likely(!empty))
		return true;
	if (t->q.pool->nfree <= nic_reserve(t->q.pool) + empty)
		return false;
	while (empty--) {
		struct mbuf *m = mbuf_alloc(t->q.pool);

		t->ready[empty] = m;
		t->iov[empty + 1] = (struct iovec){ m->data, MBUF_ROOM };
	}
	t->nready = t->parts;
	return true;
}

/* Makes a chain of the frames that @len bytes fill; the rest stay ready. */
static struct mbuf *take(struct tap_q *t, u32 len)
{
	struct mbuf *first = t->ready[0], *m = first;
	u32 used = 1;

	m->len = min(len, (u32)MBUF_ROOM);
	for (len -= m->len; len; len -= m->len) {
		m = m->next = t->ready[used++];
		m->len = min(len, (u32)MBUF_ROOM);
	}
	t->nready -= used;
	return first;
}

/* What is addressed to the other one of two dataplanes is ours as well, if it
 * comes to us. */
static void readdress(const struct tap_q *t, u8 *dst)
{
	if (dst[0] == t->q.mac[0] && !memcmp(dst + 2, t->q.mac + 2, 4))
		dst[1] = t->q.mac[1];
}

static struct mbuf *read_one(struct tap_q *t)
{
	struct virtio_net_hdr h;
	struct mbuf *m;
	ssize_t got;

	if (!get_ready(t)) {
		t->q.nr_drops++;
		return NULL;
	}
	t->iov[0] = (struct iovec){ &h, sizeof(h) };
	got = readv(t->fd, t->iov, (int)t->parts + 1);
	if (got <= (ssize_t)sizeof(h))
		return NULL;
	m = take(t, (u32)(got - (ssize_t)sizeof(h)));
	if (t->shared)
		readdress(t, m->data);
	if (h.flags &
	    (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
		m->flags = MBUF_CSUM_OK;
	return m;
}

/* A batch is of @n packets or of as many frames: others wait for it. */
static int tap_rx(struct nicq *nq, struct mbuf **pkts, int n, u64 now)
{
	struct tap_q *t = tap_of(nq);
	int frames = 0, i;

	for (i = 0; i < n && frames < n; i++) {
		pkts[i] = read_one(t);
		if (!pkts[i])
			break;
		frames += (int)(t->parts - t->nready);
	}
	return i;
}

/* False: the device is full. Other errors lose the packet, as a wire may that
 * nobody has plugged in. */
static bool write_one(struct tap_q *t, const struct mbuf *m)
{
	if (vnet_write(t->out_fd, m) >= 0)
		return true;
	if (errno == EAGAIN)
		return false;
	t->q.nr_tx_lost++;
	return true;
}

static int tap_tx(struct nicq *nq, struct mbuf **pkts, int n, u64 now)
{
	struct tap_q *t = tap_of(nq);
	int i;

	for (i = 0; i < n; i++) {
		if (!write_one(t, pkts[i]))
			break;
		nq->nr_kicks++;
		nicq_tx_done(nq, pkts[i]);
	}
	return i;
}

/* tx() has done it all. */
static void tap_kick(struct nicq *nq)
{
}

static void tap_reclaim(struct nicq *nq)
{
	nq->nr_posted = tap_of(nq)->nready;
}

/* A device that is gone has an error at all times, and nothing else any more.
 */
static void tap_wait(struct nicq *nq, u64 ns)
{
	if (nic_sleep(nq, tap_of(nq)->fd, ns) & POLLERR)
		nic_sleep(nq, -1, ns);
}

const struct nicq_ops tap_ops = {
	.rx = tap_rx,
	.tx = tap_tx,
	.kick = tap_kick,
	.reclaim = tap_reclaim,
	.wait = tap_wait,
};

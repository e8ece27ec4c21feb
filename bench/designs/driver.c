/* SPDX-License-Identifier: MIT */
/* The driver: frames between a NIC's queue and the network server. While the
 * server's mailbox is full, it holds what it has and takes no more: what then
 * comes, waits in the NIC's ring. */
#include <poll.h>
#include <string.h>

#include "bench/designs/ipc.h"

enum {
	BATCH = 64,
	LOOK_MS = 100, /* whether to stop, at least so often */
};

volatile bool driver_stop;

struct driver {
	struct nicq *q;
	int nic_fd;
	const struct mailboxes *box;
	struct mbuf *held[BATCH]; /* received, from @first to @end */
	u32 first, end;
};

static void introduce(struct driver *d)
{
	const struct message msg = { .type = NIC_IS };
	struct nic_is is = { .caps = d->q->caps, .mtu = d->q->mtu };

	memcpy(is.mac, d->q->mac, sizeof(is.mac));
	mailbox_put_bytes(d->box->server, &msg, &is, sizeof(is));
}

static void sleep_until_ready(struct driver *d)
{
	bool full = d->first < d->end;
	struct pollfd p[] = {
		{ .fd = d->box->driver[MAILBOX_OUT], .events = POLLIN },
		{ .fd = full ? d->box->server[MAILBOX_IN] : d->nic_fd,
		  .events = full ? POLLOUT : POLLIN },
	};

	poll(p, 2, LOOK_MS);
}

static void send_frames(struct driver *d)
{
	struct mbuf *pkts[BATCH];
	struct message msg;
	int n = 0, took;

	d->q->ops->reclaim(d->q);
	while (n < BATCH && (pkts[n] = mbuf_alloc(d->q->pool))) {
		s64 len = mailbox_take(d->box->driver, &msg, pkts[n]->data,
				       MBUF_ROOM, false);

		if (len < 0) {
			mbuf_free(d->q->pool, pkts[n]);
			break;
		}
		pkts[n++]->len = (u32)len;
	}
	took = n ? d->q->ops->tx(d->q, pkts, n, 0) : 0;
	if (took || d->q->tx_pending)
		d->q->ops->kick(d->q);
	for (int i = took; i < n; i++) /* TCP sends it again */
		mbuf_free(d->q->pool, pkts[i]);
}

static void receive_frames(struct driver *d)
{
	if (d->first == d->end) {
		d->first = 0;
		d->end = (u32)d->q->ops->rx(d->q, d->held, BATCH, 0);
	}
	for (; d->first < d->end; d->first++) {
		struct mbuf *m = d->held[d->first];
		const struct message msg = { .type = FRAME, .flags = m->flags };

		/* What is larger than a message, nobody was offered. */
		if (!m->next && !mailbox_put(d->box->server, &msg, m, false))
			return;
		mbuf_free_chain(d->q->pool, m);
	}
}

void drive(struct raw *r, const struct mailboxes *box)
{
	struct driver d = { .box = box };

	raw_open(r);
	d.q = r->q;
	d.nic_fd = r->nic->fd[0];
	introduce(&d);
	while (!driver_stop) {
		sleep_until_ready(&d);
		send_frames(&d);
		receive_frames(&d);
	}
	raw_close(r);
}

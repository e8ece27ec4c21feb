/* SPDX-License-Identifier: MIT */
/* NICs, and what lies between them. A frame passes the trunk, then the path of
 * the client that sent it or is to get it. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static struct sim_nic *nic_of(struct nicq *q)
{
	return container_of(q, struct sim_nic, q);
}

/* ---- the router */

void path_deliver(struct host *to, const u8 *frame, u32 len, u64 due)
{
	transit_put(to->in, frame, len, due, 0);
	host_wake(to, due);
}

/* From some frame on the faults begin, and with another one they end. */
static void count_frame(struct world *w)
{
	bool on = !w->healed && w->frames >= w->plan.first &&
		  w->frames < w->plan.last;

	if (on != w->impaired)
		path_impair(w, on);
	w->frames++;
}

static void carry(struct host *from, struct host *to, const u8 *sent, u32 len)
{
	struct world *w = from->world;
	struct path *trunk = &w->trunk[!to->nr];
	struct path *path = to->nr ? &to->to : &from->from;
	struct impair_fate at_router, fate = { 0 };
	const char *what = "";
	u8 frame[RING_MAX_FRAME];

	count_frame(w);
	memcpy(frame, sent, len);
	if (path->cut) {
		what = "cut";
	} else if (narrow(path, frame, len)) {
		what = "too large";
		if (!path->mute)
			narrow_tell(from, frame, len, path->mtu);
	} else if (!impair_decide(&trunk->impair, frame, len, w->now,
				  &at_router)) {
		what = "overflow";
	} else if (!impair_decide(&path->impair, frame, len, at_router.due,
				  &fate)) {
		what = "lost";
	} else {
		for (int i = 0; i <= fate.twice; i++)
			path_deliver(to, frame, len, fate.due);
		what = memcmp(frame, sent, len) ? "changed"
		       : fate.twice		? "twice"
						: "";
	}
	if (unlikely(w->plan.trace))
		trace_frame(w, from->nr, sent, len, what);
}

/* The last byte of an address is its host's number. */
static void forward(struct host *from, const u8 *frame, u32 len)
{
	struct world *w = from->world;
	bool group = frame[0] & 1;

	for (u32 i = 0; i < w->nhosts; i++) {
		if (i != from->nr && (group || i == frame[5]))
			carry(from, w->hosts[i], frame, len);
	}
}

/* ---- NICs */

/* In as many buffers as it takes; NULL: there are too few. */
static struct mbuf *receive(struct sim_nic *nic, const u8 *frame, u32 len)
{
	struct mbuf_pool *pool = nic->q.pool;
	u32 room = nic->rx_room ? nic->rx_room : MBUF_ROOM;
	struct mbuf *first = NULL, **at = &first;

	if (pool->nfree <= nic_reserve(pool) + len / room)
		return NULL;
	for (u32 off = 0; off < len; off += (*at)->len, at = &(*at)->next) {
		*at = mbuf_alloc(pool);
		(*at)->len = min(len - off, room);
		memcpy((*at)->data, frame + off, (*at)->len);
	}
	return first;
}

static int nic_rx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct host *h = nic_of(q)->host;
	struct transit *in = nic_of(q)->in;
	const struct transit_frame *f;
	int got = 0;

	while (got < n && (f = transit_first(in, h->world->now))) {
		pkts[got] = receive(nic_of(q), in->bytes[f->slot], f->len);
		if (pkts[got])
			got++;
		else
			q->nr_drops++;
		transit_remove_first(in);
	}
	return got;
}

static int nic_tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct sim_nic *nic = nic_of(q);
	u8 frame[RING_MAX_FRAME];

	if (nic->tx_most)
		n = min(n, (int)nic->tx_most);
	for (int i = 0; i < n; i++) {
		u32 len = mbuf_packet_len(pkts[i]);

		if (len > ETH_LEN + (u32)q->mtu || len > sizeof(frame))
			sim_fail(nic->host->world,
				 "host %u: a frame of %u bytes", nic->host->nr,
				 len);
		mbuf_copy(frame, pkts[i]);
		nicq_tx_done(q, pkts[i]);
		forward(nic->host, frame, len);
	}
	return n;
}

static void nic_nothing(struct nicq *q)
{
}

static const struct nicq_ops nic_ops = {
	.rx = nic_rx,
	.tx = nic_tx,
	.kick = nic_nothing,
	.reclaim = nic_nothing,
};

static struct transit *transit_new(void)
{
	struct transit *t = calloc(1, sizeof(*t));

	if (!t)
		panic("sim: out of memory");
	transit_init(t);
	return t;
}

void path_open(struct host *h)
{
	struct nicq *q = &h->nic.q;

	h->nic.host = h;
	q->ops = &nic_ops;
	q->mtu = 1500;
	memcpy(q->mac, "\x02sim\0", 5);
	q->mac[5] = (u8)h->nr;
	h->in = transit_new();
	for (u32 i = 0; i < h->nthreads; i++) {
		h->threads[i].nic = h->nic;
		h->threads[i].nic.in = h->nthreads > 1 ? transit_new() : h->in;
	}
}

void path_close(struct host *h)
{
	for (u32 i = 0; h->nthreads > 1 && i < h->nthreads; i++)
		free(h->threads[i].nic.in);
	free(h->in);
}

static void impair_path(struct path *p, bool on)
{
	p->impair.conf = on ? p->bad : p->clean;
}

void path_impair(struct world *w, bool on)
{
	w->impaired = on;
	impair_path(&w->trunk[0], on);
	impair_path(&w->trunk[1], on);
	for (u32 i = 0; i < w->nhosts; i++) {
		impair_path(&w->hosts[i]->to, on);
		impair_path(&w->hosts[i]->from, on);
	}
}

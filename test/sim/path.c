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

/* Returns its length. */
static u32 copy_frame(struct sim_nic *nic, const struct mbuf *m,
		      u8 frame[RING_MAX_FRAME])
{
	u32 len = mbuf_packet_len(m);

	if (len > ETH_LEN + (u32)nic->q.mtu || len > RING_MAX_FRAME)
		sim_fail(nic->host->world, "host %u: a frame of %u bytes",
			 nic->host->nr, len);
	mbuf_copy(frame, m);
	return len;
}

static u64 sum_of(const u8 *frame, u32 len)
{
	u64 sum = 0;

	while (len--)
		sum = sum * 31 + *frame++;
	return sum;
}

static void send(struct sim_nic *nic, struct mbuf *m, const u64 *was)
{
	struct world *w = nic->host->world;
	u8 frame[RING_MAX_FRAME];
	u32 len = copy_frame(nic, m, frame);

	if (was && *was != sum_of(frame, len))
		sim_fail(w, "host %u: a packet changes on its way",
			 nic->host->nr);
	nicq_tx_done(&nic->q, m);
	forward(nic->host, frame, len);
}

static void put_off(struct sim_nic *nic, struct mbuf *m)
{
	u8 frame[RING_MAX_FRAME];
	u32 len = copy_frame(nic, m, frame);

	nic->was[nic->nunread] = sum_of(frame, len);
	nic->unread[nic->nunread++] = m;
}

static int nic_tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct sim_nic *nic = nic_of(q);

	if (nic->tx_most)
		n = min(n, (int)nic->tx_most);
	if (nic->late)
		n = min(n, (int)(nic->late - nic->nunread));
	for (int i = 0; i < n; i++) {
		if (nic->late)
			put_off(nic, pkts[i]);
		else
			send(nic, pkts[i], NULL);
	}
	return n;
}

static void read_first(struct sim_nic *nic, u32 n)
{
	u32 left = nic->nunread - n;

	for (u32 i = 0; i < n; i++)
		send(nic, nic->unread[i], &nic->was[i]);
	memmove(nic->unread, nic->unread + n, left * sizeof(nic->unread[0]));
	memmove(nic->was, nic->was + n, left * sizeof(nic->was[0]));
	nic->nunread = left;
	nic->q.tx_pending = left;
}

static void nic_reclaim(struct nicq *q)
{
	struct sim_nic *nic = nic_of(q);

	if (nic->nunread)
		read_first(nic, sim_random(&nic->rng, nic->nunread + 1));
}

void path_read_all(struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++)
		read_first(&h->threads[i].nic, h->threads[i].nic.nunread);
}

void path_forget(struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++) {
		struct sim_nic *nic = &h->threads[i].nic;

		nic->nunread = 0;
		memset(nic->q.in_place, 0, sizeof(nic->q.in_place));
		nic->q.tx_pending = false;
	}
}

static void nic_nothing(struct nicq *q)
{
}

static const struct nicq_ops nic_ops = {
	.rx = nic_rx,
	.tx = nic_tx,
	.kick = nic_nothing,
	.reclaim = nic_reclaim,
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

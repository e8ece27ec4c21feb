/* SPDX-License-Identifier: MIT */
#include "dp/late.h"

enum {
	HELD_LARGE = 1024, /* with NIC_TSO alone: nothing waits for long */
	IN_RING = 0, /* of nicq.in_place[] */
	LARGE = 1,
};

/* Bytes and DEAD of each connection: all may die while a link is down, and who
 * finds no room is looked at in each iteration. */
static u32 room_of(const struct dp_conf *conf)
{
	u32 all = 2 * conf->net.tcp.max_conns;

	return conf->gathers ? all : min(all, (u32)HELD_LARGE);
}

size_t dp_late_bytes(const struct dp_conf *conf)
{
	return room_of(conf) * sizeof(struct dp_held);
}

void dp_late_init(struct dp *dp, void *mem)
{
	dp->late.ring = mem;
	dp->late.size = room_of(&dp->conf);
}

static void count_txq(const struct net *net, u32 n[2])
{
	for (u32 i = 0; i < net->ntx; i++) {
		u8 flags = net->txq[i]->flags;

		n[!!(flags & MBUF_LARGE)] += !!(flags & MBUF_IN_PLACE);
	}
}

/* Where its link was down it may have to be told that packets wait. */
static void remind(struct dp *dp)
{
	if (dp->now - dp->late.kicked < DP_LATE_NS)
		return;
	dp->late.kicked = dp->now;
	dp->nic->ops->kick(dp->nic);
}

bool dp_late_look(struct dp *dp)
{
	const struct nicq_in_place *nic = dp->nic->in_place;
	struct dp_late *l = &dp->late;
	u32 n[2] = { 0 };

	count_txq(&dp->net, n);
	for (u32 i = IN_RING; i <= LARGE; i++) {
		l->mark[i] = nic[i].put + n[i];
		l->read[i] = l->mark[i] == nic[i].done;
	}
	l->now = !l->read[IN_RING] || !l->read[LARGE];
	l->active = l->now || l->n;
	if (l->now)
		remind(dp);
	return l->now;
}

void dp_late_begin(struct dp *dp)
{
	dp_late_look(dp);
	if (dp->late.active)
		dp->net.event_end = NULL;
}

bool dp_unread(struct dp *dp)
{
	struct nicq *nic = dp->nic;

	nic->ops->kick(nic);
	nic->ops->reclaim(nic);
	return dp_late_look(dp) ||
	       nic->udp_in_place.put != nic->udp_in_place.done;
}

/* Looks at each once, however often it is asked. */
static bool txq_refers(struct dp *dp)
{
	const struct net *net = &dp->net;
	struct dp_late *l = &dp->late;

	if (l->txed != dp->stat->tx_packets) {
		l->txed = dp->stat->tx_packets;
		l->copies = 0;
	}
	while (l->copies < net->ntx &&
	       !(net->txq[l->copies]->flags & MBUF_IN_PLACE))
		l->copies++;
	return l->copies < net->ntx;
}

static bool nic_refers(const struct dp *dp)
{
	const struct nicq_in_place *nic = dp->nic->in_place;

	return nic[IN_RING].put != nic[IN_RING].done ||
	       nic[LARGE].put != nic[LARGE].done;
}

bool dp_late_has(struct dp *dp, const struct tcp_conn *c)
{
	if (c->state < TCP_ESTABLISHED)
		return false;
	return (c->sndq_bytes || c->acked || dp->late.n) &&
	       (nic_refers(dp) || txq_refers(dp));
}

static struct dp_held *nth(const struct dp_late *l, u32 n)
{
	return &l->ring[(l->first + n) % l->size];
}

/* Does what waited last wait for the same packets, and is of the same? */
static bool adds_up(const struct dp_late *l, const struct tcp_conn *c)
{
	const struct dp_held *h;

	if (!l->n)
		return false;
	h = nth(l, l->n - 1);
	return h->handle == c->handle && h->mark[IN_RING] == l->mark[IN_RING] &&
	       h->mark[LARGE] == l->mark[LARGE];
}

bool dp_late_hold(struct dp *dp, const struct tcp_conn *c, u32 acked, bool dead)
{
	struct dp_late *l = &dp->late;

	if (!dead && adds_up(l, c)) {
		nth(l, l->n - 1)->acked += acked;
		return true;
	}
	if (l->n == l->size) {
		l->refused = true;
		return false;
	}
	*nth(l, l->n++) = (struct dp_held){
		.handle = c->handle,
		.acked = acked,
		.mark = { l->mark[IN_RING], l->mark[LARGE] },
		.dead = dead,
	};
	return true;
}

const struct dp_held *dp_late_first(const struct dp *dp)
{
	const struct nicq_in_place *nic = dp->nic->in_place;
	const struct dp_late *l = &dp->late;
	const struct dp_held *h = &l->ring[l->first];

	if (!l->n)
		return NULL;
	for (u32 i = IN_RING; i <= LARGE; i++) {
		if (!l->read[i] && (s32)(nic[i].done - h->mark[i]) < 0)
			return NULL;
	}
	return h;
}

void dp_late_pop(struct dp *dp)
{
	struct dp_late *l = &dp->late;

	l->first = (l->first + 1) % l->size;
	l->n--;
	l->full = false;
}

struct tcp_conn *dp_late_conn(const struct dp *dp, const struct dp_held *h)
{
	struct tcp_conn *c = &dp->net.tcp.conns[handle_index(h->handle)];

	if (c->handle != h->handle || c->flags & TCP_F_DEAD_TOLD)
		return NULL;
	return c;
}

static void put_back(struct dp *dp, const struct dp_held *h)
{
	struct tcp_conn *c = dp_late_conn(dp, h);

	if (!c)
		return;
	c->acked += h->acked;
	tcp_mark_ready(&dp->net, c, h->dead ? TCP_EV_DEAD : TCP_EV_SENT);
}

void dp_late_end(struct dp *dp)
{
	struct dp_late *l = &dp->late;

	for (; l->n; dp_late_pop(dp))
		put_back(dp, &l->ring[l->first]);
	l->copies = 0; /* txq may be thrown away */
}

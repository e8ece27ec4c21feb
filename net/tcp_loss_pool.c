/* SPDX-License-Identifier: MIT */
/*
 * The pool of struct tcp_loss. A source may hold as many as are left, no more
 * (see tcp_share.c). Sources are told apart by a secret hash; who shares one
 * with somebody greedy goes on as without SACK.
 */
#include "net/tcp_loss.h"

enum {
	BYTES_EACH = 7, /* of the pool, for each connection */
	LEAST = 8,	/* objects */
};

u32 tcp_losses(const struct tcp_conf *conf)
{
	u64 n = (u64)conf->max_conns * BYTES_EACH / sizeof(struct tcp_loss);

	return (u32)min(max(n, (u64)LEAST), (u64)UINT16_MAX);
}

size_t tcp_loss_bytes(const struct tcp_conf *conf)
{
	return sizeof(struct tcp_loss) * (size_t)tcp_losses(conf);
}

/* By @c's source. */
static u16 *held(struct net *net, const struct tcp_conn *c)
{
	u32 hash = tcp_source_hash(net, c->flow.raddr);

	return &net->tcp.losses_held[hash >> (32 - TCP_LOSS_SOURCES)];
}

static struct ref16 take_one(struct net *net, const struct tcp_conn *c)
{
	u16 *mine = held(net, c);

	if (*mine >= net->tcp.losses_left)
		return (struct ref16){ 0 };
	++*mine;
	return tcp_loss_set_aside(net);
}

struct tcp_loss *tcp_loss_take(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_loss *l;
	struct ref16 r;

	if (c->flags & (TCP_F_RECOVERY | TCP_F_RTO_RECOVERY) ||
	    c->snd_nxt != c->snd_max)
		return NULL;
	r = take_one(net, c);
	if (!r.raw) {
		net->stat->tcp_loss_short++;
		return NULL;
	}
	if (c->flags & TCP_F_EARLY) /* no probe is needed */
		tcp_arm_rto(net, c, now);
	c->flags &= ~(u32)TCP_F_EARLY;
	c->loss = r;
	c->flags |= TCP_F_LOSS;
	l = tcp_loss_at(net, r);
	tcp_board_init(&l->board, c->snd_una);
	tcp_rack_init(&l->rack, c->snd_una, tcp_us(now), c->srtt >> 3);
	l->again.top = c->snd_una;
	l->probe = PROBE_NONE;
	return l;
}

struct ref16 tcp_loss_set_aside(struct net *net)
{
	struct tcp *t = &net->tcp;
	struct ref16 r = t->loss_free;

	if (!t->losses_left)
		return (struct ref16){ 0 };
	t->losses_left--;
	if (!r.raw)
		return ref16(t->nlosses_used++);
	t->loss_free = tcp_loss_at(net, r)->next;
	return r;
}

void tcp_loss_give_back(struct net *net, struct ref16 r)
{
	struct tcp *t = &net->tcp;

	tcp_loss_at(net, r)->next = t->loss_free;
	t->loss_free = r;
	t->losses_left++;
}

static void put_back(struct net *net, const struct tcp_conn *c)
{
	tcp_loss_give_back(net, c->loss);
	--*held(net, c);
}

void tcp_loss_hand_over(struct net *net, struct tcp_conn *c,
			struct tcp_loss *to, struct ref16 r)
{
	*to = *tcp_loss_at(net, c->loss);
	put_back(net, c);
	c->loss = r;
}

void tcp_loss_adopt(struct net *net, const struct tcp_conn *c)
{
	++*held(net, c);
}

void tcp_loss_disown(struct net *net, const struct tcp_conn *c)
{
	--*held(net, c);
}

void tcp_loss_give(struct net *net, struct tcp_conn *c, struct tcp_loss *l)
{
	if (c->flags & TCP_F_EARLY) {
		c->flags &= ~(u32)TCP_F_EARLY;
		c->rto_at = l->rto_at;
	}
	put_back(net, c);
	c->loss = (struct ref16){ 0 };
	if (!c->tail)
		c->flags &= ~(u32)TCP_F_LOSS;
}

void tcp_loss_put(struct net *net, struct tcp_conn *c)
{
	struct tcp_loss *l = tcp_loss_of(net, c);

	if (l)
		tcp_loss_give(net, c, l);
	if (c->flags & TCP_F_LOSS)
		tcp_tail_end(c);
	c->flags &= ~(u32)TCP_F_EARLY;
}

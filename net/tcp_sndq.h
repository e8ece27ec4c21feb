/* SPDX-License-Identifier: MIT */
/* The send queue (tcp_sndq.c), and whose its ranges are (tcp_share.c). */
#ifndef NET_TCP_SNDQ_H
#define NET_TCP_SNDQ_H

#include "base/errno.h"
#include "net/net.h"

enum { TCP_OWN_RANGES = 4 }; /* that no other connection can take */

/* All ranges of a thread. */
static inline u32 tcp_ranges(const struct tcp_conf *conf)
{
	return conf->max_ranges + TCP_OWN_RANGES * conf->max_conns;
}

/* Has it queued all that the peer and the network let it send, or more? */
static inline bool tcp_blocked(const struct tcp_conn *c)
{
	return c->sndq_bytes && c->sndq_bytes >= min(c->cwnd, c->snd_wnd);
}

/* May @c have one more send range? */
bool tcp_range_due(const struct net *net, const struct tcp_conn *c);
/* @c was refused a range. */
void tcp_range_refused(struct net *net, const struct tcp_conn *c);

/* @c takes one more. One that has none need not say so. */
static inline void tcp_range_count(struct net *net, const struct tcp_conn *c)
{
	net->tcp.ranges_left -= c->sndq_ranges >= TCP_OWN_RANGES;
}

/* @c is established: there is nothing yet that it has not done. */
void tcp_share_begin(struct tcp_conn *c);

static inline struct tcp_range *tcp_range_at(const struct net *net,
					     struct ref32 r)
{
	return &net->tcp.ranges[ref32_index(r)];
}

static inline struct ref32 tcp_range_take(struct net *net)
{
	struct tcp *t = &net->tcp;
	struct ref32 r = t->range_free;

	if (likely(r.raw)) {
		t->range_free = tcp_range_at(net, r)->next;
		return r;
	}
	return ref32(t->nranges_used++);
}

/* One of its own. */
static inline void tcp_range_put(struct net *net, struct ref32 r)
{
	tcp_range_at(net, r)->next = net->tcp.range_free;
	net->tcp.range_free = r;
}

/* A new tail from the pool, for @len bytes. Returns it. */
struct ref32 tcp_sndq_grow(struct net *net, struct tcp_conn *c, u32 len);

/* @len bytes at @addr: to the end of the send queue, by a range of their own.
 * Returns it; the cursor is the caller's to put there if they do not go at
 * once. For who may have it: tcp_range_due(). */
static inline struct ref32 tcp_sndq_append(struct net *net, struct tcp_conn *c,
					   const u8 *addr, u32 len)
{
	struct ref32 range = c->sndq_tail;

	if (likely(!c->sndq_bytes && range.raw)) {
		c->sndq_head = range;
		c->sndq_ranges = 1;
		c->sndq_bytes = len;
	} else {
		range = tcp_sndq_grow(net, c, len);
	}
	*tcp_range_at(net, range) = (struct tcp_range){ addr, len, { 0 } };
	return range;
}

/* May the application send? 0 or an errno. */
static inline int tcp_may_send(const struct tcp_conn *c)
{
	if (unlikely(c->state < TCP_ESTABLISHED))
		return -ENOTCONN;
	return unlikely(c->flags & TCP_F_FIN_QUEUED) ? -EPIPE : 0;
}

void tcp_sndq_ack_slow(struct net *net, struct tcp_conn *c, u32 bytes);

/* Forgets @bytes at the head of the send queue: mostly all, in one range, which
 * stays for what comes next. Of several connections each has touched its own
 * when it sent last; one from the pool would be touched here, to get there. The
 * cursor is behind them, or the caller's to seek. */
static inline void tcp_sndq_ack(struct net *net, struct tcp_conn *c, u32 bytes)
{
	if (unlikely(bytes != c->sndq_bytes || c->sndq_ranges != 1)) {
		tcp_sndq_ack_slow(net, c, bytes);
		return;
	}
	c->sndq_head = (struct ref32){ 0 };
	c->head_off = 0;
	c->sndq_ranges = c->sndq_bytes = 0;
}

void tcp_sndq_free(struct net *net, struct tcp_conn *c);
/* Of an empty queue: the range that stayed. */
void tcp_sndq_free_last(struct net *net, struct tcp_conn *c);
/* Puts the cursor where snd_nxt stands. */
void tcp_sndq_seek(struct net *net, struct tcp_conn *c);
/* Moves the cursor over @len bytes just sent. */
void tcp_sndq_skip(struct net *net, struct tcp_conn *c, u32 len);
/* Range and offset of the byte @ahead of snd_una; none behind the end. */
struct ref32 tcp_sndq_find(const struct net *net, const struct tcp_conn *c,
			   u32 ahead, u32 *off);

static inline bool tcp_fin_queued(const struct tcp_conn *c)
{
	return c->flags & TCP_F_FIN_QUEUED;
}

/* The sequence number of our FIN, once it is queued. */
static inline u32 tcp_fin_seq(const struct tcp_conn *c)
{
	return c->snd_una + c->sndq_bytes;
}

#endif

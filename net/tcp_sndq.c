/* SPDX-License-Identifier: MIT */
/*
 * The send queue of a connection: ranges of the application's memory.
 *
 *   sndq_head --------> nxt_range --------> sndq_tail
 *    | head_off          | nxt_off
 *    snd_una             snd_nxt
 */
#include "net/tcp_int.h"

enum { RANGE_MAX = 1 << 30 }; /* bytes; offsets are 32 bits */

/* The range goes on where the last one ends: they become one. */
static bool extend_tail(struct net *net, struct tcp_conn *c, const u8 *addr,
			u32 len)
{
	struct tcp_range *tail;

	if (!c->sndq_head.raw)
		return false;
	tail = tcp_range_at(net, c->sndq_tail);
	if (tail->addr + tail->len != addr || tail->len >= RANGE_MAX)
		return false;
	if (!c->nxt_range.raw) {
		c->nxt_range = c->sndq_tail;
		c->nxt_off = tail->len;
	}
	tail->len += len;
	c->sndq_bytes += len;
	return true;
}

struct ref32 tcp_sndq_grow(struct net *net, struct tcp_conn *c, u32 len)
{
	struct ref32 range = tcp_range_take(net);

	if (c->sndq_head.raw) {
		tcp_range_at(net, c->sndq_tail)->next = range;
		tcp_range_count(net, c);
	} else {
		c->sndq_head = range;
	}
	c->sndq_tail = range;
	c->sndq_ranges++;
	c->sndq_bytes += len;
	return range;
}

static bool append_range(struct net *net, struct tcp_conn *c, const u8 *addr,
			 u32 len)
{
	struct ref32 r;

	if (!tcp_range_due(net, c)) {
		tcp_range_refused(net, c);
		return false;
	}
	r = tcp_sndq_append(net, c, addr, len);
	if (!c->nxt_range.raw) {
		c->nxt_range = r;
		c->nxt_off = 0;
	}
	return true;
}

s64 tcp_send(struct net *net, struct tcp_conn *c, const u8 *addr, u32 len)
{
	u32 take = min(len, tcp_send_space(net, c));
	int err = tcp_may_send(c);

	if (err)
		return err;
	if (!take || (!extend_tail(net, c, addr, take) &&
		      !append_range(net, c, addr, take)))
		return 0;
	tcp_spoken(&net->tcp, c);
	tcp_mark_out(net, c);
	return take;
}

static void drop_head(struct net *net, struct tcp_conn *c)
{
	struct ref32 r = c->sndq_head, next = tcp_range_at(net, r)->next;

	if (c->nxt_range.raw == r.raw) {
		c->nxt_range = next;
		c->nxt_off = 0;
	}
	c->sndq_head = next;
	if (!next.raw)
		c->sndq_tail = next;
	c->head_off = 0;
	net->tcp.ranges_left += c->sndq_ranges > TCP_OWN_RANGES;
	c->sndq_ranges--;
	tcp_range_put(net, r);
}

void tcp_sndq_ack_slow(struct net *net, struct tcp_conn *c, u32 bytes)
{
	c->sndq_bytes -= bytes;
	while (bytes) {
		u32 left = tcp_range_at(net, c->sndq_head)->len - c->head_off;

		if (bytes < left) {
			c->head_off += bytes;
			return;
		}
		bytes -= left;
		drop_head(net, c);
	}
}

void tcp_sndq_free(struct net *net, struct tcp_conn *c)
{
	tcp_sndq_free_last(net, c);
	while (c->sndq_head.raw)
		drop_head(net, c);
	c->sndq_bytes = 0;
}

void tcp_sndq_free_last(struct net *net, struct tcp_conn *c)
{
	if (c->sndq_head.raw || !c->sndq_tail.raw)
		return;
	tcp_range_put(net, c->sndq_tail);
	c->sndq_tail = (struct ref32){ 0 };
}

struct ref32 tcp_sndq_find(const struct net *net, const struct tcp_conn *c,
			   u32 ahead, u32 *off)
{
	struct ref32 r = c->sndq_head;

	ahead += c->head_off;
	while (r.raw && ahead >= tcp_range_at(net, r)->len) {
		ahead -= tcp_range_at(net, r)->len;
		r = tcp_range_at(net, r)->next;
	}
	*off = r.raw ? ahead : 0;
	return r;
}

void tcp_sndq_seek(struct net *net, struct tcp_conn *c)
{
	c->nxt_range =
		tcp_sndq_find(net, c, c->snd_nxt - c->snd_una, &c->nxt_off);
}

void tcp_sndq_skip(struct net *net, struct tcp_conn *c, u32 len)
{
	while (len) {
		u32 left = tcp_range_at(net, c->nxt_range)->len - c->nxt_off;

		if (len < left) {
			c->nxt_off += len;
			return;
		}
		len -= left;
		c->nxt_range = tcp_range_at(net, c->nxt_range)->next;
		c->nxt_off = 0;
	}
}

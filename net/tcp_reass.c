/* SPDX-License-Identifier: MIT */
/*
 * Received data of a connection: the receive list (in order: delivered to the
 * application, or about to be) and the out-of-order list.
 *
 *   rx_head -> ... -> rx_next -> ... -> rx_tail      ooo -> ...
 *   delivered, with   not yet told                   by sequence, disjoint
 *   the application
 *
 * A list element is one mbuf; a packet of several fragments becomes several
 * elements. Bounds: the window bounds the bytes; buffers are bounded by
 * copying small segments together, and by tcp_rx_room_slow().
 */
#include "net/tcp_int.h"

enum { OOO_RUNS = 32 }; /* holes that a connection may have */

static u32 tailroom(const struct net *net, const struct mbuf *m)
{
	const u8 *end = mbuf_frame(net->pool, m) + MBUF_SIZE;

	return (u32)(end - (m->data + m->len));
}

struct mbuf *tcp_trim_front(struct net *net, struct mbuf *m, u32 n)
{
	while (m && n >= m->len) {
		struct mbuf *next = m->next;

		n -= m->len;
		mbuf_free(net->pool, m);
		m = next;
	}
	if (m && n)
		mbuf_pull(m, n);
	return m;
}

/* Data out of order gets a quarter: the peer still has it. */
static bool ooo_room(const struct net *net, const struct tcp_conn *c)
{
	return c->rx_mbufs < net->tcp.rcv_wnd / 512 + 16 &&
	       mbuf_plenty(net->pool, 4 * c->rx_mbufs);
}

/* What it got before waits to be read, or it must wait with its answers? */
static bool lags(const struct tcp_conn *c)
{
	return c->rx_told > MBUF_ROOM || tcp_blocked(c);
}

/* When they are not plenty. Small segments go on behind the last one, if
 * nothing else is left. */
bool tcp_rx_room_slow(struct net *net, const struct tcp_conn *c, u32 len,
		      bool in_order)
{
	if (!in_order)
		return ooo_room(net, c);
	if (!lags(c) && mbuf_share(net->pool, c->rx_mbufs))
		return true;
	if (mbuf_own(net->pool, c->rx_mbufs) ||
	    (c->rx_tail && tailroom(net, c->rx_tail) >= len))
		return true;
	if (c->rx_mbufs < MBUF_OWN)
		tcp_short(net, TCP_POOL_OWN_MBUFS, c->rx_mbufs);
	else if (!tcp_blocked(c))
		tcp_short(net, TCP_POOL_MBUFS, c->rx_mbufs);
	return false;
}

/* Many small segments pin many buffers: copy this one behind the last. What
 * the application was told about the last one stays true. */
static bool coalesce(struct net *net, struct tcp_conn *c, struct mbuf *m)
{
	struct mbuf *tail = c->rx_tail;

	if (likely(c->rx_mbufs < net->conf.tcp.rcv_mbufs &&
		   mbuf_plenty(net->pool, 4 * c->rx_mbufs)) ||
	    tailroom(net, tail) < m->len)
		return false;
	memcpy(tail->data + tail->len, m->data, m->len);
	tail->len += m->len;
	if (!c->rx_next)
		c->rx_next = tail;
	mbuf_free(net->pool, m);
	net->stat->tcp_coalesced++;
	return true;
}

void tcp_rx_append_slow(struct net *net, struct tcp_conn *c, struct mbuf *m)
{
	if (coalesce(net, c, m))
		return;
	c->rx_tail->next = m;
	c->rx_tail = m;
	if (!c->rx_next)
		c->rx_next = m;
	c->rx_mbufs++;
}

void tcp_rx_append(struct net *net, struct tcp_conn *c, struct mbuf *m)
{
	while (m) {
		struct mbuf *next = m->next;

		m->next = NULL;
		if (likely(m->len))
			tcp_rx_append_one(net, c, m, m->len);
		else
			mbuf_free(net->pool, m);
		m = next;
	}
}

/* Gives back the oldest @bytes, buffer after buffer. */
void tcp_give_back_slow(struct net *net, struct tcp_conn *c, u32 bytes)
{
	while (bytes) {
		struct mbuf *m = c->rx_head;
		u32 left = m->len - m->tcp.off_done;

		if (bytes < left) {
			m->tcp.off_done += (u16)bytes;
			return;
		}
		bytes -= left;
		c->rx_head = m->next;
		if (!c->rx_head)
			c->rx_tail = NULL;
		c->rx_mbufs--;
		mbuf_free(net->pool, m);
	}
}

int tcp_recv_done(struct net *net, struct tcp_conn *c, u32 bytes)
{
	if (unlikely(c->state < TCP_ESTABLISHED))
		return -ENOTCONN;
	if (unlikely(bytes > c->rx_told))
		return -EINVAL;
	tcp_give_back(net, c, bytes);
	tcp_window_update(net, c);
	return 0;
}

/* ---- out of order
 *
 *   ooo -> 1 - 1 - 1 -> 2 -> 3 - 3        first of a run: last ----> its last
 *
 * Buffers whose bytes follow each other are a run. Whatever the peer sends, a
 * buffer is compared with at most OOO_RUNS runs, and none of their buffers but
 * its two neighbours: those it is joined to, and if they are short copied
 * together with. What it covers and frees has come, each by a segment of its
 * own.
 */

static u32 run_end(const struct mbuf *run)
{
	return run->tcp.last->tcp.seq + run->tcp.last->len;
}

/* Copies what follows @to behind it, if there is room. */
static bool absorb(struct net *net, struct tcp_conn *c, struct mbuf *to,
		   struct mbuf *m)
{
	if (tailroom(net, to) < m->len)
		return false;
	memcpy(to->data + to->len, m->data, m->len);
	to->len += m->len;
	mbuf_free(net->pool, m);
	c->rx_mbufs--;
	net->stat->tcp_coalesced++;
	return true;
}

/* Out of order is what comes now: it counts. */
static u32 newest(const struct net *net)
{
	return (u32)net->stat->tcp_out_of_order;
}

/* The run @b comes right after the run @a: they become one. */
static void join(struct net *net, struct tcp_conn *c, struct mbuf *a,
		 struct mbuf *b)
{
	struct mbuf *tail = a->tcp.last, *rest = b->next, *last = b->tcp.last;

	c->ooo_runs--;
	a->tcp.grown = newest(net);
	if (absorb(net, c, tail, b)) {
		tail->next = rest;
		a->tcp.last = last == b ? tail : last;
	} else {
		a->tcp.last = last;
	}
}

static void drop_run(struct net *net, struct tcp_conn *c, struct mbuf **at)
{
	struct mbuf *m = *at, *end = m->tcp.last->next;

	*at = end;
	c->ooo_runs--;
	while (m != end) {
		struct mbuf *next = m->next;

		c->rx_mbufs--;
		mbuf_free(net->pool, m);
		m = next;
	}
}

/* Those behind @m that it covers wholly go; a partial one shortens it. */
static void make_room(struct net *net, struct tcp_conn *c, struct mbuf **at,
		      struct mbuf *m)
{
	while (*at && seq_lt((*at)->tcp.seq, m->tcp.seq + m->len)) {
		u32 end = run_end(*at), all = m->tcp.seq + m->len;

		tcp_dup_note(net, c, (*at)->tcp.seq,
			     seq_lt(end, all) ? end : all);
		if (seq_lt(m->tcp.seq + m->len, run_end(*at))) {
			m->len = (*at)->tcp.seq - m->tcp.seq;
			return;
		}
		drop_run(net, c, at);
	}
}

static void put_run(struct net *net, struct tcp_conn *c, struct mbuf *before,
		    struct mbuf **at, struct mbuf *m)
{
	struct mbuf *after = *at;

	m->tcp.last = m;
	m->tcp.grown = newest(net);
	m->next = after;
	*at = m;
	c->ooo_runs++;
	c->rx_mbufs++;
	c->flags |= TCP_F_BLOCKS;
	if (before)
		join(net, c, before, m);
	if (after && run_end(before ? before : m) == after->tcp.seq)
		join(net, c, before ? before : m, after);
}

/* One buffer to its place; the parts already there win. */
static void insert(struct net *net, struct tcp_conn *c, struct mbuf *m)
{
	struct mbuf *before = NULL, **at = &c->ooo;
	u32 dup;

	while (*at && seq_le((*at)->tcp.seq, m->tcp.seq)) {
		before = *at;
		at = &before->tcp.last->next;
	}
	if (before && seq_le(m->tcp.seq, run_end(before))) {
		dup = run_end(before) - m->tcp.seq;
		tcp_dup_note(net, c, m->tcp.seq, m->tcp.seq + min(dup, m->len));
		before->tcp.grown = newest(net); /* reported next to it */
		if (dup >= m->len)
			goto drop;
		mbuf_pull(m, dup);
		m->tcp.seq += dup;
	} else {
		before = NULL;
	}
	make_room(net, c, at, m);
	if (!before && c->ooo_runs == OOO_RUNS &&
	    m->tcp.seq + m->len != (*at ? (*at)->tcp.seq : m->tcp.seq)) {
		net->stat->drop_tcp_holes++;
		goto drop;
	}
	put_run(net, c, before, at, m);
	return;
drop:
	mbuf_free(net->pool, m);
}

void tcp_ooo_insert(struct net *net, struct tcp_conn *c, struct mbuf *m,
		    u32 seq)
{
	while (m) {
		struct mbuf *next = m->next;

		m->tcp.seq = seq;
		seq += m->len;
		if (m->len)
			insert(net, c, m);
		else
			mbuf_free(net->pool, m);
		m = next;
	}
}

void tcp_ooo_drain(struct net *net, struct tcp_conn *c)
{
	while (c->ooo && seq_le(c->ooo->tcp.seq, c->rcv_nxt)) {
		struct mbuf *m = c->ooo;
		u32 dup = c->rcv_nxt - m->tcp.seq;

		c->ooo = m->next;
		if (m->tcp.last == m) {
			c->ooo_runs--;
		} else {
			c->ooo->tcp.last = m->tcp.last;
		}
		c->rx_mbufs--;
		if (dup >= m->len) {
			mbuf_free(net->pool, m);
			continue;
		}
		mbuf_pull(m, dup);
		m->next = NULL;
		tcp_rx_append_one(net, c, m, m->len);
		tcp_ready(net, c, TCP_EV_RECV);
	}
	tcp_blocks_fewer(net, c);
}

void tcp_ooo_free(struct net *net, struct tcp_conn *c)
{
	for (struct mbuf *m = c->ooo; m; m = m->next)
		c->rx_mbufs--;
	mbuf_free_chain(net->pool, c->ooo);
	c->ooo = NULL;
	c->ooo_runs = 0;
}

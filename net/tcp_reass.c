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
 * copying small segments together, and by ooo_limit().
 */
#include "net/tcp_int.h"

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

void tcp_trim_tail(struct net *net, struct mbuf *m, u32 len)
{
	while (m->len < len) {
		len -= m->len;
		m = m->next;
	}
	m->len = len;
	mbuf_free_chain(net->pool, m->next);
	m->next = NULL;
}

bool tcp_rx_room_short(const struct net *net, const struct tcp_conn *c,
		       bool in_order)
{
	u32 free = net->pool->nfree, total = net->pool->total;
	u32 ooo_limit = net->conf.tcp.rcv_buf / 512 + 16;

	if (likely(free > total / 8))
		return in_order || c->rx_mbufs < ooo_limit;
	/* Short of buffers: a connection that holds few may go on. */
	return in_order && c->rx_mbufs < 4 && free > total / 16;
}

/* Many small segments pin many buffers: copy this one behind the last. What
 * the application was told about the last one stays true. */
static bool coalesce(struct net *net, struct tcp_conn *c, struct mbuf *m)
{
	struct mbuf *tail = c->rx_tail;

	if (likely(c->rx_mbufs < net->conf.tcp.rcv_mbufs) || !tail ||
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

static void append(struct net *net, struct tcp_conn *c, struct mbuf *m)
{
	if (coalesce(net, c, m))
		return;
	m->next = NULL;
	m->off_done = 0;
	m->off_told = 0;
	if (c->rx_tail)
		c->rx_tail->next = m;
	else
		c->rx_head = m;
	c->rx_tail = m;
	if (!c->rx_next)
		c->rx_next = m;
	c->rx_mbufs++;
}

void tcp_rx_append(struct net *net, struct tcp_conn *c, struct mbuf *m, u32 len)
{
	c->rcv_nxt += len;
	c->rx_bytes += len;
	while (m) {
		struct mbuf *next = m->next;

		if (likely(m->len))
			append(net, c, m);
		else
			mbuf_free(net->pool, m);
		m = next;
	}
	tcp_ready(net, c, TCP_EV_RECV);
}

/* Gives back the oldest @bytes, buffer after buffer. */
void tcp_give_back_part(struct net *net, struct tcp_conn *c, u32 bytes)
{
	while (bytes) {
		struct mbuf *m = c->rx_head;
		u32 left = m->len - m->off_done;

		if (bytes < left) {
			m->off_done += (u16)bytes;
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

/* One buffer into the sorted list; the parts already there win. */
static void insert(struct net *net, struct tcp_conn *c, struct mbuf *m)
{
	struct mbuf **at = &c->ooo;

	while (*at && seq_le((*at)->seq + (*at)->len, m->seq))
		at = &(*at)->next;
	/* *at ends behind our start. */
	while (*at && seq_le((*at)->seq, m->seq)) {
		u32 dup = (*at)->seq + (*at)->len - m->seq;

		if (dup >= m->len)
			goto drop;
		mbuf_pull(m, dup);
		m->seq += dup;
		at = &(*at)->next;
	}
	/* Those behind that we cover wholly go; a partial one shortens us. */
	while (*at && seq_lt((*at)->seq, m->seq + m->len)) {
		struct mbuf *old = *at;

		if (seq_lt(m->seq + m->len, old->seq + old->len)) {
			m->len = old->seq - m->seq;
			break;
		}
		*at = old->next;
		c->ooo_bytes -= old->len;
		c->rx_mbufs--;
		mbuf_free(net->pool, old);
	}
	m->next = *at;
	*at = m;
	c->ooo_bytes += m->len;
	c->rx_mbufs++;
	return;
drop:
	mbuf_free(net->pool, m);
}

void tcp_ooo_insert(struct net *net, struct tcp_conn *c, struct mbuf *m,
		    u32 seq)
{
	while (m) {
		struct mbuf *next = m->next;

		m->seq = seq;
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
	while (c->ooo && seq_le(c->ooo->seq, c->rcv_nxt)) {
		struct mbuf *m = c->ooo;
		u32 dup = c->rcv_nxt - m->seq;

		c->ooo = m->next;
		c->ooo_bytes -= m->len;
		c->rx_mbufs--;
		if (dup >= m->len) {
			mbuf_free(net->pool, m);
			continue;
		}
		mbuf_pull(m, dup);
		m->next = NULL;
		tcp_rx_append(net, c, m, m->len);
	}
}

void tcp_ooo_free(struct net *net, struct tcp_conn *c)
{
	for (struct mbuf *m = c->ooo; m; m = m->next)
		c->rx_mbufs--;
	mbuf_free_chain(net->pool, c->ooo);
	c->ooo = NULL;
	c->ooo_bytes = 0;
}

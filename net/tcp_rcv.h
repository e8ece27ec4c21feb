/* SPDX-License-Identifier: MIT */
/* The receive window, and what has been received: tcp_reass.c. */
#ifndef NET_TCP_RCV_H
#define NET_TCP_RCV_H

#include "net/tcp_tx.h"

/* ---- window */

/* How large windows may be now: once per iteration. (tcp_share.c) */
void tcp_tune_window(struct net *net);

/* tcp_rcv_edge() where much is unread, or the window not scaled. */
u32 tcp_rcv_edge_slow(const struct net *net, const struct tcp_conn *c);

/* Where the advertised window may end now. */
static inline u32 tcp_rcv_edge(const struct net *net, const struct tcp_conn *c)
{
	u32 edge = c->rcv_nxt + net->tcp.rcv_wnd;

	if (unlikely(c->rx_bytes || !c->wscale_rcv)) {
		if (c->wscale_rcv && c->rx_bytes < net->tcp.rcv_unread)
			edge -= c->rx_bytes;
		else
			edge = tcp_rcv_edge_slow(net, c);
	}
	return seq_lt(edge, c->rcv_adv) ? c->rcv_adv : edge;
}

/* The window field to send. Its right edge never moves back, and forward only
 * in steps worth having (RFC 9293 section 3.8.6.2.2), or when that makes it
 * full again: then a sender mostly sees it unchanged. */
static inline u32 tcp_advertise(const struct net *net, struct tcp_conn *c)
{
	u32 edge = tcp_rcv_edge(net, c);
	u32 step = min(net->conf.tcp.rcv_buf / 2, (u32)c->mss_snd);

	if (likely(!c->rx_bytes) || edge - c->rcv_adv >= step)
		c->rcv_adv = edge;
	return min((c->rcv_adv - c->rcv_nxt) >> c->wscale_rcv, 65535u);
}

/* A small window that opened a lot is worth a segment of its own; a large one
 * travels with the next ACK (RFC 9293 section 3.8.6.2.2). */
static inline void tcp_window_update(struct net *net, struct tcp_conn *c)
{
	u32 half = net->conf.tcp.rcv_buf / 2;

	if (c->rcv_adv - c->rcv_nxt < half &&
	    tcp_rcv_edge(net, c) - c->rcv_adv >= min(half, 2u * c->mss_snd)) {
		c->flags |= TCP_F_ACK_NOW;
		tcp_mark_out(net, c);
	}
}

/* ---- data in order */

/* tcp_rx_room() when buffers run short. */
bool tcp_rx_room_slow(struct net *net, const struct tcp_conn *c, u32 len,
		      bool in_order);

/* May a segment's @len bytes be kept, given the buffers that are left? */
static inline bool tcp_rx_room(struct net *net, const struct tcp_conn *c,
			       u32 len, bool in_order)
{
	if (likely(in_order && mbuf_plenty(net->pool, c->rx_mbufs)))
		return true;
	return tcp_rx_room_slow(net, c, len, in_order);
}

/* tcp_rx_append_one() behind others, for the list only. */
void tcp_rx_append_slow(struct net *net, struct tcp_conn *c, struct mbuf *m);

/* The buffer @m of payload, whose @len bytes are the next: to the receive list.
 * Its next is NULL. */
static inline void tcp_rx_append_one(struct net *net, struct tcp_conn *c,
				     struct mbuf *m, u32 len)
{
	c->rcv_nxt += len;
	c->rx_bytes += len;
	m->tcp.off_done = m->tcp.off_told = 0;
	if (unlikely(c->rx_head)) {
		tcp_rx_append_slow(net, c, m);
	} else {
		c->rx_mbufs++;
		c->rx_head = c->rx_tail = c->rx_next = m;
	}
}

/* The same with nothing before it, and the application told (tcp_next_rx()). */
static inline void tcp_rx_append_told(struct tcp_conn *c, struct mbuf *m,
				      u32 len)
{
	c->rcv_nxt += len;
	c->rx_bytes = c->rx_told = len;
	c->rx_mbufs++;
	c->rx_head = c->rx_tail = m;
	m->tcp.off_done = 0;
	m->tcp.off_told = (u16)len;
}

/* A chain of such buffers. */
void tcp_rx_append(struct net *net, struct tcp_conn *c, struct mbuf *m);

/* Data came in order. Acknowledge at once every second full segment (RFC 5681
 * section 4.2), else with the application's answer, or soon. */
static inline void tcp_data_taken(struct net *net, struct tcp_conn *c)
{
	c->flags |= TCP_F_ACK_LATER;
	if (unlikely(c->rcv_nxt - c->last_ack_sent >= 2u * c->mss_snd))
		c->flags |= TCP_F_ACK_NOW;
	tcp_mark_out(net, c);
}

/* tcp_give_back() in general, for the buffers only. */
void tcp_give_back_slow(struct net *net, struct tcp_conn *c, u32 bytes);

/* The oldest @bytes of what the application has: at most rx_told. */
static inline void tcp_give_back(struct net *net, struct tcp_conn *c, u32 bytes)
{
	c->rx_told -= bytes;
	c->rx_bytes -= bytes;
	if (likely(!c->rx_bytes && c->rx_mbufs == 1 && c->rx_head)) {
		mbuf_free(net->pool, c->rx_head);
		c->rx_head = c->rx_tail = NULL;
		c->rx_mbufs = 0;
	} else {
		tcp_give_back_slow(net, c, bytes);
	}
}

/* ---- out of order */

/* Payload out of order: keeps what is new. Takes @m. */
void tcp_ooo_insert(struct net *net, struct tcp_conn *c, struct mbuf *m,
		    u32 seq);
/* Moves what has become in order to the receive list. */
void tcp_ooo_drain(struct net *net, struct tcp_conn *c);
void tcp_ooo_free(struct net *net, struct tcp_conn *c);

/* ---- what is reported of it: tcp_blocks.c */

/* Agreed on SACK, and nothing has ended yet? */
static inline bool tcp_does_sack(const struct tcp_conn *c)
{
	return c->sack && c->state != TCP_TIME_WAIT;
}

/* Bytes came that had come before: the next ACK says so. */
void tcp_dup_note(struct net *net, struct tcp_conn *c, u32 start, u32 end);
/* Has it not been said yet? */
static inline bool tcp_dup_due(const struct net *net, const struct tcp_conn *c)
{
	return net->tcp.dup.handle == c->handle;
}

/* A FIN without data is held: the next ACK reports it first. */
void tcp_fin_note(struct net *net, struct tcp_conn *c);
/* Something of what is reported is gone, perhaps the last of it. */
void tcp_blocks_fewer(const struct net *net, struct tcp_conn *c);
/* Bytes of the option that the next segment reports by, 0: it has none. */
u32 tcp_blocks_len(const struct net *net, const struct tcp_conn *c);
/* Writes it at @opt, of TCP_MAX_OPT bytes at most beside timestamps; bytes. */
u32 tcp_blocks_put(struct net *net, struct tcp_conn *c, u32 *opt);

/* Payload bytes that the next segment has room for: an MSS counts no options,
 * who sends some takes them off (RFC 6691). At least 24 are left of 64
 * (tcp.mss); of a link's least MTU, 68, which leaves 16 beside timestamps,
 * there are some. Windows count mss_snd: it is the way's, and lasts. */
static inline u32 tcp_mss_now(const struct net *net, const struct tcp_conn *c)
{
	if (likely(!(c->flags & TCP_F_BLOCKS)))
		return c->mss_snd;
	return c->mss_snd - tcp_blocks_len(net, c);
}

/* ---- cutting */

/* Cuts @n bytes off the front of a chain, freeing emptied buffers. */
struct mbuf *tcp_trim_front(struct net *net, struct mbuf *m, u32 n);
#endif

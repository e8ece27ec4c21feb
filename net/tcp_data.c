/* SPDX-License-Identifier: MIT */
/* What an acceptable segment brings: data and FIN, cut to the window. */
#include "net/tcp_int.h"

void tcp_trim(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
	u32 room;

	if (seq_lt(s->seq, c->rcv_nxt)) {
		u32 old = c->rcv_nxt - s->seq;

		old = min(old, s->len);
		tcp_dup_note(net, c, s->seq, s->seq + old);
		s->m = tcp_trim_front(net, s->m, old);
		s->seq += old;
		s->len -= old;
		if (s->flags & TCP_FIN && !s->len && seq_lt(s->seq, c->rcv_nxt))
			s->flags &= (u8)~TCP_FIN;
		/* Our ACK was lost, or theirs is late: say it again. */
		tcp_ack_now(net, c);
	}
	room = c->rcv_adv - s->seq;
	if (s->len > room) {
		s->cut = true;
		if (room) {
			mbuf_trim(net->pool, s->m, room);
		} else {
			mbuf_free_chain(net->pool, s->m);
			s->m = NULL;
			net->stat->drop_tcp_window++;
			tcp_ack_now(net, c);
		}
		s->len = room;
		s->flags &= (u8)~TCP_FIN;
	}
}

/* ---- FIN */

static void take_fin(struct net *net, struct tcp_conn *c, u64 now)
{
	c->rcv_nxt++;
	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		c->rcv_adv = c->rcv_nxt;
	c->fin_held = false;
	tcp_ooo_free(net, c); /* all of it has come in order by now */
	tcp_ack_now(net, c);
	tcp_mark_ready(net, c, TCP_EV_EOF);
	switch (c->state) {
	case TCP_ESTABLISHED:
		c->state = TCP_CLOSE_WAIT;
		break;
	case TCP_FIN_WAIT_1:
		c->state = TCP_CLOSING;
		break;
	case TCP_FIN_WAIT_2:
		tcp_enter_time_wait(net, c, now);
		break;
	}
}

/* A FIN ahead of data that is still to come: only its place is kept, which
 * needs no buffer. */
static void hold_fin(struct net *net, struct tcp_conn *c,
		     const struct tcp_seg *s)
{
	c->fin_seq = s->seq + s->len;
	c->fin_held = true;
	c->flags |= TCP_F_BLOCKS;
	if (!s->len)
		tcp_fin_note(net, c);
}

/* The peer's FIN once more, or another one behind it: our ACK was lost. */
static void fin_again(struct net *net, struct tcp_conn *c, u64 now)
{
	tcp_ack_now(net, c);
	if (c->state == TCP_TIME_WAIT)
		tcp_enter_time_wait(net, c, now);
}

static bool fin_is_next(const struct tcp_conn *c)
{
	return c->fin_held && seq_le(c->fin_seq, c->rcv_nxt);
}

/* ---- seventh step: text */

static bool receiving(const struct tcp_conn *c)
{
	return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
	       c->state == TCP_FIN_WAIT_2;
}

void tcp_take_text(struct net *net, struct tcp_conn *c, struct tcp_seg *s,
		   u64 now)
{
	bool fin = s->flags & TCP_FIN, in_order = s->seq == c->rcv_nxt;
	struct mbuf *m = s->m;

	if (!receiving(c)) {
		if (fin)
			fin_again(net, c, now);
		return;
	}
	if (!s->len && !fin)
		return;
	if (s->len && c->flags & TCP_F_NO_RECV) {
		/* Nobody will read it (RFC 9293 section 3.10.7.1: CLOSED). */
		tcp_send_rst(net, c, now);
		tcp_die(net, c, ECONNRESET);
		return;
	}
	/* Better the next byte than those behind it: they can come again. */
	if (s->len && in_order && c->ooo && !tcp_rx_room(net, c, s->len, true))
		tcp_ooo_free(net, c);
	if (s->len && !tcp_rx_room(net, c, s->len, in_order)) {
		net->stat->drop_tcp_memory++;
		return;
	}
	if (!in_order) {
		net->stat->tcp_out_of_order++;
		c->quick = net->conf.tcp.quick_acks & 31;
		if (fin)
			hold_fin(net, c, s);
		if (s->len) {
			tcp_ooo_insert(net, c, m, s->seq);
			s->m = NULL;
		}
		/* One duplicate ACK per segment: the peer counts them. */
		tcp_send_ack(net, c, now);
		return;
	}
	if (s->len) {
		s->m = NULL;
		tcp_rx_append(net, c, m);
		tcp_data_taken(net, c);
		tcp_ready(net, c, TCP_EV_RECV);
	}
	if (unlikely(c->ooo)) {
		/* A hole was filled (RFC 5681 section 4.2). */
		tcp_ack_now(net, c);
		if (!fin)
			tcp_ooo_drain(net, c);
	}
	if (fin || fin_is_next(c))
		take_fin(net, c, now);
}

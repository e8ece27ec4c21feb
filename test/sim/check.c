/* SPDX-License-Identifier: MIT */
/* What must hold of a connection between any two iterations. */
#include "sim.h"

#include "net/tcp_cc.h"

static void check_sequence(struct host *h, const struct tcp_conn *c)
{
	const struct net *net = &h->t->node.dp->net;
	u32 fin = !!(c->flags & TCP_F_FIN_SENT),
	    flight = c->snd_max - c->snd_una;

	CHECK(h, c, seq_le(c->snd_una, c->snd_nxt));
	CHECK(h, c, seq_le(c->snd_nxt, c->snd_max));
	/* The FIN may be acknowledged already. */
	CHECK(h, c, flight <= c->sndq_bytes + fin);
	CHECK(h, c, c->snd_wnd <= c->max_wnd);
	CHECK(h, c,
	      !(c->flags & TCP_F_CC_STATE) ||
		      ref32_index(tcp_cc_at(net, c->cc_state)->owner) ==
			      tcp_index(&net->tcp, c));
}

static void check_window(struct host *h, const struct tcp_conn *c)
{
	const struct tcp_conf *conf = &h->conf.net.tcp;

	CHECK(h, c, seq_le(c->rcv_nxt, c->rcv_adv));
	CHECK(h, c,
	      c->rcv_adv - c->rcv_nxt <= max(conf->rcv_buf, conf->rcv_buf_max));
	CHECK(h, c, seq_le(c->last_ack_sent, c->rcv_nxt));
}

static void check_send_queue(struct host *h, const struct tcp_conn *c)
{
	const struct net *net = &h->t->node.dp->net;
	struct ref32 r = c->sndq_head, last = c->sndq_tail, at;
	u32 bytes = 0, n = 0, off;

	for (; r.raw; r = tcp_range_at(net, r)->next) {
		CHECK(h, c, tcp_range_at(net, r)->len && n <= c->sndq_ranges);
		bytes += tcp_range_at(net, r)->len;
		last = r;
		n++;
	}
	CHECK(h, c, n == c->sndq_ranges && last.raw == c->sndq_tail.raw);
	CHECK(h, c, bytes == c->sndq_bytes + c->head_off);
	CHECK(h, c, !n || c->head_off < tcp_range_at(net, c->sndq_head)->len);
	at = tcp_sndq_find(net, c, c->snd_nxt - c->snd_una, &off);
	CHECK(h, c,
	      at.raw == c->nxt_range.raw && (!at.raw || off == c->nxt_off));
}

static u32 check_ooo(struct host *h, const struct tcp_conn *c)
{
	u32 runs = 0, n = 0;
	const struct mbuf *last = NULL;

	for (const struct mbuf *m = c->ooo; m; m = m->next) {
		CHECK(h, c, m->len && n < h->conf.mbufs);
		if (!n)
			CHECK(h, c, seq_lt(c->rcv_nxt, m->tcp.seq));
		if (last == m->next && last)
			CHECK(h, c, false);
		n++;
	}
	for (const struct mbuf *m = c->ooo; m; m = m->tcp.last->next) {
		const struct mbuf *end = m->tcp.last;

		if (last)
			CHECK(h, c,
			      seq_lt(last->tcp.seq + last->len, m->tcp.seq));
		CHECK(h, c, seq_le(end->tcp.seq + end->len, c->rcv_adv));
		last = end;
		runs++;
	}
	CHECK(h, c, runs == c->ooo_runs);
	CHECK(h, c, !(c->ooo || c->fin_held) || c->flags & TCP_F_BLOCKS);
	return n;
}

static void check_receive(struct host *h, const struct tcp_conn *c)
{
	u32 bytes = 0, told = 0, n = 0;
	const struct mbuf *last = NULL;

	for (const struct mbuf *m = c->rx_head; m; m = m->next) {
		CHECK(h, c,
		      n < h->conf.mbufs && m->tcp.off_done <= m->tcp.off_told);
		CHECK(h, c, m->tcp.off_told <= m->len);
		bytes += m->len - m->tcp.off_done;
		told += m->tcp.off_told - m->tcp.off_done;
		last = m;
		n++;
	}
	CHECK(h, c, last == c->rx_tail);
	CHECK(h, c, n + check_ooo(h, c) == c->rx_mbufs);
	CHECK(h, c, bytes == c->rx_bytes && told == c->rx_told);
}

/* What came from another thread may be overdue here: then it is due now, or, as
 * 0 is no deadline, at 1. */
static bool armed(const struct host *h, const struct tcp_conn *c, u32 at)
{
	u32 tick = h->t->node.dp->net.wheel.tick;

	return !at || (timer_is_set(&c->timer) &&
		       (!tick_before(at, c->timer.expires) ||
			c->timer.expires == tick + !tick));
}

/* An ACK is late by what is allowed (RFC 9293 section 3.8.6.3), or twice that
 * where a batch comes between, as long as it is not on its way to another
 * thread. */
static void check_ack(struct host *h, const struct tcp_conn *c)
{
	u32 silence = h->t->node.dp->net.wheel.tick - c->last_rx;
	u32 most = ticks_of_us(2 * h->conf.net.tcp.delack_us + 10000);

	CHECK(h, c, !(c->flags & TCP_F_ACK_NOW));
	CHECK(h, c, !(c->flags & TCP_F_ACK_LATER) || c->delack_at);
	if (h->nthreads == 1)
		CHECK(h, c, !(c->flags & TCP_F_ACK_LATER) || silence <= most);
}

/* Whatever is under way or could go has a timer that sees to it. */
static void check_timers(struct host *h, const struct tcp_conn *c)
{
	bool flight = c->snd_una != c->snd_max;
	bool waits = c->sndq_bytes > c->snd_max - c->snd_una;

	CHECK(h, c, armed(h, c, c->rto_at));
	CHECK(h, c, armed(h, c, c->delack_at));
	CHECK(h, c, armed(h, c, c->persist_at));
	CHECK(h, c, armed(h, c, c->keep_at));
	if (c->flags & TCP_F_ON_OUT)
		return;
	if (flight || c->state < TCP_ESTABLISHED)
		CHECK(h, c, c->rto_at || c->persist_at);
	else if (waits)
		CHECK(h, c, c->persist_at);
	check_ack(h, c);
}

void check_conn(struct host *h, const struct tcp_conn *c)
{
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT) {
		check_sequence(h, c);
		check_window(h, c);
		check_send_queue(h, c);
		check_recovery(h, c);
	}
	check_receive(h, c);
	if (c->state != TCP_CLOSED && c->state != TCP_TIME_WAIT)
		check_timers(h, c);
	if (c->state == TCP_TIME_WAIT)
		CHECK(h, c, c->rto_at && armed(h, c, c->rto_at));
	if (c->flags & TCP_F_SILENT)
		CHECK(h, c,
		      c->state == TCP_ESTABLISHED && !c->rx_mbufs &&
			      !c->sndq_bytes && !list_empty(&c->link));
}

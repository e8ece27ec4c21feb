/* SPDX-License-Identifier: MIT */
#include "tcp_fixture.h"

#include "net/tcp_cc.h"

enum { RTT_MS = 16, SEGS = 32 };

static u8 data[2 * SEGS * PEER_MSS];

/* A paced connection with a window of 32 segments. */
static struct tcp_conn *paced(struct fixture *f, struct tcp_peer *p)
{
	struct tcp_conn *c;

	f->net.conf.tcp.pacing = true;
	f->net.conf.tcp.rto_min_us = 1000000;
	tcpfix_renew(f);
	c = tcp_accepted(f, p);
	assert_false(c->flags & TCP_F_PACED);
	assert_non_null(tcp_cc_need(&f->net, c, f->now));
	assert_true(c->flags & TCP_F_PACED);
	c->cwnd = c->ssthresh = SEGS * c->mss_snd;
	c->srtt = (u32)(RTT_MS * FIX_MS >> 10) << 3;
	return c;
}

static u32 send(struct fixture *f, struct tcp_conn *c, u32 segs)
{
	assert_int_equal(tcp_send(&f->net, c, data, segs * c->mss_snd),
			 segs * c->mss_snd);
	tcp_output_all(&f->net, f->now);
	return tcp_drain(f);
}

/* Five quarters of the window in a round trip, in even steps: in sixteenths of
 * a round trip two segments and a half each. */
static void spreads_a_window(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = paced(f, &p);
	u32 sent = send(f, c, SEGS), ms = 0;

	assert_in_range(sent, 3, 4); /* the first one is free */
	while (sent < SEGS) {
		u32 fresh, due = ++ms * SEGS * 5 / 4 / RTT_MS;

		tcp_pass(f, FIX_MS);
		fresh = tcp_drain(f);
		assert_in_range(fresh, 2, 3);
		sent += fresh;
		assert_in_range(sent, due - 1, due + 4);
	}
	assert_in_range(ms, 11, 13); /* four fifths of a round trip */
	assert_int_equal(c->snd_nxt - c->snd_una, c->cwnd);
}

/* Twice the window in slow start. */
static void faster_in_slow_start(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = paced(f, &p);
	u32 sent, ms = 0;

	c->ssthresh = UINT32_MAX;
	for (sent = send(f, c, SEGS); sent < SEGS; ms++) {
		tcp_pass(f, FIX_MS);
		sent += tcp_drain(f);
	}
	assert_in_range(ms, 7, 8);
}

/* Slots have two segments at least, and there are fewer of them. */
static void small_window(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = paced(f, &p);
	u32 sent;

	c->cwnd = c->ssthresh = 4 * c->mss_snd;
	sent = send(f, c, 4);
	assert_in_range(sent, 3, 4);
	tcp_pass(f, (RTT_MS / 2 + 1) * FIX_MS);
	assert_int_equal(sent + tcp_drain(f), 4);
}

/* ACKs that open the window do not open a slot. */
static void not_at_each_ack(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = paced(f, &p);
	u32 sent = send(f, c, SEGS);

	p.ack += 2u * c->mss_snd;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_drain(f), 0);
	tcp_pass(f, 2 * FIX_MS);
	assert_in_range(sent + tcp_drain(f), 5, 9);
	tcp_news(f, c);
}

/* Round trips that the wheel cannot cut up, and who is not paced: at once. */
static void at_once(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = paced(f, &p);

	c->srtt = 200 << 3;
	assert_int_equal(send(f, c, SEGS), SEGS);
	p.ack = c->snd_max;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	tcp_cc_put(&f->net, c);
	assert_false(c->flags & TCP_F_PACED);
	c->cwnd = SEGS * c->mss_snd;
	c->srtt = (u32)(RTT_MS * FIX_MS >> 10) << 3;
	assert_int_equal(send(f, c, SEGS), SEGS);
	tcp_news(f, c);
}

/* What went while round trips could not be cut up is not owed when they can: a
 * smaller window has fewer slots. */
static void no_debt(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = paced(f, &p);

	c->srtt = 200 << 3;
	assert_int_equal(send(f, c, SEGS), SEGS);
	p.ack = c->snd_max;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	c->srtt = 200 << 3;
	c->cwnd = c->ssthresh = 2 * c->mss_snd;
	assert_int_equal(send(f, c, 2), 2);
	tcp_news(f, c);
}

/* Whoever fills its window is paced from then on, with any algorithm. */
static void begins_with_a_full_window(void **state)
{
	struct fixture *f = *state;

	f->net.conf.tcp.pacing = true;
	for (u8 cc = 0; cc < TCP_NR_CC; cc++) {
		struct tcp_peer p = tcp_peer_new();
		struct tcp_conn *c = tcp_connected(f, &p);

		tcp_set_cc(&f->net, c, cc);
		c->cwnd = 4 * c->mss_snd;
		assert_int_equal(send(f, c, 1), 1);
		p.ack += c->mss_snd;
		tcp_put(f, &p, TCP_ACK, NULL, 0);
		assert_false(c->flags & TCP_F_PACED);
		assert_int_equal(send(f, c, 4), 4);
		p.ack += c->mss_snd;
		tcp_put(f, &p, TCP_ACK, NULL, 0);
		assert_true(c->flags & TCP_F_PACED);
		tcp_news(f, c);
		tcp_abort(&f->net, c, f->now);
		tcp_drain(f);
	}
}

/* What is behind @from has arrived. */
static void sack(struct fixture *f, const struct tcp_peer *p,
		 const struct tcp_conn *c, u32 from)
{
	const struct be32 opt[] = { be32(0x0101050a), be32(from),
				    be32(c->snd_max) };
	struct fix_seg s = { .src = p->ip,
			     .sport = p->port,
			     .dport = p->our_port,
			     .seq = p->seq,
			     .ack = p->ack,
			     .flags = TCP_ACK,
			     .win = p->wnd,
			     .opt = opt,
			     .opt_len = sizeof(opt) };

	fix_in(f, fix_tcp(f, &s, NULL, 0));
	tcp_output_all(&f->net, f->now);
}

/* Half of a window that is lost at once is sent again over a round trip. */
static void spreads_what_is_lost(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = paced(f, &p);
	u32 sent = send(f, c, SEGS), ms;

	c->sack = true;
	while (sent < SEGS) {
		tcp_pass(f, FIX_MS);
		sent += tcp_drain(f);
	}
	sack(f, &p, c, p.ack + SEGS / 2u * c->mss_snd);
	sent = tcp_drain(f);
	assert_in_range(sent, 1, 4);
	for (ms = 0; sent < SEGS / 2; ms++) {
		tcp_pass(f, FIX_MS);
		sent += tcp_drain(f);
	}
	assert_in_range(ms, RTT_MS / 2, RTT_MS);
	assert_int_equal(f->stat.tcp_retransmits, SEGS / 2);
}

/* The wheel's ticks wrap: after half of their range a slot of long ago is not
 * one to come. */
static void after_half_a_day(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = paced(f, &p);
	u32 sent = send(f, c, SEGS);

	while (sent < SEGS) {
		tcp_pass(f, FIX_MS);
		sent += tcp_drain(f);
	}
	p.ack = c->snd_max;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	tcp_news(f, c);
	tcp_pass(f, 12 * 3600 * 1000ull * FIX_MS);
	assert_int_equal(tcp_drain(f), 0);
	assert_int_equal(c->state, TCP_ESTABLISHED);
	sent = send(f, c, SEGS);
	tcp_pass(f, RTT_MS * FIX_MS);
	assert_int_equal(sent + tcp_drain(f), f->net.conf.tcp.init_cwnd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(spreads_a_window), TCP_TEST(faster_in_slow_start),
		TCP_TEST(small_window),	    TCP_TEST(not_at_each_ack),
		TCP_TEST(at_once),	    TCP_TEST(begins_with_a_full_window),
		TCP_TEST(after_half_a_day), TCP_TEST(spreads_what_is_lost),
		TCP_TEST(no_debt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

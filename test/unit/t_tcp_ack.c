/* SPDX-License-Identifier: MIT */
/* net/tcp_ack.c: what acknowledgements and windows change. */
#include "tcp_fixture.h"

static u8 data[8 * PEER_MSS];

static void send(struct fixture *f, struct tcp_conn *c, u32 len)
{
	assert_int_equal(tcp_send(&f->net, c, data, len), len);
	tcp_output_all(&f->net, f->now);
}

/* RFC 5681 section 3.2: the third of them, and no other, sends the first
 * segment again; what acknowledges all of it ends that. */
static void third_duplicate(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	u32 first = c->snd_una, n;

	send(f, c, 6 * PEER_MSS);
	n = tcp_drain(f);
	assert_int_equal(n, 6);
	for (int i = 1; i <= 4; i++) {
		bool found = false;
		struct tcp_out out;

		tcp_put(f, &p, TCP_ACK, NULL, 0);
		while (tcp_get(f, &out))
			found |= out.len && out.seq == first;
		assert_int_equal(found, i == 3);
	}
	assert_int_equal(f->stat.tcp_dup_acks, 4);
	assert_int_equal(f->stat.tcp_fast_retransmits, 1);
	assert_true(c->flags & TCP_F_RECOVERY);
	p.ack = c->snd_max;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_false(c->flags & TCP_F_RECOVERY);
	assert_int_equal(c->snd_una, c->snd_max);
	assert_int_equal(tcp_news(f, c), TCP_EV_SENT);
	tcp_drain(f);
}

static u32 window_after(struct fixture *f, struct tcp_conn *c, u32 seq, u32 ack,
			u32 wnd)
{
	struct tcp_seg s = { .seq = seq, .ack = ack, .wnd = wnd };

	tcp_update_window(&f->net, c, &s);
	return c->snd_wnd;
}

/* RFC 9293 section 3.10.7.4: an older segment's window is not news. */
static void newest_window(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	u32 seq = p.seq, old = p.ack, ack = old + 100;

	send(f, c, 100);
	tcp_drain(f);
	p.ack = ack;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_int_equal(c->snd_una, ack);
	assert_int_equal(window_after(f, c, seq, ack, 1000), 1000);
	assert_int_equal(window_after(f, c, seq - 1, ack, 2000), 1000);
	assert_int_equal(window_after(f, c, seq, old, 3000), 1000);
	assert_int_equal(window_after(f, c, seq + 1, old, 3000), 1000);
	assert_int_equal(window_after(f, c, seq, ack, 4000), 4000);
	assert_int_equal(window_after(f, c, seq + 1, ack, 5000), 5000);
	assert_int_equal(window_after(f, c, seq, ack, 6000), 5000);
	assert_int_equal(tcp_news(f, c), TCP_EV_SENT);
}

/* ---- HyStart++ sees the round trip of each ACK, by timestamps */

enum { ROUND_MAX = 220 };

struct flight {
	u32 end[ROUND_MAX], tsval[ROUND_MAX], n;
};

static void collect(struct fixture *f, struct flight *fl)
{
	struct tcp_out out;

	while (tcp_get(f, &out)) {
		assert_true(fl->n < ROUND_MAX);
		fl->end[fl->n] = out.seq + out.len;
		fl->tsval[fl->n++] = out.opt.tsval;
	}
}

/* All that is in flight is acknowledged after @ms, one by one. */
static void round_trip(struct fixture *f, struct tcp_peer *p,
		       struct tcp_conn *c, u32 ms, struct flight *fl)
{
	struct flight now = *fl;

	fl->n = 0;
	tcp_pass(f, ms * FIX_MS);
	for (u32 i = 0; i < now.n; i++) {
		tcp_send(&f->net, c, data, 2000);
		p->ack = now.end[i];
		p->tsecr = now.tsval[i];
		tcp_put(f, p, TCP_ACK, NULL, 0);
		collect(f, fl);
	}
	tcp_news(f, c);
}

static void slow_start_ends_before_loss(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct flight fl = { .n = 0 };
	struct tcp_conn *c;
	u32 cwnd;

	f->net.conf.tcp.timestamps = true;
	f->net.conf.tcp.cc = TCP_CC_CUBIC;
	f->net.conf.tcp.mss = 300;
	f->net.conf.tcp.rto_min_us = 1000000;
	tcpfix_renew(f);
	p.ts = true;
	c = tcp_accepted(f, &p);
	send(f, c, sizeof(data));
	collect(f, &fl);
	for (u32 i = 0; i < 3; i++)
		round_trip(f, &p, c, 10, &fl);
	assert_in_range(c->cwnd, 78 * c->mss_snd, 80 * c->mss_snd);
	round_trip(f, &p, c, 30, &fl);
	assert_in_range(c->cwnd, 100 * c->mss_snd, 110 * c->mss_snd);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(c->ssthresh, UINT32_MAX);
		cwnd = c->cwnd;
		round_trip(f, &p, c, 30, &fl);
		assert_in_range(c->cwnd, cwnd + cwnd / 5, cwnd + cwnd / 3);
	}
	round_trip(f, &p, c, 30, &fl);
	assert_int_not_equal(c->ssthresh, UINT32_MAX);
	assert_int_equal(f->stat.tcp_retransmits, 0);
	tcp_drain(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(third_duplicate),
		TCP_TEST(slow_start_ends_before_loss),
		TCP_TEST(newest_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

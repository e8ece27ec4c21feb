/* SPDX-License-Identifier: MIT */
/* No buffer is free when something is to be sent: nothing is forgotten, and it
 * goes out once there is one again, or when the timer fires next. */
#include "tcp_fixture.h"

enum { SEGS = 8 };

static u8 data[SEGS * 9000];

static struct tcp_conn *sender(struct fixture *f, struct tcp_peer *p, u32 bytes,
			       bool sack)
{
	struct tcp_conn *c = tcp_accepted(f, p);

	c->sack = sack;
	c->srtt = 1000 << 3;
	assert_int_equal(tcp_send(&f->net, c, data, bytes), bytes);
	tcp_output_all(&f->net, f->now);
	tcp_drain(f);
	return c;
}

/* An ACK of nothing, with a block unless it is empty; its answer waits. */
static void hear(struct fixture *f, const struct tcp_peer *p, u32 from, u32 to)
{
	struct be32 opt[3] = { be32(0x0101050a), be32(p->ack + from),
			       be32(p->ack + to) };
	struct fix_seg s = { .src = p->ip,
			     .sport = p->port,
			     .dport = p->our_port,
			     .seq = p->seq,
			     .ack = p->ack,
			     .flags = TCP_ACK,
			     .win = p->wnd,
			     .opt = to ? opt : NULL,
			     .opt_len = to ? sizeof(opt) : 0 };

	fix_in(f, fix_tcp(f, &s, NULL, 0));
}

/* Nothing goes now; then just what was @due. */
static struct tcp_out goes_later(struct fixture *f, u8 due)
{
	fix_starve(f, 0);
	tcp_output_all(&f->net, f->now);
	tcp_want_none(f);
	fix_feed(f);
	tcp_output_all(&f->net, f->now);
	return tcp_want(f, due);
}

static void fast_retransmit(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = sender(f, &p, SEGS * PEER_MSS, false);

	for (u32 i = 0; i < TCP_DUPACKS; i++)
		hear(f, &p, 0, 0);
	assert_int_equal(goes_later(f, TCP_ACK | TCP_PSH).seq, p.ack);
	assert_int_equal(f->stat.tcp_retransmits, 1);
	tcp_want_none(f);
	assert_false(c->flags & TCP_F_REXMIT);
}

static void what_sack_shows_lost(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();

	sender(f, &p, SEGS * PEER_MSS, true);
	hear(f, &p, PEER_MSS, 5 * PEER_MSS);
	assert_int_equal(goes_later(f, TCP_ACK | TCP_PSH).seq, p.ack);
	assert_int_equal(f->stat.tcp_retransmits, 1);
}

/* The tail loss probe: the timer has fired, and is not set again for it. */
static void probe_of_the_tail(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();

	sender(f, &p, SEGS * PEER_MSS, true);
	fix_starve(f, 0);
	while (!f->net.tcp.out_head)
		tcp_pass(f, FIX_MS);
	assert_int_equal(f->stat.tcp_tail_probes, 0);
	assert_int_equal(f->stat.tcp_timeouts, 0);
	assert_int_equal(goes_later(f, TCP_ACK | TCP_PSH).seq,
			 p.ack + (SEGS - 1) * PEER_MSS);
	assert_int_equal(f->stat.tcp_tail_probes, 1);
}

static void delayed_ack(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	tcp_put(f, &p, TCP_ACK, "later", 5);
	tcp_want_none(f);
	fix_starve(f, 0);
	tcp_pass(f, 5 * FIX_MS);
	assert_int_equal(goes_later(f, TCP_ACK).ack, p.seq + 5);
	assert_int_equal(tcp_news(f, c), TCP_EV_RECV);
}

/* ... and those that have a timer: SYN, window probe. */
static void opening(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c;

	assert_int_equal(tcp_connect(&f->net, FIX_PEER, 9, 1, &c, f->now), 0);
	fix_starve(f, 0);
	tcp_output_all(&f->net, f->now);
	tcp_want_none(f);
	fix_feed(f);
	tcp_pass(f, 110 * FIX_MS); /* rto_initial */
	assert_int_equal(tcp_want(f, TCP_SYN).seq, c->iss);
}

static void window_probe(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	struct tcp_out out;

	p.wnd = 0;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	tcp_send(&f->net, c, data, 100);
	tcp_output_all(&f->net, f->now);
	tcp_want_none(f);
	fix_starve(f, 0);
	while (!f->stat.tcp_zero_window_probes)
		tcp_pass(f, FIX_MS);
	tcp_want_none(f);
	assert_int_equal(c->snd_max, p.ack);
	fix_feed(f);
	while (f->stat.tcp_zero_window_probes < 2)
		tcp_pass(f, FIX_MS);
	out = tcp_want(f, TCP_ACK);
	assert_int_equal(out.seq, p.ack);
	assert_int_equal(out.len, 1);
}

/* One that needs more buffers than there are, gives back those that it has. */
static void large_segment(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	struct tcp_out out;

	f->net.mtu = 9000;
	c->mss_snd = 8000;
	fix_starve(f, 2);
	assert_int_equal(tcp_send(&f->net, c, data, 8000), 8000);
	tcp_output_all(&f->net, f->now);
	tcp_want_none(f);
	assert_int_equal(f->pool.nfree, 2);
	assert_int_equal(c->snd_max, p.ack);
	fix_feed(f);
	while (c->snd_max == p.ack)
		tcp_pass(f, FIX_MS);
	out = tcp_want(f, TCP_ACK | TCP_PSH);
	assert_int_equal(out.len, 8000);
	assert_memory_equal(out.payload, data, 8000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(fast_retransmit),   TCP_TEST(what_sack_shows_lost),
		TCP_TEST(probe_of_the_tail), TCP_TEST(delayed_ack),
		TCP_TEST(opening),	     TCP_TEST(window_probe),
		TCP_TEST(large_segment),
	};

	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 7 + i / 256);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

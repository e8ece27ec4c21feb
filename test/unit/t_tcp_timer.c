/* SPDX-License-Identifier: MIT */
#include "tcp_fixture.h"

/* Ticks and their length. */
#define TICK_US 16.384

static void rto_follows_rfc6298(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	double srtt = 0, var = 0;
	u64 seed = 4;

	c->srtt = c->rttvar = 0;
	for (int i = 0; i < 1000; i++) {
		u32 r = 10000 + (u32)(test_random(&seed) % 40000);
		double us = r, dev = srtt > us ? srtt - us : us - srtt, want;

		if (!i) {
			srtt = us;
			var = us / 2;
		} else {
			var += (dev - var) / 4;
			srtt += (us - srtt) / 8;
		}
		tcp_rtt_update(&f->net, c, r);
		want = (srtt + 4 * var) / 16;
		assert_true(c->rto > want - 20 && c->rto < want + 20);
	}
}

static void rto_stays_in_bounds(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	/* On top of the round trip, the peer may delay its ACK. */
	u32 least = ticks_of_us(5000);

	for (int i = 0; i < 100; i++)
		tcp_rtt_update(&f->net, c, 0);
	assert_in_range(c->rto, least, least + 1);
	for (int i = 0; i < 100; i++)
		tcp_rtt_update(&f->net, c, UINT32_MAX);
	assert_int_equal(c->rto, ticks_of_us(10000000));
	for (int i = 0; i < 200; i++)
		tcp_rtt_update(&f->net, c, 100);
	assert_in_range(c->rto, least, least + 8);
}

/* Runs until the next segment from us, at most @most_us; when it came. */
static double when(struct fixture *f, double most_us)
{
	u64 start = f->now;

	while (!f->net.ntx && (double)(f->now - start) / 1000 < most_us)
		tcp_pass(f, 1 << TICK_SHIFT);
	return (double)(f->now - start) / 1000;
}

static void assert_about(double got, double want)
{
	assert_true(got >= want - TICK_US && got <= want + 3 * TICK_US);
}

static void syn_is_repeated_then_given_up(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c;

	tcp_connect(&f->net, FIX_PEER, 9, 1, &c, f->now);
	tcp_output_all(&f->net, f->now);
	for (int i = 0; i < 2; i++) { /* syn_retries = 2 */
		tcp_want(f, TCP_SYN);
		assert_about(when(f, 500000), 100000 << i);
	}
	tcp_want(f, TCP_SYN);
	when(f, 500000);
	tcp_want_none(f);
	assert_int_equal(c->error, ETIMEDOUT);
	assert_int_equal(tcp_news(f, c), TCP_EV_CONNECTED);
	assert_int_equal(f->stat.tcp_conns, 0);
}

static void syn_ack_is_given_up_silently(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();

	tcpfix_listen(f, 1);
	tcp_put_syn(f, &p, TCP_SYN);
	for (int i = 0; i < 3; i++) {
		tcp_want(f, TCP_SYN | TCP_ACK);
		when(f, 500000);
	}
	tcp_want_none(f);
	assert_int_equal(f->stat.tcp_conns, 0);
	assert_int_equal(f->net.tcp.listeners[0].waiting, 0);
	assert_null(tcp_next_ready(&f->net));
}

static void data_is_repeated_with_backoff(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	double rto = c->rto * TICK_US;

	tcp_send(&f->net, c, (const u8 *)"hello", 5);
	tcp_output_all(&f->net, f->now);
	for (int i = 0; i < 5; i++) { /* retries = 4 */
		struct tcp_out o = tcp_want(f, TCP_ACK | TCP_PSH);

		assert_int_equal(o.seq, p.ack);
		assert_memory_equal(o.payload, "hello", 5);
		if (i < 4)
			assert_about(when(f, rto * 40), rto * (1 << i));
		else
			when(f, rto * 40);
	}
	tcp_want_none(f);
	assert_int_equal(c->error, ETIMEDOUT);
	assert_true(tcp_news(f, c) & TCP_EV_DEAD);
	assert_int_equal(f->stat.tcp_timeouts, 4);
}

/* What was sent twice cannot be timed (Karn; RFC 6298 section 5.7): only the
 * answer to new data brings the estimate back. */
static void backoff_ends_with_a_sample(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	u32 rto = c->rto;

	for (int i = 0; i < 2; i++) {
		tcp_send(&f->net, c, (const u8 *)"hello", 5);
		tcp_output_all(&f->net, f->now);
		tcp_drain(f);
		if (!i) {
			when(f, 200000);
			when(f, 200000);
			assert_true(c->rto > rto);
		}
		tcp_drain(f);
		p.ack += 5;
		tcp_put(f, &p, TCP_ACK, NULL, 0);
		assert_int_equal(c->backoff, 0);
		assert_int_equal(c->rto > rto, !i);
	}
	assert_true(when(f, 1000000) >= 1000000); /* nothing left to do */
}

static void delayed_ack(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();

	tcp_accepted(f, &p);
	tcp_put(f, &p, TCP_ACK, "x", 1);
	p.seq++;
	tcp_want_none(f);
	assert_about(when(f, 10000), 1000);
	assert_int_equal(tcp_want(f, TCP_ACK).ack, p.seq);
	tcp_want_none(f);
}

static void zero_window_is_probed(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	p.wnd = 0;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	tcp_send(&f->net, c, (const u8 *)"hello", 5);
	tcp_output_all(&f->net, f->now);
	tcp_want_none(f);
	for (int i = 0; i < 8; i++) { /* answered: never given up */
		struct tcp_out o;

		when(f, 20000000);
		o = tcp_want(f, TCP_ACK);
		assert_int_equal(o.len, 1);
		assert_int_equal(o.seq, p.ack);
		tcp_put(f, &p, TCP_ACK, NULL, 0);
		tcp_want_none(f);
	}
	assert_int_equal(f->stat.tcp_zero_window_probes, 8);
	/* The answers are no sign of loss. */
	assert_int_equal(f->stat.tcp_fast_retransmits, 0);
	p.wnd = 1000;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_want(f, TCP_ACK | TCP_PSH).len, 5);
}

static void unanswered_probes_end_it(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	p.wnd = 0;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	tcp_send(&f->net, c, (const u8 *)"hello", 5);
	tcp_output_all(&f->net, f->now);
	tcp_pass(f, 100000 * FIX_MS);
	tcp_drain(f);
	assert_int_equal(c->error, ETIMEDOUT);
	assert_true(tcp_news(f, c) & TCP_EV_DEAD);
}

static void keepalive(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c;

	f->net.conf.tcp.keep_idle_ms = 1000;
	f->net.conf.tcp.keep_interval_ms = 100;
	f->net.conf.tcp.keep_probes = 3;
	c = tcp_accepted(f, &p);
	tcp_pass(f, 900 * FIX_MS);
	tcp_put(f, &p, TCP_ACK, "x", 1); /* alive */
	p.seq++;
	tcp_pass(f, 10 * FIX_MS);
	tcp_drain(f);
	assert_about(when(f, 2000000), 990000);
	assert_int_equal(tcp_want(f, TCP_ACK).seq, p.ack - 1);
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_about(when(f, 2000000), 1000000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(tcp_want(f, TCP_ACK).seq, p.ack - 1);
		assert_about(when(f, 200000), 100000);
	}
	tcp_want(f, TCP_RST | TCP_ACK);
	assert_int_equal(c->error, ETIMEDOUT);
	assert_true(tcp_news(f, c) & TCP_EV_DEAD);
	assert_int_equal(f->stat.tcp_keepalive_probes, 4);
}

static void time_wait_ends(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	tcp_close(&f->net, c, true, f->now);
	tcp_output_all(&f->net, f->now);
	tcp_want(f, TCP_FIN | TCP_ACK);
	p.ack++;
	tcp_put(f, &p, TCP_FIN | TCP_ACK, NULL, 0);
	tcp_want(f, TCP_ACK);
	assert_int_equal(c->state, TCP_TIME_WAIT);
	assert_true(tcp_news(f, c) & TCP_EV_DEAD);
	tcp_pass(f, 990 * FIX_MS);
	assert_int_equal(f->stat.tcp_time_wait, 1);
	tcp_pass(f, 20 * FIX_MS);
	assert_int_equal(f->stat.tcp_time_wait, 0);
	assert_int_equal(f->stat.tcp_conns, 0);
}

static void fin_wait_2_ends(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	tcp_close(&f->net, c, true, f->now);
	tcp_output_all(&f->net, f->now);
	tcp_want(f, TCP_FIN | TCP_ACK);
	p.ack++;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_int_equal(c->state, TCP_FIN_WAIT_2);
	tcp_pass(f, 1990 * FIX_MS);
	assert_int_equal(f->stat.tcp_conns, 1);
	tcp_pass(f, 20 * FIX_MS);
	assert_true(tcp_news(f, c) & TCP_EV_DEAD);
	assert_int_equal(f->stat.tcp_conns, 0);
}

/* An idle connection costs the wheel nothing. */
static void idle_has_no_timer(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();

	tcp_accepted(f, &p);
	tcp_pass(f, 10000 * FIX_MS);
	tcp_want_none(f);
	assert_int_equal(f->net.wheel.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(rto_follows_rfc6298),
		TCP_TEST(rto_stays_in_bounds),
		TCP_TEST(syn_is_repeated_then_given_up),
		TCP_TEST(syn_ack_is_given_up_silently),
		TCP_TEST(data_is_repeated_with_backoff),
		TCP_TEST(backoff_ends_with_a_sample),
		TCP_TEST(delayed_ack),
		TCP_TEST(zero_window_is_probed),
		TCP_TEST(unanswered_probes_end_it),
		TCP_TEST(keepalive),
		TCP_TEST(time_wait_ends),
		TCP_TEST(fin_wait_2_ends),
		TCP_TEST(idle_has_no_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

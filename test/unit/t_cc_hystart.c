/* SPDX-License-Identifier: MIT */
#include "cc_fixture.h"

#define US(us) ((u32)((us)*1000ull >> 10)) /* in units of 1024 ns */

enum { N = 8 }; /* samples that a round must have */

static struct hystart h;

static struct tcp_conn *fresh(struct cc_fix *f)
{
	h = (struct hystart){ 0 };
	return cc_conn(f, 0, TCP_CC_CUBIC);
}

/* @n ACKs of a segment each, with round trips of @us. */
static void acks(struct tcp_conn *c, u32 n, u32 us)
{
	for (u32 i = 0; i < n && c->ssthresh == UINT32_MAX; i++) {
		c->snd_una += MSS;
		hystart_acked(c, &h, MSS, US(us));
	}
}

/* A round trip of them. */
static void round_of(struct tcp_conn *c, u32 n, u32 us)
{
	c->snd_nxt += n * MSS;
	acks(c, n, us);
	c->snd_una = c->snd_nxt;
}

static void steady_round_trips_double(void **state)
{
	struct tcp_conn *c = fresh(*state);

	for (u32 i = 0; i < 6; i++) {
		u32 cwnd = c->cwnd;

		round_of(c, cwnd / MSS, 10000 + i % 2 * 500);
		assert_int_equal(c->cwnd, 2 * cwnd);
	}
	assert_int_equal(c->ssthresh, UINT32_MAX);
}

/* RFC 9406 section 4.2: L is 8. */
static void bursts_are_limited(void **state)
{
	struct tcp_conn *c = fresh(*state);

	hystart_acked(c, &h, 20 * MSS, 0);
	assert_int_equal(c->cwnd, 18 * MSS);
}

/* An eighth more, within 4 and 16 ms. */
static void leaves_when_they_grow(void **state)
{
	static const struct {
		u32 first, small, large;
	} rtt[] = {
		{ 200, 4100, 4300 },
		{ 10000, 13900, 14100 },
		{ 64000, 71900, 72100 },
		{ 300000, 315900, 316100 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rtt); i++) {
		struct tcp_conn *c = fresh(*state);

		round_of(c, 20, rtt[i].first);
		round_of(c, 20, rtt[i].small);
		assert_int_equal(h.base, 0);
		c = fresh(*state);
		round_of(c, 20, rtt[i].first);
		round_of(c, 20, rtt[i].large);
		assert_int_equal(h.base, US(rtt[i].large));
	}
}

static void few_samples_say_nothing(void **state)
{
	struct tcp_conn *c = fresh(*state);

	round_of(c, 10, 10000);
	round_of(c, N - 1, 30000);
	assert_int_equal(h.base, 0);
	round_of(c, N, 45000);
	assert_int_equal(h.base, US(45000));
}

/* One short round trip among long ones: the minimum counts. */
static void one_short_is_enough(void **state)
{
	struct tcp_conn *c = fresh(*state);

	round_of(c, 10, 10000);
	c->snd_nxt += 21 * MSS;
	acks(c, 1, 10000);
	acks(c, 20, 30000);
	assert_int_equal(h.base, 0);
}

/* Four times slower for the rest of that round and four more. */
static void conservative_then_avoidance(void **state)
{
	struct tcp_conn *c = fresh(*state);
	u32 cwnd;

	round_of(c, 10, 10000);
	round_of(c, N, 20000);
	assert_true(h.base);
	for (u32 i = 0; i < 4; i++) {
		cwnd = c->cwnd;
		round_of(c, 8, 20000 + i);
		assert_int_equal(c->cwnd, cwnd + 2 * MSS);
		assert_int_equal(c->ssthresh, UINT32_MAX);
	}
	cwnd = c->cwnd;
	round_of(c, 1, 20000);
	assert_int_equal(c->ssthresh, cwnd);
}

/* A window of one segment is left for avoidance at two (RFC 5681 section 3.1).
 */
static void two_segments_at_least(void **state)
{
	struct tcp_conn *c = fresh(*state);

	h = (struct hystart){ .begun = true, .base = 1, .rounds = 5 };
	c->cwnd = MSS;
	h.round_end = c->snd_una;
	round_of(c, 1, 20000);
	assert_int_equal(c->ssthresh, 2 * MSS);
}

static void false_alarm(void **state)
{
	struct tcp_conn *c = fresh(*state);
	u32 cwnd;

	round_of(c, 10, 10000);
	round_of(c, N, 20000);
	assert_true(h.base);
	round_of(c, 10, 19000);
	assert_int_equal(h.base, 0);
	cwnd = c->cwnd;
	round_of(c, 10, 19000);
	assert_int_equal(c->cwnd, cwnd + 10 * MSS);
	assert_int_equal(c->ssthresh, UINT32_MAX);
}

/* In CUBIC: only while ssthresh was never set, and the end is the beginning of
 * a convex curve from there on. */
static void first_slow_start_of_cubic(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = cc_conn(f, 0, TCP_CC_CUBIC);
	u32 rounds = 0;

	while (c->ssthresh == UINT32_MAX && rounds < 20) {
		u32 n = c->cwnd / MSS;

		c->snd_nxt += n * MSS;
		for (u32 i = 0; i < n; i++) {
			c->snd_una += MSS;
			cubic_cc.acked(&f->net, c, MSS,
				       US(10000 + 6000 * (rounds > 3)), f->now);
		}
		f->now += 10 * CC_MS;
		rounds++;
	}
	assert_int_equal(rounds, 4 + 5 + 1);
	cubic_cc.acked(&f->net, c, MSS, 0, f->now);
	assert_int_equal(cc_state(f, c)->cubic.w_max, c->ssthresh);
	assert_int_equal(cc_state(f, c)->cubic.k, 0);
	assert_in_range(c->cwnd, c->ssthresh, c->ssthresh + 2 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CC_TEST(steady_round_trips_double),
		CC_TEST(bursts_are_limited),
		CC_TEST(leaves_when_they_grow),
		CC_TEST(few_samples_say_nothing),
		CC_TEST(one_short_is_enough),
		CC_TEST(conservative_then_avoidance),
		CC_TEST(two_segments_at_least),
		CC_TEST(false_alarm),
		CC_TEST(first_slow_start_of_cubic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

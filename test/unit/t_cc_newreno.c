/* SPDX-License-Identifier: MIT */
#include "cc_fixture.h"

static const struct tcp_cc *cc = &newreno_cc;

static struct tcp_conn *fresh(struct cc_fix *f)
{
	return cc_conn(f, 0, TCP_CC_NEWRENO);
}

static void initial_window(void **state)
{
	struct tcp_conn *c = fresh(*state);

	assert_ptr_equal(tcp_cc_of(c), cc);
	assert_string_equal(cc->name, "newreno");
	assert_int_equal(c->cwnd, 10 * MSS);
	assert_true(c->ssthresh > 1u << 30);
}

static void slow_start(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f);

	cc->acked(&f->net, c, MSS, 0, f->now);
	assert_int_equal(c->cwnd, 11 * MSS);
	cc->acked(&f->net, c, 500, 0, f->now);
	assert_int_equal(c->cwnd, 11 * MSS + 500);
	/* RFC 9406 section 4.2: at most eight segments */
	cc->acked(&f->net, c, 20 * MSS, 0, f->now);
	assert_int_equal(c->cwnd, 19 * MSS + 500);
}

/* One segment per window, with a state and without. */
static void congestion_avoidance(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f);

	c->ssthresh = c->cwnd;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(c->cwnd, 10 * MSS);
		if (i == 5)
			assert_non_null(tcp_cc_need(&f->net, c, f->now));
		cc->acked(&f->net, c, MSS, 0, f->now);
	}
	assert_int_equal(c->cwnd, 11 * MSS);
	for (int i = 0; i < 11; i++)
		cc->acked(&f->net, c, MSS, 0, f->now);
	assert_int_equal(c->cwnd, 12 * MSS);
}

/* ... and if the window is not of whole ones as many as fit are its all. */
static void part_of_a_segment(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f);

	c->ssthresh = c->cwnd = 10 * MSS + MSS / 2;
	for (u32 n = 10; n < 20; n++) {
		for (u32 i = 0; i < n; i++) {
			assert_int_equal(c->cwnd, n * MSS + MSS / 2);
			cc->acked(&f->net, c, MSS, 0, f->now);
		}
	}
	assert_int_equal(c->cwnd, 20 * MSS + MSS / 2);
}

static void loss_halves_flight(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f);

	cc->loss(&f->net, c, 8 * MSS, f->now);
	assert_int_equal(c->ssthresh, 4 * MSS);
	assert_int_equal(c->cwnd, 10 * MSS); /* is recovery's */
	cc->loss(&f->net, c, MSS, f->now);
	assert_int_equal(c->ssthresh, 2 * MSS);
}

static void timeout_halves_once(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f);

	c->snd_max = 8 * MSS;
	cc->timeout(&f->net, c, f->now);
	assert_int_equal(c->ssthresh, 4 * MSS);
	assert_int_equal(c->cwnd, MSS);
	c->backoff = 1;
	c->snd_max = 2 * MSS;
	cc->timeout(&f->net, c, f->now);
	assert_int_equal(c->ssthresh, 4 * MSS);
	assert_int_equal(c->cwnd, MSS);
	/* All of it for nothing: F-RTO. */
	cc->undo(&f->net, c);
	assert_int_equal(c->cwnd, 10 * MSS);
	assert_int_equal(c->ssthresh, UINT32_MAX);
}

static void undo_once(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f);

	c->ssthresh = 9 * MSS;
	cc->loss(&f->net, c, 10 * MSS, f->now);
	c->cwnd = c->ssthresh;
	cc->undo(&f->net, c);
	assert_int_equal(c->cwnd, 10 * MSS);
	assert_int_equal(c->ssthresh, 9 * MSS);
	c->cwnd = c->ssthresh = 2 * MSS;
	cc->undo(&f->net, c);
	assert_int_equal(c->cwnd, 2 * MSS);
}

/* A timeout in recovery: the loss before it was one. */
static void no_undo_in_recovery(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f);

	cc->loss(&f->net, c, 10 * MSS, f->now);
	c->flags |= TCP_F_RECOVERY;
	c->cwnd = 7 * MSS;
	cc->timeout(&f->net, c, f->now);
	cc->undo(&f->net, c);
	assert_int_equal(c->cwnd, MSS);
}

/* RFC 3168 section 6.1.2. */
static void mark_halves_once_a_window(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f);

	c->snd_una = 0;
	c->snd_max = 10 * MSS;
	cc->ecn(&f->net, c, MSS, f->now);
	assert_int_equal(c->ssthresh, 5 * MSS);
	assert_int_equal(c->cwnd, 5 * MSS);
	assert_int_equal(c->recover, 10 * MSS);
	cc->ecn(&f->net, c, MSS, f->now);
	for (u32 i = 0; i < 20; i++)
		cc->acked(&f->net, c, MSS, 0, f->now);
	assert_int_equal(c->cwnd, 5 * MSS);
	/* Nor does a loss in that window halve again. */
	cc->loss(&f->net, c, 10 * MSS, f->now);
	assert_int_equal(c->ssthresh, 5 * MSS);
	c->flags &= ~(u32)TCP_F_ECN_REDUCED;
	cc->ecn(&f->net, c, MSS, f->now);
	assert_int_equal(c->cwnd, 5 * MSS); /* half of 10 in flight */
	cc->undo(&f->net, c);
	assert_int_equal(c->cwnd, 5 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CC_TEST(initial_window),
		CC_TEST(slow_start),
		CC_TEST(congestion_avoidance),
		CC_TEST(part_of_a_segment),
		CC_TEST(loss_halves_flight),
		CC_TEST(timeout_halves_once),
		CC_TEST(undo_once),
		CC_TEST(no_undo_in_recovery),
		CC_TEST(mark_halves_once_a_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

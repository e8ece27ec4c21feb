/* SPDX-License-Identifier: MIT */
/* DCTCP against RFC 8257 section 3.3 in doubles. */
#include "cc_fixture.h"

#include <math.h>

static const struct tcp_cc *cc = &dctcp_cc;

static struct tcp_conn *fresh(struct cc_fix *f, u32 segs)
{
	struct tcp_conn *c = cc_conn(f, 0, TCP_CC_DCTCP);

	c->flags |= TCP_F_ECN;
	c->cwnd = c->ssthresh = segs * MSS;
	return c;
}

static double alpha(struct cc_fix *f, struct tcp_conn *c)
{
	return cc_state(f, c)->dctcp.alpha / (double)(1 << 20);
}

/* A window of @n segments of which the first @marked are, acknowledged one by
 * one while the next one goes out. */
static void window(struct cc_fix *f, struct tcp_conn *c, u32 n, u32 marked)
{
	c->snd_nxt = c->snd_una + n * MSS;
	for (u32 i = 0; i < n; i++) {
		c->snd_una += MSS;
		c->snd_nxt += MSS;
		c->snd_max = c->snd_nxt;
		if (seq_le(c->recover, c->snd_una))
			c->flags &= ~(u32)TCP_F_ECN_REDUCED;
		if (i < marked)
			cc->ecn(&f->net, c, MSS, f->now);
		cc->acked(&f->net, c, MSS, 0, f->now);
	}
}

/* Of whatever part is marked, alpha becomes that part. */
static void alpha_follows_the_marks(void **state)
{
	static const u32 marked[] = { 0, 1, 5, 10, 50, 100 };

	for (u32 k = 0; k < ARRAY_SIZE(marked); k++) {
		struct cc_fix *f = *state;
		struct tcp_conn *c = fresh(f, 100);
		double a = 1;

		tcp_cc_put(&f->net, c);
		window(f, c, 1, 0);
		assert_true(alpha(f, c) == 1);
		c->snd_una += MSS; /* exactly on window's edges from here on */
		cc_state(f, c)->dctcp.acked = 0;
		cc_state(f, c)->dctcp.round_end = c->snd_una + 100 * MSS - 1;
		for (u32 i = 0; i < 100; i++) {
			c->cwnd = 100 * MSS;
			window(f, c, 100, marked[k]);
			cc_state(f, c)->dctcp.round_end =
				c->snd_una + 100 * MSS - 1;
			a = a * 15 / 16 + marked[k] / 100. / 16;
			assert_true(fabs(alpha(f, c) - a) < 0.0001);
		}
		assert_true(fabs(a - marked[k] / 100.) < 0.002);
	}
}

static void reduces_by_half_of_alpha(void **state)
{
	static const u32 part[] = { 1024, 512, 100, 1 };

	for (u32 k = 0; k < ARRAY_SIZE(part); k++) {
		struct cc_fix *f = *state;
		struct tcp_conn *c = fresh(f, 100);

		c->flags &= ~(u32)TCP_F_ECN_REDUCED;
		cc->acked(&f->net, c, MSS, 0, f->now);
		cc_state(f, c)->dctcp.alpha = part[k] << 10;
		c->cwnd = 100 * MSS;
		c->snd_max = c->snd_una + 100 * MSS;
		cc->ecn(&f->net, c, MSS, f->now);
		assert_int_equal(c->cwnd, 100000 - 100000 * part[k] / 2048);
		assert_int_equal(c->ssthresh, c->cwnd);
		cc->ecn(&f->net, c, MSS, f->now); /* once a window */
		assert_int_equal(c->cwnd, 100000 - 100000 * part[k] / 2048);
	}
}

static void never_below_two(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 3);

	cc->ecn(&f->net, c, MSS, f->now);
	assert_int_equal(c->cwnd, 2 * MSS);
}

/* Section 3.5: as any other, though the same window was marked. */
static void loss_halves(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 100);

	cc->ecn(&f->net, c, MSS, f->now);
	cc->loss(&f->net, c, 40 * MSS, f->now);
	assert_int_equal(c->ssthresh, 20 * MSS);
	cc->undo(&f->net, c);
	assert_int_equal(c->ssthresh, 50 * MSS);
}

static void without_marks_as_newreno(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 10);

	for (u32 i = 0; i < 10; i++)
		cc->acked(&f->net, c, MSS, 0, f->now);
	assert_int_equal(c->cwnd, 11 * MSS);
	c = cc_conn(f, 1, TCP_CC_DCTCP); /* a peer without ECN */
	cc->acked(&f->net, c, MSS, 0, f->now);
	assert_int_equal(c->cwnd, 11 * MSS);
	assert_null(cc_state(f, c));
}

static void without_a_state_marks_halve(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 100);

	for (u32 i = 0; i < CC_STATES; i++) {
		struct tcp_conn *other = cc_conn(f, 1 + i, TCP_CC_DCTCP);

		assert_non_null(tcp_cc_need(&f->net, other, f->now));
		other->snd_max++;
	}
	c->snd_max = 100 * MSS;
	cc->ecn(&f->net, c, MSS, f->now);
	assert_int_equal(c->cwnd, 50 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CC_TEST(alpha_follows_the_marks),
		CC_TEST(reduces_by_half_of_alpha),
		CC_TEST(never_below_two),
		CC_TEST(loss_halves),
		CC_TEST(without_marks_as_newreno),
		CC_TEST(without_a_state_marks_halve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

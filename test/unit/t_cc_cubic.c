/* SPDX-License-Identifier: MIT */
/* CUBIC against the formulas of RFC 9438, computed here in doubles, one segment
 * at a time, as the RFC has them. */
#include "cc_fixture.h"

#include <math.h>

static const struct tcp_cc *cc = &cubic_cc;

static struct tcp_conn *fresh(struct cc_fix *f, u32 cwnd, u32 rtt_ms)
{
	struct tcp_conn *c = cc_conn(f, 0, TCP_CC_CUBIC);

	c->cwnd = cwnd;
	c->srtt = (u32)(rtt_ms * CC_MS >> 10) << 3;
	return c;
}

/* What recovery leaves behind. */
static void lose(struct cc_fix *f, struct tcp_conn *c)
{
	cc->loss(&f->net, c, c->cwnd, f->now);
	c->cwnd = c->ssthresh;
}

/* ---- the RFC, in segments and seconds */

struct model {
	double cwnd, w_max, w_est, k, prior, t, rtt;
};

static struct model model_after(double prior, double w_max, double cwnd,
				double rtt)
{
	struct model m = { .prior = prior, .rtt = rtt, .cwnd = cwnd };

	m.w_max = prior < w_max ? prior * (1 + 0.7) / 2 : prior;
	m.w_est = cwnd;
	m.k = cbrt((m.w_max - cwnd) / 0.4);
	return m;
}

static double model_w(const struct model *m, double t)
{
	return 0.4 * pow(t - m->k, 3) + m->w_max;
}

static void model_acked(struct model *m, double t)
{
	double alpha = m->w_est >= m->prior ? 1 : 3 * 0.3 / 1.7;
	double target = model_w(m, t + m->rtt);

	m->w_est += alpha / m->cwnd;
	if (model_w(m, t) < m->w_est) {
		m->cwnd = fmax(m->cwnd, m->w_est);
		return;
	}
	target = fmin(fmax(target, m->cwnd), 1.5 * m->cwnd);
	m->cwnd += (target - m->cwnd) / m->cwnd;
}

/* Whole windows, segment by segment, for @ms; both stay within @percent. */
static void both(struct cc_fix *f, struct tcp_conn *c, struct model *m, u32 ms,
		 double percent)
{
	u64 begin = f->now, end = begin + ms * CC_MS;
	double t0 = m->t;

	while (f->now < end) {
		u64 apart = (u64)(m->rtt * 1e9 / (c->cwnd / (double)MSS));

		m->t = t0 + (double)(f->now - begin) / 1e9;
		cc->acked(&f->net, c, MSS, 0, f->now);
		model_acked(m, m->t);
		assert_true(fabs(c->cwnd / (double)MSS - m->cwnd) <=
			    m->cwnd * percent / 100);
		f->now += apart;
	}
	m->t = t0 + (double)(f->now - begin) / 1e9;
}

static void cube_roots_are_exact(void **state)
{
	static const u64 most = 2642245; /* of 2^64 */

	for (u64 y = 1; y <= most; y += y < 3000 ? 1 : 997) {
		assert_int_equal(cubic_root(y * y * y), y);
		assert_int_equal(cubic_root(y * y * y - 1), y - 1);
	}
	assert_int_equal(cubic_root(0), 0);
	assert_int_equal(cubic_root(most * most * most), most);
	assert_int_equal(cubic_root(UINT64_MAX), most);
}

/* 200 segments, 100 ms: K is 5.3 s. Down the slope, along the plateau and up
 * again, to the second. */
static void grows_as_a_cube(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 200 * MSS, 100);
	struct model m = model_after(200, 0, 140, 0.1);

	lose(f, c);
	assert_int_equal(c->ssthresh, 140 * 1000 + 39); /* 717 / 1024 */
	for (u32 s = 1; s <= 12; s++) {
		both(f, c, &m, 1000, 0.7);
		if (s == 5)
			assert_in_range(c->cwnd, 199 * MSS, 200 * MSS);
	}
	assert_in_range(c->cwnd, 317 * MSS, 335 * MSS);	      /* W(12 s): 320 */
	assert_in_range(cc_state(f, c)->cubic.k, 5040, 5080); /* 5.31 s */
}

/* 20 segments, 2 ms: there Reno is faster; one with alpha of 0.53 until it is
 * back at the old window, and then one with alpha of 1. */
static void not_slower_than_reno(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 40 * MSS, 2);
	struct model m = model_after(40, 0, 28, 0.002);

	lose(f, c);
	both(f, c, &m, 50, 1.2);
	assert_in_range(c->cwnd, 40 * MSS, 43 * MSS);
	both(f, c, &m, 40, 1.5);
	assert_in_range(c->cwnd, 59 * MSS, 63 * MSS);
}

/* Section 4.7. */
static void fast_convergence(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 200 * MSS, 100);
	struct model m = model_after(200, 0, 140, 0.1);

	lose(f, c);
	both(f, c, &m, 2000, 1);
	m = model_after(m.cwnd, 200, m.cwnd * 0.7, 0.1);
	lose(f, c);
	both(f, c, &m, 3000, 1);
	assert_in_range(cc_state(f, c)->cubic.w_max, (u32)(m.w_max - 2) * MSS,
			(u32)(m.w_max + 2) * MSS);
	assert_true(m.w_max < 170);
}

/* Two losses before the window grows again: both count. */
static void fast_convergence_at_once(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 200 * MSS, 100);

	lose(f, c);
	lose(f, c);
	cc->acked(&f->net, c, MSS, 0, f->now);
	/* 140 is below 200: 140 * 0.85 */
	assert_in_range(cc_state(f, c)->cubic.w_max, 118 * MSS, 120 * MSS);
}

/* Section 4.8: slow start to 70 %, and there begins a convex curve. */
static void after_a_timeout(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 100 * MSS, 100);
	struct model m = model_after(0, 0, 70, 0.1);

	c->snd_max = 100 * MSS;
	cc->timeout(&f->net, c, f->now);
	assert_int_equal(c->cwnd, MSS);
	assert_in_range(c->ssthresh, 70 * MSS, 70 * MSS + 99);
	while (c->cwnd < c->ssthresh)
		cc->acked(&f->net, c, MSS, 0, f->now);
	m.cwnd = m.w_max = m.w_est = c->cwnd / (double)MSS;
	m.k = 0;
	m.prior = 100;
	both(f, c, &m, 5000, 1);
	assert_in_range(c->cwnd, 118 * MSS, 124 * MSS);
	assert_int_equal(cc_state(f, c)->cubic.k, 0);
}

static void undone_before_it_grew(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 200 * MSS, 100);
	struct model m = model_after(200, 0, 140, 0.1);
	u32 was;

	lose(f, c);
	both(f, c, &m, 3000, 1);
	was = c->cwnd;
	lose(f, c);
	assert_true(c->cwnd < was);
	cc->undo(&f->net, c);
	assert_int_equal(c->cwnd, was);
	assert_in_range(c->ssthresh, 140 * MSS, 141 * MSS);
	both(f, c, &m, 6000, 1); /* as if nothing had been */
}

/* Later: back to the window, and on from the plateau. */
static void undone_after_it_grew(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 200 * MSS, 100);

	lose(f, c);
	cc->acked(&f->net, c, MSS, 0, f->now);
	cc->undo(&f->net, c);
	assert_int_equal(c->cwnd, 200 * MSS);
	c->ssthresh = 150 * MSS; /* not in slow start again */
	cc->acked(&f->net, c, MSS, 0, f->now);
	assert_in_range(cc_state(f, c)->cubic.w_max, 200 * MSS, 201 * MSS);
	assert_int_equal(cc_state(f, c)->cubic.k, 0);
}

/* Nothing was heard for ten seconds: t stands still. */
static void idle_time_does_not_count(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 200 * MSS, 100);
	struct model m = model_after(200, 0, 140, 0.1);

	lose(f, c);
	both(f, c, &m, 2000, 1);
	f->now += 10000 * CC_MS;
	both(f, c, &m, 4000, 1);
}

static void without_a_state_newreno(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 10 * MSS, 100);

	for (u32 i = 0; i < CC_STATES; i++) {
		struct tcp_conn *other = cc_conn(f, 1 + i, TCP_CC_CUBIC);

		assert_non_null(tcp_cc_need(&f->net, other, f->now));
		other->snd_max++;
	}
	lose(f, c);
	assert_in_range(c->cwnd, 7 * MSS, 7 * MSS + 9);
	for (u32 i = 0; i < 8; i++)
		cc->acked(&f->net, c, MSS, 0, f->now);
	assert_in_range(c->cwnd, 8 * MSS, 8 * MSS + 9);
	assert_true(f->stat.tcp_cc_short > 0);
}

static void marks_reduce_less_than_halving(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 100 * MSS, 100);

	c->snd_max = 100 * MSS;
	cc->ecn(&f->net, c, MSS, f->now);
	assert_in_range(c->cwnd, 70 * MSS, 70 * MSS + 99);
	cc->ecn(&f->net, c, MSS, f->now);
	for (u32 i = 0; i < 100; i++)
		cc->acked(&f->net, c, MSS, 0, f->now);
	assert_in_range(c->cwnd, 70 * MSS, 70 * MSS + 99);
	cc->loss(&f->net, c, 100 * MSS, f->now);
	assert_in_range(c->ssthresh, 70 * MSS, 70 * MSS + 99);
	cc->undo(&f->net, c);
	assert_in_range(c->cwnd, 70 * MSS, 70 * MSS + 99);
}

/* The largest numbers there are: no overflow, no end of growth. */
static void giants(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = fresh(f, 1u << 30, 60000);

	c->mss_snd = 88;
	lose(f, c);
	cc->acked(&f->net, c, c->cwnd / 8, 0, f->now);
	assert_in_range(cc_state(f, c)->cubic.k, 190000, 210000); /* 209 s */
	f->now += 100 * CC_MS;
	cc->acked(&f->net, c, c->cwnd / 8, 0, f->now);
	assert_in_range(c->cwnd, 1u << 29, 1u << 30);
	c->mss_snd = 8960;
	cc_state(f, c)->cubic.epoch -= 1u << 31;
	cc->acked(&f->net, c, c->cwnd / 8, 0, f->now);
	assert_in_range(c->cwnd, 1u << 29, 1u << 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CC_TEST(cube_roots_are_exact),
		CC_TEST(grows_as_a_cube),
		CC_TEST(not_slower_than_reno),
		CC_TEST(fast_convergence),
		CC_TEST(fast_convergence_at_once),
		CC_TEST(after_a_timeout),
		CC_TEST(undone_before_it_grew),
		CC_TEST(undone_after_it_grew),
		CC_TEST(idle_time_does_not_count),
		CC_TEST(without_a_state_newreno),
		CC_TEST(marks_reduce_less_than_halving),
		CC_TEST(giants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

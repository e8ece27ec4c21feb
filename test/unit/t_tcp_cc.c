/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "net/tcp_int.h"

enum { MSS = 1000 };

static const struct tcp_cc *cc;

static struct tcp_conn fresh(void)
{
	struct tcp_conn c = { .mss_snd = MSS };

	cc = tcp_cc_ops[TCP_CC_NEWRENO];
	cc->init(&c, 10);
	return c;
}

static void initial_window(void **state)
{
	struct tcp_conn c = fresh();

	assert_string_equal(cc->name, "newreno");
	assert_int_equal(c.cwnd, 10 * MSS);
	assert_true(c.ssthresh > 1u << 30);
}

static void slow_start(void **state)
{
	struct tcp_conn c = fresh();

	cc->acked(&c, MSS, 0);
	assert_int_equal(c.cwnd, 11 * MSS);
	cc->acked(&c, 500, 0);
	assert_int_equal(c.cwnd, 11 * MSS + 500);
	cc->acked(&c, 8 * MSS, 0); /* RFC 3465: at most two segments */
	assert_int_equal(c.cwnd, 13 * MSS + 500);
}

static void congestion_avoidance(void **state)
{
	struct tcp_conn c = fresh();

	c.ssthresh = c.cwnd;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(c.cwnd, 10 * MSS);
		cc->acked(&c, MSS, 0);
	}
	assert_int_equal(c.cwnd, 11 * MSS); /* one per window */
	for (int i = 0; i < 11; i++)
		cc->acked(&c, MSS, 0);
	assert_int_equal(c.cwnd, 12 * MSS);
}

static void loss_halves_flight(void **state)
{
	struct tcp_conn c = fresh();

	cc->loss(&c, 8 * MSS, 0);
	assert_int_equal(c.ssthresh, 4 * MSS);
	assert_int_equal(c.cwnd, 7 * MSS); /* and the three that left */
	cc->loss(&c, MSS, 0);
	assert_int_equal(c.ssthresh, 2 * MSS);
}

static void timeout_halves_once(void **state)
{
	struct tcp_conn c = fresh();

	c.snd_max = 8 * MSS;
	cc->timeout(&c, 0);
	assert_int_equal(c.ssthresh, 4 * MSS);
	assert_int_equal(c.cwnd, MSS);
	c.backoff = 1;
	c.snd_max = 2 * MSS;
	cc->timeout(&c, 0);
	assert_int_equal(c.ssthresh, 4 * MSS);
	assert_int_equal(c.cwnd, MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_window),
		cmocka_unit_test(slow_start),
		cmocka_unit_test(congestion_avoidance),
		cmocka_unit_test(loss_halves_flight),
		cmocka_unit_test(timeout_halves_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

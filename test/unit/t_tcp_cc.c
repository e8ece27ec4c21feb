/* SPDX-License-Identifier: MIT */
/* The pool of states of congestion control. */
#include "cc_fixture.h"

static void taken_and_given_back(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = cc_conn(f, 3, TCP_CC_NEWRENO);
	struct tcp_cc_state *s;

	assert_null(cc_state(f, c));
	c->cc_acked = 700;
	s = tcp_cc_need(&f->net, c, f->now);
	assert_ptr_equal(s, cc_state(f, c));
	assert_ptr_equal(s, tcp_cc_need(&f->net, c, f->now));
	assert_int_equal(ref32_index(s->owner), 3);
	assert_int_equal(*tcp_cc_acked(&f->net, c), 700);
	tcp_cc_put(&f->net, c);
	assert_null(cc_state(f, c));
	assert_int_equal(*tcp_cc_acked(&f->net, c), 0);
	tcp_cc_put(&f->net, c);
	assert_int_equal(f->net.tcp.ncc_used, 1);
}

static void fill(struct cc_fix *f)
{
	for (u32 i = 0; i < CC_STATES; i++) {
		struct tcp_conn *c = cc_conn(f, i, TCP_CC_NEWRENO);

		assert_non_null(tcp_cc_need(&f->net, c, f->now));
		c->snd_max = c->snd_una + 1;
	}
}

/* Without one it goes on, and that is counted. */
static void none_left(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = cc_conn(f, CC_STATES, TCP_CC_NEWRENO);

	fill(f);
	assert_null(tcp_cc_need(&f->net, c, f->now));
	assert_int_equal(f->stat.tcp_cc_short, 1);
	newreno_cc.loss(&f->net, c, 10 * MSS, f->now);
	assert_int_equal(f->stat.tcp_cc_short, 2);
	assert_int_equal(c->ssthresh, 5 * MSS);
	newreno_cc.undo(&f->net, c);
	assert_int_equal(c->ssthresh, 5 * MSS);
	tcp_cc_put(&f->net, &f->conns[1]);
	assert_ptr_equal(tcp_cc_need(&f->net, c, f->now), &f->states[1]);
}

/* Who has been silent for an RTO and has nothing in flight gives way. */
static void idle_one_gives_way(void **state)
{
	struct cc_fix *f = *state;
	struct tcp_conn *c = cc_conn(f, CC_STATES, TCP_CC_NEWRENO);
	u64 later = f->now + (1001ull << TICK_SHIFT);

	fill(f);
	f->conns[1].snd_max = f->conns[1].snd_una;
	assert_null(tcp_cc_need(&f->net, c, f->now));
	assert_ptr_equal(tcp_cc_need(&f->net, c, later), &f->states[1]);
	assert_int_equal(ref32_index(f->states[1].owner), CC_STATES);
	assert_null(cc_state(f, &f->conns[1]));
	assert_non_null(cc_state(f, &f->conns[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CC_TEST(taken_and_given_back),
		CC_TEST(none_left),
		CC_TEST(idle_one_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

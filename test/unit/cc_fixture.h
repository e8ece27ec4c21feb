/* SPDX-License-Identifier: MIT */
/*
 * Congestion control without the rest of TCP: connections with a window of ten
 * segments, and the pool of states. Time is now; nothing is in flight but what
 * a test says.
 */
#ifndef TEST_UNIT_CC_FIXTURE_H
#define TEST_UNIT_CC_FIXTURE_H

#include "test.h"

#include "net/tcp_cc.h"

enum { MSS = 1000, CC_CONNS = 12, CC_STATES = CC_CONNS / TCP_CC_SHARE };

struct cc_fix {
	struct net net;
	struct ix_stat stat;
	struct tcp_conn conns[CC_CONNS];
	struct tcp_cc_state states[CC_STATES];
	u64 now;
};

#define CC_MS 1000000ull

int cc_setup(void **state);
int cc_teardown(void **state);
#define CC_TEST(fn) cmocka_unit_test_setup_teardown(fn, cc_setup, cc_teardown)

/* The @i-th, of algorithm @cc, as it is when established. */
struct tcp_conn *cc_conn(struct cc_fix *f, u32 i, u8 cc);

static inline struct tcp_cc_state *cc_state(struct cc_fix *f,
					    struct tcp_conn *c)
{
	return tcp_cc_state(&f->net, c);
}

#endif

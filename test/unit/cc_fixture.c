/* SPDX-License-Identifier: MIT */
#include "cc_fixture.h"

int cc_setup(void **state)
{
	struct cc_fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->net.stat = &f->stat;
	f->net.conf.tcp =
		(struct tcp_conf){ .max_conns = CC_CONNS, .init_cwnd = 10 };
	f->net.tcp.conns = f->conns;
	f->net.tcp.cc_states = f->states;
	f->now = 1000 * CC_MS;
	*state = f;
	return 0;
}

/* All states come back, and each is there once. */
int cc_teardown(void **state)
{
	struct cc_fix *f = *state;
	u32 n = 0;

	for (u32 i = 0; i < CC_CONNS; i++)
		tcp_cc_put(&f->net, &f->conns[i]);
	for (struct ref32 r = f->net.tcp.cc_free; r.raw;
	     r = tcp_cc_at(&f->net, r)->next)
		n++;
	assert_int_equal(n, f->net.tcp.ncc_used);
	free(f);
	return 0;
}

struct tcp_conn *cc_conn(struct cc_fix *f, u32 i, u8 cc)
{
	struct tcp_conn *c = &f->conns[i];

	c->mss_snd = MSS;
	c->cc = cc;
	c->rto = 1000;
	c->last_tx = tick_of(f->now);
	tcp_cc_of(c)->init(c, f->net.conf.tcp.init_cwnd);
	return c;
}

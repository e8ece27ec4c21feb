/* SPDX-License-Identifier: MIT */
/* net/tcp_table.c against a plain array: full, with colliding runs. */
#include "tcp_fixture.h"

enum { CONNS = 16, NOWHERE = UINT16_MAX };

static void find_places(const struct tcp *t, u32 place[CONNS])
{
	for (u32 i = 0; i < CONNS; i++)
		place[i] = NOWHERE;
	for (u32 at = 0; at <= t->table_mask; at++)
		if (t->table[at].conn.raw)
			place[ref32_index(t->table[at].conn)] = at;
}

/* Who sees all from the end on misses none that has not wrapped. */
static void del(struct fixture *f, u32 i)
{
	struct tcp *t = &f->net.tcp;
	u32 before[CONNS], after[CONNS], wraps = t->nwraps;

	find_places(t, before);
	tcp_table_del(&f->net, &t->conns[i]);
	find_places(t, after);
	assert_int_equal(after[i], NOWHERE);
	for (u32 k = 0; k < CONNS; k++)
		wraps += k != i && after[k] > before[k];
	assert_int_equal(t->nwraps, wraps);
}

static void model(void **state)
{
	struct fixture *f = *state;
	struct tcp *t = &f->net.tcp;
	bool in[CONNS] = { false };
	u64 seed = 1;

	assert_true(t->table_mask + 1 >= 24);
	for (u32 i = 0; i < CONNS; i++) {
		t->conns[i].flow =
			flow_make(be32(0x0a000002 + i / 4), FIX_IP,
				  be16((u16)(1000 + i % 4)), be16(80));
	}
	for (int round = 0; round < 20000; round++) {
		u32 i = test_random(&seed) % CONNS;

		/* Other secrets, other collisions. */
		if (round % 500 == 0) {
			for (u32 j = 0; j < CONNS; j++) {
				if (in[j])
					del(f, j);
				in[j] = false;
			}
			t->factor[0] = test_random(&seed) | 1;
			t->factor[1] = test_random(&seed) | 1;
		}
		if (in[i])
			del(f, i);
		else
			tcp_table_add(&f->net, &t->conns[i]);
		in[i] = !in[i];
		for (u32 j = 0; j < CONNS; j++) {
			const struct tcp_conn *c = &t->conns[j];

			assert_ptr_equal(tcp_find(&f->net, c->flow),
					 in[j] ? c : NULL);
		}
	}
	for (u32 j = 0; j < CONNS; j++) {
		if (in[j])
			del(f, j);
	}
	assert_int_not_equal(t->nwraps, 0);
}

static struct tcp_conn *find(const struct net *n, struct be32 raddr,
			     struct be32 laddr, struct be16 rport,
			     struct be16 lport)
{
	return tcp_find(n, flow_make(raddr, laddr, rport, lport));
}

static void every_part_of_the_flow_counts(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = &f->net.tcp.conns[0];
	struct net *n = &f->net;

	c->flow = flow_make(FIX_PEER, FIX_IP, be16(1), be16(2));
	tcp_table_add(n, c);
	assert_non_null(find(n, FIX_PEER, FIX_IP, be16(1), be16(2)));
	assert_null(find(n, FIX_FAR, FIX_IP, be16(1), be16(2)));
	assert_null(find(n, FIX_PEER, FIX_FAR, be16(1), be16(2)));
	assert_null(find(n, FIX_PEER, FIX_IP, be16(2), be16(2)));
	assert_null(find(n, FIX_PEER, FIX_IP, be16(1), be16(1)));
	assert_null(find(n, FIX_PEER, FIX_IP, be16(2), be16(1)));
	tcp_table_del(n, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(model),
		TCP_TEST(every_part_of_the_flow_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

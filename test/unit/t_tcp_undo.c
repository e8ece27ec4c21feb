/* SPDX-License-Identifier: MIT */
/* net/tcp_undo.c: how long and how far reports are believed. What they are for
 * is in test/packet/undo_*.pkt. */
#include "tcp_fixture.h"

#include "net/tcp_cc.h"
#include "net/tcp_loss.h"
#include "net/tcp_move.h"

enum { BEFORE = 20 * PEER_MSS, AFTER = 10 * PEER_MSS };

/* Behind a recovery that has sent @segs segments again, the last of what was in
 * flight then. */
static struct tcp_conn *recovered(struct fixture *f, u32 segs)
{
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	struct tcp_loss l = { .again.top = c->snd_una };

	c->cwnd = BEFORE;
	tcp_cc_of(c)->loss(&f->net, c, BEFORE, f->now);
	tcp_undo_begin(&f->net, c, &l);
	c->flags |= TCP_F_RECOVERY;
	for (u32 i = 0; i < segs; i++)
		tcp_undo_resent(&f->net, c, &l, c->snd_una, PEER_MSS, f->now);
	c->flags &= ~(u32)TCP_F_RECOVERY;
	c->cwnd = c->ssthresh = AFTER;
	c->recover = c->snd_una;
	return c;
}

/* The segment that began @before has come twice. */
static void dup(struct fixture *f, struct tcp_conn *c, u32 before)
{
	struct tcp_block b = { .start = c->snd_una - before,
			       .end = c->snd_una - before + PEER_MSS };

	tcp_undo_dup(&f->net, c, NULL, &b, f->now);
}

static void of_one(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = recovered(f, 1);

	dup(f, c, PEER_MSS);
	assert_int_equal(c->cwnd, BEFORE);
	assert_int_equal(f->stat.tcp_spurious_recoveries, 1);
	c->cwnd = AFTER;
	dup(f, c, PEER_MSS);
	assert_int_equal(c->cwnd, AFTER);
}

/* What is behind the window is of another time. */
static void too_old(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = recovered(f, 1);

	dup(f, c, 2 * c->max_wnd + 1);
	assert_int_equal(c->cwnd, AFTER);
	dup(f, c, 2 * c->max_wnd);
	assert_int_equal(c->cwnd, BEFORE);
}

static void dups(struct fixture *f, struct tcp_conn *c, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		assert_int_equal(c->cwnd, AFTER);
		dup(f, c, PEER_MSS);
	}
}

static void as_many_as_are_counted(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = recovered(f, UINT8_MAX - 1);

	dups(f, c, UINT8_MAX - 1);
	assert_int_equal(c->cwnd, BEFORE);
}

static void too_many(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = recovered(f, UINT8_MAX + 2);

	dups(f, c, UINT8_MAX + 2);
	assert_int_equal(c->cwnd, AFTER);
}

/* What is acknowledged first is not what was sent again last: until all of it
 * is acknowledged, whatever else the board says of it, the next is for good. */
static void next_one(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	struct tcp_loss l = { .again.top = c->snd_una };

	for (u32 i = 0; i < 4; i++) {
		tcp_cc_of(c)->loss(&f->net, c, BEFORE, f->now);
		tcp_undo_begin(&f->net, c, &l);
		assert_int_equal(tcp_cc_state(&f->net, c)->undo, i != 1);
		c->flags |= TCP_F_RECOVERY;
		if (!i) {
			tcp_undo_resent(&f->net, c, &l, c->snd_una + PEER_MSS,
					PEER_MSS, f->now);
			tcp_undo_resent(&f->net, c, &l, c->snd_una, PEER_MSS,
					f->now);
		}
		c->flags &= ~(u32)TCP_F_RECOVERY;
		c->snd_una += PEER_MSS;
	}
	c->snd_una -= 4 * PEER_MSS;
}

/* With no object where it goes to, all that is in flight goes again: what comes
 * twice of that is not what the last recovery has sent again. */
static void moved(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = recovered(f, 1);
	struct tcp_need need = { 0 };
	struct mbuf *spare = NULL;
	struct tcp_room room;

	assert_non_null(tcp_loss_take(&f->net, c, f->now));
	tcp_need_add(&need, c);
	need.losses = 0;
	assert_true(tcp_room_make(&f->net, &need, &room, &spare, f->now));
	tcp_leave(&f->net, c);
	tcp_pack(&f->net, c, &room);
	tcp_join(&f->net, c, f->now);
	tcp_appear(&f->net, c);
	tcp_room_put(&f->net, &room);
	assert_null(tcp_loss_of(&f->net, c));
	dup(f, c, PEER_MSS);
	assert_int_equal(c->cwnd, AFTER);
}

/* Being idle ends it, also where the window is so small that it stays. */
static void idle_in_between(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = recovered(f, 1);

	assert_true(AFTER <= f->net.conf.tcp.init_cwnd * c->mss_snd);
	tcp_restart_idle(&f->net, c, f->now + 1000000000);
	assert_int_equal(c->cwnd, AFTER);
	dup(f, c, PEER_MSS);
	assert_int_equal(c->cwnd, AFTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(of_one),
		TCP_TEST(too_old),
		TCP_TEST(as_many_as_are_counted),
		TCP_TEST(too_many),
		TCP_TEST(next_one),
		TCP_TEST(moved),
		TCP_TEST(idle_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

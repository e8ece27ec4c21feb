/* SPDX-License-Identifier: MIT */
/* ixev: transmit memory when peers take nothing. */
#include "ixev_fixture.h"

enum {
	HOARDERS = NCONN - 2,
	KEPT = FAKE_ARENA / 8,
	OWN = 16384,
	LIMIT = 256 * 1024,
};

static const uint64_t patience = 5000000000;

static char buf[2 * LIMIT];

/* All that is taken of one that never acknowledges. */
static size_t fill(struct conn *c)
{
	size_t sum = 0;
	ssize_t n;

	while ((n = ixev_send(&c->ctx, buf, sizeof(buf))) > 0)
		sum += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(ixev_send_room(&c->ctx), 0);
	return sum;
}

static void hoard(void)
{
	for (int i = 0; i < HOARDERS; i++)
		assert_true(fill(open_conn()) > 0);
	f->room = 1 << 30;
	ixev_wait();
}

/* Many, one after the other, each as much as it gets: still there is some left
 * for who comes late, and goes on. */
static void late_comer(void **state)
{
	struct conn *c;
	int i;

	ixev_set_send_limit(LIMIT);
	hoard();
	c = open_conn();
	for (i = 0; i < 1000; i++) {
		f->taken[HOARDERS + 1] = 0;
		assert_int_equal(ixev_send(&c->ctx, buf, 256), 256);
		ixev_wait();
		assert_int_equal(f->taken[HOARDERS + 1], 256);
		fake_sent(f, HOARDERS + 1, c, 256, 99999);
		ixev_wait();
	}
}

/* Those that want much at the same time hold the same. */
static void equals(void **state)
{
	enum { N = 64, PIECE = 1000 };
	struct conn *c[N];
	uint32_t most = 0, least = UINT32_MAX;
	bool more = true;

	for (int i = 0; i < N; i++)
		c[i] = open_conn();
	while (more) {
		more = false;
		for (int i = 0; i < N; i++)
			more |= ixev_send(&c[i]->ctx, buf, PIECE) > 0;
	}
	for (int i = 0; i < N; i++) {
		uint32_t n = c[i]->ctx.unacked;

		most = n > most ? n : most;
		least = n < least ? n : least;
	}
	assert_true(most - least <= 2 * PIECE);
	assert_true(least > OWN);
	assert_true(ix_free_bytes() >= KEPT);
}

static void end(struct conn *c, unsigned int reason)
{
	if (reason & IXEVHUP)
		ixev_close(&c->ctx);
}

/* Time goes on; the watch looks as often as it is due. */
static void wait_for(uint64_t ns)
{
	const struct ix_call *c;

	for (int i = 0; i < 600; i++) {
		f->up[0].now += ns / 600;
		c = fake_last(f, IX_TIMER_SET, 0);
		if (c)
			fake_event(f, IX_EV_TIMER, 0, c->cookie);
		ixev_wait();
	}
}

static int cut_of(const struct conn *from, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += fake_count(f, IX_ABORT, handle_of(&from[i]));
	return sum;
}

/* A segment of each but one. */
static void go_on(const struct conn *but)
{
	for (int i = 0; i < HOARDERS; i++) {
		uint32_t n = conns[i].ctx.unacked;

		if (&conns[i] != but)
			fake_sent(f, handle_of(&conns[i]), &conns[i],
				  n < 1448 ? n : 1448, 99999);
	}
	ixev_wait();
}

/* While somebody does not get his own, who takes nothing is reset: not before
 * his time, nor who goes on, and no more of them than it takes. */
static void cuts(void **state)
{
	struct conn *c;

	on_event = end;
	hoard();
	c = open_conn();
	assert_true(fill(c) < OWN);
	ixev_wait();
	wait_for(patience / 2);
	go_on(&conns[1]);
	assert_int_equal(cut_of(conns, HOARDERS), 0);
	wait_for(patience * 3 / 4);
	assert_int_equal(cut_of(conns, HOARDERS), 1);
	assert_int_equal(conns[1].released, 1);
	wait_for(patience);
	assert_true(cut_of(conns, HOARDERS) > 1);
	assert_true(cut_of(conns, HOARDERS) <= FAKE_ARENA / 2 / LIMIT + 1);
	assert_int_equal(cut_of(c, 1), 0);
	assert_int_equal(ixev_send_room(&c->ctx), LIMIT - c->ctx.unacked);
}

/* A thread that has enough looks at nobody. */
static void enough(void **state)
{
	struct conn *c = open_conn();

	assert_int_equal(fill(c), LIMIT);
	f->room = 1 << 30;
	ixev_wait();
	assert_int_equal(fake_count(f, IX_TIMER_SET, 0), 0);
	wait_for(3 * patience);
	assert_int_equal(fake_count(f, IX_ABORT, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(late_comer),
		T(equals),
		T(cuts),
		T(enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

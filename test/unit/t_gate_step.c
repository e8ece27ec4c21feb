/* SPDX-License-Identifier: MIT */
/*
 * The application changes a descriptor between any two instructions of the
 * gate: dp_dispatch() runs in single steps, and after the kth a good call
 * becomes a bad one, for every k. Whatever is read twice, once to check it and
 * once to use it, has such a k. What is done must be what the good call says,
 * or nothing: a range behind the arena that is used anyway ends in a fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "net/tcp_answer.h"
#include "rig.h"

enum { TRAP_FLAG = 0x100, BYTES = 8, RANGES = 3, MOST_STEPS = 20000 };

/* ---- single steps; signal handlers take no argument */

static struct step {
	u32 left; /* steps until flip() */
	void (*flip)(struct rig *r);
	struct rig *r;
} step;

static void on_step(int sig, siginfo_t *si, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	(void)si;
	if (sig == SIGUSR1) { /* begin, or end */
		*flags = step.left ? *flags | TRAP_FLAG : *flags & ~TRAP_FLAG;
	} else if (step.left && !--step.left) {
		step.flip(step.r);
		*flags &= ~TRAP_FLAG;
	}
}

/* Was there a @k'th instruction? */
static bool dispatch_stepped(struct rig *r, void (*flip)(struct rig *r), u32 k)
{
	struct sigaction a = { .sa_sigaction = on_step,
			       .sa_flags = SA_SIGINFO };
	bool reached;

	sigaction(SIGTRAP, &a, NULL);
	sigaction(SIGUSR1, &a, NULL);
	step = (struct step){ .left = k, .flip = flip, .r = r };
	raise(SIGUSR1);
	dp_dispatch(&r->dp, r->now);
	reached = !step.left;
	step.left = 0;
	raise(SIGUSR1);
	return reached;
}

/* ---- calls, good and bad */

static u64 conn, udp;

static void one_range(struct rig *r)
{
	rig_send(r, conn, RIG_ARENA - BYTES, BYTES);
}

static void ranges(struct rig *r)
{
	struct ix_call *c = rig_send(r, conn, RIG_ARENA - BYTES, BYTES);

	for (u32 i = 1; i < RANGES; i++)
		r->down.sgs[c->sg + i] = r->down.sgs[c->sg];
	c->nsgs = RANGES;
}

static void datagram(struct rig *r)
{
	struct ix_call *c;

	ranges(r);
	c = &r->down.calls[r->down.ncalls - 1];
	c->op = IX_UDP_SENDV;
	c->handle = udp;
	c->ip = addr_of_ipv4(rig_peer_ip);
	c->port = 53;
}

static void given_back(struct rig *r)
{
	struct ix_call *c = rig_call(r, IX_RECV_DONE);

	c->handle = conn;
	c->bytes = 0;
}

static void far_address(struct rig *r)
{
	for (u32 i = 0; i < RANGES; i++)
		r->down.sgs[i].addr += 1ull << 40;
}

static void long_range(struct rig *r)
{
	for (u32 i = 0; i < RANGES; i++)
		r->down.sgs[i].len = UINT32_MAX;
}

static void bad_list(struct rig *r)
{
	r->down.calls[0].sg = UINT32_MAX;
	r->down.calls[0].nsgs = UINT32_MAX;
}

static void bad_handle(struct rig *r)
{
	r->down.calls[0].handle ^= 0xffffffff;
}

static void bad_op(struct rig *r)
{
	r->down.calls[0].op = 40000;
}

static void bad_count(struct rig *r)
{
	r->down.ncalls = UINT32_MAX;
}

/* ---- every step */

/* Timestamps, and all sent is acknowledged: one range goes the short way. */
static struct rig *with_connection(void)
{
	static struct rig_peer peer;
	struct rig *r = rig_new();

	r->conf.net.tcp.timestamps = true;
	rig_start(r);
	rig_listen(r, 4);
	conn = rig_accept_ts(r, &peer, 42);
	rig_send(r, conn, 0, 1);
	rig_run(r);
	peer.ack++;
	rig_inject_tcp(r, &peer, TCP_ACK, NULL, 0);
	rig_poll(r);
	assert_true(tcp_may_answer(&r->dp.net.tcp.conns[handle_index(conn)]));
	rig_call(r, IX_UDP_BIND)->port = 54;
	udp = (u64)rig_one(r);
	rig_drain(r);
	return r;
}

/* One dispatch; false when it has fewer than @k instructions. */
static bool dispatch_at(void (*good)(struct rig *r), void (*bad)(struct rig *r),
			s64 most, u32 k)
{
	struct rig *r = with_connection();
	bool reached;

	good(r);
	reached = dispatch_stepped(r, bad, k);
	assert_true(r->up.nresults <= 1);
	if (r->up.nresults)
		assert_true(r->up.results[0] <= most);
	r->down.ncalls = 0;
	rig_run(r); /* what was taken is sent: read */
	rig_end(r);
	return reached;
}

static void every_step(void (*good)(struct rig *r), void (*bad)(struct rig *r),
		       s64 most)
{
	u32 k = 1;

	while (dispatch_at(good, bad, most, k))
		k++;
	print_message("%u instructions\n", k - 1);
	assert_in_range(k, 50, MOST_STEPS);
}

static void one_range_moves(void **state)
{
	(void)state;
	every_step(one_range, far_address, BYTES);
}

static void one_range_grows(void **state)
{
	(void)state;
	every_step(one_range, long_range, BYTES);
}

static void ranges_move(void **state)
{
	(void)state;
	every_step(ranges, far_address, RANGES * BYTES);
}

static void ranges_grow(void **state)
{
	(void)state;
	every_step(ranges, long_range, RANGES * BYTES);
}

static void list_changes(void **state)
{
	(void)state;
	every_step(ranges, bad_list, RANGES * BYTES);
}

static void datagram_moves(void **state)
{
	(void)state;
	every_step(datagram, far_address, RANGES * BYTES);
}

static void handle_changes(void **state)
{
	(void)state;
	every_step(one_range, bad_handle, BYTES);
	every_step(given_back, bad_handle, 0);
}

static void call_changes(void **state)
{
	(void)state;
	every_step(given_back, bad_op, 0);
	every_step(given_back, bad_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_range_moves),
		cmocka_unit_test(one_range_grows),
		cmocka_unit_test(ranges_move),
		cmocka_unit_test(ranges_grow),
		cmocka_unit_test(list_changes),
		cmocka_unit_test(datagram_moves),
		cmocka_unit_test(handle_changes),
		cmocka_unit_test(call_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

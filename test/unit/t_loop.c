/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rig.h"

/* It serves one peer. */
static struct rig *serving(struct rig_peer *p, u64 *h)
{
	struct rig *r = rig_new();

	rig_start(r);
	assert_int_equal(rig_listen(r, 4), 0);
	*h = rig_accept(r, p, 7);
	return r;
}

static void idle(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	assert_int_equal(rig_run(r), -EAGAIN);
	assert_int_equal(r->stat.polls_empty, 1);
	assert_int_equal(r->stat.iterations, 0);
	assert_true(dp_next_deadline(&r->dp, r->now) > 1000);
	rig_end(r);
}

static void bad_settings(void **state)
{
	struct rig *r = rig_new();
	struct dp_setup s = {
		.conf = &r->conf,
		.nic = &r->nic.q,
		.stat = &r->stat,
		.nthreads = 1,
	};

	rig_start(r);
	assert_int_equal(dp_init(&r->dp, &s, 0), -EINVAL);
	s.mem = r->mem;
	s.frames = r->frames;
	s.rss_key = rss_symmetric_key;
	s.group_owner = r->group_owner;
	assert_int_equal(dp_init(&r->dp, &s, 0), 0);
	r->conf.batch = DP_MAX_BATCH + 1;
	assert_int_equal(dp_init(&r->dp, &s, 0), -EINVAL);
	r->conf.batch = 0;
	assert_int_equal(dp_init(&r->dp, &s, 0), -EINVAL);
	r->conf.batch = 1;
	s.thread = 1;
	assert_int_equal(dp_init(&r->dp, &s, 0), -EINVAL);
	rig_end(r);
}

/* The acknowledgement of a request rides on the answer. */
static void piggyback(void **state)
{
	struct rig_peer p;
	struct rig_seg seg;
	u64 h;
	struct rig *r = serving(&p, &h);

	rig_drain(r);
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "ping", 4);
	assert_int_equal(rig_poll(r), 1);
	assert_int_equal(r->nic.q.nr_conns, 1);
	assert_false(rig_segment(r, &seg));
	memcpy(r->arena, "pong", 4);
	rig_send(r, h, 0, 4);
	rig_run(r);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.ack, p.seq);
	assert_int_equal(seg.len, 4);
	assert_memory_equal(seg.payload, "pong", 4);
	assert_false(rig_segment(r, &seg));
	rig_end(r);
}

/* Protocol work that concerns nobody above is finished by the next iteration,
 * without a crossing. */
static void no_event_no_wait(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p = { .sport = 1, .dport = 80, .seq = 100 };
	struct rig_seg seg;

	rig_start(r);
	assert_int_equal(rig_listen(r, 4), 0);
	rig_inject_tcp(r, &p, TCP_SYN, NULL, 0);
	assert_int_equal(rig_poll(r), 0);
	assert_int_equal(dp_next_deadline(&r->dp, r->now), 0);
	rig_poll(r);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.flags, TCP_SYN | TCP_ACK);
	rig_end(r);
}

static void flush_keeps_events(void **state)
{
	struct rig_peer p;
	struct rig_seg seg;
	u64 h;
	struct rig *r = serving(&p, &h);

	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "ping", 4);
	assert_int_equal(rig_poll(r), 1);
	rig_drain(r);
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "more", 4);
	rig_send(r, h, 0, 4);
	dp_flush(&r->dp, r->now);
	r->down.ncalls = 0;
	assert_int_equal(r->up.nresults, 1);
	assert_int_equal(r->up.results[0], 4);
	assert_int_equal(r->up.nevents, 1);
	assert_int_equal(r->up.events[0].type, IX_EV_RECV);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.len, 4);
	assert_int_equal(rig_poll(r), 1);
	rig_end(r);
}

/* The application is stuck; its peers are served all the same. */
static void overrun(void **state)
{
	struct rig_peer p;
	struct rig_seg seg;
	u64 h;
	struct rig *r = serving(&p, &h);

	rig_drain(r);
	r->up.nevents = 77;
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "ping", 4);
	dp_overrun(&r->dp, r->now);
	rig_sleep(r, 50 * RIG_MS);
	dp_overrun(&r->dp, r->now);
	assert_int_equal(r->dp.net.tcp.app_away, tick_of(r->now));
	assert_int_equal(r->up.nevents, 77);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.flags, TCP_ACK);
	assert_int_equal(seg.ack, p.seq);
	assert_int_equal(rig_poll(r), 1);
	assert_non_null(rig_event(r, IX_EV_RECV, 0));
	rig_end(r);
}

/* A thread that has not run for a while finds timeouts due, and the ACKs in the
 * NIC: it looks there first, and where there is none, sends again at once. */
static void away(void **state)
{
	struct rig_peer p;
	struct rig_seg seg;
	u64 h;
	struct rig *r = serving(&p, &h);

	rig_drain(r);
	for (u32 i = 0; i < 2; i++) {
		rig_send(r, h, 0, 4);
		rig_run(r);
		assert_true(rig_segment(r, &seg));
		rig_sleep(r, 1000 * RIG_MS);
		p.ack = seg.seq + seg.len;
		if (!i)
			rig_inject_tcp(r, &p, TCP_ACK, NULL, 0);
		rig_poll(r);
		assert_int_equal(r->stat.tcp_timeouts, 0);
		rig_sleep(r, dp_next_deadline(&r->dp, r->now) % RIG_MS);
		rig_poll(r);
		assert_int_equal(r->stat.tcp_timeouts, i);
	}
	rig_end(r);
}

/* What the application read of a dead connection stays until it crosses. */
static void reaped_after_crossing(void **state)
{
	struct rig_peer p;
	u32 free_before;
	u64 h;
	struct rig *r = serving(&p, &h);

	free_before = r->dp.pool.nfree;
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "ping", 4);
	assert_int_equal(rig_poll(r), 1);
	rig_inject_tcp(r, &p, TCP_RST | TCP_ACK, NULL, 0);
	assert_int_equal(rig_poll(r), 1);
	assert_int_equal(r->up.events[0].type, IX_EV_DEAD);
	assert_int_equal(r->up.events[0].error, ECONNRESET);
	assert_true(r->dp.pool.nfree < free_before);
	rig_run(r);
	assert_int_equal(r->dp.pool.nfree, free_before);
	rig_end(r);
}

static void shutdown_with_all(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p[3];
	struct rig_seg seg;
	struct ix_call *c;
	u64 h;
	int rsts = 0;

	rig_start(r);
	rig_listen(r, 4);
	for (int i = 0; i < 3; i++) {
		h = rig_accept(r, &p[i], 7);
		rig_inject_tcp(r, &p[i], TCP_ACK, "data", 4);
		rig_send(r, h, 0, 4000);
		assert_int_equal(rig_one(r), 4000);
	}
	c = rig_call(r, IX_UDP_BIND);
	c->port = 53;
	rig_call(r, IX_TIMER_SET)->delay = RIG_MS;
	rig_call(r, IX_TIMER_SET)->delay = 0;
	rig_run(r);
	rig_sleep(r, 100000);
	rig_inject_udp(r, 1000, 53, "x", 1);
	r->nic.hold = true;
	rig_poll(r);
	rig_drain(r);
	dp_shutdown(&r->dp, r->now);
	while (rig_segment(r, &seg))
		rsts += !!(seg.flags & TCP_RST);
	assert_int_equal(rsts, 3);
	rig_end(r);
}

/* Every peer hears of it, though they are more than the queue holds. */
static void shutdown_of_many(void **state)
{
	enum { MANY = NET_TXQ + 100 };
	struct rig *r = rig_new();
	struct rig_peer p;
	struct rig_seg seg;
	int rsts = 0;

	r->conf.net.tcp.max_conns = r->conf.net.tcp.per_source = MANY;
	r->conf.mbufs = 2 * NET_TXQ;
	rig_start(r);
	rig_listen(r, 4);
	for (int i = 0; i < MANY; i++)
		rig_accept(r, &p, 7);
	rig_drain(r);
	dp_shutdown(&r->dp, r->now);
	while (rig_segment(r, &seg))
		rsts += !!(seg.flags & TCP_RST);
	assert_int_equal(rsts, MANY);
	rig_end(r);
}

/* The next application finds nothing of the last one's. */
static void renewed(void **state)
{
	struct rig_peer p;
	u64 old, timer;
	struct rig *r = serving(&p, &old);

	rig_call(r, IX_TIMER_SET)->delay = RIG_MS;
	timer = (u64)rig_one(r);
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "data", 4);
	assert_int_equal(rig_poll(r), 1);
	dp_shutdown(&r->dp, r->now);
	dp_renew(&r->dp);
	r->dp.down = &r->down;
	r->dp.up = &r->up;
	rig_sleep(r, 10 * RIG_MS);
	rig_poll(r);
	assert_int_equal(r->up.nevents, 0);
	assert_int_equal(rig_listen(r, 4), 0);
	assert_int_not_equal(rig_accept(r, &p, 8), old);
	rig_call(r, IX_ABORT)->handle = old;
	assert_int_equal(rig_one(r), -EBADF);
	rig_call(r, IX_TIMER_CANCEL)->handle = timer;
	assert_int_equal(rig_one(r), -EBADF);
	rig_end(r);
}

/* A ping by 10.0.0.@from, which has to be asked for first. */
static void ping_of_stranger(struct rig *r, u8 from)
{
	u8 f[42] = {
		[6] = 2,     [11] = from, [12] = 8,	       /* Ethernet */
		[14] = 0x45, [17] = 28,	  [22] = 64, [23] = 1, /* IP: ICMP */
		[26] = 10,   [29] = from, [30] = 10, [33] = 1, [34] = 8,
	};

	memcpy(f, r->nic.q.mac, 6);
	rig_fix(f, sizeof(f));
	assert_true(fake_nic_inject(&r->nic, f, sizeof(f)));
}

/* Without an application the network is served: what then waits for somebody's
 * address, or for the NIC, must not be in buffers that begin anew. */
static void renewed_after_strangers(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	dp_shutdown(&r->dp, r->now);
	dp_renew(&r->dp);
	r->nic.hold = true;
	for (u8 i = 10; i < 20; i++)
		ping_of_stranger(r, i);
	dp_overrun(&r->dp, r->now);
	assert_int_not_equal(r->dp.net.neighbours.npending, 0);
	r->nic.hold = false;
	fake_nic_release(&r->nic);
	dp_renew(&r->dp);
	fake_nic_release(&r->nic);
	assert_int_equal(r->dp.net.neighbours.npending, 0);
	assert_int_equal(r->dp.pool.nfree, r->dp.pool.total);
	rig_end(r);
}

/* Data behind holes has filled the pool: what fills the holes gets in. */
static void pool_full_of_holes(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p[4];
	u8 data[100] = { 0 };
	u32 got = 0;

	r->conf.net.tcp.timestamps = true;
	rig_start(r);
	rig_listen(r, 8);
	for (u32 i = 0; i < 4; i++)
		rig_accept_ts(r, &p[i], i + 1);
	for (u32 i = 0; i < 4; i++) {
		u32 hole = p[i].seq;

		p[i].seq += 100;
		for (u32 k = 0; k < 140; k++) {
			rig_inject_tcp(r, &p[i], TCP_ACK, data, 100);
			rig_poll(r);
			rig_drain(r);
		}
		p[i].seq = hole;
	}
	for (u32 i = 0; i < 4; i++) {
		rig_inject_tcp(r, &p[i], TCP_ACK, data, 100);
		rig_poll(r);
		got += rig_event(r, IX_EV_RECV, 0) != NULL;
		rig_drain(r);
	}
	assert_int_equal(got, 4);
	rig_end(r);
}

/* Half of the buffers wait for reception: of the others, too, data that is not
 * read may have a half. */
static void half_waits(void **state)
{
	struct rig *r = rig_new();
	struct mbuf_pool *pool = &r->dp.pool;
	struct rig_peer p;
	u8 data[100] = { 0 };

	r->conf.net.tcp.timestamps = true;
	rig_start(r);
	rig_listen(r, 1);
	rig_accept_ts(r, &p, 1);
	r->nic.q.nr_posted = pool->total / 2;
	rig_inject_tcp(r, &p, TCP_ACK, data, 100);
	rig_poll(r);
	pool->nfree -= pool->total / 2;
	assert_true(mbuf_plenty(pool, pool->total / 8));
	assert_false(mbuf_plenty(pool, pool->total / 4));
	pool->nfree += pool->total / 2;
	rig_drain(r);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle),
		cmocka_unit_test(pool_full_of_holes),
		cmocka_unit_test(half_waits),
		cmocka_unit_test(bad_settings),
		cmocka_unit_test(piggyback),
		cmocka_unit_test(no_event_no_wait),
		cmocka_unit_test(flush_keeps_events),
		cmocka_unit_test(overrun),
		cmocka_unit_test(away),
		cmocka_unit_test(reaped_after_crossing),
		cmocka_unit_test(shutdown_with_all),
		cmocka_unit_test(shutdown_of_many),
		cmocka_unit_test(renewed),
		cmocka_unit_test(renewed_after_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

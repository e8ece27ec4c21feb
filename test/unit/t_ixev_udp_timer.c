/* SPDX-License-Identifier: MIT */
/* ixev's datagrams and timers on a fake domain. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_domain.h"
#include "ix/ixev.h"

static struct fake *f;
static struct ixev_conn_ops ops;

static int setup(void **state)
{
	f = fake_open(1);
	assert_int_equal(ixev_init(&ops), 0);
	assert_int_equal(ixev_init_thread(), 0);
	return 0;
}

static int teardown(void **state)
{
	ixev_exit_thread();
	assert_int_equal(fake_close(f), 0);
	return 0;
}

/* ---- datagrams */

static int ndatagrams;

static void echo_datagram(struct ixev_udp *u, void *data, size_t len,
			  const struct ix_addr *ip, uint16_t port)
{
	ndatagrams++;
	assert_int_equal(ix_addr_to_v4(ip), 0x0a000002);
	assert_int_equal(ixev_udp_send(u, ip, port, data, len), len);
	ixev_udp_recv_done(u, data);
}

static void datagram(struct ixev_udp *u, const char *s)
{
	struct ix_event *ev =
		fake_event(f, IX_EV_UDP_RECV, u->handle, (uintptr_t)u);

	ev->addr = (uintptr_t)s;
	ev->len = (uint32_t)strlen(s);
	ev->ip = ix_addr_v4(0x0a000002);
	ev->port = 5353;
}

static char *kept;

static void keep_datagram(struct ixev_udp *u, void *data, size_t len,
			  const struct ix_addr *ip, uint16_t port)
{
	ndatagrams++;
	assert_int_equal(len, 9);
	assert_memory_equal(data, "onetwo???", 9);
	kept = data;
}

/* The handler gets one range, and the dataplane its buffers at once. */
static void udp_parts(void **state)
{
	struct ixev_udp u;
	char last[] = "???";

	assert_int_equal(ixev_udp_bind(&u, NULL, 53, keep_datagram), 0);
	ndatagrams = 0;
	for (uint32_t n = 1; n <= 3; n++) {
		datagram(&u, "one");
		datagram(&u, "two");
		f->events[f->nevents - 2].type = IX_EV_UDP_PART;
		f->events[f->nevents - 1].type = IX_EV_UDP_PART;
		datagram(&u, last);
		ixev_wait();
		ixev_wait();
		assert_int_equal(ndatagrams, n);
		assert_int_equal(fake_count(f, IX_UDP_RECV_DONE, u.handle), n);
		assert_int_equal(fake_last(f, IX_UDP_RECV_DONE, u.handle)->addr,
				 (uintptr_t)last);
		if (n == 1)
			ixev_udp_recv_done(&u, kept);
	}
	ixev_udp_recv_done(&u, kept);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_UDP_RECV_DONE, u.handle), 3);
	ixev_udp_unbind(&u); /* one is still out: freed with the thread */
}

static void udp(void **state)
{
	static char big[20000];
	struct ix_addr ip = ix_addr_v4(1);
	struct ixev_udp u;
	const struct ix_call *c;

	assert_int_equal(ixev_udp_bind(&u, NULL, 53, echo_datagram), 0);
	assert_int_equal(fake_last(f, IX_UDP_BIND, 0)->cookie, (uintptr_t)&u);
	ndatagrams = 0;
	datagram(&u, "one");
	datagram(&u, "two");
	ixev_wait();
	ixev_wait();
	assert_int_equal(ndatagrams, 2);
	c = fake_last(f, IX_UDP_SENDV, u.handle);
	assert_int_equal(c->port, 5353);
	assert_int_equal(fake_count(f, IX_UDP_RECV_DONE, u.handle), 2);
	assert_int_equal(ixev_udp_send(&u, &ip, 1, big, sizeof(big)),
			 -EMSGSIZE);
	ixev_udp_unbind(&u);
	datagram(&u, "late");
	ixev_wait();
	assert_int_equal(ndatagrams, 2);
	assert_int_equal(fake_count(f, IX_UDP_UNBIND, u.handle), 1);
	f->answer[IX_UDP_BIND] = -EADDRINUSE;
	assert_int_equal(ixev_udp_bind(&u, NULL, 53, echo_datagram),
			 -EADDRINUSE);
}

/* Buffers come back by udp_sent, or at once when the call failed. */
static void udp_buffers(void **state)
{
	static char data[1400];
	struct ix_addr ip = ix_addr_v4(1);
	struct ixev_udp u;
	uint32_t seen = 0;
	int i;

	assert_int_equal(ixev_udp_bind(&u, NULL, 0, echo_datagram), 0);
	for (i = 0; i < 30000; i++) {
		assert_int_equal(ixev_udp_send(&u, &ip, 9, data, 1400), 1400);
		f->answer[IX_UDP_SENDV] = i % 2 ? -ENOBUFS : 0;
		if (i % 3)
			continue;
		ixev_wait();
		for (; seen < f->nlog; seen++) {
			if (f->log[seen].op == IX_UDP_SENDV &&
			    f->results[seen] >= 0)
				fake_event(f, IX_EV_UDP_SENT, u.handle,
					   f->log[seen].cookie);
		}
		if (f->nlog > FAKE_LOG / 2)
			f->nlog = seen = 0;
		ixev_wait();
	}
	assert_true(FAKE_ARENA - ix_free_bytes() <= 1024 * 1024);
}

/* ---- timers */

struct alarm {
	struct ixev_timer timer;
	int rings;
};

static void ring(void *arg)
{
	((struct alarm *)arg)->rings++;
}

static void ring_again(void *arg)
{
	struct alarm *a = arg;

	if (++a->rings < 3)
		ixev_timer_add_ns(&a->timer, 10);
}

static uint64_t last_set(void)
{
	return fake_last(f, IX_TIMER_SET, 0)->cookie;
}

static void timer(void **state)
{
	struct timeval tv = { .tv_sec = 1, .tv_usec = 500 };
	struct alarm a = { .rings = 0 };

	assert_true(ixev_timer_init(&a.timer, ring, &a));
	assert_int_equal(ixev_timer_add(&a.timer, tv), 0);
	ixev_wait();
	assert_int_equal(fake_last(f, IX_TIMER_SET, 0)->delay, 1000500000);
	fake_event(f, IX_EV_TIMER, 0, last_set());
	ixev_wait();
	assert_int_equal(a.rings, 1);
	fake_event(f, IX_EV_TIMER, 0, last_set()); /* stale */
	ixev_wait();
	assert_int_equal(a.rings, 1);
	ixev_timer_cancel(&a.timer);
}

static void timer_rings_again(void **state)
{
	struct alarm a = { .rings = 0 };
	int i;

	ixev_timer_init(&a.timer, ring_again, &a);
	ixev_timer_add_ns(&a.timer, 10);
	for (i = 0; i < 3; i++) {
		ixev_wait();
		fake_event(f, IX_EV_TIMER, 0, last_set());
		ixev_wait();
	}
	ixev_wait();
	assert_int_equal(a.rings, 3);
	assert_int_equal(fake_count(f, IX_TIMER_SET, 0), 3);
}

/* Set, cancelled and set within one crossing: one call. */
static void timer_coalesces(void **state)
{
	struct alarm a = { .rings = 0 };
	uint64_t old;

	ixev_timer_init(&a.timer, ring, &a);
	ixev_timer_add_ns(&a.timer, 1);
	ixev_timer_cancel(&a.timer);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_TIMER_SET, 0), 0);
	ixev_timer_add_ns(&a.timer, 1);
	ixev_timer_add_ns(&a.timer, 2);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_TIMER_SET, 0), 1);
	assert_int_equal(fake_last(f, IX_TIMER_SET, 0)->delay, 2);
	old = last_set();
	ixev_timer_add_ns(&a.timer, 3);	    /* runs already: moved */
	fake_event(f, IX_EV_TIMER, 0, old); /* which crosses with its expiry */
	ixev_wait();
	assert_int_equal(fake_count(f, IX_TIMER_CANCEL, 0), 1);
	assert_int_equal(a.rings, 0);
	fake_event(f, IX_EV_TIMER, 0, last_set());
	ixev_wait();
	assert_int_equal(a.rings, 1);
}

/* Cancelled by a handler while its expiry is in the same array. */
static struct alarm *victim;

static void cancel_victim(void *arg)
{
	((struct alarm *)arg)->rings++;
	ixev_timer_cancel(&victim->timer);
}

static void timer_cancelled_in_array(void **state)
{
	struct alarm a = { .rings = 0 }, b = { .rings = 0 };
	uint64_t first;

	victim = &b;
	ixev_timer_init(&a.timer, cancel_victim, &a);
	ixev_timer_init(&b.timer, ring, &b);
	ixev_timer_add_ns(&a.timer, 1);
	ixev_wait();
	first = last_set();
	ixev_timer_add_ns(&b.timer, 1);
	ixev_wait();
	fake_event(f, IX_EV_TIMER, 0, first);
	fake_event(f, IX_EV_TIMER, 0, last_set());
	ixev_wait();
	ixev_wait();
	assert_int_equal(a.rings, 1);
	assert_int_equal(b.rings, 0);
}

/* The dataplane has no timer free: set when it has. */
static void timer_fails(void **state)
{
	struct alarm a = { .rings = 0 };

	ixev_timer_init(&a.timer, ring, &a);
	f->answer[IX_TIMER_SET] = -ENOBUFS;
	ixev_timer_add_ns(&a.timer, 77);
	ixev_wait();
	ixev_wait();
	f->answer[IX_TIMER_SET] = 0;
	ixev_wait();
	assert_int_equal(fake_count(f, IX_TIMER_SET, 0), 3);
	assert_int_equal(fake_last(f, IX_TIMER_SET, 0)->delay, 77);
	fake_event(f, IX_EV_TIMER, 0, last_set());
	ixev_wait();
	assert_int_equal(a.rings, 1);
}

/* Beyond the dataplane's reach: in steps. */
static void timer_long(void **state)
{
	struct timeval tv = { .tv_sec = 20 * 3600 };
	struct alarm a = { .rings = 0 };
	int i;

	ixev_timer_init(&a.timer, ring, &a);
	ixev_timer_add(&a.timer, tv);
	for (i = 0; i < 3; i++) {
		assert_int_equal(a.rings, 0);
		ixev_wait();
		fake_event(f, IX_EV_TIMER, 0, last_set());
		ixev_wait();
	}
	assert_int_equal(a.rings, 1);
	assert_int_equal(fake_last(f, IX_TIMER_SET, 0)->delay,
			 4ull * 3600 * 1000000000);
}

static void many_timers(void **state)
{
	static struct alarm a[3000];
	uint32_t n, i;

	for (i = 0; i < 3000; i++) {
		ixev_timer_init(&a[i].timer, ring, &a[i]);
		ixev_timer_add_ns(&a[i].timer, i);
	}
	ixev_wait();
	assert_int_equal(fake_count(f, IX_TIMER_SET, 0), 3000);
	n = f->nlog;
	for (i = 0; i < n; i++) {
		if (f->log[i].op == IX_TIMER_SET)
			fake_event(f, IX_EV_TIMER, 0, f->log[i].cookie);
		if (f->nevents == IX_MAX_EVENTS)
			ixev_wait();
	}
	ixev_wait();
	for (i = 0; i < 3000; i++)
		assert_int_equal(a[i].rings, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(udp),
		T(udp_parts),
		T(udp_buffers),
		T(timer),
		T(timer_rings_again),
		T(timer_coalesces),
		T(timer_cancelled_in_array),
		T(timer_fails),
		T(timer_long),
		T(many_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

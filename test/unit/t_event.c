/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rig.h"

static const u8 *readable(const struct rig *r, const struct ix_event *e)
{
	return r->frames + (e->addr - RIG_APP_FRAMES);
}

/* Data that came before the answer to the knock waits for it. */
static void knock_then_data(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p = { .sport = 999, .dport = RIG_PORT, .seq = 5 };
	const struct ix_event *e;
	struct rig_seg seg;
	struct ix_call *c;
	u64 h;

	rig_start(r);
	rig_listen(r, 4);
	rig_inject_tcp(r, &p, TCP_SYN, NULL, 0);
	rig_poll(r);
	rig_poll(r);
	assert_true(rig_segment(r, &seg));
	p.ack = seg.seq + 1;
	rig_inject_tcp(r, &p, TCP_ACK, NULL, 0);
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "hello", 5);
	assert_int_equal(rig_poll(r), 1);
	e = rig_event(r, IX_EV_KNOCK, 0);
	assert_non_null(e);
	assert_int_equal(e->port, 999);
	assert_int_equal(e->len, RIG_PORT);
	assert_int_equal(e->ip.w[2], 0xffff0000);
	assert_int_equal(e->ip.w[3], rig_peer_ip.raw);
	h = e->handle;
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH | TCP_FIN, "!", 1);
	assert_int_equal(rig_poll(r), 0);
	c = rig_call(r, IX_ACCEPT);
	c->handle = h;
	c->cookie = 42;
	assert_int_equal(rig_run(r), 3);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(r->up.events[i].type, IX_EV_RECV);
		assert_int_equal(r->up.events[i].cookie, 42);
		assert_int_equal(r->up.events[i].handle, h);
	}
	assert_int_equal(r->up.events[0].len, 5);
	assert_memory_equal(readable(r, &r->up.events[0]), "hello", 5);
	assert_int_equal(r->up.events[1].len, 1);
	assert_int_equal(r->up.events[2].len, 0);
	rig_end(r);
}

static void sent_tells_window(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p;
	const struct ix_event *e;
	u64 h;

	rig_start(r);
	rig_listen(r, 4);
	h = rig_accept(r, &p, 42);
	rig_send(r, h, 0, 1000);
	assert_int_equal(rig_one(r), 1000);
	p.ack += 600;
	rig_inject_tcp(r, &p, TCP_ACK, NULL, 0);
	assert_int_equal(rig_poll(r), 1);
	e = rig_event(r, IX_EV_SENT, 0);
	assert_non_null(e);
	assert_int_equal(e->cookie, 42);
	assert_int_equal(e->acked, 600);
	assert_int_equal(e->room, (128 << 10) - 400);
	p.ack += 400;
	rig_inject_tcp(r, &p, TCP_ACK, NULL, 0);
	assert_int_equal(rig_poll(r), 1);
	assert_int_equal(r->up.events[0].acked, 400);
	rig_end(r);
}

/* An answer's acknowledgement and the next question: one event. */
static void sent_rides_on_recv(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p;
	u64 h;

	rig_start(r);
	rig_listen(r, 4);
	h = rig_accept(r, &p, 42);
	rig_send(r, h, 0, 100);
	assert_int_equal(rig_one(r), 100);
	p.ack += 100;
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "next", 4);
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "and next", 8);
	assert_int_equal(rig_poll(r), 2);
	assert_int_equal(r->up.events[0].type, IX_EV_RECV);
	assert_int_equal(r->up.events[0].len, 4);
	assert_int_equal(r->up.events[0].acked, 100);
	assert_int_equal(r->up.events[0].room, 128 << 10);
	assert_int_equal(r->up.events[1].type, IX_EV_RECV);
	assert_int_equal(r->up.events[1].len, 8);
	assert_int_equal(r->up.events[1].acked, 0);
	rig_end(r);
}

/* Dead comes last, whatever happened in the same batch. */
static void order_within_batch(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p;
	struct ix_call *c;
	u64 h;

	rig_start(r);
	rig_listen(r, 4);
	h = rig_accept(r, &p, 42);
	rig_send(r, h, 0, 10);
	c = rig_call(r, IX_CLOSE);
	c->handle = h;
	c->n = IX_CLOSE_WRITE;
	rig_run(r);
	p.ack += 11;
	rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, "bye", 3);
	rig_inject_tcp(r, &p, TCP_ACK | TCP_FIN, NULL, 0);
	assert_int_equal(rig_poll(r), 4);
	assert_int_equal(r->up.events[0].type, IX_EV_RECV);
	assert_int_equal(r->up.events[0].len, 3);
	assert_int_equal(r->up.events[1].type, IX_EV_RECV);
	assert_int_equal(r->up.events[1].len, 0);
	assert_int_equal(r->up.events[2].type, IX_EV_SENT);
	assert_int_equal(r->up.events[2].acked, 10);
	assert_int_equal(r->up.events[3].type, IX_EV_DEAD);
	assert_int_equal(r->up.events[3].len, 0);
	/* The name is void. */
	rig_send(r, h, 0, 10);
	assert_int_equal(rig_one(r), -EBADF);
	rig_end(r);
}

static void connect_outcomes(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p = { .seq = 77 };
	struct rig_seg seg;

	rig_start(r);
	for (int refused = 0; refused < 2; refused++) {
		struct ix_call *c = rig_call(r, IX_CONNECT);
		u64 h;

		c->cookie = 9;
		c->port = 4000;
		c->ip = addr_of_ipv4(rig_peer_ip);
		h = (u64)rig_one(r);
		assert_true((s64)h > 0);
		assert_true(rig_segment(r, &seg));
		assert_int_equal(seg.flags, TCP_SYN);
		p.sport = 4000;
		p.dport = seg.sport;
		p.ack = seg.seq + 1;
		rig_inject_tcp(r, &p,
			       refused ? TCP_RST | TCP_ACK : TCP_SYN | TCP_ACK,
			       NULL, 0);
		assert_int_equal(rig_poll(r), 1);
		assert_int_equal(r->up.events[0].type, IX_EV_CONNECTED);
		assert_int_equal(r->up.events[0].cookie, 9);
		assert_int_equal(r->up.events[0].len,
				 refused ? ECONNREFUSED : 0);
		assert_int_equal(r->up.events[0].handle, h);
		rig_run(r);
		assert_int_equal(r->up.nevents, 0);
		rig_send(r, h, 0, 10);
		assert_int_equal(rig_one(r), refused ? -EBADF : 10);
		rig_drain(r);
	}
	rig_end(r);
}

/* More to tell than the array holds: the rest waits, in order, and nothing is
 * told twice. */
static void array_full(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p;
	u32 seen;

	r->conf.mbufs = 16384; /* plenty: none are copied together */
	r->conf.net.tcp.rcv_mbufs = 4096;
	r->conf.batch = DP_MAX_BATCH;
	rig_start(r);
	rig_listen(r, 4);
	rig_accept(r, &p, 42);
	for (u32 i = 0; i < 5; i++) {
		for (u32 j = 0; j < 240; j++) {
			u16 tag = (u16)(i * 240 + j);

			rig_inject_tcp(r, &p, TCP_ACK | TCP_PSH, &tag, 2);
		}
		dp_overrun(&r->dp, r->now);
		rig_drain(r);
	}
	assert_int_equal(rig_poll(r), IX_MAX_EVENTS);
	assert_int_equal(r->stat.events_deferred, 1);
	assert_int_equal(dp_next_deadline(&r->dp, r->now), 0);
	for (seen = 0; seen < IX_MAX_EVENTS; seen++) {
		u16 tag;

		memcpy(&tag, readable(r, &r->up.events[seen]), 2);
		assert_int_equal(tag, seen);
	}
	assert_int_equal(rig_run(r), 1200 - IX_MAX_EVENTS);
	for (u32 i = 0; i < r->up.nevents; i++, seen++) {
		u16 tag;

		memcpy(&tag, readable(r, &r->up.events[i]), 2);
		assert_int_equal(tag, seen);
	}
	assert_int_equal(seen, 1200);
	assert_int_equal(r->stat.events_deferred, 1);
	assert_int_equal(rig_run(r), -EAGAIN);
	rig_end(r);
}

static void timers(void **state)
{
	struct rig *r = rig_new();
	struct ix_call *c;

	rig_start(r);
	for (u32 i = 0; i < 3; i++) {
		c = rig_call(r, IX_TIMER_SET);
		c->cookie = 100 + i;
		c->arg = (3 - i) * RIG_MS;
	}
	assert_int_equal(rig_run(r), -EAGAIN);
	assert_true(dp_next_deadline(&r->dp, r->now) <= RIG_MS + 20000);
	rig_sleep(r, RIG_MS - 1);
	assert_int_equal(rig_poll(r), -EAGAIN);
	rig_sleep(r, 20000);
	assert_int_equal(rig_poll(r), 1);
	assert_int_equal(r->up.events[0].type, IX_EV_TIMER);
	assert_int_equal(r->up.events[0].cookie, 102);
	rig_sleep(r, 2 * RIG_MS);
	assert_int_equal(rig_poll(r), 2);
	assert_int_equal(r->up.events[0].cookie, 101);
	assert_int_equal(r->up.events[1].cookie, 100);
	rig_sleep(r, 100 * RIG_MS);
	assert_int_equal(rig_poll(r), -EAGAIN);
	rig_end(r);
}

static u64 bind_udp(struct rig *r, u16 port, u64 cookie)
{
	struct ix_call *c = rig_call(r, IX_UDP_BIND);
	s64 h;

	c->port = port;
	c->cookie = cookie;
	h = rig_one(r);
	assert_true(h > 0);
	return (u64)h;
}

static void udp(void **state)
{
	struct rig *r = rig_new();
	const struct ix_event *e;
	struct ix_call *c;
	u64 h, addr;

	rig_start(r);
	h = bind_udp(r, 53, 5);
	rig_inject_udp(r, 1000, 53, "abc", 3);
	rig_inject_udp(r, 1001, 53, "", 0);
	assert_int_equal(rig_poll(r), 2);
	e = rig_event(r, IX_EV_UDP_RECV, 0);
	assert_int_equal(e->handle, h);
	assert_int_equal(e->cookie, 5);
	assert_int_equal(e->port, 1000);
	assert_int_equal(e->ip.w[3], rig_peer_ip.raw);
	assert_int_equal(e->len, 3);
	assert_memory_equal(readable(r, e), "abc", 3);
	addr = e->addr;
	c = rig_call(r, IX_UDP_RECV_DONE);
	c->handle = h;
	c->arg = addr;
	assert_int_equal(rig_one(r), 0);
	c = rig_call(r, IX_UDP_RECV_DONE);
	c->handle = h;
	c->arg = addr;
	assert_int_equal(rig_one(r), -EINVAL);
	rig_end(r);
}

static void udp_sent_in_order(void **state)
{
	struct rig *r = rig_new();
	struct ix_call *c;
	u64 h[2];

	rig_start(r);
	h[0] = bind_udp(r, 53, 5);
	h[1] = bind_udp(r, 54, 6);
	r->nic.hold = true;
	for (u32 i = 0; i < 4; i++) {
		c = rig_call(r, IX_UDP_SENDV);
		c->handle = h[i & 1];
		c->cookie = 100 + i;
		c->port = 7;
		c->ip = addr_of_ipv4(rig_peer_ip);
		c->n = 1;
		c->sg = i;
		r->down.sgs[i] = (struct ix_sg){ RIG_ARENA_APP, 500, 0 };
	}
	rig_run(r);
	assert_int_equal(r->up.nevents, 0);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(r->up.results[i], 500);
	c = rig_call(r, IX_UDP_UNBIND);
	c->handle = h[1];
	assert_int_equal(rig_one(r), 0);
	bind_udp(r, 54, 7);
	r->nic.hold = false;
	assert_int_equal(rig_poll(r), 2);
	assert_int_equal(r->up.events[0].type, IX_EV_UDP_SENT);
	assert_int_equal(r->up.events[0].cookie, 100);
	assert_int_equal(r->up.events[0].handle, h[0]);
	assert_int_equal(r->up.events[1].cookie, 102);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knock_then_data),
		cmocka_unit_test(sent_tells_window),
		cmocka_unit_test(sent_rides_on_recv),
		cmocka_unit_test(order_within_batch),
		cmocka_unit_test(connect_outcomes),
		cmocka_unit_test(array_full),
		cmocka_unit_test(timers),
		cmocka_unit_test(udp),
		cmocka_unit_test(udp_sent_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

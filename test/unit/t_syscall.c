/* SPDX-License-Identifier: MIT */
/* One case per lie that an application can tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "net/tcp_answer.h"
#include "rig.h"

struct fixture {
	struct rig *r;
	struct rig_peer peer;
	u64 conn; /* an accepted connection */
};

static int begin(void **state)
{
	static struct fixture f;

	f.r = rig_new();
	rig_start(f.r);
	rig_listen(f.r, 4);
	f.conn = rig_accept(f.r, &f.peer, 42);
	rig_drain(f.r);
	*state = &f;
	return 0;
}

/* Timestamps are on, and the peer has answered: who sends goes the short way
 * (tcp_may_answer()). */
static int begin_usual(void **state)
{
	static struct fixture f;
	const struct tcp_conn *conn;

	f.r = rig_new();
	f.r->conf.net.tcp.timestamps = true;
	rig_start(f.r);
	rig_listen(f.r, 4);
	f.conn = rig_accept_ts(f.r, &f.peer, 42);
	rig_send(f.r, f.conn, 0, 1);
	rig_run(f.r);
	f.r->down.sgs[0].len = 0;
	f.peer.ack++;
	rig_inject_tcp(f.r, &f.peer, TCP_ACK, NULL, 0);
	rig_poll(f.r);
	rig_drain(f.r);
	conn = &f.r->dp.net.tcp.conns[handle_index(f.conn)];
	assert_true(tcp_may_answer(conn));
	*state = &f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	rig_end(f->r);
	return 0;
}

static s64 with_handle(struct rig *r, u16 op, u64 handle)
{
	rig_call(r, op)->handle = handle;
	return rig_one(r);
}

static u64 new_timer(struct rig *r)
{
	rig_call(r, IX_TIMER_SET)->delay = RIG_MS;
	return (u64)rig_one(r);
}

static u64 new_udp(struct rig *r)
{
	rig_call(r, IX_UDP_BIND)->port = 53;
	return (u64)rig_one(r);
}

/* ---- the batch */

static void count_is_a_lie(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;

	r->down.calls[0].op = IX_ABORT;
	r->down.calls[0].handle = f->conn;
	r->down.ncalls = IX_MAX_CALLS + 1;
	rig_run(r);
	assert_int_equal(r->up.nresults, 0);
	r->down.ncalls = UINT32_MAX;
	rig_run(r);
	assert_int_equal(r->up.nresults, 0);
	assert_int_equal(r->stat.calls_failed, 2);
	assert_int_equal(r->stat.tcp_conns, 1);
}

static void full_batch(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;

	for (u32 i = 0; i < IX_MAX_CALLS; i++)
		rig_send(r, f->conn, i, 1);
	rig_run(r);
	assert_int_equal(r->up.nresults, IX_MAX_CALLS);
	for (u32 i = 0; i < IX_MAX_CALLS; i++)
		assert_int_equal(r->up.results[i], 1);
}

static void unknown_op(void **state)
{
	struct fixture *f = *state;
	u64 calls = f->r->stat.calls;

	rig_call(f->r, IX_NR_CALLS);
	rig_call(f->r, 0xffff);
	rig_send(f->r, f->conn, 0, 3);
	rig_run(f->r);
	assert_int_equal(f->r->up.results[0], -ENOSYS);
	assert_int_equal(f->r->up.results[1], -ENOSYS);
	assert_int_equal(f->r->up.results[2], 3);
	assert_int_equal(f->r->stat.calls, calls + 3);
	assert_int_equal(f->r->stat.calls_failed, 2);
	assert_int_equal(f->r->up.nshort, 2);
}

/* Every bit that a call does not use must be 0, so that it can mean something
 * later: nothing is done. A cookie is the application's. */
static void rest_is_refused(void **state)
{
#define USES(name, uses) uses,
	static const u8 uses[] = { IX_CALLS(USES) };
#undef USES
	struct fixture *f = *state;
	struct rig *r = f->r;
	const u64 gone = r->stat.calls_failed;
	u32 refused = 0;

	for (u16 op = 0; op < IX_NR_CALLS; op++) {
		const struct {
			u32 use, first, bits;
		} words[] = {
			{ IX_USES_PORT, 16, 16 },   { IX_USES_N, 32, 32 },
			{ IX_USES_HANDLE, 64, 64 }, { IX_USES_SG, 192, 32 },
			{ IX_USES_DONE, 224, 32 },  { IX_USES_IP, 256, 128 },
		};

		for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
			if (uses[op] & words[i].use)
				continue;
			for (u32 k = 0; k < words[i].bits; k++) {
				u32 bit = words[i].first + k;
				struct ix_call *c = rig_call(r, op);

				if (uses[op] & IX_USES_HANDLE)
					c->handle = f->conn;
				c->cookie = UINT64_MAX;
				((u8 *)c)[bit / 8] |= (u8)(1 << bit % 8);
				assert_int_equal(rig_one(r), -EINVAL);
				refused++;
			}
		}
	}
	assert_int_equal(r->stat.calls_failed, gone + refused);
	assert_int_equal(r->stat.tcp_conns, 1);
	/* The way that nearly all calls go, and entries of lists. */
	rig_send(r, f->conn, 0, 10)->port = 1;
	assert_int_equal(rig_one(r), -EINVAL);
	for (u32 n = 1; n <= 3; n++) {
		rig_send(r, f->conn, 0, 10)->nsgs = n;
		r->down.sgs[1] = r->down.sgs[2] = r->down.sgs[0];
		r->down.sgs[n - 1].pad = 1;
		assert_int_equal(rig_one(r), -EINVAL);
		r->down.sgs[n - 1].pad = 0;
	}
	rig_send(r, f->conn, 0, 10)->cookie = UINT64_MAX;
	assert_int_equal(rig_one(r), 10);
}

static const struct tcp_conn *conn_of(const struct rig *r, u64 handle)
{
	return &r->dp.net.tcp.conns[handle_index(handle)];
}

static s64 with_cc(struct rig *r, u16 op, u64 handle, u32 cc)
{
	struct ix_call *c = rig_call(r, op);

	c->handle = handle;
	c->cc = cc;
	if (op != IX_ACCEPT)
		c->port = (u16)(4000 + cc);
	if (op == IX_LISTEN)
		c->backlog = 1;
	if (op == IX_CONNECT)
		c->ip = addr_of_ipv4(rig_peer_ip);
	return rig_one(r);
}

/* One that is not there is refused before anything is done. */
static void congestion_control(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_peer p = { .sport = 7000, .dport = 4000 + IX_CC_DCTCP };
	struct rig_seg seg;
	s64 h;

	for (u32 bad = IX_NR_CC; bad; bad <<= 1) {
		assert_int_equal(with_cc(r, IX_LISTEN, 0, bad), -EINVAL);
		assert_int_equal(with_cc(r, IX_CONNECT, 0, bad), -EINVAL);
	}
	assert_int_equal(r->stat.tcp_conns, 1);
	for (u32 cc = 0; cc < IX_NR_CC; cc++) {
		h = with_cc(r, IX_CONNECT, 0, cc);
		assert_true(h > 0);
		assert_int_equal(conn_of(r, (u64)h)->cc, cc ? cc - 1 : 0);
	}
	assert_int_equal(with_cc(r, IX_LISTEN, 0, IX_CC_DCTCP), 0);
	rig_drain(r);
	rig_inject_tcp(r, &p, TCP_SYN, NULL, 0);
	rig_poll(r);
	rig_poll(r);
	assert_true(rig_segment(r, &seg));
	p.ack = seg.seq + 1;
	rig_inject_tcp(r, &p, TCP_ACK, NULL, 0);
	rig_poll(r);
	h = (s64)rig_event(r, IX_EV_KNOCK, 0)->handle;
	assert_int_equal(conn_of(r, (u64)h)->cc, TCP_CC_DCTCP);
	assert_int_equal(with_cc(r, IX_ACCEPT, (u64)h, IX_NR_CC), -EINVAL);
	assert_int_equal(with_cc(r, IX_ACCEPT, (u64)h, IX_CC_CUBIC), 0);
	assert_int_equal(conn_of(r, (u64)h)->cc, TCP_CC_CUBIC);
}

/* ---- handles */

static void forged_handles(void **state)
{
	static const u16 ops[] = { IX_ACCEPT,	     IX_REJECT,
				   IX_SENDV,	     IX_CLOSE,
				   IX_ABORT,	     IX_RECV_DONE,
				   IX_UDP_UNBIND,    IX_UDP_SENDV,
				   IX_UDP_RECV_DONE, IX_TIMER_CANCEL };
	struct fixture *f = *state;
	u64 udp = new_udp(f->r), timer = new_timer(f->r);

	for (u32 i = 0; i < ARRAY_SIZE(ops); i++) {
		bool of_udp =
			ops[i] >= IX_UDP_UNBIND && ops[i] <= IX_UDP_RECV_DONE;
		bool of_timer = ops[i] == IX_TIMER_CANCEL;
		u64 own = of_udp ? udp : of_timer ? timer : f->conn;
		u64 lies[] = {
			0,
			UINT64_MAX,
			own ^ 1ull << 63,
			own ^ 1ull << HANDLE_KIND_SHIFT,
			own ^ 1ull << HANDLE_GEN_SHIFT,
			own + 1,
			(own & ~0xffffffffull) | RIG_CONNS,
			(own & ~0xffffffffull) | 0xffffffff,
			of_udp ? f->conn : udp,
			of_timer ? f->conn : timer,
		};

		for (u32 j = 0; j < ARRAY_SIZE(lies); j++) {
			if (lies[j] == own)
				continue;
			assert_int_equal(with_handle(f->r, ops[i], lies[j]),
					 -EBADF);
		}
	}
	assert_int_equal(f->r->stat.tcp_conns, 1);
	assert_int_equal(with_handle(f->r, IX_UDP_UNBIND, udp), 0);
	assert_int_equal(with_handle(f->r, IX_TIMER_CANCEL, timer), 0);
}

/* A slot that is used again has a new name. */
static void stale_handles(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_peer p;
	u64 old, new;

	old = f->conn;
	assert_int_equal(with_handle(r, IX_ABORT, old), 0);
	assert_int_equal(with_handle(r, IX_ABORT, old), -EBADF);
	new = rig_accept(r, &p, 43);
	assert_int_equal((u32) new, (u32)old);
	assert_int_not_equal(new, old);
	assert_int_equal(with_handle(r, IX_SENDV, old), -EBADF);

	old = new_udp(r);
	assert_int_equal(with_handle(r, IX_UDP_UNBIND, old), 0);
	new = new_udp(r);
	assert_int_not_equal(new, old);
	assert_int_equal(with_handle(r, IX_UDP_UNBIND, old), -EBADF);

	old = new_timer(r);
	assert_int_equal(with_handle(r, IX_TIMER_CANCEL, old), 0);
	new = new_timer(r);
	assert_int_equal((u32) new, (u32)old);
	assert_int_equal(with_handle(r, IX_TIMER_CANCEL, old), -EBADF);
	assert_int_equal(with_handle(r, IX_TIMER_CANCEL, new), 0);
}

/* A connection that died, but of whose death the application has not been
 * told, takes no calls. */
static void dead_not_told(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;

	rig_inject_tcp(r, &f->peer, TCP_RST | TCP_ACK, NULL, 0);
	dp_overrun(&r->dp, r->now);
	assert_int_equal(with_handle(r, IX_SENDV, f->conn), -EBADF);
	assert_int_equal(r->up.nevents, 1);
	assert_int_equal(r->up.events[0].type, IX_EV_DEAD);
}

/* ---- memory */

static void ranges(void **state)
{
	const u64 base = RIG_ARENA_APP, end = base + RIG_ARENA;
	const struct {
		u64 addr;
		u32 len;
		s64 result;
	} cases[] = {
		{ base, 1, 1 },
		{ base, 0, 0 },
		{ end - 1, 1, 1 },
		{ end, 0, 0 },
		{ 0, 0, 0 },
		{ UINT64_MAX, 0, 0 },
		{ end, 1, -EFAULT },
		{ end - 1, 2, -EFAULT },
		{ base - 1, 1, -EFAULT },
		{ base - 1, 2, -EFAULT },
		{ base, RIG_ARENA + 1, -EFAULT },
		{ base, UINT32_MAX, -EFAULT },
		{ base + 1, UINT32_MAX, -EFAULT },
		{ 0, 1, -EFAULT },
		{ UINT64_MAX, 1, -EFAULT },
		{ UINT64_MAX, UINT32_MAX, -EFAULT },
		{ UINT64_MAX - UINT32_MAX + 1, UINT32_MAX, -EFAULT },
		{ RIG_APP_FRAMES, 1, -EFAULT },
	};
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		rig_send(f->r, f->conn, 0, cases[i].len);
		f->r->down.sgs[0].addr = cases[i].addr;
		assert_int_equal(rig_one(f->r), cases[i].result);
	}
}

static void sg_counts(void **state)
{
	const struct {
		u32 sg, n;
		s64 result;
	} cases[] = {
		{ 0, 0, -EINVAL },
		{ 0, IX_MAX_SG_PER_CALL, 0 },
		{ 0, IX_MAX_SG_PER_CALL + 1, -EINVAL },
		{ 0, UINT32_MAX, -EINVAL },
		{ IX_MAX_SGS - 1, 1, 0 },
		{ IX_MAX_SGS - 1, 2, -EINVAL },
		{ IX_MAX_SGS, 1, -EINVAL },
		{ IX_MAX_SGS + 1, 1, -EINVAL },
		{ UINT32_MAX, 1, -EINVAL },
		{ UINT32_MAX - 62, 64, -EINVAL },
		{ 1u << 30, 1, -EINVAL },
	};
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ix_call *c = rig_call(f->r, IX_SENDV);

		c->handle = f->conn;
		c->sg = cases[i].sg;
		c->nsgs = cases[i].n;
		/* What lies behind the array could be taken, too. */
		memset(&f->r->up, 0, sizeof(struct ix_sg));
		assert_int_equal(rig_one(f->r), cases[i].result);
	}
}

/* One bad range: nothing of the call is queued, not even what is good. */
static void all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_seg seg;
	struct ix_call *c;

	c = rig_send(r, f->conn, 0, 100);
	c->nsgs = 3;
	r->down.sgs[1] = (struct ix_sg){ RIG_ARENA_APP + 200, 100, 0 };
	r->down.sgs[2] = (struct ix_sg){ 12345, 100, 0 };
	assert_int_equal(rig_one(r), -EFAULT);
	assert_false(rig_segment(r, &seg));
	assert_int_equal(tcp_send_space(&r->dp.net, &r->dp.net.tcp.conns[0]),
			 128 << 10);
}

static void gathers_in_order(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_seg seg;
	struct ix_call *c;

	memcpy(r->arena, "world!hello ", 12);
	c = rig_send(r, f->conn, 6, 6);
	c->nsgs = 3;
	r->down.sgs[1] = (struct ix_sg){ 1, 0, 0 };
	r->down.sgs[2] = (struct ix_sg){ RIG_ARENA_APP, 6, 0 };
	assert_int_equal(rig_one(r), 12);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.len, 12);
	assert_memory_equal(seg.payload, "hello world!", 12);
}

static void back_pressure(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;

	rig_send(r, f->conn, 0, 100 << 10);
	rig_send(r, f->conn, 0, 100 << 10);
	rig_send(r, f->conn, 0, 1);
	rig_run(r);
	assert_int_equal(r->up.results[0], 100 << 10);
	assert_int_equal(r->up.results[1], 28 << 10);
	assert_int_equal(r->up.results[2], 0);
	assert_int_equal(r->stat.calls_short, 2);
	assert_int_equal(r->stat.calls_failed, 0);
	assert_int_equal(r->up.nshort, 2);
	rig_run(r);
	assert_int_equal(r->up.nshort, 0);
}

/* Ranges that nothing joins, until no more can be queued: how many. */
static u32 fill_ranges(struct rig *r, u64 handle)
{
	const u32 limit = r->conf.net.tcp.conn_ranges;

	for (u32 i = 0; i < limit + 1; i++)
		rig_send(r, handle, 2 * i, 1);
	return limit;
}

/* After a short SENDV those that follow in the batch take nothing, though they
 * could: where the last range ends none is needed. Other connections, what is
 * given back, and the next batch have no part in it. */
static void no_overtaking(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct tcp_conn *conn = &r->dp.net.tcp.conns[handle_index(f->conn)];
	struct rig_peer p;
	u64 other = rig_accept_ts(r, &p, 43);
	u32 at, after;

	rig_inject_tcp(r, &f->peer, TCP_ACK, "0123456789", 10);
	assert_int_equal(rig_poll(r), 1);
	at = fill_ranges(r, f->conn);
	after = r->down.ncalls;
	rig_send(r, f->conn, 2 * at - 1, 1)->done = 10;
	rig_send(r, f->conn, 2 * at - 1, 0);
	rig_send(r, f->conn, 2 * at - 1, 0)->nsgs = 2; /* and the next one's */
	rig_send(r, other, 2 * at - 1, 1);
	rig_run(r);
	for (u32 i = 0; i < at; i++)
		assert_int_equal(r->up.results[i], 1);
	for (u32 i = at; i < after + 3; i++)
		assert_int_equal(r->up.results[i], 0);
	assert_int_equal(r->up.results[after + 3], 1);
	assert_int_equal(r->stat.calls_short, 3);
	assert_int_equal(conn->rx_told, 0);
	rig_send(r, f->conn, 2 * at - 1, 1);
	assert_int_equal(rig_one(r), 1);
	rig_drain(r);
}

static void recv_done_bounds(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct ix_call *c;

	rig_inject_tcp(r, &f->peer, TCP_ACK, "0123456789", 10);
	dp_overrun(&r->dp, r->now);
	/* Received, but not told yet: not the application's to give back. */
	c = rig_call(r, IX_RECV_DONE);
	c->handle = f->conn;
	c->bytes = 1;
	assert_int_equal(rig_one(r), -EINVAL);
	assert_int_equal(r->up.nevents, 1);
	for (u32 n = 0; n < 3; n++) {
		static const u32 bytes[] = { 11, UINT32_MAX, 4 };

		c = rig_call(r, IX_RECV_DONE);
		c->handle = f->conn;
		c->bytes = bytes[n];
		assert_int_equal(rig_one(r), n < 2 ? -EINVAL : 0);
	}
	c = rig_call(r, IX_RECV_DONE);
	c->handle = f->conn;
	c->bytes = 7;
	assert_int_equal(rig_one(r), -EINVAL);
	r->down.calls[0].bytes = 6;
	r->down.ncalls = 1;
	assert_int_equal(rig_one(r), 0);
}

/* SENDV with bytes given back: one range or many, small (at once) or large;
 * when it is refused nothing has changed. */
static void answers(void **state)
{
	static const u32 lens[] = { 10, 255, 256, 2000 };
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct tcp_conn *conn = &r->dp.net.tcp.conns[handle_index(f->conn)];
	struct rig_seg seg;

	for (u32 i = 0; i < 3 * ARRAY_SIZE(lens); i++) {
		u32 len = lens[i / 3], nsgs = 1 + i % 3;
		struct ix_call *c;

		rig_inject_tcp(r, &f->peer, TCP_ACK, "0123456789", 10);
		assert_int_equal(rig_poll(r), 1);
		rig_drain(r);
		for (u32 bad = 0; bad < 4; bad++) {
			c = rig_send(r, f->conn, 0, len);
			c->nsgs = bad == 3 ? 0 : nsgs;
			c->done = bad == 0 ? 11 : bad == 1 ? UINT32_MAX : 10;
			for (u32 k = 1; k < nsgs; k++)
				r->down.sgs[k] = r->down.sgs[0];
			if (bad == 2)
				r->down.sgs[nsgs - 1].addr = 1;
			assert_int_equal(rig_one(r),
					 bad == 2 ? -EFAULT : -EINVAL);
			assert_int_equal(conn->rx_told, 10);
			assert_int_equal(conn->sndq_bytes, 0);
			assert_false(rig_segment(r, &seg));
		}
		c = rig_send(r, f->conn, 0, len);
		c->nsgs = nsgs;
		c->done = 10;
		for (u32 k = 1; k < nsgs; k++)
			r->down.sgs[k] = r->down.sgs[0];
		assert_int_equal(rig_one(r), len * nsgs);
		assert_int_equal(conn->rx_told, 0);
		assert_int_equal(conn->rx_mbufs, 0);
		assert_true(rig_segment(r, &seg));
		assert_int_equal(seg.ack, f->peer.seq);
		f->peer.ack += len * nsgs;
		rig_inject_tcp(r, &f->peer, TCP_ACK, NULL, 0);
		assert_int_equal(rig_poll(r), 1);
		assert_int_equal(conn->sndq_bytes, 0);
	}
}

/* No more may be sent, so the bytes are not given back either. */
static void answer_after_close(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct ix_call *c;

	rig_inject_tcp(r, &f->peer, TCP_ACK, "0123456789", 10);
	assert_int_equal(rig_poll(r), 1);
	c = rig_call(r, IX_CLOSE);
	c->handle = f->conn;
	c->how = IX_CLOSE_WRITE;
	for (u32 n = 1; n <= 2; n++) {
		c = rig_send(r, f->conn, 0, 10);
		c->nsgs = n;
		c->done = 10;
		r->down.sgs[2] = r->down.sgs[1];
	}
	rig_run(r);
	assert_int_equal(r->up.results[1], -EPIPE);
	assert_int_equal(r->up.results[2], -EPIPE);
	c = rig_call(r, IX_RECV_DONE);
	c->handle = f->conn;
	c->bytes = 10;
	assert_int_equal(rig_one(r), 0);
}

/* What follows in the batch for the same connection rides on the segment. */
static void answer_and_close(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_seg seg;
	struct ix_call *c;

	rig_send(r, f->conn, 0, 10);
	c = rig_call(r, IX_CLOSE);
	c->handle = f->conn;
	c->how = IX_CLOSE_ALL;
	rig_run(r);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.len, 10);
	assert_true(seg.flags & TCP_FIN);
	assert_false(rig_segment(r, &seg));
}

static void udp_recv_done_bounds(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	const u64 pool = (u64)RIG_MBUFS * MBUF_SIZE;
	const u64 lies[] = { 0, RIG_APP_FRAMES - 1, RIG_APP_FRAMES + pool,
			     UINT64_MAX, RIG_ARENA_APP };
	u64 h = new_udp(r), addr;

	rig_inject_udp(r, 9, 53, "x", 1);
	rig_poll(r);
	addr = r->up.events[0].addr;
	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		struct ix_call *c = rig_call(r, IX_UDP_RECV_DONE);

		c->handle = h;
		c->addr = lies[i];
		assert_int_equal(rig_one(r), -EFAULT);
	}
	for (int off = -1; off <= 1; off++) {
		struct ix_call *c = rig_call(r, IX_UDP_RECV_DONE);

		c->handle = h;
		c->addr = addr + (u64)(off ? off : 2048);
		assert_int_equal(rig_one(r), -EINVAL);
	}
	rig_call(r, IX_UDP_RECV_DONE)->handle = h;
	r->down.calls[0].addr = addr;
	assert_int_equal(rig_one(r), 0);
}

/* ---- descriptors that change while they are read */

enum { RACE_ARENA = RIG_ARENA - 4096, RACE_BATCH = 50, RACE_TRIES = 5000 };

/* Of the four mixtures of these one lies across the arena's end. */
static void *flip_range(void *arg)
{
	static const u64 addr[] = { RIG_ARENA_APP,
				    RIG_ARENA_APP + RACE_ARENA - 10 };
	static const u32 len[] = { 5, 100 };
	struct rig *r = arg;

	for (u32 i = 0; !READ_ONCE(r->down.sgs[1].len); i++) {
		WRITE_ONCE(r->down.sgs[0].len, len[i & 1]);
		WRITE_ONCE(r->down.sgs[0].addr, addr[i >> 1 & 1]);
	}
	return NULL;
}

/* Whatever was read, what was taken is what is sent, from inside. */
static void check_sent(struct rig *r, struct rig_peer *p, s64 taken)
{
	struct rig_seg seg;

	while (rig_segment(r, &seg)) {
		for (u32 i = 0; i < seg.len; i++)
			assert_int_equal(seg.payload[i], 0xaa);
		taken -= seg.len;
		p->ack += seg.len;
	}
	assert_int_equal(taken, 0);
	rig_inject_tcp(r, p, TCP_ACK, NULL, 0);
	rig_poll(r);
}

static s64 race_batch(struct rig *r, u64 handle, u32 *refused)
{
	s64 taken = 0;

	for (u32 i = 0; i < RACE_BATCH; i++) {
		struct ix_call *c = rig_call(r, IX_SENDV);

		c->handle = handle;
		c->nsgs = 1 + (i & 1); /* both ways of copying */
	}
	rig_run(r);
	for (u32 i = 0; i < RACE_BATCH; i++) {
		s64 n = r->up.results[i];

		assert_true(n == -EFAULT || n == 5 || n == 100);
		*refused += n < 0;
		taken += n < 0 ? 0 : n;
	}
	return taken;
}

static void racing_range(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	pthread_t thread;
	u32 refused = 0, tries = 0, most = 20 * RACE_TRIES;

	r->dp.arena.len = RACE_ARENA;
	memset(r->arena, 0xaa, RACE_ARENA);
	memset(r->arena + RACE_ARENA, 0xbb, RIG_ARENA - RACE_ARENA);
	r->down.sgs[0] = (struct ix_sg){ RIG_ARENA_APP, 5, 0 };
	r->down.sgs[1] = (struct ix_sg){ 0 };
	assert_int_equal(pthread_create(&thread, NULL, flip_range, r), 0);
	/* Longer where the other thread hardly gets to run. */
	while (tries < RACE_TRIES ||
	       (tries < most && (!refused || refused == tries * RACE_BATCH))) {
		check_sent(r, &f->peer, race_batch(r, f->conn, &refused));
		tries++;
	}
	WRITE_ONCE(r->down.sgs[1].len, 1);
	pthread_join(thread, NULL);
	print_message("%u of %u refused\n", refused, RACE_BATCH * tries);
}

/* ---- states */

static void wrong_states(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct ix_call *c;

	assert_int_equal(with_handle(r, IX_ACCEPT, f->conn), -EINVAL);
	assert_int_equal(with_handle(r, IX_REJECT, f->conn), -EINVAL);
	c = rig_call(r, IX_CLOSE);
	c->handle = f->conn;
	c->how = 2;
	assert_int_equal(rig_one(r), -EINVAL);
	c = rig_call(r, IX_CLOSE);
	c->handle = f->conn;
	c->how = IX_CLOSE_WRITE;
	assert_int_equal(rig_one(r), 0);
	rig_send(r, f->conn, 0, 1);
	assert_int_equal(rig_one(r), -EPIPE);
}

/* Between SYN and knock the connection has no name; between knock and answer
 * only the two answers are allowed. */
static void knock_states(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_peer p = { .sport = 5, .dport = RIG_PORT, .seq = 1 };
	struct rig_seg seg;
	u64 h;

	rig_inject_tcp(r, &p, TCP_SYN, NULL, 0);
	rig_poll(r);
	h = r->dp.net.tcp.conns[1].handle;
	assert_int_equal(with_handle(r, IX_ACCEPT, h), -EINVAL);
	assert_int_equal(with_handle(r, IX_REJECT, h), -EINVAL);
	assert_true(rig_segment(r, &seg));
	p.ack = seg.seq + 1;
	rig_inject_tcp(r, &p, TCP_ACK, NULL, 0);
	assert_int_equal(rig_poll(r), 1);
	assert_int_equal(r->up.events[0].handle, h);
	assert_int_equal(with_handle(r, IX_SENDV, h), -EINVAL);
	assert_int_equal(with_handle(r, IX_RECV_DONE, h), -EINVAL);
	assert_int_equal(with_handle(r, IX_CLOSE, h), -EINVAL);
	assert_int_equal(with_handle(r, IX_ABORT, h), -EINVAL);
	rig_drain(r);
	assert_int_equal(with_handle(r, IX_REJECT, h), 0);
	assert_true(rig_segment(r, &seg));
	assert_true(seg.flags & TCP_RST);
	assert_int_equal(with_handle(r, IX_ACCEPT, h), -EBADF);
}

/* ---- openings that are taken back */

/* A connect whose SYN is out; @p is the peer that may answer it. */
static u64 dial(struct rig *r, struct rig_peer *p)
{
	struct rig_seg seg;
	struct ix_call *c;
	s64 h;

	rig_poll(r); /* what the last one has left */
	rig_drain(r);
	c = rig_call(r, IX_CONNECT);
	c->cookie = 9;
	c->port = 4000;
	c->ip = addr_of_ipv4(rig_peer_ip);
	h = rig_one(r);
	assert_true(h > 0);
	assert_int_equal(r->up.nevents, 0);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.flags, TCP_SYN);
	*p = (struct rig_peer){
		.sport = 4000, .dport = seg.sport, .seq = 77, .ack = seg.seq + 1
	};
	return (u64)h;
}

/* The peer answers, but the application is not told yet. */
static void answer_untold(struct rig *r, struct rig_peer *p, u8 flags)
{
	rig_inject_tcp(r, p, flags, NULL, 0);
	dp_overrun(&r->dp, r->now);
	rig_drain(r);
}

static void one_event(const struct rig *r, u16 type, u64 handle, u32 outcome)
{
	assert_int_equal(r->up.nevents, 1);
	assert_int_equal(r->up.events[0].type, type);
	assert_int_equal(r->up.events[0].cookie, 9);
	assert_int_equal(r->up.events[0].handle, handle);
	assert_int_equal(r->up.events[0].len, outcome);
}

static void dialing(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_seg seg;
	struct rig_peer p;
	u64 h = dial(r, &p);

	rig_send(r, h, 0, 10);
	assert_int_equal(rig_one(r), -ENOTCONN);
	assert_int_equal(with_handle(r, IX_RECV_DONE, h), -ENOTCONN);
	rig_call(r, IX_CLOSE)->n = IX_CLOSE_WRITE;
	r->down.calls[0].handle = h;
	assert_int_equal(rig_one(r), -ENOTCONN);
	assert_int_equal(with_handle(r, IX_ACCEPT, h), -EINVAL);
	assert_int_equal(with_handle(r, IX_REJECT, h), -EINVAL);
	rig_call(r, IX_CLOSE)->n = 2;
	r->down.calls[0].handle = h;
	assert_int_equal(rig_one(r), -EINVAL);
	assert_false(rig_segment(r, &seg));
	assert_int_equal(r->up.nevents, 0);
	rig_inject_tcp(r, &p, TCP_SYN | TCP_ACK, NULL, 0);
	rig_poll(r);
	one_event(r, IX_EV_CONNECTED, h, 0);
}

/* One last event. */
static void dial_closed(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_seg seg;
	struct rig_peer p;
	u64 h = dial(r, &p);

	assert_int_equal(with_handle(r, IX_CLOSE, h), 0);
	one_event(r, IX_EV_CONNECTED, h, ECANCELED);
	assert_int_equal(with_handle(r, IX_CLOSE, h), -EBADF);
	assert_int_equal(with_handle(r, IX_ABORT, h), -EBADF);
	assert_false(rig_segment(r, &seg));
	/* The peer's answer has no connection any more. */
	rig_inject_tcp(r, &p, TCP_SYN | TCP_ACK, NULL, 0);
	rig_poll(r);
	assert_int_equal(r->up.nevents, 0);
	rig_poll(r);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.flags, TCP_RST);
}

/* Nothing is heard, whatever was to be told. */
static void dial_aborted(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_seg seg;
	struct rig_peer p;
	u64 h = dial(r, &p);

	assert_int_equal(with_handle(r, IX_ABORT, h), 0);
	assert_int_equal(r->up.nevents, 0);
	assert_int_equal(with_handle(r, IX_ABORT, h), -EBADF);
	assert_false(rig_segment(r, &seg));
	h = dial(r, &p);
	answer_untold(r, &p, TCP_SYN | TCP_ACK);
	assert_int_equal(with_handle(r, IX_ABORT, h), 0);
	assert_int_equal(r->up.nevents, 0);
	assert_true(rig_segment(r, &seg));
	assert_true(seg.flags & TCP_RST);
	assert_int_equal(with_handle(r, IX_CLOSE, h), -EBADF);
	assert_int_equal(r->up.nevents, 0);
}

/* The peer was faster. */
static void dial_closed_late(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct rig_seg seg;
	struct rig_peer p;
	u64 h = dial(r, &p);

	answer_untold(r, &p, TCP_SYN | TCP_ACK);
	assert_int_equal(with_handle(r, IX_CLOSE, h), 0);
	one_event(r, IX_EV_CONNECTED, h, 0);
	assert_true(rig_segment(r, &seg));
	assert_true(seg.flags & TCP_FIN);
	p.ack++;
	rig_inject_tcp(r, &p, TCP_FIN | TCP_ACK, NULL, 0);
	rig_poll(r);
	one_event(r, IX_EV_DEAD, h, 0);
	/* With data, which is refused. */
	h = dial(r, &p);
	answer_untold(r, &p, TCP_SYN | TCP_ACK);
	rig_inject_tcp(r, &p, TCP_ACK, "x", 1);
	dp_overrun(&r->dp, r->now);
	assert_int_equal(with_handle(r, IX_CLOSE, h), 0);
	assert_int_equal(r->up.nevents, 2);
	assert_int_equal(rig_event(r, IX_EV_CONNECTED, 0)->len, 0);
	assert_int_equal(rig_event(r, IX_EV_DEAD, 0)->len, 0);
	/* It had refused. */
	h = dial(r, &p);
	answer_untold(r, &p, TCP_RST | TCP_ACK);
	assert_int_equal(with_handle(r, IX_CLOSE, h), -EBADF);
	one_event(r, IX_EV_CONNECTED, h, ECONNREFUSED);
	rig_drain(r);
}

/* ---- addresses */

static void addresses(void **state)
{
	static const u16 ops[] = { IX_CONNECT, IX_LISTEN, IX_UNLISTEN,
				   IX_UDP_BIND, IX_UDP_SENDV };
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct ix_call *c;
	u64 udp = new_udp(r);

	for (u32 i = 0; i < ARRAY_SIZE(ops); i++) {
		c = rig_call(r, ops[i]);
		c->handle = ops[i] == IX_UDP_SENDV ? udp : 0;
		c->port = 1;
		c->ip.b[0] = 0xfe;
		c->ip.b[1] = 0x80;
		assert_int_equal(rig_one(r), -EAFNOSUPPORT);
		c = rig_call(r, ops[i]);
		c->handle = ops[i] == IX_UDP_SENDV ? udp : 0;
		c->port = 1;
		c->ip.b[15] = 1; /* ::1 */
		assert_int_equal(rig_one(r), -EAFNOSUPPORT);
		c = rig_call(r, ops[i]);
		c->handle = ops[i] == IX_UDP_SENDV ? udp : 0;
		c->port = 1;
		c->ip = addr_of_ipv4(be32(1)); /* 0.0.0.1: within, an id */
		assert_int_equal(rig_one(r), -EINVAL);
		if (ops[i] == IX_UDP_BIND)
			continue;
		c = rig_call(r, ops[i]);
		c->handle = ops[i] == IX_UDP_SENDV ? udp : 0;
		c->ip = addr_of_ipv4(rig_ip);
		assert_int_equal(rig_one(r), -EINVAL);
	}
	rig_call(r, IX_CONNECT)->port = 1;
	assert_int_equal(rig_one(r), -EINVAL);
}

/* ---- limits */

static void timer_limits(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	u64 first = new_timer(r);

	rig_call(r, IX_TIMER_SET)->delay = UINT64_MAX;
	assert_int_equal(rig_one(r), -EINVAL);
	rig_call(r, IX_TIMER_SET)->delay = 9ull * 3600 * 1000000000 + 1;
	assert_int_equal(rig_one(r), -EINVAL);
	for (u32 i = 1; i < RIG_TIMERS; i++) {
		rig_call(r, IX_TIMER_SET)->delay = 9ull * 3600 * 1000000000;
		assert_true(rig_one(r) > 0);
	}
	rig_call(r, IX_TIMER_SET);
	assert_int_equal(rig_one(r), -ENOBUFS);
	assert_int_equal(with_handle(r, IX_TIMER_CANCEL, first), 0);
	assert_int_equal(with_handle(r, IX_TIMER_CANCEL, first), -EBADF);
	assert_true(new_timer(r) > 0);
}

/* Due, but not told yet: can still be cancelled, and then is not told. */
static void cancel_due_timer(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	u64 h = new_timer(r);

	rig_sleep(r, 2 * RIG_MS);
	dp_overrun(&r->dp, r->now);
	assert_int_equal(with_handle(r, IX_TIMER_CANCEL, h), 0);
	assert_int_equal(r->up.nevents, 0);
	assert_int_equal(with_handle(r, IX_TIMER_CANCEL, h), -EBADF);
}

static void connection_limit(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	u32 made = 0;

	for (u32 i = 0; i < RIG_CONNS + 5; i++) {
		struct ix_call *c = rig_call(r, IX_CONNECT);

		c->port = 1;
		c->ip = addr_of_ipv4(rig_peer_ip);
	}
	rig_run(r);
	for (u32 i = 0; i < RIG_CONNS + 5; i++) {
		s64 result = r->up.results[i];

		assert_true(result > 0 || result == -ENOBUFS);
		made += result > 0;
	}
	assert_int_equal(made, RIG_CONNS - 1);
}

/* With ports_only: what the NIC takes, and nothing else, for TCP and UDP. */
static void ports_of_others(void **state)
{
	struct fixture *f = *state;
	struct rig *r = f->r;
	struct net_conf *conf = &r->dp.net.conf;
	struct rig_seg seg;
	u64 udp;

	conf->ports_only = true;
	conf->ports = (struct ports){ { 7, 60000 }, 20000, 20009 };
	conf->tcp.port_min = 20000;
	conf->tcp.port_max = 20009;
	for (u32 port = 1; port <= UINT16_MAX; port++) {
		bool ours = port == 7 || port == 60000 ||
			    (port >= 20000 && port <= 20009);
		struct ix_call *c = rig_call(r, IX_LISTEN);

		c->port = (u16)port;
		c->backlog = 1;
		assert_int_equal(rig_one(r), ours ? 0 : -EACCES);
		rig_call(r, IX_UNLISTEN)->port = (u16)port;
		assert_int_equal(rig_one(r),
				 ours || port == RIG_PORT ? 0 : -EINVAL);
		rig_call(r, IX_UDP_BIND)->port = (u16)port;
		udp = (u64)rig_one(r);
		if (ours)
			assert_int_equal(with_handle(r, IX_UDP_UNBIND, udp), 0);
		else
			assert_int_equal(udp, -EACCES);
	}
	rig_call(r, IX_UDP_BIND);
	udp = (u64)rig_one(r);
	assert_in_range(r->dp.net.udp.socks[handle_index(udp)].port, 20000,
			20009);
	for (u32 i = 0; i < 11; i++) {
		struct ix_call *c = rig_call(r, IX_CONNECT);

		c->port = 1;
		c->ip = addr_of_ipv4(rig_peer_ip);
		if (i == 10) {
			assert_int_equal(rig_one(r), -EADDRNOTAVAIL);
			break;
		}
		assert_true(rig_one(r) > 0);
		assert_true(rig_segment(r, &seg));
		assert_in_range(seg.sport, 20000, 20009);
	}
}

#define GATE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define USUAL_TEST(name)                                      \
	{                                                     \
		"usual: " #name, name, begin_usual, end, NULL \
	}

int main(void)
{
	const struct CMUnitTest usual[] = {
		USUAL_TEST(count_is_a_lie),   USUAL_TEST(full_batch),
		USUAL_TEST(rest_is_refused),  USUAL_TEST(forged_handles),
		USUAL_TEST(stale_handles),    USUAL_TEST(ranges),
		USUAL_TEST(sg_counts),	      USUAL_TEST(all_or_nothing),
		USUAL_TEST(gathers_in_order), USUAL_TEST(back_pressure),
		USUAL_TEST(no_overtaking),    USUAL_TEST(recv_done_bounds),
		USUAL_TEST(answers),	      USUAL_TEST(answer_after_close),
		USUAL_TEST(answer_and_close), USUAL_TEST(racing_range),
	};
	const struct CMUnitTest tests[] = {
		GATE_TEST(count_is_a_lie),
		GATE_TEST(full_batch),
		GATE_TEST(unknown_op),
		GATE_TEST(rest_is_refused),
		GATE_TEST(congestion_control),
		GATE_TEST(forged_handles),
		GATE_TEST(stale_handles),
		GATE_TEST(dead_not_told),
		GATE_TEST(ranges),
		GATE_TEST(sg_counts),
		GATE_TEST(all_or_nothing),
		GATE_TEST(gathers_in_order),
		GATE_TEST(back_pressure),
		GATE_TEST(no_overtaking),
		GATE_TEST(recv_done_bounds),
		GATE_TEST(answers),
		GATE_TEST(answer_after_close),
		GATE_TEST(answer_and_close),
		GATE_TEST(udp_recv_done_bounds),
		GATE_TEST(racing_range),
		GATE_TEST(wrong_states),
		GATE_TEST(knock_states),
		GATE_TEST(dialing),
		GATE_TEST(dial_closed),
		GATE_TEST(dial_aborted),
		GATE_TEST(dial_closed_late),
		GATE_TEST(addresses),
		GATE_TEST(timer_limits),
		GATE_TEST(cancel_due_timer),
		GATE_TEST(connection_limit),
		GATE_TEST(ports_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) +
	       cmocka_run_group_tests(usual, NULL, NULL);
}

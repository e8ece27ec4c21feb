/* SPDX-License-Identifier: MIT */
/*
 * The gate in wall 2: batched system calls, from an application that may be
 * hostile and may rewrite its batch while we read it.
 *
 * What a decision depends on is read once into the dataplane's own memory, and
 * only the copy is used from there on. All of a call is checked before any of
 * it is done: a call that returns an errno has changed nothing.
 *
 * Two things are read twice, which is safe because the second read decides by
 * itself. call_slow() copies a descriptor whose first words call() has already
 * seen: it takes op and handle from its copy, whatever call() saw. And the
 * handle of the following call, read ahead, only decides whether an answer is
 * sent now or may wait for it: either is correct, whatever that call turns out
 * to be.
 */
#include "dp/gate.h"
#include "dp/late.h"
#include "net/tcp_answer.h"

typedef s64 call_fn(struct dp *dp, const struct ix_call *c, u64 now);

/* With ports_only the address is Linux's, too: on any other port the
 * application would impersonate a service of the machine. Ports that we choose
 * ourselves are in conf.ports as well, and need no check. */
static s64 check_port(const struct dp *dp, u16 port)
{
	const struct net_conf *conf = &dp->net.conf;

	return !conf->ports_only || ports_has(&conf->ports, port) ? 0 : -EACCES;
}

/* Congestion control that a call names, or @otherwise. */
static s64 take_cc(const struct ix_call *c, u8 otherwise, u8 *cc)
{
	*cc = c->cc ? (u8)(c->cc - 1) : otherwise;
	return c->cc < IX_NR_CC ? 0 : -EINVAL;
}

_Static_assert(IX_NR_CC == TCP_NR_CC + 1 &&
		       IX_CC_NEWRENO == TCP_CC_NEWRENO + 1 &&
		       IX_CC_CUBIC == TCP_CC_CUBIC + 1 &&
		       IX_CC_DCTCP == TCP_CC_DCTCP + 1,
	       "the same in the same order, but for the default");

/* ---- the calls, in the order of IX_CALLS */

/* With the address that the call names, held meanwhile. */
static s64 with_addr(struct dp *dp, const struct ix_call *c, u64 now,
		     s64 (*call)(struct dp *dp, const struct ix_call *c,
				 struct be32 ip, u64 now))
{
	struct be32 ip;
	s64 result = addr_from_abi(&dp->net, &c->ip, &ip);

	if (result)
		return result;
	result = call(dp, c, ip, now);
	addr_put(&dp->net, ip);
	return result;
}

static s64 connect_to(struct dp *dp, const struct ix_call *c, struct be32 ip,
		      u64 now)
{
	struct tcp_conn *conn;
	s64 err;
	u8 cc;

	if (!ip.raw || !c->port)
		return -EINVAL;
	err = take_cc(c, dp->net.conf.tcp.cc, &cc);
	if (err)
		return err;
	err = tcp_connect(&dp->net, ip, c->port, c->cookie, &conn, now);
	if (err)
		return err;
	tcp_set_cc(&dp->net, conn, cc);
	return (s64)conn->handle;
}

static s64 call_CONNECT(struct dp *dp, const struct ix_call *c, u64 now)
{
	return with_addr(dp, c, now, connect_to);
}

static s64 listen_at(struct dp *dp, const struct ix_call *c, struct be32 ip,
		     u64 now)
{
	s64 err;
	u8 cc;

	if (!c->port)
		return -EINVAL;
	err = check_port(dp, c->port);
	if (!err)
		err = take_cc(c, dp->net.conf.tcp.cc, &cc);
	if (!err)
		err = tcp_listen(&dp->net, ip, c->port, c->backlog);
	if (!err)
		tcp_listen_cc(&dp->net, ip, c->port, cc);
	return err;
}

static s64 call_LISTEN(struct dp *dp, const struct ix_call *c, u64 now)
{
	return with_addr(dp, c, now, listen_at);
}

static s64 unlisten_at(struct dp *dp, const struct ix_call *c, struct be32 ip,
		       u64 now)
{
	if (!c->port)
		return -EINVAL;
	return tcp_unlisten(&dp->net, ip, c->port, now);
}

static s64 call_UNLISTEN(struct dp *dp, const struct ix_call *c, u64 now)
{
	return with_addr(dp, c, now, unlisten_at);
}

static s64 call_ACCEPT(struct dp *dp, const struct ix_call *c, u64 now)
{
	s64 err;
	struct tcp_conn *conn = find_knock(dp, c->handle, &err);
	u8 cc;

	if (!conn)
		return err;
	err = take_cc(c, conn->cc, &cc);
	if (!err)
		err = tcp_accept(&dp->net, conn, c->cookie);
	if (!err)
		tcp_set_cc(&dp->net, conn, cc);
	return err;
}

static s64 call_REJECT(struct dp *dp, const struct ix_call *c, u64 now)
{
	s64 err;
	struct tcp_conn *conn = find_knock(dp, c->handle, &err);

	if (!conn)
		return err;
	tcp_abort(&dp->net, conn, now);
	return 0;
}

static COLD s64 failed(struct dp *dp, s64 err)
{
	dp->stat->calls_failed++;
	return err;
}

/* Back-pressure: a later SENDV of this batch must not take the place of the
 * bytes that were not taken, see tcp_answer_short(). */
static COLD void answered_short(struct dp *dp, struct tcp_conn *conn)
{
	tcp_answer_short(&dp->net, conn);
	dp->stat->calls_short++;
}

/* Not all that was asked: fewer bytes, or an errno. */
static COLD s64 not_whole(struct dp *dp, struct tcp_conn *conn, s64 taken)
{
	if (taken < 0)
		return failed(dp, taken);
	answered_short(dp, conn);
	return taken;
}

/* A SENDV of one range. If the @next call, before @end, is for @conn, too, its
 * bytes may go in the same segment. */
static inline s64 answer_one(struct dp *dp, struct tcp_conn *conn, u32 at,
			     u32 done, const struct ix_call *next,
			     const struct ix_call *end, u64 now)
{
	const struct ix_sg *shared;
	u64 addr, len;
	const u8 *data;
	u32 bytes;
	s64 taken;

	if (unlikely(at >= IX_MAX_SGS))
		return failed(dp, -EINVAL);
	shared = &dp->down->sgs[at];
	addr = READ_ONCE(shared->addr);
	len = sg_len(shared);
	if (unlikely(!translate(&dp->arena, &addr, len)))
		return failed(dp, sg_errno(len));
	data = (const u8 *)(uintptr_t)addr;
	bytes = (u32)len;
	if (unlikely(next < end && READ_ONCE(next->handle) == conn->handle))
		taken = tcp_answer_later(&dp->net, conn, done, data, bytes);
	else
		taken = tcp_answer(&dp->net, conn, done, data, bytes, now);
	return likely(taken == bytes) ? taken : not_whole(dp, conn, taken);
}

/* A SENDV of several. All ranges are checked before the first one is queued;
 * the bytes that the call gives back (@done) go with the first. */
static COLD s64 answer_many(struct dp *dp, struct tcp_conn *conn, u32 at,
			    u32 nsgs, u32 done)
{
	struct ix_sg sg[IX_MAX_SG_PER_CALL];
	s64 total = take_sgs(dp, at, nsgs, sg), taken = 0;

	if (unlikely(total < 0))
		return total;
	for (u32 i = 0; i < nsgs; i++) {
		s64 n = tcp_answer_later(&dp->net, conn, i ? 0 : done,
					 (const u8 *)(uintptr_t)sg[i].addr,
					 sg[i].len);

		if (unlikely(n < 0)) /* the first one's: no other can fail */
			return n;
		taken += n;
		if (unlikely(n < sg[i].len))
			break;
	}
	if (unlikely(taken < total))
		answered_short(dp, conn);
	return taken;
}

static s64 call_SENDV(struct dp *dp, const struct ix_call *c, u64 now)
{
	s64 err;
	struct tcp_conn *conn = find_own(dp, c->handle, &err);

	if (!conn)
		return err;
	return answer_many(dp, conn, c->sg, c->nsgs, c->done);
}

static s64 call_RECV_DONE(struct dp *dp, const struct ix_call *c, u64 now)
{
	s64 err;
	struct tcp_conn *conn = find_own(dp, c->handle, &err);

	return conn ? tcp_recv_done(&dp->net, conn, c->bytes) : err;
}

static s64 call_CLOSE(struct dp *dp, const struct ix_call *c, u64 now)
{
	s64 err;
	struct tcp_conn *conn = find_own(dp, c->handle, &err);

	if (!conn)
		return err;
	if (c->how != IX_CLOSE_ALL && c->how != IX_CLOSE_WRITE)
		return -EINVAL;
	return tcp_close(&dp->net, conn, c->how == IX_CLOSE_ALL, now);
}

/* Where the NIC may still read what it was to send it is as if it had just died
 * of itself: DEAD gives that back. */
static s64 call_ABORT(struct dp *dp, const struct ix_call *c, u64 now)
{
	s64 err;
	struct tcp_conn *conn = find_own(dp, c->handle, &err);

	if (!conn)
		return err;
	if (unlikely(dp_late_has(dp, conn))) {
		tcp_reset(&dp->net, conn, now);
		return -EBADF;
	}
	tcp_abort(&dp->net, conn, now);
	return 0;
}

static s64 bind_at(struct dp *dp, const struct ix_call *c, struct be32 ip,
		   u64 now)
{
	s64 err = c->port ? check_port(dp, c->port) : 0;
	int sock;

	if (err)
		return err;
	sock = udp_bind(&dp->net, ip, c->port, c->cookie);
	if (sock < 0)
		return sock;
	return (s64)handle_make(HANDLE_UDP, dp->net.udp.socks[sock].gen,
				(u32)sock);
}

static s64 call_UDP_BIND(struct dp *dp, const struct ix_call *c, u64 now)
{
	return with_addr(dp, c, now, bind_at);
}

static s64 call_UDP_UNBIND(struct dp *dp, const struct ix_call *c, u64 now)
{
	if (!find_udp(dp, c->handle))
		return -EBADF;
	udp_unbind(&dp->net, handle_index(c->handle));
	return 0;
}

static s64 sendv_to(struct dp *dp, const struct ix_call *c, struct be32 ip,
		    u64 now)
{
	struct ix_sg sg[IX_MAX_SG_PER_CALL];
	s64 err;

	if (!ip.raw || !c->port)
		return -EINVAL;
	err = take_sgs(dp, c->sg, c->nsgs, sg);
	if (err < 0)
		return err;
	return udp_sendv(&dp->net, handle_index(c->handle), ip, c->port, sg,
			 c->nsgs, c->cookie, now);
}

static s64 call_UDP_SENDV(struct dp *dp, const struct ix_call *c, u64 now)
{
	if (!find_udp(dp, c->handle))
		return -EBADF;
	return with_addr(dp, c, now, sendv_to);
}

static s64 call_UDP_RECV_DONE(struct dp *dp, const struct ix_call *c, u64 now)
{
	u64 off = c->addr - dp->pool.app_frames;

	if (!find_udp(dp, c->handle))
		return -EBADF;
	if (off >= (u64)dp->pool.all * MBUF_SIZE)
		return -EFAULT;
	return udp_recv_done(&dp->net, handle_index(c->handle),
			     dp->pool.frames + off);
}

static s64 call_TIMER_SET(struct dp *dp, const struct ix_call *c, u64 now)
{
	return dp_user_timer_set(dp, c->cookie, c->delay, now);
}

static s64 call_TIMER_CANCEL(struct dp *dp, const struct ix_call *c, u64 now)
{
	return dp_user_timer_cancel(dp, c->handle);
}

/* ---- the batch */

#define CALL_ENTRY(name, uses) [IX_##name] = call_##name,
#define CALL_USES(name, uses) [IX_##name] = (uses),
static call_fn *const call_table[IX_NR_CALLS] = { IX_CALLS(CALL_ENTRY) };
static const u8 call_uses[IX_NR_CALLS] = { IX_CALLS(CALL_USES) };
#undef CALL_ENTRY
#undef CALL_USES

/* Fields that a call does not use must be zero, so that a later version may
 * give them a meaning that no program of today asks for by accident. */
static bool rest_is_zero(const struct ix_call *c, u32 uses)
{
	return (uses & IX_USES_PORT || !c->port) &&
	       (uses & IX_USES_N || !c->n) &&
	       (uses & IX_USES_HANDLE || !c->handle) &&
	       (uses & IX_USES_SG || !c->sg) &&
	       (uses & IX_USES_DONE || !c->done) &&
	       (uses & IX_USES_IP || !(c->ip.q[0] | c->ip.q[1]));
}

static s64 call_checked(struct dp *dp, const struct ix_call *shared, u64 now)
{
	struct ix_call c;

	COPY_IN(&c, shared);
	if (unlikely(c.op >= IX_NR_CALLS))
		return -ENOSYS;
	if (unlikely(!rest_is_zero(&c, call_uses[c.op])))
		return -EINVAL;
	return call_table[c.op](dp, &c, now);
}

static COLD s64 call_slow(struct dp *dp, const struct ix_call *shared, u64 now)
{
	s64 result = call_checked(dp, shared, now);

	return result < 0 ? failed(dp, result) : result;
}

_Static_assert(offsetof(struct ix_call, op) == 0 &&
		       offsetof(struct ix_call, port) == 2 &&
		       offsetof(struct ix_call, nsgs) == 4,
	       "call() reads them as one word");
_Static_assert(offsetof(struct ix_call, sg) == offsetof(struct ix_call, arg) &&
		       offsetof(struct ix_call, done) ==
			       offsetof(struct ix_call, arg) + 4,
	       "call() reads them as one word");

/* Nearly all calls are a SENDV of one range on a connection where nothing is
 * unusual: established, so that its name is valid, and none of the flags that
 * make it void (tcp_may_answer()). It needs three words of the descriptor, each
 * read once, and its first word (op, port 0, nsgs) tells it from all others in
 * one comparison. Of other calls the whole is copied. */
static inline s64 call(struct dp *dp, const struct ix_call *shared,
		       const struct ix_call *end, u64 now)
{
	const u64 sendv_of_one = IX_SENDV | 1ull << 32;
	u64 head = READ_ONCE(*(const u64 *)shared);
	u64 handle = READ_ONCE(shared->handle), arg;
	struct tcp_conn *conn;

	if (unlikely(head != sendv_of_one))
		return call_slow(dp, shared, now);
	conn = conn_at(dp, handle);
	if (unlikely(!conn || !tcp_may_answer(conn)))
		return call_slow(dp, shared, now);
	arg = READ_ONCE(shared->arg);
	return answer_one(dp, conn, (u32)arg, (u32)(arg >> 32), shared + 1, end,
			  now);
}

/* tcp_fetch_all() for calls: whoever asks has not just received. */
static COLD void fetch(struct dp *dp, const struct ix_call *calls, u32 n)
{
	const struct tcp_conn *conn;

	for (u32 i = 0; i < n; i++) {
		u64 handle = READ_ONCE(calls[i].handle);

		if (is_ours(dp, handle))
			tcp_fetch(&dp->net.tcp.conns[handle_index(handle)]);
	}
	for (u32 i = 0; i < n; i++) {
		conn = conn_at(dp, READ_ONCE(calls[i].handle));
		if (conn)
			tcp_fetch_beside(conn);
	}
}

/* A batch with more calls than the array holds is refused whole: there is no
 * result to put an errno in, and nresults is 0. */
void dp_dispatch(struct dp *dp, u64 now)
{
	struct ix_up *up = dp->up;
	const struct ix_stat *stat = dp->stat;
	const struct ix_call *end;
	s64 *result;
	u64 before = stat->calls_failed + stat->calls_short;
	u32 n;

	if (unlikely(!dp->down || !up))
		return;
	dp->stat->crossings++;
	result = up->results;
	n = READ_ONCE(dp->down->ncalls);
	if (unlikely(n > IX_MAX_CALLS)) {
		up->nresults = 0;
		dp->stat->calls_failed++;
		return;
	}
	if (unlikely(tcp_is_crowded(&dp->net.tcp)))
		fetch(dp, dp->down->calls, n);
	end = dp->down->calls + n;
	for (const struct ix_call *c = dp->down->calls; c < end; c++)
		*result++ = call(dp, c, end, now);
	up->nresults = n;
	up->nshort = (u32)(stat->calls_failed + stat->calls_short - before);
	dp->stat->calls += n;
}

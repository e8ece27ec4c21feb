/* SPDX-License-Identifier: MIT */
/* Descriptors that lie: names, addresses, counts, states. */
#include "hostile.h"

static int64_t send_at(struct rogue *r, uint64_t handle, uint64_t addr,
		       uint32_t len)
{
	ix_send(r->t, handle, (void *)(uintptr_t)addr, len);
	return result(r);
}

static int64_t op(struct rogue *r, uint16_t op, uint64_t handle, uint32_t n)
{
	ix_call_append(r->t, op, handle, 0, n);
	return result(r);
}

static const uint16_t named[] = { IX_ACCEPT,	  IX_REJECT, IX_RECV_DONE,
				  IX_CLOSE,	  IX_ABORT,  IX_UDP_UNBIND,
				  IX_TIMER_CANCEL };

static bool handle_refused(struct rogue *r, uint64_t handle)
{
	bool ok = true;

	if (is_true(r, handle)) /* a bystander's: ours to use */
		return true;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		ok &= refused("a handle", op(r, named[i], handle, 0));
	ok &= refused("a handle of sendv",
		      send_at(r, handle, (uintptr_t)r->mem, 1));
	return ok;
}

/* Every neighbour of a true handle, one bit away. */
static bool forged(struct rogue *r)
{
	bool ok = handle_refused(r, 0);

	ok &= handle_refused(r, UINT64_MAX);
	for (int bit = 0; bit < 64; bit++)
		ok &= handle_refused(r, r->own ^ 1ull << bit);
	return ok;
}

static bool stale(struct rogue *r)
{
	return handle_refused(r, r->stale);
}

/* A true name of something else. */
static bool foreign(struct rogue *r)
{
	int64_t udp, timer;
	bool ok;

	ix_udp_bind(r->t, 0, NULL, 0);
	udp = result(r);
	ix_timer_set(r->t, 0, 1000000000);
	timer = result(r);
	ok = udp > 0 && timer > 0;
	ok &= refused("a socket sent on",
		      send_at(r, (uint64_t)udp, (uintptr_t)r->mem, 1));
	ok &= refused("a timer aborted", op(r, IX_ABORT, (uint64_t)timer, 0));
	ok &= refused("a connection unbound", op(r, IX_UDP_UNBIND, r->own, 0));
	ok &= refused("a socket cancelled",
		      op(r, IX_TIMER_CANCEL, (uint64_t)udp, 0));
	ix_udp_recv_done(r->t, (uint64_t)udp, r->received);
	ok &= refused("TCP's buffer given back by UDP", result(r));
	ok &= !op(r, IX_UDP_UNBIND, (uint64_t)udp, 0);
	ok &= !op(r, IX_TIMER_CANCEL, (uint64_t)timer, 0);
	ok &= refused("the socket again",
		      op(r, IX_UDP_UNBIND, (uint64_t)udp, 0));
	ok &= refused("the timer again",
		      op(r, IX_TIMER_CANCEL, (uint64_t)timer, 0));
	return ok;
}

static bool addresses(struct rogue *r)
{
	const struct ix_domain *d = ix_domain();
	uint64_t base = (uintptr_t)d->arena, end = base + d->arena_len;
	const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ base - 1, 1 },
		{ base - 1, 2 },
		{ base - 4096, 8192 },
		{ base - 1, UINT32_MAX },
		{ end, 1 },
		{ end - 1, 2 },
		{ end - 4096, 4097 },
		{ end - 1, UINT32_MAX },
		{ base, UINT32_MAX },
		{ 0, 1 },
		{ 0, UINT32_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, UINT32_MAX },
		{ UINT64_MAX - 10, 100 },
		{ base + (1ull << 63), 1 },
		{ base - (1ull << 32), UINT32_MAX },
		{ r->received, 1 },
		{ (uintptr_t)r->t->port.up, 64 },
		{ (uintptr_t)r->t->port.down, 64 },
		{ (uintptr_t)&base, 8 },
		{ (uintptr_t)addresses, 8 },
	};
	bool ok = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok &= send_at(r, r->own, bad[i].addr, bad[i].len) == -EFAULT;
	for (uint64_t off = 0; off < 4; off++) {
		ok &= send_at(r, r->own, base + off, 1) == 1;
		ok &= send_at(r, r->own, end - 1 - off, 1) == 1;
	}
	return ok;
}

static int64_t sgs(struct rogue *r, uint32_t n, uint32_t first)
{
	struct ix_call *c = ix_call_new(r->t, IX_SENDV);

	c->handle = r->own;
	c->nsgs = n;
	c->sg = first;
	return result(r);
}

/* One byte sent, @done given back. */
static int64_t answer(struct rogue *r, uint32_t done)
{
	struct ix_sg sg = { (uintptr_t)r->mem, 1, 0 };

	ix_answer(r->t, r->own, &sg, 1, done);
	return result(r);
}

/* The last of many ranges is bad: none may be sent. */
static bool last_bad(struct rogue *r)
{
	struct ix_sg sg[IX_MAX_SG_PER_CALL];

	for (int i = 0; i < IX_MAX_SG_PER_CALL; i++)
		sg[i] = (struct ix_sg){ (uintptr_t)r->mem, 1, 0 };
	sg[IX_MAX_SG_PER_CALL - 1].addr = 1;
	ix_sendv(r->t, r->own, sg, IX_MAX_SG_PER_CALL);
	return refused("a list with a bad end", result(r));
}

static bool counts(struct rogue *r)
{
	bool ok = last_bad(r);

	ok &= refused("no range", sgs(r, 0, 0));
	ok &= refused("65 ranges", sgs(r, IX_MAX_SG_PER_CALL + 1, 0));
	ok &= refused("2^32 ranges", sgs(r, UINT32_MAX, 0));
	ok &= refused("ranges past the end", sgs(r, 1, IX_MAX_SGS));
	ok &= refused("ranges across the end", sgs(r, 2, IX_MAX_SGS - 1));
	ok &= refused("ranges far away", sgs(r, 1, UINT32_MAX));
	ok &= refused("ranges that wrap", sgs(r, 2, UINT32_MAX));
	ok &= refused("one byte more than it got, another's",
		      op(r, IX_RECV_DONE, r->own, r->got + 1));
	ok &= refused("the same with an answer", answer(r, r->got + 1));
	ok &= refused("an answer to all there is", answer(r, UINT32_MAX));
	ok &= refused("all the bytes there are",
		      op(r, IX_RECV_DONE, r->own, UINT32_MAX));
	return ok;
}

/* libix would not write such a batch. */
static bool batch_counts(struct rogue *r)
{
	static const uint32_t bad[] = { IX_MAX_CALLS + 1, 65536, 1u << 31,
					UINT32_MAX };
	bool ok = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r->t->port.down->ncalls = bad[i];
		r->t->port.down->flags = IX_RUN_FLUSH;
		ok &= !r->t->port.domain->run_io(&r->t->port) &&
		      !r->t->port.up->nresults;
	}
	return ok;
}

static bool calls_unknown(struct rogue *r)
{
	bool ok = true;

	for (uint32_t i = IX_NR_CALLS; i < 65536; i += 251)
		ok &= op(r, (uint16_t)i, r->own, 1) == -ENOSYS;
	ok &= op(r, 65535, r->own, 1) == -ENOSYS;
	return ok;
}

static bool states(struct rogue *r)
{
	const struct ix_addr any = { 0 };
	bool ok = true;

	ok &= refused("a second accept", op(r, IX_ACCEPT, r->own, 0));
	ok &= refused("a late reject", op(r, IX_REJECT, r->own, 0));
	ok &= refused("an unknown close", op(r, IX_CLOSE, r->own, 99));
	ix_connect(r->t, 0, &any, 1);
	ok &= refused("connect to nowhere", result(r));
	ix_listen(r->t, NULL, 0, 1);
	ok &= refused("listen on port 0", result(r));
	ix_listen(r->t, NULL, ECHO_PORT, 1);
	ok &= refused("listen twice", result(r));
	ix_unlisten(r->t, NULL, 4711);
	ok &= refused("unlisten what is not", result(r));
	ix_timer_set(r->t, 0, UINT64_MAX);
	ok &= refused("a timer for ever", result(r));
	return ok;
}

static bool dead(struct rogue *r, uint64_t handle)
{
	bool ok = refused("sending on it",
			  send_at(r, handle, (uintptr_t)r->mem, 1));

	ok &= refused("giving back to it", op(r, IX_RECV_DONE, handle, 0));
	return ok &
	       refused("closing it", op(r, IX_CLOSE, handle, IX_CLOSE_WRITE));
}

/* Through a connection's life, what does not belong there. */
static bool out_of_order(struct rogue *r)
{
	uint64_t h;
	bool ok;

	for (int i = 0; i < 500 && !r->knocked; i++)
		serve(r, 10);
	h = r->knocked;
	ok = h && dead(r, h); /* not yet accepted */
	ok &= !op(r, IX_ACCEPT, h, 0);
	r->knocked = 0;
	ok &= refused("a second accept", op(r, IX_ACCEPT, h, 0));
	ok &= refused("a late reject", op(r, IX_REJECT, h, 0));
	ok &= !op(r, IX_CLOSE, h, IX_CLOSE_WRITE);
	ok &= refused("sending behind the end",
		      send_at(r, h, (uintptr_t)r->mem, 1));
	ok &= !op(r, IX_ABORT, h, 0);
	ok &= refused("a second abort", op(r, IX_ABORT, h, 0));
	return ok & dead(r, h);
}

static int64_t dial(struct rogue *r)
{
	struct ix_addr nobody = ix_addr_v4(0x0a5100fa);

	ix_connect(r->t, 1ull << 32, &nobody, 9);
	return result(r);
}

/* What has a name, but is not open yet: it can be taken back, once. */
static bool openings(struct rogue *r)
{
	static const uint16_t take_back[] = { IX_CLOSE, IX_ABORT };
	bool ok = true;

	for (int i = 0; i < 2; i++) {
		int64_t got = dial(r);
		uint64_t h = (uint64_t)got;

		ok &= got > 0;
		ok &= dead(r, h);
		ok &= refused("accepting it", op(r, IX_ACCEPT, h, 0));
		ok &= refused("rejecting it", op(r, IX_REJECT, h, 0));
		for (int bit = 0; bit < 64; bit++)
			ok &= handle_refused(r, h ^ 1ull << bit);
		ok &= !op(r, take_back[i], h, IX_CLOSE_ALL);
		ok &= refused("a second close", op(r, IX_CLOSE, h, 0));
		ok &= refused("a second abort", op(r, IX_ABORT, h, 0));
		ok &= dead(r, h);
	}
	return ok;
}

const struct lie lies_call[] = {
	{ "forged handles", forged },
	{ "stale handles", stale },
	{ "handles of something else", foreign },
	{ "addresses at and across the edges", addresses },
	{ "counts of a call", counts },
	{ "counts of a batch", batch_counts },
	{ "unknown calls", calls_unknown },
	{ "calls in wrong states", states },
	{ "calls out of order", out_of_order },
	{ "openings", openings },
	{ 0 },
};

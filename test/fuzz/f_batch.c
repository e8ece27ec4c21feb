/* SPDX-License-Identifier: MIT */
/*
 * A hostile application: batches of any calls on a live stack, while a peer
 * sends segments and time passes. Handles and addresses are mostly true ones
 * and their neighbours, so that the checks behind the first are reached.
 *
 * A call that failed must have changed nothing: batches of one call are run
 * against a copy of all connections. Of what was aborted nothing is heard. No
 * SENDV overtakes one that was short.
 */
#include "fuzz.h"

#include <string.h>

enum { NAMES = 32 };

struct names { /* the latest handles that the dataplane told us */
	u64 h[NAMES];
	u32 n;
};

static void learn(struct names *names, u64 handle)
{
	names->h[names->n++ % NAMES] = handle;
}

static void learn_all(struct names *names, const struct rig *r, u32 ncalls)
{
	for (u32 i = 0; i < r->up.nevents; i++)
		learn(names, r->up.events[i].handle);
	for (u32 i = 0; i < ncalls; i++) {
		if (r->up.results[i] >> 32 > 0)
			learn(names, (u64)r->up.results[i]);
	}
}

static void learn_aborted(struct names *silent, const struct rig *r, u32 ncalls)
{
	for (u32 i = 0; i < ncalls; i++) {
		if (r->down.calls[i].op == IX_ABORT && !r->up.results[i])
			learn(silent, r->down.calls[i].handle);
	}
}

/* In the same crossing, already. */
static void check_silence(const struct names *silent, const struct rig *r)
{
	for (u32 i = 0; i < r->up.nevents; i++) {
		for (u32 k = 0; k < min(silent->n, (u32)NAMES); k++)
			invariant(r->up.events[i].handle != silent->h[k]);
	}
}

static u64 handle(const struct names *names, struct fuzz_in *in)
{
	u8 x = fuzz_8(in);

	return x == 255 ? fuzz_64(in) : names->h[x % NAMES] ^ (x >> 5 == 6);
}

/* The arena, its edges, receive buffers, anything. */
static u64 address(const struct rig *r, struct fuzz_in *in)
{
	u8 x = fuzz_8(in);
	s32 near = (signed char)fuzz_8(in);

	switch (x & 7) {
	case 0:
		return RIG_ARENA_APP + (u64)(s64)near;
	case 1:
		return RIG_ARENA_APP + RIG_ARENA + (u64)(s64)near;
	case 2:
		return RIG_APP_FRAMES + (u64)(x >> 3) * 128 + (u64)(s64)near;
	case 3:
		return fuzz_64(in);
	case 4:
		return r->up.events[x >> 3].addr;
	default:
		return RIG_ARENA_APP + 256 + (u64)(x >> 3) * 1000;
	}
}

static u32 count(struct fuzz_in *in)
{
	u8 x = fuzz_8(in);

	return x < 128 ? x : x < 254 ? (u32)(x - 128) * 100 : fuzz_32(in);
}

static void add_sg(struct rig *r, struct fuzz_in *in, u32 i)
{
	r->down.sgs[i % IX_MAX_SGS] = (struct ix_sg){
		.addr = address(r, in),
		.len = count(in),
	};
}

/* Else the gate would not look at what comes behind. */
static void clear_rest(struct ix_call *c)
{
#define USES(name, uses) uses,
	static const u8 used[IX_NR_CALLS + 1] = { IX_CALLS(USES) };
#undef USES
	u8 uses = used[c->op];

	c->port = uses & IX_USES_PORT ? c->port : 0;
	c->n = uses & IX_USES_N ? c->n : 0;
	c->handle = uses & IX_USES_HANDLE ? c->handle : 0;
	c->sg = uses & IX_USES_SG ? c->sg : 0;
	c->done = uses & IX_USES_DONE ? c->done : 0;
	if (!(uses & IX_USES_IP))
		c->ip = (struct ix_addr){ 0 };
}

static void add_call(struct rig *r, const struct names *names,
		     struct fuzz_in *in)
{
	struct ix_call *c = rig_call(r, fuzz_8(in) % (IX_NR_CALLS + 1));
	u32 i = r->down.ncalls;

	c->handle = handle(names, in);
	c->n = count(in);
	c->cookie = i;
	c->port = fuzz_8(in);
	if (c->port & 1)
		c->ip = addr_of_ipv4(c->port & 4   ? be32(0x0a000009)
				     : c->port & 2 ? rig_peer_ip
						   : rig_ip);
	if (c->op == IX_SENDV || c->op == IX_UDP_SENDV) {
		c->arg = c->port == 7 ? fuzz_64(in) : i;
		if (c->port == 8)
			c->done = count(in);
		c->n = c->port == 6 ? c->n : 1 + c->n % 3;
		for (u32 k = 0; k < 3; k++)
			add_sg(r, in, i + k);
	} else if (c->op == IX_TIMER_SET) {
		c->arg = (u64)c->n << 12;
	} else {
		c->arg = address(r, in);
	}
	if (c->port != 9)
		clear_rest(c);
}

/* Bytes as they are. */
static void raw_batch(struct rig *r, struct fuzz_in *in)
{
	r->down.ncalls = fuzz_8(in);
	fuzz_bytes(in, r->down.calls, r->down.ncalls * sizeof(struct ix_call));
	if (r->down.ncalls == 255)
		r->down.ncalls = fuzz_32(in);
}

/* Its result names what it made. */
static void check_connect(const struct rig *r)
{
	u64 h = (u64)r->up.results[0];
	const struct tcp_conn *c = &r->dp.net.tcp.conns[(u32)h];

	if (r->down.calls[0].op == IX_CONNECT && (s64)h >= 0)
		invariant(h && c->handle == h && c->state == TCP_SYN_SENT);
}

static void run_one_checked(struct rig *r)
{
	static struct tcp_conn before[8];
	size_t bytes = sizeof(before);
	u32 nfree = r->dp.pool.nfree, ntx = r->dp.net.ntx;

	invariant(bytes == r->conf.net.tcp.max_conns * sizeof(before[0]));
	memcpy(before, r->dp.net.tcp.conns, bytes);
	dp_dispatch(&r->dp, r->now);
	check_connect(r);
	if (r->up.results[0] >= 0)
		return;
	invariant(!memcmp(before, r->dp.net.tcp.conns, bytes));
	invariant(nfree == r->dp.pool.nfree && ntx == r->dp.net.ntx);
}

static void check_results(const struct rig *r, u32 ncalls)
{
	invariant(r->up.nresults == (ncalls > IX_MAX_CALLS ? 0 : ncalls));
	for (u32 i = 0; i < r->up.nresults; i++)
		invariant(r->up.results[i] > -134);
}

static bool short_sendv(const struct rig *r, u32 i)
{
	const struct ix_call *c = &r->down.calls[i];
	u64 asked = 0;

	if (c->op != IX_SENDV || r->up.results[i] < 0)
		return false;
	for (u32 k = 0; k < c->n; k++)
		asked += r->down.sgs[c->sg + k].len;
	return (u64)r->up.results[i] < asked;
}

static void check_order(const struct rig *r)
{
	const struct ix_call *c = r->down.calls;

	for (u32 i = 0; i < r->up.nresults; i++) {
		if (!short_sendv(r, i))
			continue;
		for (u32 k = i + 1; k < r->up.nresults; k++)
			invariant(c[k].op != IX_SENDV ||
				  c[k].handle != c[i].handle ||
				  r->up.results[k] <= 0);
	}
}

static void cross(struct rig *r, struct names *names, struct names *silent)
{
	u32 ncalls = r->down.ncalls;

	if (ncalls == 1) {
		run_one_checked(r);
		check_results(r, 1);
		learn_all(names, r, 1);
		learn_aborted(silent, r, 1);
		r->down.ncalls = 0;
		rig_run(r);
	} else {
		rig_run(r);
		check_results(r, ncalls);
		check_order(r);
		learn_all(names, r, r->up.nresults);
		learn_aborted(silent, r, r->up.nresults);
	}
	check_silence(silent, r);
	fuzz_check_events(r);
	rig_drain(r);
}

static void flush(struct rig *r, struct names *names, struct names *silent)
{
	u32 ncalls = r->down.ncalls;

	dp_flush(&r->dp, r->now);
	check_results(r, ncalls);
	check_order(r);
	learn_all(names, r, r->up.nresults);
	learn_aborted(silent, r, r->up.nresults);
	r->down.ncalls = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct rig *r = fuzz_rig(&in);
	struct names names = { 0 }, silent = { 0 };
	struct rig_peer p;

	learn(&names, rig_accept(r, &p, 1));
	learn(&names, rig_accept_ts(r, &p, 2));
	while (in.left) {
		u8 op = fuzz_8(&in);

		switch (op & 15) {
		case 0:
			raw_batch(r, &in);
			cross(r, &names, &silent);
			continue;
		case 1:
		case 2:
		case 3:
			fuzz_segment(r, &in);
			break;
		case 4:
			fuzz_time(r, &in);
			break;
		case 5:
			r->nic.tx_limit = op & 16 ? UINT32_MAX : op >> 5;
			r->nic.hold = op & 32;
			break;
		case 6:
			dp_overrun(&r->dp, r->now);
			continue;
		case 7:
			flush(r, &names, &silent);
			continue;
		default:
			add_call(r, &names, &in);
		}
		if (!(op & 0x80) || r->down.ncalls == IX_MAX_CALLS)
			cross(r, &names, &silent);
	}
	r->down.ncalls = 0;
	rig_end(r);
	return 0;
}

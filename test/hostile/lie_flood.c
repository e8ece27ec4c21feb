/* SPDX-License-Identifier: MIT */
/* Everything that D can be made to hold has a limit; when it is reached D
 * answers an errno, and all that was taken can be given back. */
#include "hostile.h"

enum {
	MANY = 1 << 22,
	STUBBORN_NS = 300000000,
	HOARD_MS = 1000,
	PATIENCE = 3000,
	TRIES = 20,
	TOLD_MS = 50,
};

/* Appends until the batch is full, runs it; how many succeeded. */
typedef int append_fn(struct rogue *r, uint32_t i);

static uint64_t *handles; /* of what succeeded */
static uint32_t nhandles;

static bool flood(struct rogue *r, append_fn *append)
{
	uint32_t i = 0;

	nhandles = 0;
	while (i < MANY) {
		uint32_t n;

		while (append(r, i) >= 0)
			i++;
		if (ix_flush(r->t))
			return false;
		n = r->t->port.up->nresults;
		for (uint32_t k = 0; k < n; k++) {
			if (ix_result(r->t, (int)k) < 0)
				return true;
			handles[nhandles++] = (uint64_t)ix_result(r->t, (int)k);
		}
	}
	printf("hostile: no limit after %u\n", i);
	return false;
}

static bool undo(struct rogue *r, uint16_t op)
{
	for (uint32_t i = 0; i < nhandles; i++) {
		if (ix_call_append(r->t, op, handles[i], 0, 0) >= 0)
			continue;
		if (ix_flush(r->t))
			return false;
		i--;
	}
	return !ix_flush(r->t);
}

static int timer(struct rogue *r, uint32_t i)
{
	return ix_timer_set(r->t, i, 1000000000ull * 3600);
}

/* What was appended to the last batch after the limit failed, too. */
static bool timers(struct rogue *r)
{
	return flood(r, timer) && undo(r, IX_TIMER_CANCEL) && flood(r, timer) &&
	       undo(r, IX_TIMER_CANCEL);
}

static int socket_(struct rogue *r, uint32_t i)
{
	return ix_udp_bind(r->t, i, NULL, 0);
}

static bool sockets(struct rogue *r)
{
	return flood(r, socket_) && undo(r, IX_UDP_UNBIND);
}

static int port(struct rogue *r, uint32_t i)
{
	return ix_listen(r->t, NULL, (uint16_t)(1000 + i), 1);
}

static bool ports(struct rogue *r)
{
	if (!flood(r, port))
		return false;
	for (uint32_t i = 0; i < nhandles; i++)
		if (ix_unlisten(r->t, NULL, (uint16_t)(1000 + i)) < 0)
			return false;
	return !ix_flush(r->t);
}

static int tiny_send(struct rogue *r, uint32_t i)
{
	return ix_send(r->t, r->own, r->mem + 2 * i % 65536, 1);
}

/* Taken: fewer and fewer bytes, and never more than the limit. */
static bool sends(struct rogue *r)
{
	uint64_t taken = 0;

	for (int round = 0; round < 100; round++) {
		uint64_t before = taken;

		for (uint32_t i = 0; tiny_send(r, i) >= 0; i++)
			;
		if (ix_flush(r->t))
			return false;
		for (uint32_t k = 0; k < r->t->port.up->nresults; k++)
			if (ix_result(r->t, (int)k) > 0)
				taken += (uint64_t)ix_result(r->t, (int)k);
		if (taken == before)
			return true;
	}
	printf("hostile: %llu bytes pending and no end\n",
	       (unsigned long long)taken);
	return true; /* the peer has acknowledged meanwhile */
}

/* As much as the connection takes; nothing is received meanwhile. */
static uint64_t fill(struct rogue *r)
{
	uint64_t taken = 0;
	int64_t n;

	do {
		ix_send(r->t, r->own, r->mem, 32768);
		n = result(r);
		taken += n > 0 ? (uint64_t)n : 0;
	} while (n > 0 && taken < MANY);
	return taken;
}

/* Crossings that ask for nothing to be received: acknowledgements must be, all
 * the same, and make room for more. */
static bool only(struct rogue *r, bool (*cross)(struct rogue *r))
{
	uint64_t until, taken;
	bool ok;

	for (int i = 0; !(taken = fill(r)) && i < 100; i++)
		serve(r, 50); /* what the last lies have left there */
	ok = taken > 0 && taken < MANY;
	for (until = now_ns() + STUBBORN_NS; ok && now_ns() < until;)
		ok = cross(r);
	taken = fill(r);
	if (!ok || !taken)
		printf("hostile: nothing is received, %llu taken\n",
		       (unsigned long long)taken);
	return ok && taken;
}

static bool flush(struct rogue *r)
{
	return !ix_flush(r->t);
}

static bool flushes(struct rogue *r)
{
	return only(r, flush);
}

/* Peers send all they can, nothing is given back: more than there are buffers.
 * What others send in the meantime is lost, and sent again. */
static bool buffers(struct rogue *r)
{
	bool ok;

	r->hoards = true;
	ix_listen(r->t, NULL, HOARD_PORT, 128);
	ok = !result(r);
	for (int i = 0; ok && i < PATIENCE && !hoarded.bytes; i++)
		ok = serve(r, 10); /* until they have come */
	ok = ok && serve(r, HOARD_MS);
	ix_unlisten(r->t, NULL, HOARD_PORT);
	ok &= !result(r);
	r->hoards = false;
	printf("hostile: %llu KB of %u connections kept\n",
	       (unsigned long long)hoarded.bytes / 1024, hoarded.n);
	for (uint32_t i = 0; i < hoarded.n; i++) {
		ix_abort(r->t, hoarded.handle[i]);
		result(r); /* some have ended by themselves */
	}
	return ok && hoarded.bytes > 0;
}

static int connect_(struct rogue *r, uint32_t i)
{
	struct ix_addr nobody = ix_addr_v4(0x0a510032 + i % 200);

	return ix_connect(r->t, 1ull << 32 | i, &nobody, 9);
}

/* To addresses that do not exist: taken back, and then as many again, which end
 * by themselves. Some may have ended by then: they are there until we are told.
 */
static bool connects(struct rogue *r)
{
	bool ok = flood(r, connect_);
	uint32_t most = nhandles;
	int tries = 0;

	do
		ok = ok && undo(r, IX_ABORT) && serve(r, TOLD_MS) &&
		     flood(r, connect_);
	while (ok && nhandles < most && ++tries < TRIES);
	return ok && nhandles >= most;
}

static bool timers_handles(struct rogue *r)
{
	handles = calloc(MANY + IX_MAX_CALLS, sizeof(*handles));
	return handles && timers(r);
}

/* Keeps the core for much longer than allowed. */
static bool no_run_io(struct rogue *r)
{
	uint64_t until = now_ns() + 400000000;

	(void)r;
	while (now_ns() < until)
		;
	return true;
}

const struct lie lies_flood[] = {
	{ "timers without end", timers_handles },
	{ "sockets without end", sockets },
	{ "ports without end", ports },
	{ "sends without end", sends },
	{ "receive buffers without end", buffers },
	{ "connections without end", connects },
	{ "flushing and nothing else", flushes },
	{ "not calling run_io", no_run_io },
	{ 0 },
};

/* SPDX-License-Identifier: MIT */
/* The application: opens links at random times and moves streams, each
 * connection in its own manner. */
#include "sim.h"

#include <errno.h>
#include <string.h>

/* ---- connections */

u32 app_conn_nr(const struct host *h, const struct conn *c)
{
	return (u32)(c - h->app.conns);
}

u64 app_cookie(const struct host *h, const struct conn *c)
{
	return app_conn_nr(h, c) | (u64)c->gen << 16;
}

void app_busy(struct host *h, struct conn *c)
{
	u32 i = app_conn_nr(h, c);

	h->app.busy[i / 64] |= 1ull << i % 64;
}

static u32 random_total(struct host *h)
{
	static const u32 sizes[] = { 200, 5000, 40000, 200000, 1500000 };
	u64 *rng = &h->app.rng;
	u32 kind = sim_random(rng, 100);
	u32 most = sizes[kind < 24		? 0
			 : kind < 48		? 1
			 : kind < 75		? 2
			 : kind < 98		? 3
			 : h->world->nhosts < 4 ? 4
						: 0];

	return STREAM_HEAD + sim_random(rng, most);
}

static enum manner random_manner(struct host *h)
{
	u64 *rng = &h->app.rng;
	bool graceful = sim_chance(rng, 75), hasty = sim_chance(rng, 50);
	enum manner manner = hasty ? HASTY : ABORTER;
	enum sim_fault fault = hasty ? FAULT_HASTY : FAULT_ABORT;

	return graceful || !sim_in_play(h->world, fault) ? GRACEFUL : manner;
}

struct conn *app_conn_new(struct host *h)
{
	u64 *rng = &h->app.rng;

	for (u32 i = 0; i < SIM_CONNS; i++) {
		struct conn *c = &h->app.conns[i];
		bool slow, sleepy;

		if (c->used)
			continue;
		*c = (struct conn){
			.used = true,
			.gen = (u16)(c->gen + 1),
			.link = SIM_LINKS,
			.manner = random_manner(h),
			.out = { sim_random(rng, ~0u), random_total(h), 0 },
			.abort_at = sim_random(rng, 20000),
			.read_pause = (1 + sim_random(rng, 300)) * SIM_MS,
			.sleeps = (30 + sim_random(rng, 60)) * SIM_S,
		};
		slow = sim_chance(rng, 30);
		sleepy = sim_chance(rng, 5);
		if (!sleepy || !sim_in_play(h->world, FAULT_SLEEP))
			c->sleeps = 0;
		if (!slow || !sim_in_play(h->world, FAULT_PAUSE))
			c->read_pause = 0;
		return c;
	}
	return NULL;
}

/* Not let in: nobody listens, a reject, or too many knock at once. */
static bool was_refused(const struct host *h, const struct link *l, s64 error)
{
	const struct host *other = h->world->hosts[l->accepter.host];

	if (l->accepter.there)
		return false;
	return error == ECONNREFUSED ||
	       (error == ECONNRESET && (HOST_SUM(other, drop_tcp_backlog) ||
					HOST_SUM(other, tcp_recycled)));
}

/* Ends the application's part. */
void app_conn_end(struct host *h, struct conn *c, s64 error)
{
	sim_say(h->world,
		"host %u conn %u (%s of %u) ends: %lld, sent %u/%u, got %u/%u",
		h->nr, app_conn_nr(h, c), c->opener ? "opener" : "accepter",
		c->link, (long long)error, c->acked, c->out.total, c->received,
		c->in.total);
	h->world->bytes += c->received;
	if (c->link < SIM_LINKS) {
		struct link *l = &h->world->links[c->link];
		struct side *s = c->opener ? &l->opener : &l->accepter;

		s->ended = true;
		s->got = c->eof;
		if (c->opener && was_refused(h, l, error))
			l->refused = true;
		link_moves(h->world, c->link);
	}
	c->used = false;
}

/* ---- calls */

static struct ix_call *conn_call(struct host *h, struct conn *c, u16 op)
{
	return host_call(h, app_conn_nr(h, c), op);
}

/* The server's clients open, and now and then it does. */
static u32 random_peer(struct host *h)
{
	return h->nr ? 0 : 1 + sim_random(&h->app.rng, h->world->nhosts - 1);
}

/* What both speak. */
static bool random_ip6(struct host *h, u32 peer)
{
	u32 both = h->families & h->world->hosts[peer]->families;
	bool ip6 = sim_chance(&h->family_rng, 50);

	return both == FAMILY_6 || (both & FAMILY_6 && ip6);
}

static struct ix_addr address(u32 peer, bool ip6)
{
	struct be128 ip = sim_ip6(peer);
	struct ix_addr out = addr_of_ipv4(sim_ip4(peer));

	if (ip6)
		memcpy(&out, &ip, sizeof(out));
	return out;
}

static void open_link(struct host *h)
{
	struct world *w = h->world;
	u32 peer = random_peer(h);
	bool ip6 = random_ip6(h, peer);
	struct conn *c = app_conn_new(h);
	struct ix_call *call;

	h->app.open_at = w->now + sim_random(&h->app.rng, 200) * SIM_MS;
	if (!c)
		return;
	c->opener = true;
	c->thread = (u8)(h->t - h->threads);
	c->link = link_new(w, h->nr, peer, ip6, c->manner);
	if (c->link == SIM_LINKS) {
		h->app.to_open = 0;
		c->used = false;
		return;
	}
	h->app.to_open--;
	c->out.link = c->link;
	sim_say(w,
		"host %u conn %u opens link %u to %u, IPv%d, manner %d, "
		"%u bytes",
		h->nr, app_conn_nr(h, c), c->link, peer, ip6 ? 6 : 4, c->manner,
		c->out.total);
	call = conn_call(h, c, IX_CONNECT);
	call->cookie = app_cookie(h, c);
	call->ip = address(peer, ip6);
	call->port = SIM_PORT;
}

static void abort_conn(struct host *h, struct conn *c)
{
	conn_call(h, c, IX_ABORT);
	c->aborted = true;
}

/* In both banks: what a short SENDV did not take may go from the other one. */
static void fill(struct host *h, struct conn *c, u32 end)
{
	u8 *banks = h->t->node.arena + app_conn_nr(h, c) * 2 * SIM_SLOT;

	while (c->filled < end) {
		u32 at = c->filled % SIM_SLOT;
		u32 n = min(end - c->filled, SIM_SLOT - at);

		stream_fill(&c->out, c->filled, banks + at, n);
		memcpy(banks + SIM_SLOT + at, banks + at, n);
		c->filled += n;
	}
}

/* In up to 6 pieces, over the end of the connection's part of the arena. Two
 * that follow each other are a range of their own each if they come from
 * different banks. */
static void send_pieces(struct host *h, struct conn *c, u32 len)
{
	u64 *rng = &h->app.rng;
	u32 off = c->queued, pieces = 1 + sim_random(rng, 6);
	u64 banks = LAB_ARENA + app_conn_nr(h, c) * 2 * SIM_SLOT;
	struct ix_call *call = conn_call(h, c, IX_SENDV);

	fill(h, c, off + len);
	call->sg = h->t->nsgs;
	while (len) {
		u32 at = off % SIM_SLOT;
		u32 part = min(len, SIM_SLOT - at);

		if (call->nsgs + 2 < pieces && part > 1)
			part = 1 + sim_random(rng, part);
		h->t->node.down->sgs[h->t->nsgs++] = (struct ix_sg){
			.addr = banks + at + sim_random(rng, 2) * SIM_SLOT,
			.len = part,
		};
		call->nsgs++;
		len -= part;
		off += part;
	}
	c->call_pending = true;
}

static void send_some(struct host *h, struct conn *c)
{
	u32 room = SIM_SLOT - (c->queued - c->acked);
	u32 len = min(room, c->out.total - c->queued);

	if (sim_chance(&h->app.rng, 30))
		len = min(len, 1 + sim_random(&h->app.rng, 3000));
	if (len && !c->call_pending)
		send_pieces(h, c, len);
}

static void close_conn(struct host *h, struct conn *c, u32 how)
{
	conn_call(h, c, IX_CLOSE)->how = how;
	c->fin = true;
	c->closed = how == IX_CLOSE_ALL;
}

static void give_back(struct host *h, struct conn *c)
{
	u32 bytes = c->held;

	if (!bytes || c->closed)
		return;
	if (h->world->now < c->wake) {
		h->app.wake = min(h->app.wake, c->wake);
		return;
	}
	if (sim_chance(&h->app.rng, 20))
		bytes = 1 + sim_random(&h->app.rng, bytes);
	conn_call(h, c, IX_RECV_DONE)->bytes = bytes;
	link_moves(h->world, c->link);
	c->held -= bytes;
	if (c->held)
		app_busy(h, c);
}

static void finish(struct host *h, struct conn *c)
{
	bool sent_all = c->queued == c->out.total;

	if (!sent_all || c->call_pending)
		return;
	if (c->manner == HASTY && !c->closed)
		close_conn(h, c, IX_CLOSE_ALL);
	else if (!c->fin && c->eof && !c->held)
		close_conn(h, c, IX_CLOSE_ALL);
	else if (!c->fin && sim_chance(&h->app.rng, 50))
		close_conn(h, c, IX_CLOSE_WRITE);
	else if (!c->fin && !c->eof)
		app_busy(h, c);
}

/* Once, for long: nothing is said, and both are there. */
static bool asleep(struct host *h, struct conn *c)
{
	if (c->sleeps) {
		c->asleep = true;
		c->wake = h->world->now + c->sleeps;
		c->sleeps = 0;
		h->app.wake = min(h->app.wake, c->wake);
		if (c->link < SIM_LINKS)
			h->world->links[c->link].moved_at = c->wake;
	}
	c->asleep &= h->world->now < c->wake;
	return c->asleep;
}

static void work(struct host *h, struct conn *c)
{
	if (!c->used || !c->connected || c->aborted ||
	    c->thread == SIM_NOBODY || asleep(h, c))
		return;
	if (c->manner == ABORTER && c->queued + c->received >= c->abort_at) {
		abort_conn(h, c);
		return;
	}
	give_back(h, c);
	if (!c->fin)
		send_some(h, c);
	finish(h, c);
}

static void work_word(struct host *h, u32 word)
{
	u64 left = h->app.busy[word];

	for (; left; left &= left - 1) {
		u32 i = (u32)__builtin_ctzll(left);
		struct conn *c = &h->app.conns[word * 64 + i];

		if (c->thread != SIM_NOBODY)
			h->t = &h->threads[c->thread];
		if (!host_room(h))
			continue;
		h->app.busy[word] &= ~(1ull << i);
		work(h, c);
	}
}

/* Whose pause is over. */
static void wake_sleepers(struct host *h)
{
	h->app.wake = UINT64_MAX;
	for (u32 i = 0; i < SIM_CONNS; i++) {
		struct conn *c = &h->app.conns[i];

		if (!c->used || !c->wake)
			continue;
		if (c->wake > h->world->now) {
			h->app.wake = min(h->app.wake, c->wake);
		} else {
			c->wake = 0;
			app_busy(h, c);
		}
	}
}

/* Whoever has something to do writes it to his thread's batch. */
void app_run(struct host *h)
{
	h->t = &h->threads[sim_random(&h->move_rng, h->nthreads)];
	if (h->app.to_open && h->app.open_at <= h->world->now && host_room(h))
		open_link(h);
	if (h->app.wake <= h->world->now)
		wake_sleepers(h);
	for (u32 i = 0; i < ARRAY_SIZE(h->app.busy); i++)
		work_word(h, i);
}

/* ---- the whole */

void app_start(struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++) {
		struct ix_call *c;

		h->t = &h->threads[i];
		c = host_call(h, SIM_CONNS, IX_LISTEN);
		c->port = SIM_PORT;
		c->backlog = h->app.backlog;
	}
	h->app.wake = UINT64_MAX;
}

void app_die(struct host *h)
{
	for (u32 i = 0; i < SIM_CONNS; i++) {
		if (h->app.conns[i].used)
			app_conn_end(h, &h->app.conns[i], EOWNERDEAD);
		h->app.busy[i / 64] = 0;
	}
	for (u32 i = 0; i < h->nthreads; i++) {
		struct thread *t = &h->threads[i];

		t->node.down->ncalls = t->node.up->nevents = t->nsgs = 0;
	}
}

static bool has_calls(const struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++) {
		if (h->threads[i].node.down->ncalls)
			return true;
	}
	return false;
}

bool app_idle(const struct host *h)
{
	if (h->app.to_open || has_calls(h) || h->down_until)
		return false;
	for (u32 i = 0; i < SIM_CONNS; i++) {
		if (h->app.conns[i].used)
			return false;
	}
	return true;
}

u64 app_next(const struct host *h)
{
	u64 now = h->world->now;
	u64 next = h->app.to_open ? max(h->app.open_at, now + 1) : UINT64_MAX;

	for (u32 i = 0; i < ARRAY_SIZE(h->app.busy); i++) {
		if (h->app.busy[i])
			return now;
	}
	return has_calls(h) ? now : min(next, h->app.wake);
}

/* SPDX-License-Identifier: MIT */
/* The application: opens links at random times, accepts what knocks, moves
 * streams and checks every byte, each connection in its own manner. */
#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define APP_ARENA 0x10000000ull

static struct sim *sim_of(struct node *n)
{
	return n->sim;
}

/* ---- connections */

static u32 conn_nr(const struct node *n, const struct conn *c)
{
	return (u32)(c - n->conns);
}

static u64 cookie_of(const struct node *n, const struct conn *c)
{
	return conn_nr(n, c) | (u64)c->gen << 16;
}

static struct conn *conn_of(struct node *n, const struct ix_event *e)
{
	u32 i = e->cookie & 0xffff;

	if (i >= SIM_CONNS || !n->conns[i].used ||
	    n->conns[i].gen != e->cookie >> 16)
		sim_fail(n->sim, "node %u: event %u for no connection", n->nr,
			 e->type);
	return &n->conns[i];
}

static u32 random_total(struct sim *s)
{
	switch (sim_random(s, 4)) {
	case 0:
		return STREAM_HEAD + sim_random(s, 200);
	case 1:
		return STREAM_HEAD + sim_random(s, 5000);
	case 2:
		return STREAM_HEAD + sim_random(s, 40000);
	default:
		return STREAM_HEAD + sim_random(s, 200000);
	}
}

static struct conn *conn_new(struct node *n)
{
	struct sim *s = sim_of(n);

	for (u32 i = 0; i < SIM_CONNS; i++) {
		struct conn *c = &n->conns[i];
		u16 gen = c->gen;

		if (c->used)
			continue;
		*c = (struct conn){
			.used = true,
			.gen = (u16)(gen + 1),
			.link = SIM_LINKS,
			.manner = sim_chance(s, 75)   ? GRACEFUL
				  : sim_chance(s, 50) ? HASTY
						      : ABORTER,
			.out = { sim_random(s, ~0u), random_total(s),
				 SIM_LINKS },
			.abort_at = sim_random(s, 20000),
		};
		if (sim_chance(s, 30))
			c->read_pause = (1 + sim_random(s, 300)) * SIM_MS;
		return c;
	}
	return NULL;
}

/* Whether the peer has got all is for the peer to say: its last ACK may be
 * lost and its TIME-WAIT over. */
static bool all_done(const struct conn *c)
{
	return c->eof && c->received == c->in.total;
}

/* Ends the application's part; @ok: as it should. */
static void conn_end(struct node *n, struct conn *c, s64 error)
{
	struct sim *s = sim_of(n);
	struct link *l = c->link < SIM_LINKS ? &s->links[c->link] : NULL;
	bool done = !error && all_done(c);

	sim_say(s, "node %u conn %u (%s) ends: %lld, sent %u/%u, got %u/%u",
		n->nr, conn_nr(n, c), c->opener ? "opener" : "accepter",
		(long long)error, c->acked, c->out.total, c->received,
		c->in.total);
	s->bytes += c->received;
	if (l && c->opener) {
		l->opener_done = done;
		l->opener_ended = true;
	} else if (l) {
		l->accepter_done = done;
	}
	c->used = false;
}

/* ---- calls */

static void open_link(struct node *n)
{
	struct sim *s = sim_of(n);
	struct conn *c = conn_new(n);
	struct ix_call *call;
	struct link *l;

	n->open_at = s->now + sim_random(s, 100) * SIM_MS;
	if (!c)
		return;
	n->to_open--;
	c->opener = true;
	c->link = s->nlinks++;
	c->out.link = c->link;
	l = &s->links[c->link];
	l->started = true;
	l->opener = c->manner;
	sim_say(s, "node %u conn %u opens link %u, manner %d, %u bytes", n->nr,
		conn_nr(n, c), c->link, c->manner, c->out.total);
	call = node_call(n, conn_nr(n, c), IX_CONNECT);
	call->cookie = cookie_of(n, c);
	call->ip = addr_of_ipv4(s->nodes[!n->nr].conf.net.ip);
	call->port = SIM_PORT;
}

static void abort_conn(struct node *n, struct conn *c)
{
	node_call(n, conn_nr(n, c), IX_ABORT);
	conn_end(n, c, ECONNABORTED);
}

/* In up to 6 pieces, over the end of the connection's part of the arena. */
static void send_some(struct node *n, struct conn *c)
{
	struct sim *s = sim_of(n);
	u32 room = SIM_SLOT - (c->queued - c->acked);
	u32 len = min(room, c->out.total - c->queued);
	u32 off = c->queued, pieces = 1 + sim_random(s, 6);
	u8 *base = n->arena + conn_nr(n, c) * SIM_SLOT;
	struct ix_call *call;

	if (sim_chance(s, 30))
		len = min(len, 1 + sim_random(s, 3000));
	if (!len || c->call_pending)
		return;
	call = node_call(n, conn_nr(n, c), IX_SENDV);
	call->sg = n->nsgs;
	while (len) {
		u32 at = off % SIM_SLOT;
		u32 part = min(len, SIM_SLOT - at);

		if (call->nsgs + 2 < pieces && part > 1)
			part = 1 + sim_random(s, part);
		stream_fill(&c->out, off, base + at, part);
		n->down.sgs[n->nsgs++] = (struct ix_sg){
			.addr = APP_ARENA + (u64)(base + at - n->arena),
			.len = part,
		};
		call->nsgs++;
		len -= part;
		off += part;
	}
	c->call_pending = true;
}

static void close_conn(struct node *n, struct conn *c, u32 how)
{
	node_call(n, conn_nr(n, c), IX_CLOSE)->how = how;
	c->fin = true;
	c->closed = how == IX_CLOSE_ALL;
}

static void give_back(struct node *n, struct conn *c)
{
	struct sim *s = sim_of(n);
	u32 bytes = c->held;

	if (!bytes || c->closed || s->now < c->wake)
		return;
	if (sim_chance(s, 20))
		bytes = 1 + sim_random(s, bytes);
	node_call(n, conn_nr(n, c), IX_RECV_DONE)->bytes = bytes;
	c->held -= bytes;
	if (c->held)
		c->dirty = true;
}

static void finish(struct node *n, struct conn *c)
{
	bool sent_all = c->queued == c->out.total;

	if (!sent_all || c->call_pending)
		return;
	if (c->manner == HASTY && !c->closed)
		close_conn(n, c, IX_CLOSE_ALL);
	else if (!c->fin && c->eof && !c->held)
		close_conn(n, c, IX_CLOSE_ALL);
	else if (!c->fin && sim_chance(n->sim, 50))
		close_conn(n, c, IX_CLOSE_WRITE);
	else if (!c->fin && !c->eof)
		c->dirty = true;
}

static void work(struct node *n, struct conn *c)
{
	if (!c->connected)
		return;
	if (c->manner == ABORTER && c->queued + c->received >= c->abort_at) {
		abort_conn(n, c);
		return;
	}
	give_back(n, c);
	if (!c->fin)
		send_some(n, c);
	finish(n, c);
}

void app_run(struct node *n)
{
	if (n->to_open && n->open_at <= n->sim->now && node_room(n))
		open_link(n);
	for (u32 i = 0; i < SIM_CONNS && node_room(n); i++) {
		struct conn *c = &n->conns[i];

		if (!c->used ||
		    !(c->dirty || (c->held && c->wake <= n->sim->now)))
			continue;
		c->dirty = false;
		work(n, c);
	}
}

/* ---- results */

void app_result(struct node *n, u32 conn, u16 op, s64 result)
{
	struct sim *s = sim_of(n);
	struct conn *c = conn < SIM_CONNS ? &n->conns[conn] : NULL;

	if (result < 0 && result != -EBADF && op != IX_CONNECT)
		sim_fail(s, "node %u: call %u answers %lld", n->nr, op,
			 (long long)result);
	if (!c || !c->used)
		return;
	if (op == IX_CONNECT && result < 0)
		sim_fail(s, "node %u: connect answers %lld", n->nr,
			 (long long)result);
	if (op == IX_ACCEPT && result < 0)
		conn_end(n, c, -result);
	if (op == IX_SENDV) {
		c->call_pending = false;
		if (result > 0) {
			c->queued += (u32)result;
			c->dirty = true;
		}
	}
}

/* ---- events */

static void on_knock(struct node *n, const struct ix_event *e)
{
	struct sim *s = sim_of(n);
	struct conn *c = sim_chance(s, 3) ? NULL : conn_new(n);
	struct ix_call *call;

	if (!c) {
		node_call(n, SIM_CONNS, IX_REJECT)->handle = e->handle;
		return;
	}
	c->handle = e->handle;
	c->connected = c->dirty = true;
	call = node_call(n, conn_nr(n, c), IX_ACCEPT);
	call->cookie = cookie_of(n, c);
	sim_say(s, "node %u conn %u accepts, manner %d, %u bytes", n->nr,
		conn_nr(n, c), c->manner, c->out.total);
}

static void on_recv(struct node *n, struct conn *c, const struct ix_event *e)
{
	struct sim *s = sim_of(n);

	if (!e->len) {
		if (c->eof)
			sim_fail(s, "node %u: two ends of stream", n->nr);
		c->eof = true;
		if (c->received < STREAM_HEAD || c->received != c->in.total)
			sim_fail(s, "node %u conn %u: stream ends at %u of %u",
				 n->nr, conn_nr(n, c), c->received,
				 c->in.total);
		return;
	}
	if (c->eof || c->closed)
		sim_fail(s, "node %u: data after the end", n->nr);
	if (!stream_check(&c->in, c->received, (const u8 *)(uintptr_t)e->addr,
			  e->len))
		sim_fail(s, "node %u conn %u: wrong bytes, %u on, from %u",
			 n->nr, conn_nr(n, c), c->received, e->len);
	c->received += e->len;
	c->held += e->len;
	if (c->read_pause && c->wake <= s->now)
		c->wake = s->now + c->read_pause;
	if (!c->opener && c->link == SIM_LINKS && c->received >= STREAM_HEAD) {
		if (c->in.link >= s->nlinks)
			sim_fail(s, "node %u: no such link", n->nr);
		c->link = c->in.link;
		s->links[c->link].accepter = c->manner;
		s->links[c->link].accepter_known = true;
	}
}

static void on_sent(struct node *n, struct conn *c, const struct ix_event *e)
{
	c->acked += e->acked;
	if (c->acked > c->queued)
		sim_fail(n->sim, "node %u: more acknowledged than sent", n->nr);
}

void app_event(struct node *n, const struct ix_event *e)
{
	struct conn *c;

	if (e->type == IX_EV_KNOCK) {
		on_knock(n, e);
		return;
	}
	c = conn_of(n, e);
	c->dirty = true;
	switch (e->type) {
	case IX_EV_CONNECTED:
		c->handle = e->handle;
		c->connected = !e->error;
		if (e->error)
			conn_end(n, c, e->error);
		break;
	case IX_EV_RECV:
		on_sent(n, c, e);
		on_recv(n, c, e);
		break;
	case IX_EV_SENT:
		on_sent(n, c, e);
		break;
	case IX_EV_DEAD:
		conn_end(n, c, e->error);
		break;
	default:
		sim_fail(n->sim, "node %u: event %u", n->nr, e->type);
	}
}

/* ---- the whole */

void app_start(struct node *n)
{
	struct ix_call *c = node_call(n, SIM_CONNS, IX_LISTEN);

	c->port = SIM_PORT;
	c->backlog = n->backlog;
}

bool app_idle(const struct node *n)
{
	if (n->to_open || n->down.ncalls)
		return false;
	for (u32 i = 0; i < SIM_CONNS; i++) {
		if (n->conns[i].used)
			return false;
	}
	return true;
}

u64 app_next(const struct node *n)
{
	u64 next = n->to_open ? max(n->open_at, n->sim->now + 1) : UINT64_MAX;

	for (u32 i = 0; i < SIM_CONNS; i++) {
		const struct conn *c = &n->conns[i];

		if (c->used && c->dirty)
			return n->sim->now;
		if (c->used && c->held && c->wake > n->sim->now)
			next = min(next, c->wake);
	}
	return n->down.ncalls ? n->sim->now : next;
}

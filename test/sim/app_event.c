/* SPDX-License-Identifier: MIT */
/* What the dataplane answers and tells: accepts what knocks, and checks every
 * byte. */
#include "sim.h"

#include <errno.h>
#include <string.h>

/* ---- memory */

/* What is free again is written over at once, in both banks: app.c. */
static void scribble(struct host *h, const struct conn *c, u32 from, u32 n)
{
	u8 *banks = h->t->node.arena + app_conn_nr(h, c) * 2 * SIM_SLOT;

	while (n) {
		u32 at = from % SIM_SLOT, part = min(n, SIM_SLOT - at);

		memset(banks + at, 0xee, part);
		memset(banks + SIM_SLOT + at, 0xee, part);
		from += part;
		n -= part;
	}
}

/* All of it is. */
static void on_gone(struct host *h, struct conn *c, s64 error)
{
	scribble(h, c, c->acked, c->queued - c->acked);
	app_conn_end(h, c, error);
}

/* ---- results */

static const struct tcp_conn *tcp_of(const struct host *h, u64 handle)
{
	return &h->t->node.dp->net.tcp.conns[handle_index(handle)];
}

/* No port, or no connection, is free at the moment: it tries again. */
static void on_connect(struct host *h, struct conn *c, s64 result)
{
	struct link *l = &h->world->links[c->link];

	if (result >= 0) {
		c->handle = (u64)result;
		l->port = be16_host(tcp_of(h, (u64)result)->flow.lport);
		l->iss = tcp_of(h, (u64)result)->iss;
		return;
	}
	if (result != -EADDRNOTAVAIL && result != -EAGAIN &&
	    result != -ENOBUFS && result != -EHOSTUNREACH)
		sim_fail(h->world, "host %u: connect answers %lld", h->nr,
			 (long long)result);
	l->refused = true;
	h->app.to_open++;
	app_conn_end(h, c, -result);
}

void app_result(struct host *h, u32 i, s64 result)
{
	u32 nr = h->t->calls[i].conn, op = h->t->calls[i].op;
	struct conn *c = nr < SIM_CONNS ? &h->app.conns[nr] : NULL;

	if (result < 0 && result != -EBADF && op != IX_CONNECT)
		sim_fail(h->world, "host %u: call %u answers %lld", h->nr, op,
			 (long long)result);
	if (!c || !c->used || c->gen != h->t->calls[i].gen)
		return;
	if (op == IX_CONNECT)
		on_connect(h, c, result);
	if (op == IX_ACCEPT && result < 0)
		app_conn_end(h, c, -result);
	if (op == IX_ABORT && !result) /* else it is told that it is dead */
		on_gone(h, c, ECONNABORTED);
	if (op == IX_SENDV) {
		c->call_pending = false;
		if (result > 0) {
			c->queued += (u32)result;
			app_busy(h, c);
		}
	}
}

/* ---- events */

/* By what the peer's first sequence number was: nothing is read yet. */
static u32 knocking(struct host *h, const struct ix_event *e)
{
	const struct tcp_conn *c = tcp_of(h, e->handle);
	u32 fin = c->state >= TCP_CLOSE_WAIT;
	struct link who = {
		.opener.host = ((const u8 *)e->ip.w)[15] - 1u,
		.ip6 = c->flags & TCP_F_IP6,
		.port = e->port,
		.iss = c->rcv_nxt - c->rx_bytes - fin - 1,
	};

	return link_find(h->world, h->nr, &who);
}

static void on_knock(struct host *h, const struct ix_event *e)
{
	struct world *w = h->world;
	bool refuse = sim_chance(&h->app.rng, 3);
	struct conn *c = refuse ? NULL : app_conn_new(h);
	u32 link = knocking(h, e);
	struct ix_call *call;

	if (!c) {
		if (link < SIM_LINKS)
			w->links[link].refused = true;
		host_call(h, SIM_CONNS, IX_REJECT)->handle = e->handle;
		return;
	}
	c->handle = e->handle;
	c->thread = (u8)(h->t - h->threads);
	c->connected = true;
	c->link = link;
	if (link < SIM_LINKS)
		w->links[link].accepter = (struct side){ .host = h->nr,
							 .manner = c->manner,
							 .there = true };
	app_busy(h, c);
	call = host_call(h, app_conn_nr(h, c), IX_ACCEPT);
	call->cookie = app_cookie(h, c);
	sim_say(w, "host %u conn %u accepts link %u, manner %d, %u bytes",
		h->nr, app_conn_nr(h, c), link, c->manner, c->out.total);
}

static void on_end(struct host *h, struct conn *c)
{
	if (c->eof)
		sim_fail(h->world, "host %u: two ends of stream", h->nr);
	c->eof = true;
	if (c->received < STREAM_HEAD || c->received != c->in.total)
		sim_fail(h->world, "host %u conn %u: stream ends at %u of %u",
			 h->nr, app_conn_nr(h, c), c->received, c->in.total);
}

/* The accepter's streams name no link. */
static void check_link(struct host *h, struct conn *c)
{
	if (!c->opener && c->received >= STREAM_HEAD && c->link < SIM_LINKS &&
	    c->in.link != c->link)
		sim_fail(h->world, "host %u conn %u: link %u instead of %u",
			 h->nr, app_conn_nr(h, c), c->in.link, c->link);
}

static void on_recv(struct host *h, struct conn *c, const struct ix_event *e)
{
	struct world *w = h->world;

	if (!e->len) {
		on_end(h, c);
		return;
	}
	if (c->eof || c->closed)
		sim_fail(w, "host %u: data after the end", h->nr);
	c->received += w->plan.broken && c->read_pause && c->received;
	if (!stream_check(&c->in, c->received, (const u8 *)(uintptr_t)e->addr,
			  e->len))
		sim_fail(w, "host %u conn %u: wrong bytes, %u on, from %u",
			 h->nr, app_conn_nr(h, c), c->received, e->len);
	c->received += e->len;
	c->held += e->len;
	if (c->read_pause && c->wake <= w->now)
		c->wake = w->now + c->read_pause;
	check_link(h, c);
}

static void on_sent(struct host *h, struct conn *c, const struct ix_event *e)
{
	if (e->acked > c->queued - c->acked)
		sim_fail(h->world, "host %u: more acknowledged than sent",
			 h->nr);
	scribble(h, c, c->acked, e->acked);
	c->acked += e->acked;
}

static struct conn *conn_of(struct host *h, const struct ix_event *e)
{
	u32 i = e->cookie & 0xffff;

	if (i >= SIM_CONNS || !h->app.conns[i].used ||
	    h->app.conns[i].gen != e->cookie >> 16)
		sim_fail(h->world, "host %u: event %u for no connection", h->nr,
			 e->type);
	return &h->app.conns[i];
}

/* Nothing is told of a connection but by the thread that it is at. */
static void check_thread(struct host *h, struct conn *c,
			 const struct ix_event *e)
{
	u8 thread = (u8)(h->t - h->threads);

	if (e->type == IX_EV_ARRIVED && c->thread == SIM_NOBODY &&
	    e->handle == c->handle)
		c->thread = thread;
	if (c->thread != thread)
		sim_fail(h->world, "host %u conn %u: event %u at thread %u",
			 h->nr, app_conn_nr(h, c), e->type, thread);
}

void app_event(struct host *h, const struct ix_event *e)
{
	struct conn *c;

	if (e->type == IX_EV_KNOCK) {
		on_knock(h, e);
		return;
	}
	c = conn_of(h, e);
	check_thread(h, c, e);
	app_busy(h, c);
	link_moves(h->world, c->link);
	switch (e->type) {
	case IX_EV_CONNECTED:
		c->handle = e->handle;
		c->connected = !e->error;
		if (e->error)
			app_conn_end(h, c, e->error);
		break;
	case IX_EV_RECV:
		on_sent(h, c, e);
		on_recv(h, c, e);
		break;
	case IX_EV_SENT:
		on_sent(h, c, e);
		break;
	case IX_EV_DEAD:
		on_gone(h, c, e->error);
		break;
	case IX_EV_MOVED:
		c->thread = SIM_NOBODY;
		break;
	case IX_EV_ARRIVED:
		break;
	default:
		sim_fail(h->world, "host %u: event %u", h->nr, e->type);
	}
}

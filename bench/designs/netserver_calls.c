/* SPDX-License-Identifier: MIT */
/* The network server: connections, and the application's calls. */
#include <errno.h>

#include "bench/designs/netserver.h"

/* ---- connections */

static struct ix_call *call_for(struct netserver *s, u16 op, u64 handle)
{
	struct ix_call *c = lab_call(&s->node, op);

	c->handle = handle;
	return c;
}

static struct conn *conn_of(struct netserver *s, u32 name)
{
	struct conn *c = &s->conns[name % CONNS];

	return c->handle && c->name == name ? c : NULL;
}

static void knock(struct netserver *s, const struct ix_event *e)
{
	for (u32 i = 0; i < CONNS; i++) {
		struct conn *c = &s->conns[i];

		if (c->handle)
			continue;
		*c = (struct conn){
			.handle = e->handle,
			.name = (c->name / CONNS + 1) * CONNS + i,
		};
		c->sent_end = &c->sent;
		call_for(s, IX_ACCEPT, e->handle)->cookie = c->name;
		return;
	}
	call_for(s, IX_REJECT, e->handle);
}

static void free_oldest(struct netserver *s, struct conn *c)
{
	struct mbuf *m = c->sent;

	c->sent = m->next;
	if (!c->sent)
		c->sent_end = &c->sent;
	mbuf_free(s->nic.pool, m);
	s->nsent--;
}

static void acked(struct netserver *s, struct conn *c, u32 bytes)
{
	for (c->acked += bytes; c->sent && c->acked >= c->sent->len;) {
		c->acked -= c->sent->len;
		free_oldest(s, c);
	}
}

static void forget_pieces(struct netserver *s, u32 conn)
{
	u32 kept = s->first;

	for (u32 i = s->first; i != s->end; i++) {
		struct piece p = s->pieces[i % MBUFS];

		if (p.conn != conn)
			s->pieces[kept++ % MBUFS] = p;
	}
	s->end = kept;
}

static void dead(struct netserver *s, struct conn *c)
{
	while (c->sent)
		free_oldest(s, c);
	forget_pieces(s, c->name);
	if (s->unsent && s->call.conn == c->name) {
		s->unsent = NULL;
		s->call.error = -EPIPE;
	}
	c->handle = 0;
}

static void received(struct netserver *s, const struct ix_event *e)
{
	s->pieces[s->end++ % MBUFS] = (struct piece){
		.conn = (u32)e->cookie,
		.len = e->len,
		.data = (const void *)(uintptr_t)e->addr,
	};
}

void take_event(struct netserver *s, const struct ix_event *e)
{
	struct conn *c;

	if (e->type == IX_EV_KNOCK) {
		knock(s, e);
		return;
	}
	c = conn_of(s, (u32)e->cookie);
	if (!c)
		return;
	if (e->type == IX_EV_SENT || (e->type == IX_EV_RECV && e->acked)) {
		acked(s, c, e->acked);
		s->room = true;
	}
	if (e->type == IX_EV_RECV)
		received(s, e);
	else if (e->type == IX_EV_DEAD)
		dead(s, c);
}

/* ---- the application's calls */

static void answer(struct netserver *s, const void *data, u32 len)
{
	s->called = false;
	mailbox_put_bytes(s->box->app, &s->call, data, len);
}

static void answer_recv(struct netserver *s)
{
	const struct piece *p = &s->pieces[s->first % MBUFS];

	if (s->first == s->end)
		return;
	s->first++;
	s->call.conn = p->conn;
	answer(s, p->data, p->len);
	if (p->len)
		call_for(s, IX_RECV_DONE, conn_of(s, p->conn)->handle)->bytes =
			p->len;
}

static void send_rest(struct netserver *s)
{
	struct conn *c = conn_of(s, s->call.conn);

	s->room = false;
	call_for(s, IX_SENDV, c->handle)->nsgs = 1;
	s->sendv = (s32)s->node.down->ncalls - 1;
	s->node.down->sgs[0] = (struct ix_sg){
		.addr = (u64)(uintptr_t)s->unsent->data + s->taken,
		.len = s->unsent->len - s->taken,
	};
}

/* What TCP has not taken now, it is offered when something is acknowledged. */
void sent(struct netserver *s, s64 result)
{
	s->sendv = NONE;
	if (result < 0) { /* the connection is about to be dead */
		s->unsent = NULL;
		s->call.error = (s32)result;
		return;
	}
	s->taken += (u32)result;
	if (s->unsent->len == s->taken)
		s->unsent = NULL;
}

static void begin_send(struct netserver *s, struct mbuf *m)
{
	struct conn *c = conn_of(s, s->call.conn);

	if (!c) {
		s->call.error = -EPIPE;
		mbuf_free(s->nic.pool, m);
		return;
	}
	*c->sent_end = m;
	c->sent_end = &m->next;
	s->nsent++;
	s->unsent = m;
	s->taken = 0;
	send_rest(s);
}

static void begin_close(struct netserver *s)
{
	struct conn *c = conn_of(s, s->call.conn);

	if (c)
		call_for(s, IX_CLOSE, c->handle)->how = IX_CLOSE_ALL;
}

void begin_call(struct netserver *s, struct mbuf *m)
{
	if (s->call.type == APP_SEND) {
		begin_send(s, m);
		return;
	}
	mbuf_free(s->nic.pool, m);
	if (s->call.type == APP_CLOSE)
		begin_close(s);
}

/* Who sends waits until TCP has it all, and until enough of what was sent is
 * acknowledged. */
void go_on(struct netserver *s)
{
	if (s->call.type == APP_RECV)
		answer_recv(s);
	else if (s->call.type == APP_CLOSE ||
		 (!s->unsent && s->nsent < MAX_SENT))
		answer(s, NULL, 0);
	else if (s->unsent && s->room)
		send_rest(s);
}

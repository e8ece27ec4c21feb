/* SPDX-License-Identifier: MIT */
/*
 * echo.c without ixev: batches of calls down, event conditions up. What comes
 * is copied into the arena, sent from there, and given back when the peer has
 * acknowledged the copy: so the receive window bounds what a connection holds.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <ix/ix.h>

enum { PER_EVENT = 2 /* calls, at most */ };

struct block {
	struct block *next;
	uint32_t len, sent, acked;
	char data[];
};

struct conn {
	uint64_t handle;
	struct block *first, *unsent, **end; /* a list */
	bool open, asking, fin, closed; /* asking: a call is in the batch */
};

/* Sends the next block, or what is left of it; the rest upon the answer. */
static void go_on(struct ix_thread *t, struct conn *c)
{
	struct block *b = c->unsent;

	if (c->asking || c->closed)
		return;
	if (b) {
		int i = ix_send(t, c->handle, b->data + b->sent,
				b->len - b->sent);

		t->port.down->calls[i].cookie = (uintptr_t)c;
		c->asking = true;
	} else if (c->fin) {
		ix_close(t, c->handle, IX_CLOSE_ALL);
		c->closed = true;
	}
}

/* To ix_accept() or ix_send(). */
static void on_answer(struct ix_thread *t, struct conn *c, int64_t result)
{
	if (!c->open && result < 0) { /* it has gone before we accepted */
		free(c);
	} else if (!c->open) {
		c->open = true;
	} else if (result >= 0) { /* else dead is coming */
		c->asking = false;
		c->unsent->sent += (uint32_t)result;
		if (c->unsent->sent == c->unsent->len)
			c->unsent = c->unsent->next;
		go_on(t, c);
	}
}

/* Hands the batch over by @cross and looks at the answers. The descriptors
 * stay as they are, and their cookies tell whose call it was; each answer
 * appends one call at most, so none is overwritten before it was looked at. */
static int run(struct ix_thread *t, int (*cross)(struct ix_thread *))
{
	int ret = cross(t);

	for (uint32_t i = 0; i < t->nresults; i++) {
		uint64_t c = t->port.down->calls[i].cookie;

		if (c)
			on_answer(t, (struct conn *)(uintptr_t)c,
				  ix_result(t, (int)i));
	}
	return ret;
}

static void on_recv(struct ix_thread *t, struct conn *c, uint64_t data,
		    uint32_t len)
{
	struct block *b = len ? ix_alloc_pages(sizeof(*b) + len) : NULL;

	if (b) {
		*b = (struct block){ .len = len };
		memcpy(b->data, (const void *)(uintptr_t)data, len);
		*c->end = b;
		c->end = &b->next;
		c->unsent = c->unsent ? c->unsent : b;
	} else { /* the peer's end, or ours */
		c->fin = true;
	}
	go_on(t, c);
}

static void free_first(struct conn *c)
{
	struct block *b = c->first;

	c->first = b->next;
	if (!c->first)
		c->end = &c->first;
	ix_free_pages(b, sizeof(*b) + b->len);
}

static void on_sent(struct ix_thread *t, struct conn *c, uint32_t acked)
{
	if (!c->closed)
		ix_recv_done(t, c->handle, acked);
	while (acked) {
		uint32_t left = c->first->len - c->first->acked;
		uint32_t n = acked < left ? acked : left;

		c->first->acked += n;
		acked -= n;
		if (n == left)
			free_first(c);
	}
}

static void on_dead(struct ix_thread *t, struct conn *c)
{
	for (uint32_t i = 0; c->asking && i < t->ncalls; i++)
		if (t->port.down->calls[i].cookie == (uintptr_t)c)
			t->port.down->calls[i].cookie = 0;
	while (c->first)
		free_first(c);
	free(c);
}

static void on_event(struct ix_thread *t, const struct ix_event *e)
{
	struct conn *c = (struct conn *)(uintptr_t)e->cookie;

	if (e->type == IX_EV_KNOCK) {
		c = calloc(1, sizeof(*c));
		if (!c) {
			ix_reject(t, e->handle);
			return;
		}
		c->handle = e->handle;
		c->end = &c->first;
		ix_accept(t, e->handle, (uintptr_t)c);
	}
	if ((e->type == IX_EV_RECV || e->type == IX_EV_SENT) && e->acked)
		on_sent(t, c, e->acked);
	if (e->type == IX_EV_RECV)
		on_recv(t, c, e->addr, e->len);
	if (e->type == IX_EV_DEAD)
		on_dead(t, c);
}

int main(void)
{
	struct ix_thread *t = ix_init() ? NULL : ix_attach(-1);
	int ret = t ? ix_listen(t, NULL, ix_domain()->ports[0], 1024) : -1;

	while (ret >= 0 && !(ret = run(t, ix_run_io))) {
		for (uint32_t i = 0; i < ix_nevents(t) && !ret; i++) {
			if (t->ncalls > IX_MAX_CALLS - PER_EVENT)
				ret = run(t, ix_flush);
			on_event(t, ix_event(t, i));
		}
	}
	return ret != -ESHUTDOWN; /* the dataplane was told to stop */
}

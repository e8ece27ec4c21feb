/* SPDX-License-Identifier: MIT */
/*
 * echo.c without ixev: batches of calls down, event conditions up. What comes
 * is copied into the arena and sent from there, and given back only when the
 * peer has acknowledged the copy. What has no room in the copy waits where it
 * was received: so the receive window bounds what a connection has under way,
 * however large it grows.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <ix/ix.h>

enum { RING = 256 * 1024, PIECES = 8192, PER_EVENT = 3 /* calls */ };

struct piece {
	const char *data;
	uint32_t len;
};

struct conn { /* in, out, done: positions in the stream */
	uint64_t handle, in, out, done;
	bool open, fin, closed, asking; /* asking: a call is in the batch */
	uint32_t first, npieces;
	struct piece pieces[PIECES]; /* received, not copied yet: a ring, too */
	char ring[RING];
};

static struct conn *asked[IX_MAX_CALLS]; /* whose call it is, or NULL */

static void ask(struct conn *c, int call)
{
	asked[call] = c;
	c->asking = true;
}

/* Sends what is there, in one piece; the rest when that was answered. */
static void go_on(struct ix_thread *t, struct conn *c)
{
	uint64_t from = c->out % RING, n = c->in - c->out;

	if (c->asking || c->closed)
		return;
	if (n) {
		n = n < RING - from ? n : RING - from;
		ask(c, ix_send(t, c->handle, c->ring + from, (uint32_t)n));
	} else if (c->fin && !c->npieces) {
		ix_close(t, c->handle, IX_CLOSE_ALL);
		c->closed = true;
	}
}

static void on_answer(struct ix_thread *t, struct conn *c, int64_t result)
{
	c->asking = false;
	if (!c->open && result < 0) { /* it has gone before we accepted */
		ix_free_pages(c, sizeof(*c));
		return;
	}
	c->open = true;
	if (result < 0)
		return; /* dead is coming */
	c->out += (uint64_t)result;
	go_on(t, c);
}

/* Hands the batch over by @cross and looks at the answers. */
static int run(struct ix_thread *t, int (*cross)(struct ix_thread *))
{
	int ret = cross(t);

	for (uint32_t i = 0; i < t->nresults; i++) {
		struct conn *c = asked[i];

		asked[i] = NULL;
		if (c)
			on_answer(t, c, ix_result(t, (int)i));
	}
	return ret;
}

static void on_knock(struct ix_thread *t, uint64_t handle)
{
	struct conn *c = ix_alloc_pages(sizeof(*c));

	if (!c) {
		ix_reject(t, handle);
		return;
	}
	memset(c, 0, offsetof(struct conn, pieces));
	c->handle = handle;
	ask(c, ix_accept(t, handle, (uintptr_t)c));
}

/* Copies what there is room for; bytes. */
static uint32_t copy_in(struct conn *c, const char *data, uint32_t len)
{
	uint64_t room = RING - (c->in - c->done);
	uint32_t n = len < room ? len : (uint32_t)room;

	for (uint32_t i = 0; i < n; i++)
		c->ring[c->in++ % RING] = data[i];
	return n;
}

static void copy_pieces(struct conn *c)
{
	while (c->npieces) {
		struct piece *p = &c->pieces[c->first % PIECES];
		uint32_t n = copy_in(c, p->data, p->len);

		p->data += n;
		p->len -= n;
		if (p->len)
			return;
		c->first++;
		c->npieces--;
	}
}

static void on_recv(struct ix_thread *t, struct conn *c, const char *data,
		    uint32_t len)
{
	uint32_t n = c->npieces || c->closed ? 0 : copy_in(c, data, len);

	c->fin |= !len;
	if (n < len && c->npieces < PIECES) {
		c->pieces[(c->first + c->npieces++) % PIECES] =
			(struct piece){ data + n, len - n };
	} else if (n < len && !c->closed) { /* pieces of a few bytes each */
		ix_close(t, c->handle, IX_CLOSE_ALL);
		c->closed = true;
	}
	go_on(t, c);
}

static void on_sent(struct ix_thread *t, struct conn *c, uint32_t acked)
{
	c->done += acked;
	ix_recv_done(t, c->handle, acked);
	copy_pieces(c);
	go_on(t, c);
}

static void on_dead(struct conn *c)
{
	for (int i = 0; c->asking && i < IX_MAX_CALLS; i++)
		asked[i] = asked[i] == c ? NULL : asked[i];
	ix_free_pages(c, sizeof(*c));
}

static void on_event(struct ix_thread *t, const struct ix_event *e)
{
	struct conn *c = (struct conn *)(uintptr_t)e->cookie;

	if (e->type == IX_EV_KNOCK) {
		on_knock(t, e->handle);
	} else if (e->type == IX_EV_RECV) {
		if (e->acked)
			on_sent(t, c, e->acked);
		on_recv(t, c, (const char *)(uintptr_t)e->addr, e->len);
	} else if (e->type == IX_EV_SENT) {
		on_sent(t, c, e->acked);
	} else if (e->type == IX_EV_DEAD) {
		on_dead(c);
	}
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

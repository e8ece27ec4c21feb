/* SPDX-License-Identifier: MIT */
/*
 * Echo on libix with nothing between: an answer is one call, written where its
 * event is read. For bench/insns.c: a client asks again when it has its answer,
 * so that a connection's piece of transmit memory is free by then. One that
 * asks sooner, or for more, is reset.
 */
#include <errno.h>
#include <string.h>

#include <ix/ix.h>

enum { PIECE = 2048 };

struct conn {
	uint64_t unacked;
	char data[PIECE - 8];
};

static void on_recv(struct ix_thread *t, const struct ix_event *e)
{
	struct conn *c = (struct conn *)(uintptr_t)e->cookie;
	uint32_t len = e->len;
	struct ix_sg sg = { (uintptr_t)c->data, len, 0 };

	c->unacked -= e->acked;
	if (!len) {
		ix_close(t, e->handle, IX_CLOSE_ALL);
	} else if (c->unacked || len > sizeof(c->data)) {
		ix_abort(t, e->handle);
	} else {
		c->unacked = len;
		ix_answer(t, e->handle, &sg, 1, len);
		memcpy(c->data, (const void *)(uintptr_t)e->addr, len);
	}
}

static void on_event(struct ix_thread *t, const struct ix_event *e)
{
	struct conn *c;

	if (e->type == IX_EV_RECV) {
		on_recv(t, e);
	} else if (e->type == IX_EV_SENT) {
		((struct conn *)(uintptr_t)e->cookie)->unacked -= e->acked;
	} else if (e->type == IX_EV_DEAD) {
		ix_free_pages((void *)(uintptr_t)e->cookie, sizeof(*c));
	} else if (e->type == IX_EV_KNOCK) {
		c = ix_alloc_pages(sizeof(*c));
		if (!c) {
			ix_reject(t, e->handle);
			return;
		}
		c->unacked = 0;
		ix_accept(t, e->handle, (uintptr_t)c);
	}
}

/* A batch has room for a call an event. */
int main(void)
{
	struct ix_thread *t = ix_init() ? NULL : ix_attach(-1);
	int ret = t ? ix_listen(t, NULL, ix_domain()->ports[0], 1024) : -1;

	while (ret >= 0 && !(ret = ix_run_io(t))) {
		const struct ix_event *e = ix_event(t, 0);
		const struct ix_event *end = e + ix_nevents(t);

		for (; e < end && !ret; e++) {
			if (t->ncalls == IX_MAX_CALLS)
				ret = ix_flush(t);
			on_event(t, e);
		}
	}
	return ret != -ESHUTDOWN; /* the dataplane was told to stop */
}

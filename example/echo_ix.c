/* SPDX-License-Identifier: MIT */
/*
 * echo.c without ixev: batches of calls down, event conditions up. What comes
 * is copied to be sent, and given back when the peer has acknowledged the copy:
 * so the receive window bounds what a connection holds.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <ix/sendq.h>

struct conn {
	struct ix_sendq out;
	bool ends; /* the peer's FIN came, or there is no memory */
};

static void on_data(struct ix_thread *t, struct conn *c,
		    const struct ix_event *e)
{
	ix_sendq_acked(&c->out, e->acked);
	if (e->type == IX_EV_RECV && !c->ends)
		c->ends = !e->len || ix_sendq_put(&c->out, ix_ptr(e->addr),
						  e->len) < e->len;
	ix_sendq_send(t, &c->out, e->handle, e->cookie, e->acked);
	if (c->ends && !c->out.queued)
		ix_close(t, e->handle, IX_CLOSE_ALL);
}

static void on_event(struct ix_thread *t, const struct ix_event *e)
{
	struct conn *c = ix_ptr(e->cookie);

	if (e->type == IX_EV_RECV || e->type == IX_EV_SENT) {
		on_data(t, c, e);
	} else if (e->type == IX_EV_KNOCK) {
		c = calloc(1, sizeof(*c));
		if (c)
			ix_accept(t, e->handle, (uintptr_t)c);
		else
			ix_reject(t, e->handle);
	} else if (e->type == IX_EV_DEAD) {
		ix_sendq_free(&c->out);
		free(c);
	}
}

static void on_short(struct ix_thread *t, const struct ix_call *call,
		     int64_t result)
{
	struct conn *c = ix_ptr(call->cookie);

	if (call->op == IX_SENDV && result >= 0)
		ix_sendq_not_taken(&c->out, (uint32_t)(ix_asked(t, call) -
						       (uint64_t)result));
	else if (call->op == IX_ACCEPT) /* it has gone: no event follows */
		free(c);
}

/* Told to end before it listens, it has not failed. */
static bool serve(struct ix_thread *t)
{
	int i = ix_listen(t, NULL, ix_domain()->ports[0], 1024);
	int err = ix_flush(t);

	if (err)
		return err == -ESHUTDOWN;
	return !ix_result(t, i) && !ix_loop(t, on_event, on_short);
}

int main(void)
{
	struct ix_thread *t = ix_init() ? NULL : ix_attach(-1);

	return t && serve(t) ? 0 : 1;
}

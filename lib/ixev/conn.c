/* SPDX-License-Identifier: MIT */
/*
 * The life of a context:
 *
 *	init -> DIALING -> OPEN -> (EOF) -> DEAD -> release
 *	            \        \-> CLOSING, CLOSE_SENT -/
 *	             \-> CLOSING (taken back) -------/
 *
 * A context is released only from the work list, when it is dead and the
 * application has closed it: no call in the batch refers to it then.
 */
#include <string.h>

#include "lib/ixev/priv.h"

void ixev_ctx_init(struct ixev_ctx *ctx)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->flags = CTX_FRESH;
}

void ixev_set_handler(struct ixev_ctx *ctx, unsigned int mask,
		      ixev_handler_t handler)
{
	uint8_t fresh = (uint8_t)(mask & ~ctx->en_mask);

	ctx->handler = handler;
	if (unlikely(ctx->flags & CTX_CLOSING))
		return;
	ctx->en_mask = (uint8_t)mask;
	if ((fresh & IXEVIN) && ctx->rx_len)
		ctx->trig_mask |= IXEVIN;
	if ((fresh & ctx->trig_mask) && ctx->owner)
		ixev_work(ctx->owner, ctx);
}

void ixev_dial_addr(struct ixev_ctx *ctx, const struct ix_addr *ip,
		    uint16_t port)
{
	struct ixev_thread *t = ixev_self();
	struct ixev_ctx fresh = { .handler = ctx->handler,
				  .en_mask = ctx->en_mask,
				  .user_data = ctx->user_data };
	struct ix_call *c;

	if (!t)
		return;
	*ctx = fresh; /* programs for the original did not always init it */
	ctx->owner = t;
	ctx->flags = CTX_DIALING;
	c = ixev_call(t, IX_CONNECT, 0);
	c->cookie = (uintptr_t)ctx;
	c->ip = *ip;
	c->port = port;
	c->cc = t->cc;
}

void ixev_dial(struct ixev_ctx *ctx, struct ip_tuple *id)
{
	struct ix_addr ip = ix_addr_v4(id->dst_ip);

	ixev_dial_addr(ctx, &ip, id->dst_port);
}

void ixev_on_named(struct ixev_thread *t, struct ixev_ctx *ctx, uint64_t handle)
{
	ctx->handle = (hid_t)handle;
	if (ctx->flags & CTX_CLOSING)
		ixev_work(t, ctx);
}

void ixev_on_connected(struct ixev_thread *t, const struct ix_event *ev)
{
	struct ixev_ctx *ctx = (struct ixev_ctx *)(uintptr_t)ev->cookie;

	if (ev->error) {
		ixev_on_dead(t, ctx, (int)ev->error);
		return;
	}
	ctx->flags = (uint16_t)((ctx->flags & ~CTX_DIALING) | CTX_OPEN);
	if (ctx->untaken || (ctx->flags & CTX_CONTROL))
		ixev_work(t, ctx);
	if (!(ctx->flags & CTX_CLOSING) && ixev_ops.dialed)
		ixev_ops.dialed(ctx, 0);
}

void ixev_on_knock(struct ixev_thread *t, const struct ix_event *ev)
{
	struct ip_tuple id = {
		.src_ip = ix_addr_to_v4(&ev->ip),
		.src_port = ev->port,
		.dst_port = (uint16_t)ev->local_port,
	};
	struct ixev_ctx *ctx = ixev_ops.accept ? ixev_ops.accept(&id) : NULL;
	struct ix_call *c = ixev_call(t, ctx ? IX_ACCEPT : IX_REJECT, 0);

	c->handle = ev->handle;
	c->cookie = (uintptr_t)ctx;
	if (!ctx)
		return;
	ctx->handle = (hid_t)ev->handle;
	ctx->owner = t;
	ctx->flags = (uint16_t)((ctx->flags & ~CTX_FRESH) | CTX_OPEN);
	if (ctx->flags & CTX_CONTROL)
		ixev_work(t, ctx);
}

/* HUP, from the work list: results must be read before handlers run. A
 * handler that asked for data only hears of it as IXEVIN | IXEVHUP. */
static void hup(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	if (ctx->flags & CTX_CLOSING)
		return;
	ctx->trig_mask |= IXEVHUP;
	if (!(ctx->en_mask & IXEVHUP))
		ctx->trig_mask |= IXEVIN;
	ixev_work(t, ctx);
}

void ixev_on_fin(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	ctx->flags |= CTX_EOF;
	hup(t, ctx);
}

void ixev_on_dead(struct ixev_thread *t, struct ixev_ctx *ctx, int error)
{
	if (ctx->flags & CTX_DEAD)
		return;
	ctx->error = error;
	ixev_tx_drop(t, ctx); /* before: salvage lies where tx_next was */
	if (error || (ctx->flags & CTX_CLOSING))
		ixev_rx_drop(t, ctx);
	else
		ixev_rx_salvage(t, ctx);
	if (ctx->flags & CTX_DIALING)
		ctx->flags |= CTX_DIAL_FAILED;
	ctx->flags =
		(uint16_t)((ctx->flags & ~(CTX_OPEN | CTX_DIALING)) | CTX_DEAD);
	ixev_work(t, ctx);
	if (!(ctx->flags & CTX_DIAL_FAILED))
		hup(t, ctx);
}

void ixev_on_tx_error(struct ixev_thread *t, struct ixev_ctx *ctx, int error)
{
	ctx->flags |= CTX_TX_ERROR;
	ctx->untaken = 0; /* the dataplane may still hold what it took */
	ctx->tx_next = NULL;
	ixev_work(t, ctx);
	if (error == EBADF) /* dead is coming and says why */
		return;
	ctx->error = error;
	hup(t, ctx);
}

static void release(struct ixev_ctx *ctx)
{
	if (ctx->flags & CTX_WORK) /* a callback gave it more to do */
		return;
	ixev_rx_drop(ctx->owner, ctx);
	if (unlikely(ctx->owner->nleaving))
		ixev_forget(ctx->owner, ctx);
	if (ixev_ops.release)
		ixev_ops.release(ctx);
}

static void put_abort(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	struct ix_call *c;

	if (ctx->flags & CTX_ABORT_SENT)
		return;
	ctx->flags |= CTX_ABORT_SENT;
	c = ixev_call(t, IX_ABORT, 0);
	c->handle = (uint64_t)ctx->handle;
	c->cookie = (uintptr_t)ctx;
	t->again = true;
}

/* Closed before it is open: what was accepted is still to be sent, else it is
 * taken back. That needs the dataplane's name for it: see ixev_on_named(). */
static void take_back(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	struct ix_call *c;

	if (!(ctx->flags & CTX_CLOSING))
		return;
	if (!ctx->handle) {
		t->again = true;
	} else if (ctx->flags & CTX_ABORT) {
		put_abort(t, ctx);
	} else if (!ctx->untaken && !(ctx->flags & CTX_CLOSE_SENT)) {
		ctx->flags |= CTX_CLOSE_SENT;
		c = ixev_call(t, IX_CLOSE, 0);
		c->handle = (uint64_t)ctx->handle;
		c->cookie = (uintptr_t)ctx;
		c->how = IX_CLOSE_ALL;
	}
}

bool ixev_control(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	if (ctx->flags & CTX_DIAL_FAILED) {
		ctx->flags &= (uint16_t)~CTX_DIAL_FAILED;
		if (!(ctx->flags & CTX_CLOSING) && ixev_ops.dialed)
			ixev_ops.dialed(ctx, -ctx->error);
	}
	if (ctx->flags & CTX_DEAD) {
		if (ctx->flags & CTX_CLOSING)
			release(ctx);
		return false;
	}
	if (ctx->flags & CTX_DIALING) {
		take_back(t, ctx);
		return false;
	}
	if (ctx->flags & CTX_ABORT) {
		put_abort(t, ctx);
		return false;
	}
	return true;
}

static void close_as(struct ixev_ctx *ctx, uint16_t how)
{
	if (ctx->flags & CTX_FRESH) {
		ctx->owner = ixev_self();
		ctx->flags |= CTX_DEAD;
	}
	ctx->en_mask = 0;
	ctx->trig_mask = 0;
	ctx->flags |= how;
	ixev_rx_drop(ctx->owner, ctx);
	ixev_work(ctx->owner, ctx);
}

void ixev_close(struct ixev_ctx *ctx)
{
	if (!(ctx->flags & CTX_CLOSING))
		close_as(ctx, CTX_CLOSING);
}

void ixev_abort(struct ixev_ctx *ctx)
{
	if (!(ctx->flags & CTX_ABORT))
		close_as(ctx, CTX_CLOSING | CTX_ABORT);
}

int ixev_shutdown_write(struct ixev_ctx *ctx)
{
	if (ctx->flags & (CTX_NO_SEND & ~CTX_SHUT))
		return -EIO;
	ctx->flags |= CTX_SHUT;
	ixev_work(ctx->owner, ctx);
	return 0;
}

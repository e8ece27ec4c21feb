/* SPDX-License-Identifier: MIT */
/*
 * Contexts whose connection goes to another thread (doc/abi.md, "Moving"):
 *
 *	this thread                            the other one
 *	MOVED: leaves(ctx)
 *	... handlers of this crossing
 *	ixev_let_go(): all calls for it are
 *	answered, it is on no list of ours
 *	crossing ----------------------------> ARRIVED: ctx->owner, arrived(ctx)
 *
 * What it has sent from our transmit buffers is counted by us alone, so the
 * buffers are lent: when all is acknowledged, the other thread leaves a note,
 * and we take them back when we next need one.
 */
#include <stdlib.h>

#include "lib/ixev/priv.h"

enum { FLUSHES = 8 }; /* for calls that were not answered at once */

struct loan {
	struct ixev_ref ref; /* of the context: all is acknowledged */
	struct ixev_thread *home;
	struct loan *next;
	uint32_t n;
	struct ixev_buf *bufs[];
};

static struct ixev_move_ops move_ops;

void ixev_set_move_ops(const struct ixev_move_ops *ops)
{
	move_ops = *ops;
}

/* On whatever thread the context is by then. */
static void give_back(struct ixev_ref *ref)
{
	struct loan *l = (struct loan *)ref;

	l->next = __atomic_load_n(&l->home->loans, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&l->home->loans, &l->next, l, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void ixev_take_back(struct ixev_thread *t)
{
	struct loan *l, *next;
	uint32_t i;

	l = __atomic_exchange_n(&t->loans, NULL, __ATOMIC_ACQUIRE);
	for (; l; l = next) {
		next = l->next;
		for (i = 0; i < l->n; i++)
			ixev_buf_put(t, l->bufs[i]);
		free(l);
	}
}

/* The ring of ranges, from the oldest on. */
static uint32_t count_bufs(const struct ixev_ctx *ctx)
{
	const struct ixev_node *n = ctx->tx_tail;
	uint32_t bufs = 0;

	if (!n)
		return 0;
	do {
		n = n->next;
		bufs += !!n->buf;
	} while (n != ctx->tx_tail);
	return bufs;
}

/* Without memory for a note they never come back. */
static void lend(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	uint32_t bufs = count_bufs(ctx);
	struct ixev_node *n = ctx->tx_tail;
	struct loan *l;

	if (!bufs)
		return;
	l = malloc(sizeof(*l) + bufs * sizeof(l->bufs[0]));
	if (l) {
		l->ref.cb = give_back;
		l->home = t;
		l->n = 0;
	}
	do {
		n = n->next;
		if (n->buf && l)
			l->bufs[l->n++] = n->buf;
		n->buf = NULL;
	} while (n != ctx->tx_tail);
	if (l)
		ixev_add_sent_cb(ctx, &l->ref);
}

void ixev_on_moved(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	t->leaving[t->nleaving++] = ctx;
	t->lent = true;
	if (!(ctx->flags & CTX_CLOSING) && move_ops.leaves)
		move_ops.leaves(ctx);
}

/* All that has been done to it meanwhile is still to be asked for, too. */
void ixev_on_arrived(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	ctx->owner = t;
	ctx->batch = 0; /* of the other thread's */
	ixev_hold_arrives(t, ctx);
	ixev_work(t, ctx);
	if (!(ctx->flags & CTX_CLOSING) && move_ops.arrived)
		move_ops.arrived(ctx);
}

void ixev_forget(struct ixev_thread *t, const struct ixev_ctx *ctx)
{
	uint32_t i;

	for (i = 0; i < t->nleaving; i++) {
		if (t->leaving[i] == ctx)
			t->leaving[i] = NULL;
	}
}

static bool leaves(const struct ixev_thread *t, const struct ixev_ctx *ctx)
{
	uint32_t i;

	for (i = 0; i < t->nleaving; i++) {
		if (t->leaving[i] == ctx)
			return true;
	}
	return false;
}

/* Those that died by our own abort stay: only release() is left for them. */
static struct ixev_ctx **unlink_from(struct ixev_thread *t,
				     struct ixev_ctx **at)
{
	struct ixev_ctx *ctx;

	while ((ctx = *at)) {
		if (ctx->flags & CTX_DEAD || !leaves(t, ctx)) {
			at = &ctx->next_work;
			continue;
		}
		*at = ctx->next_work;
		ctx->flags &= (uint16_t)~CTX_WORK;
	}
	return at;
}

static bool unanswered(const struct ixev_thread *t)
{
	uint32_t i;

	for (i = 0; i < t->nleaving; i++) {
		if (t->leaving[i] && t->leaving[i]->flags & CTX_WORK)
			return true;
	}
	return false;
}

void ixev_let_go(struct ixev_thread *t)
{
	uint32_t i;

	for (i = 0; i < FLUSHES && !t->gone; i++) {
		ixev_flush(t);
		if (!unanswered(t))
			break;
		ixev_push(t);
	}
	if (!t->gone)
		ixev_flush(t);
	t->work_tail = unlink_from(t, &t->work);
	unlink_from(t, &t->starved);
	for (i = 0; i < t->nleaving; i++) {
		struct ixev_ctx *ctx = t->leaving[i];

		if (!ctx || ctx->flags & CTX_DEAD)
			continue;
		ixev_hold_leaves(ctx);
		lend(t, ctx);
		ctx->flags &= (uint16_t)~CTX_WORK; /* by the callback */
		ctx->owner = NULL;
	}
	t->nleaving = 0;
}

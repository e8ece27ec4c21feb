/* SPDX-License-Identifier: MIT */
/*
 * Transmit memory that a thread's connections share, and who is cut when it is
 * short. By what is left of the arena:
 *
 *     0                1/8                                          all
 *     |-----------------|--------------------------------------------|
 *      OWN bytes each,   OWN, and as much as one in SHARE of what is
 *      the fewer the     left beyond the eighth, at most
 *      less is left      ixev_send_limit
 *
 * So those that want much hold the same, and who comes late finds something
 * left (Choudhury and Hahne, "Dynamic queue length thresholds"; the dataplane
 * does the same, net/tcp_share.c). What is allowed is found out anew with each
 * buffer that is begun.
 *
 * A connection that holds more than OWN is on a list. From the moment that one
 * is refused a buffer within OWN until none has been for a while, that list is
 * gone through, a bounded number at a time: of those whose peer has
 * acknowledged neither all nor a segment in PATIENCE_NS the one that holds most
 * is reset, one each time, until half of the memory is there again.
 */
#include <stdlib.h>

#include "lib/ixev/priv.h"

enum {
	OWN = IXEV_BUF_SIZE, /* bytes of a connection */
	SHARE = 8,
	LEAST = 512,	/* bytes: may always be asked for */
	SEGMENT = 1448, /* bytes: so much is progress */
	LOOKS = 64,	/* holders looked at, at a time */
};

#define PATIENCE_NS 5000000000ull
#define WATCH_NS 5000000ull

/* Of a context with more than OWN: lies in its ring of callbacks, so that it
 * goes when the context does. */
struct ixev_holder {
	struct ixev_ref ref; /* what was queued then is acknowledged */
	struct ixev_ctx *ctx;
	struct ixev_holder *next, **at; /* list of the thread; at NULL: none */
	uint64_t goal;			/* position to get to, */
	uint64_t since;			/* ... from this moment on */
};

/* ---- how much a connection may hold */

static size_t left(const struct ixev_thread *t)
{
	return ix_free_bytes() + (size_t)t->nbufs * IXEV_BUF_SIZE;
}

void ixev_share(struct ixev_thread *t)
{
	size_t n = left(t), kept = t->memory / SHARE, most;

	if (n > kept)
		most = OWN + (n - kept) / SHARE;
	else
		most = (size_t)((uint64_t)OWN * n / (kept | 1));
	if (most < LEAST)
		most = LEAST;
	if (most > ixev_send_limit)
		most = ixev_send_limit;
	t->send_limit = (uint32_t)most;
	t->send_easy = most < OWN ? (uint32_t)most : OWN;
}

/* ---- who holds much */

static void take_off(struct ixev_holder *h)
{
	if (!h->at)
		return;
	*h->at = h->next;
	if (h->next)
		h->next->at = h->at;
	else
		h->ctx->owner->holders_end = h->at;
	h->at = NULL;
}

static void put_last(struct ixev_thread *t, struct ixev_holder *h)
{
	h->next = NULL;
	h->at = t->holders_end;
	*h->at = h;
	t->holders_end = &h->next;
}

static uint64_t position(const struct ixev_ctx *ctx)
{
	return ctx->send_total - ctx->unacked;
}

static void set_goal(struct ixev_holder *h, uint64_t now)
{
	uint32_t n = h->ctx->unacked;

	h->goal = position(h->ctx) + (n < SEGMENT ? n : SEGMENT);
	h->since = now;
}

/* Has it still, or again, more than its own? Then it stays on the list. */
static void moved_on(struct ixev_ref *ref)
{
	struct ixev_holder *h = (struct ixev_holder *)ref;
	struct ixev_ctx *ctx = h->ctx;

	if (ctx->unacked > OWN) {
		ixev_add_sent_cb(ctx, ref);
		return;
	}
	take_off(h);
	ctx->flags &= (uint16_t)~CTX_HOLDS;
	free(h);
}

/* Without memory for the note it is not cut. */
static void note(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	struct ixev_holder *h = malloc(sizeof(*h));

	if (!h)
		return;
	ctx->flags |= CTX_HOLDS;
	h->ref.cb = moved_on;
	h->ctx = ctx;
	set_goal(h, ix_now(t->ix));
	put_last(t, h);
	ixev_add_sent_cb(ctx, &h->ref);
}

void ixev_hold(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	if (ctx->unacked > OWN && !(ctx->flags & CTX_HOLDS))
		note(t, ctx);
}

static struct ixev_holder *holder_of(const struct ixev_ctx *ctx)
{
	struct ixev_ref *r = ctx->ref_tail;

	while (r->cb != moved_on)
		r = r->next;
	return (struct ixev_holder *)r;
}

void ixev_hold_leaves(struct ixev_ctx *ctx)
{
	if (ctx->flags & CTX_HOLDS)
		take_off(holder_of(ctx));
}

void ixev_hold_arrives(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	if (ctx->flags & CTX_HOLDS)
		put_last(t, holder_of(ctx));
}

/* ---- who is cut */

static void watch_again(struct ixev_thread *t)
{
	ixev_timer_add_ns(&t->watch, WATCH_NS);
}

uint32_t ixev_short(struct ixev_thread *t)
{
	bool watched = t->short_until;

	ixev_share(t);
	if (t->send_limit >= OWN || t->send_limit == ixev_send_limit)
		return t->send_limit;
	t->short_until = ix_now(t->ix) + 2 * PATIENCE_NS;
	if (!watched)
		watch_again(t);
	return t->send_limit;
}

static bool stuck(struct ixev_holder *h, uint64_t now)
{
	if (position(h->ctx) >= h->goal)
		set_goal(h, now);
	return now - h->since >= PATIENCE_NS;
}

/* The dataplane resets it, and the handler hears of its end. */
static void cut(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	ctx->error = ENOBUFS;
	ctx->flags |= CTX_ABORT | CTX_TX_ERROR;
	ixev_work(t, ctx);
}

static struct ixev_ctx *worst(struct ixev_thread *t, uint64_t now)
{
	struct ixev_ctx *most = NULL, *ctx;
	struct ixev_holder *h;
	uint32_t i;

	for (i = 0; i < LOOKS && (h = t->holders); i++) {
		take_off(h);
		put_last(t, h);
		ctx = h->ctx;
		if (stuck(h, now) && !(ctx->flags & (CTX_DEAD | CTX_ABORT)) &&
		    ctx->unacked > (most ? most->unacked : OWN))
			most = ctx;
	}
	return most;
}

static void watch(void *thread)
{
	struct ixev_thread *t = thread;
	uint64_t now = ix_now(t->ix);
	struct ixev_ctx *ctx = worst(t, now);

	ixev_share(t);
	if (now >= t->short_until || left(t) > t->memory / 2) {
		t->short_until = 0;
		return;
	}
	if (ctx)
		cut(t, ctx);
	watch_again(t);
}

void ixev_share_begin(struct ixev_thread *t)
{
	t->memory = ix_free_bytes();
	t->holders_end = &t->holders;
	ixev_timer_init(&t->watch, watch, t);
	ixev_share(t);
}

/* Contexts that were not released are not used again. */
void ixev_share_end(struct ixev_thread *t)
{
	struct ixev_holder *h;

	while ((h = t->holders)) {
		t->holders = h->next;
		free(h);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Before and after the crossing: contexts with work -> calls; results.
 *
 * Handlers make no calls, but for ixev_answer(). They change their context and
 * put it on the work list, and here each context with work becomes at most
 * CALLS_PER_CTX calls: however often a handler wrote, all of it goes in one
 * SENDV, which also gives back what was read. The results say how much the
 * dataplane has taken.
 *
 *	ixev_send()      appends a range: CTX_WORK
 *	ixev_push()      work(), work_slow(): SENDV from tx_next on, which moves
 *	                 behind it, and untaken -= what was asked
 *	ixev_results()   if any is short: both back by what was not taken
 *	on_sent()        unacked -= acked, ranges are free again
 */
#include "lib/ixev/priv.h"

enum { CALLS_PER_CTX = 2 };

/* Executes the batch now, without a return to the event loop: when it is full,
 * or when a result is needed. */
int ixev_flush(struct ixev_thread *t)
{
	int ret = ix_flush(t->ix);

	if (ret) {
		t->gone = true;
		t->error = ret;
		return ret;
	}
	ixev_results(t);
	return 0;
}

struct ix_call *ixev_call(struct ixev_thread *t, uint16_t op, uint32_t nsgs)
{
	struct ix_thread *ix = t->ix;

	if (unlikely(ix->ncalls == IX_MAX_CALLS ||
		     nsgs > IX_MAX_SGS - ix->nsgs))
		ixev_flush(t);
	t->look = true;
	return ix_call_new(ix, op);
}

int64_t ixev_call_now(struct ixev_thread *t, struct ix_call *c)
{
	int index = ix_call_index(t->ix, c);
	int ret = ixev_flush(t);

	/* Who is told to end while he begins has not failed: his loop ends
	 * before its first event. */
	if (ret == -ESHUTDOWN)
		return 0;
	return ret ? ret : ix_result(t->ix, index);
}

/* The next descriptor of a batch that has room. */
static inline struct ix_call *put(struct ix_thread *ix, uint16_t op,
				  const struct ixev_ctx *ctx, uint32_t n)
{
	struct ix_call *c = ix_call_new(ix, op);

	c->n = n;
	c->handle = (uint64_t)ctx->handle;
	c->cookie = (uintptr_t)ctx;
	return c;
}

/* One SENDV with what the dataplane has not taken yet; it gives back what has
 * been read. There is no second one before the result of the first is known.
 * More ranges than a call holds need another crossing at once: t->again. */
static inline void put_sendv(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	struct ix_thread *ix = t->ix;
	struct ix_sg *sg = &ix->port.down->sgs[ix->nsgs];
	struct ixev_node *n = ctx->tx_next;
	uint32_t off = ctx->tx_off, i = 0;
	struct ix_call *c;

	for (;;) {
		ixev_put_range(&sg[i++], n->addr + off, n->len - off);
		ctx->untaken -= n->len - off;
		if (likely(n == ctx->tx_tail) || i == IX_MAX_SG_PER_CALL)
			break;
		off = 0;
		n = n->next;
	}
	ctx->batch = t->batch;
	c = put(ix, IX_SENDV, ctx, i);
	c->sg = ix->nsgs;
	c->done = ctx->rx_done;
	ctx->rx_done = 0;
	ix->nsgs += i;
	t->again |= n != ctx->tx_tail;
	ctx->tx_next = n == ctx->tx_tail ? NULL : n->next;
	ctx->tx_off = 0;
}

/* The dataplane has taken all data: the FIN may follow. */
static void put_close(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	bool all = ctx->flags & CTX_CLOSING;
	uint16_t sent = all ? CTX_CLOSE_SENT : CTX_SHUT_SENT;

	if (ctx->flags & sent)
		return;
	ctx->flags |= sent;
	put(t->ix, IX_CLOSE, ctx, all ? IX_CLOSE_ALL : IX_CLOSE_WRITE);
}

/* Events that came while the handler had them disabled, and has enabled since.
 * Their reason may be gone by now: no data is left to read, or the room to send
 * has been used up. */
static void tell_late(struct ixev_ctx *ctx)
{
	uint8_t due = ctx->trig_mask & ctx->en_mask;

	if (ctx->trig_mask & ctx->en_mask & IXEVIN)
		due |= ctx->trig_mask & IXEVHUP;
	ctx->trig_mask &= (uint8_t)~due;
	if (!ctx->rx_len && !(due & IXEVHUP))
		due &= (uint8_t)~IXEVIN;
	if (!ixev_send_room(ctx))
		due &= (uint8_t)~IXEVOUT;
	if (due)
		ctx->handler(ctx, due);
}

/* What has been done to a context since the last crossing, in this order:
 * callbacks of what was acknowledged, connection control, data, and the FIN
 * behind the data. */
static __attribute__((noinline)) void work_slow(struct ixev_thread *t,
						struct ixev_ctx *ctx)
{
	struct ix_thread *ix = t->ix;

	if (unlikely(ctx->trig_mask & ctx->en_mask))
		tell_late(ctx);
	if (unlikely(ctx->ref_tail && !ctx->unacked))
		ixev_run_refs(ctx);
	if (unlikely(ctx->flags & CTX_CONTROL) && !ixev_control(t, ctx))
		return;
	if (unlikely(ix->ncalls > IX_MAX_CALLS - CALLS_PER_CTX ||
		     ix->nsgs > IX_MAX_SGS - IX_MAX_SG_PER_CALL))
		ixev_flush(t);
	t->look = true;
	if (likely(!ixev_under_way(t, ctx)) && ctx->tx_next) {
		put_sendv(t, ctx);
	} else {
		if (ctx->rx_done)
			put(ix, IX_RECV_DONE, ctx, ctx->rx_done);
		ctx->rx_done = 0;
		if (unlikely(ctx->tx_next))
			t->again = true;
	}
	if (unlikely(ctx->flags & (CTX_CLOSING | CTX_SHUT))) {
		if (ctx->untaken || ixev_under_way(t, ctx))
			t->again = true;
		else
			put_close(t, ctx);
	}
}

/* A request has been answered: one range to send, and nothing else to do? */
static inline bool answered(const struct ixev_thread *t,
			    const struct ixev_ctx *ctx)
{
	return !(ctx->flags & CTX_CONTROL) && !ixev_under_way(t, ctx) &&
	       !ctx->ref_tail && !(ctx->trig_mask & ctx->en_mask) &&
	       ctx->tx_next && ctx->tx_next == ctx->tx_tail;
}

/* What work_slow() would write for it, at @c and @sg, which is entry @at of the
 * array. */
static inline void work(const struct ixev_thread *t, struct ixev_ctx *ctx,
			struct ix_call *c, struct ix_sg *sg, uint32_t at)
{
	const struct ixev_node *n = ctx->tx_next;
	uint32_t off = ctx->tx_off;

	ixev_put_sendv(c, ctx, at, ctx->rx_done);
	ixev_put_range(sg, n->addr + off, n->len - off);
	ctx->rx_done = 0;
	ctx->untaken = 0;
	ctx->tx_next = NULL;
	ctx->batch = t->batch;
	ctx->flags ^= CTX_WORK;
}

/* All that is on the work list now. The batch's counters stay in registers
 * while contexts take the short way. Contexts that handlers put on the list
 * meanwhile (work_slow()) are the next round's. */
static void work_all(struct ixev_thread *t)
{
	struct ix_thread *ix = t->ix;
	struct ix_down *down = ix->port.down;
	const struct ix_call *last = &down->calls[IX_MAX_CALLS - 1];
	struct ix_call *c = &down->calls[ix->ncalls];
	uint32_t nsgs = ix->nsgs;
	struct ixev_ctx *ctx = t->work, *next;

	t->work = NULL;
	t->work_tail = &t->work;
	for (; ctx; ctx = next) {
		next = ctx->next_work;
		if (likely(answered(t, ctx) && c <= last &&
			   nsgs < IX_MAX_SGS)) {
			work(t, ctx, c, &down->sgs[nsgs], nsgs);
			c++;
			nsgs++;
			continue;
		}
		ctx->flags &= (uint16_t)~CTX_WORK;
		ix->ncalls = (uint32_t)(c - down->calls);
		ix->nsgs = nsgs;
		work_slow(t, ctx);
		c = &down->calls[ix->ncalls];
		nsgs = ix->nsgs;
	}
	ix->ncalls = (uint32_t)(c - down->calls);
	ix->nsgs = nsgs;
}

/* Until no context has work left. A flush may bring more: results that were
 * short, handlers called. */
void ixev_push(struct ixev_thread *t)
{
	do {
		t->again = false;
		while (t->work)
			work_all(t);
		if (t->tslot_work)
			ixev_timer_push(t);
		if (t->again && ixev_flush(t))
			return;
	} while (t->work);
}

/* SENDV took less than the @asked bytes. An error that may pass counts as 0.
 * With nothing in flight no sent event would come to try again, so that the
 * context goes on the starved list. */
static void sendv_short(struct ixev_thread *t, struct ixev_ctx *ctx,
			const struct ix_call *c, int64_t ret, uint64_t asked)
{
	if (ret == -EAGAIN || ret == -ENOBUFS || ret == -ENOMEM)
		ret = 0;
	if (ret < 0)
		ctx->rx_done += c->done; /* not given back either */
	if (ret < 0 || (uint64_t)ret > asked) {
		ixev_on_tx_error(t, ctx, ret < 0 ? (int)-ret : EPROTO);
		return;
	}
	ixev_tx_not_taken(ctx, (uint32_t)(asked - (uint64_t)ret));
	if (ctx->unacked == ctx->untaken)
		ixev_starve(t, ctx);
	/* else a sent will come */
}

static void sendv_result(struct ixev_thread *t, const struct ix_call *c,
			 int64_t ret)
{
	struct ixev_ctx *ctx = ix_ptr(c->cookie);
	uint64_t all = ix_asked(t->ix, c);

	if (ctx->flags & CTX_DEAD)
		return;
	if ((uint64_t)ret != all)
		sendv_short(t, ctx, c, ret, all);
	else if (ctx->untaken || ctx->flags & (CTX_CLOSING | CTX_SHUT))
		ixev_work(t, ctx);
}

/* Results of all calls but SENDV. -EBADF for a handle that was valid means that
 * the connection has just ended, and that its dead event follows; only after a
 * failed accept none does. */
static void result_slow(struct ixev_thread *t, const struct ix_call *c,
			int64_t ret)
{
	struct ixev_ctx *ctx = ix_ptr(c->cookie);

	switch (c->op) {
	case IX_ABORT:
		if (!ret)
			ixev_on_dead(t, ctx, ctx->error);
		break;
	case IX_CLOSE:
		if (ret && ret != -EBADF)
			ixev_abort(ctx);
		break;
	case IX_CONNECT:
		if (ret < 0)
			ixev_on_dead(t, ctx, (int)-ret);
		else
			ixev_on_named(t, ctx, (uint64_t)ret);
		break;
	case IX_ACCEPT:
		if (ret)
			ixev_on_dead(t, ctx, (int)-ret);
		break;
	case IX_UDP_SENDV:
		if (ret < 0)
			ixev_on_udp_sent(t, c->cookie);
		break;
	case IX_TIMER_SET:
		ixev_timer_result(t, c->cookie, ret);
		break;
	default:
		break;
	}
}

static void look(struct ixev_thread *t)
{
	const struct ix_call *c = t->ix->port.down->calls;
	const int64_t *ret = t->ix->port.up->results;
	uint32_t n = t->ix->nresults;

	t->look = false;
	for (; n; n--, c++, ret++) {
		if (likely(c->op == IX_SENDV))
			sendv_result(t, c, *ret);
		else
			result_slow(t, c, *ret);
	}
}

/* Nearly always every SENDV has taken all, and there was no other call. */
void ixev_results(struct ixev_thread *t)
{
	t->batch++;
	if (unlikely(t->look || t->ix->port.up->nshort))
		look(t);
}

/* SPDX-License-Identifier: MIT */
/*
 * The send queue of a context: a ring of ranges,
 *
 *	oldest ... | tx_next ... | tx_tail
 *	   taken by the dataplane | not yet
 *	<------ unacked, from tx_acked bytes into the oldest on ------>
 *	                          <- untaken, from tx_off on ->
 *
 * and a ring of callbacks by position in the stream. SENDV takes from tx_next
 * on: all that it asks for, so it is supposed when it is written, and put right
 * when its result is short. Sent frees from the oldest on.
 */
#include <string.h>

#include "lib/ixev/priv.h"

uint32_t ixev_send_limit = 256 * 1024;

void ixev_set_send_limit(uint32_t bytes)
{
	ixev_send_limit = bytes < 1u << 30 ? bytes : 1u << 30;
	if (ixev_self())
		ixev_share(ixev_self());
}

size_t ixev_send_room(const struct ixev_ctx *ctx)
{
	uint32_t limit = ixev_send_limit;

	if (ctx->flags & CTX_NO_SEND)
		return 0;
	if (ctx->owner)
		limit = ctx->owner->send_limit;
	return ctx->unacked < limit ? limit - ctx->unacked : 0;
}

/* How much of @len may be queued, or why nothing. */
static inline ssize_t admit(const struct ixev_ctx *ctx, size_t len)
{
	uint32_t limit;

	if (unlikely(ctx->flags & CTX_NO_SEND))
		return -EIO;
	limit = ctx->owner->send_limit;
	if (unlikely(len > limit || ctx->unacked > limit - len))
		limit = ixev_short(ctx->owner);
	if (unlikely(ctx->unacked >= limit))
		return -EAGAIN;
	limit -= ctx->unacked;
	return (ssize_t)(len < limit ? len : limit);
}

static inline void accepted(struct ixev_ctx *ctx, uint32_t len)
{
	ctx->send_total += len;
	ctx->unacked += len;
}

/* The tail's node grows where @addr continues it in the same buffer. */
static inline bool extend(struct ixev_ctx *ctx, const char *addr, uint32_t len,
			  const struct ixev_buf *buf)
{
	struct ixev_node *tail = ctx->tx_tail;

	if (!tail || tail->buf != buf || tail->addr + tail->len != addr)
		return false;
	if (!ctx->tx_next) {
		ctx->tx_next = tail;
		ctx->tx_off = tail->len;
	}
	tail->len += len;
	accepted(ctx, len);
	ctx->untaken += len;
	return true;
}

/* Appends a range, in node @n. */
static inline void append_node(struct ixev_ctx *ctx, struct ixev_node *n,
			       char *addr, uint32_t len, struct ixev_buf *buf)
{
	struct ixev_node *tail = ctx->tx_tail;

	n->addr = addr;
	n->len = len;
	n->buf = buf;
	n->next = n;
	if (tail) {
		n->next = tail->next;
		tail->next = n;
	}
	ctx->tx_tail = n;
	accepted(ctx, len);
}

/* That, the last one, is for the dataplane to take. */
static inline void offer(struct ixev_ctx *ctx, uint32_t len)
{
	ctx->untaken += len;
	if (unlikely(ctx->tx_next))
		return;
	ctx->tx_next = ctx->tx_tail;
	ctx->tx_off = 0;
}

/* False without memory for a node. */
static inline bool append(struct ixev_thread *t, struct ixev_ctx *ctx,
			  char *addr, uint32_t len, struct ixev_buf *buf)
{
	struct ixev_node *n = ixev_node_get(t);

	if (likely(n)) {
		append_node(ctx, n, addr, len, buf);
		offer(ctx, len);
	}
	return n;
}

/* @len bytes, which fit, into buffer @b. */
static inline bool store(struct ixev_thread *t, struct ixev_ctx *ctx,
			 struct ixev_buf *b, const char *from, uint32_t len)
{
	char *to = (char *)b + b->pos;

	if (!extend(ctx, to, len, b)) {
		if (unlikely(!append(t, ctx, to, len, b)))
			return false;
		b->refs++;
	}
	b->pos += len;
	memcpy(to, from, len);
	return true;
}

/* There was no memory for it. If nothing is on its way whose sent would make
 * room, it is tried again after each crossing. Returns -EAGAIN. */
static __attribute__((noinline, cold)) ssize_t no_memory(struct ixev_thread *t,
							 struct ixev_ctx *ctx)
{
	ixev_short(t);
	if (ctx->unacked)
		return -EAGAIN;
	ctx->trig_mask |= IXEVOUT;
	ixev_starve(t, ctx);
	return -EAGAIN;
}

/* What does not fit the buffer at hand: goes on in the next. */
static __attribute__((noinline)) ssize_t send_long(struct ixev_ctx *ctx,
						   const char *from,
						   ssize_t todo)
{
	struct ixev_thread *t = ctx->owner;
	struct ixev_buf *b;
	ssize_t done = 0;
	uint32_t n;

	while (done < todo) {
		b = t->buf;
		if (b->pos == IXEV_BUF_SIZE && !(b = ixev_buf_next(t)))
			break;
		n = IXEV_BUF_SIZE - b->pos;
		if (todo - done < n)
			n = (uint32_t)(todo - done);
		if (!store(t, ctx, b, from + done, n))
			break;
		done += n;
	}
	if (!done)
		return no_memory(t, ctx);
	ixev_hold(t, ctx);
	ixev_work(t, ctx);
	return done;
}

/* Not all of it, or in the next buffer, or growing the last range. */
static __attribute__((noinline)) ssize_t send_slow(struct ixev_ctx *ctx,
						   const void *addr, size_t len)
{
	ssize_t todo = admit(ctx, len);
	struct ixev_thread *t;

	if (unlikely(todo <= 0))
		return todo;
	t = ctx->owner;
	if (unlikely(todo > IXEV_BUF_SIZE - t->buf->pos))
		return send_long(ctx, addr, todo);
	if (unlikely(!store(t, ctx, t->buf, addr, (uint32_t)todo)))
		return no_memory(t, ctx);
	ixev_hold(t, ctx);
	ixev_work(t, ctx);
	return todo;
}

/* memcpy() of a message: a short one in place, as the call costs more. The last
 * 64 bytes overlap those before. */
static inline void copy(char *restrict to, const char *restrict from,
			size_t len)
{
	const char *last = from + len - 64;

	if (unlikely(len - 64 >= IXEV_COPY_MAX - 64)) {
		memcpy(to, from, len);
		return;
	}
	memcpy(to + len - 64, last, 64);
	for (; unlikely(from < last); from += 64, to += 64)
		memcpy(to, from, 64);
}

/* Appends a whole message that fits the buffer at hand, with all before it
 * taken by the dataplane: where it is to be copied. NULL: nothing is done. */
static inline char *place(struct ixev_thread *t, struct ixev_ctx *ctx,
			  size_t len)
{
	struct ixev_node *n = t->nodes;
	struct ixev_buf *b = t->buf;
	char *to = (char *)b + b->pos;

	if (unlikely(len - 1 >= IXEV_BUF_SIZE - b->pos || !n || ctx->tx_next ||
		     ctx->unacked + len > t->send_easy))
		return NULL;
	t->nodes = n->next;
	b->refs++;
	b->pos += (uint32_t)len;
	append_node(ctx, n, to, (uint32_t)len, b);
	return to;
}

/* The copy comes last, so that little outlives a call of memcpy(). */
ssize_t ixev_send(struct ixev_ctx *ctx, const void *addr, size_t len)
{
	struct ixev_thread *t = ctx->owner;
	char *to;

	if (unlikely(ctx->flags & CTX_NO_SEND))
		return -EIO;
	to = place(t, ctx, len);
	if (unlikely(!to))
		return send_slow(ctx, addr, len);
	offer(ctx, (uint32_t)len);
	ixev_work(t, ctx);
	copy(to, addr, len);
	return (ssize_t)len;
}

/* Nothing else has been done to it, @done bytes are all that is unread, and the
 * batch has room? */
static inline bool may_call(const struct ixev_thread *t,
			    const struct ixev_ctx *ctx, size_t done)
{
	return !(ctx->flags & (CTX_NO_SEND | CTX_CONTROL | CTX_WORK)) &&
	       !ixev_under_way(t, ctx) && done == ctx->rx_len &&
	       !ctx->rx_tail && t->ix->ncalls < IX_MAX_CALLS &&
	       t->ix->nsgs < IX_MAX_SGS;
}

static __attribute__((noinline)) ssize_t answer_slow(struct ixev_ctx *ctx,
						     const void *addr,
						     size_t len, size_t done)
{
	ssize_t sent = ixev_send(ctx, addr, len);

	if (sent == (ssize_t)len && done)
		ixev_recv_part(ctx, done);
	return sent;
}

ssize_t ixev_answer(struct ixev_ctx *ctx, const void *addr, size_t len,
		    size_t done)
{
	struct ixev_thread *t = ctx->owner;
	struct ix_thread *ix;
	struct ix_down *down;
	char *to;

	if (unlikely(!may_call(t, ctx, done) || !(to = place(t, ctx, len))))
		return answer_slow(ctx, addr, len, done);
	ix = t->ix;
	down = ix->port.down;
	ixev_put_sendv(&down->calls[ix->ncalls++], ctx, ix->nsgs,
		       ctx->rx_done + (uint32_t)done);
	ixev_put_range(&down->sgs[ix->nsgs++], to, len);
	ctx->rx_len = 0;
	ctx->rx_done = 0;
	ctx->batch = t->batch; /* it has been offered there */
	copy(to, addr, len);
	return (ssize_t)len;
}

/* Not nothing either. */
static inline bool in_arena(const struct ixev_thread *t, const void *addr,
			    size_t len)
{
	uintptr_t at = (uintptr_t)addr - t->arena;

	return at < t->arena_len && len - 1 < t->arena_len - at;
}

static __attribute__((noinline)) ssize_t send_zc_slow(struct ixev_ctx *ctx,
						      const void *addr,
						      size_t len)
{
	struct ixev_thread *t = ctx->owner;
	ssize_t todo = admit(ctx, len);

	if (unlikely(todo <= 0))
		return todo;
	if (unlikely(!in_arena(t, addr, len)))
		return ixev_send(ctx, addr, len);
	if (unlikely(!append(t, ctx, (char *)(uintptr_t)addr, (uint32_t)todo,
			     NULL)))
		return no_memory(t, ctx);
	ixev_hold(t, ctx);
	ixev_work(t, ctx);
	return todo;
}

ssize_t ixev_send_zc(struct ixev_ctx *ctx, const void *addr, size_t len)
{
	struct ixev_thread *t = ctx->owner;
	struct ixev_node *n;

	if (unlikely(ctx->flags & CTX_NO_SEND))
		return -EIO;
	n = t->nodes;
	if (unlikely(!in_arena(t, addr, len) || !n || ctx->tx_next ||
		     ctx->unacked + len > t->send_easy))
		return send_zc_slow(ctx, addr, len);
	t->nodes = n->next;
	append_node(ctx, n, (char *)(uintptr_t)addr, (uint32_t)len, NULL);
	offer(ctx, (uint32_t)len);
	ixev_work(t, ctx);
	return (ssize_t)len;
}

static void free_oldest(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	struct ixev_node *n = ctx->tx_tail->next;

	if (n == ctx->tx_tail)
		ctx->tx_tail = NULL;
	else
		ctx->tx_tail->next = n->next;
	if (n->buf)
		ixev_buf_put(t, n->buf);
	ixev_node_put(t, n);
}

void ixev_tx_acked_slow(struct ixev_thread *t, struct ixev_ctx *ctx,
			uint32_t bytes)
{
	uint32_t taken = ctx->unacked - ctx->untaken, n;

	if (unlikely(bytes >
		     taken)) /* more than was sent: a broken dataplane */
		bytes = taken;
	ctx->unacked -= bytes;
	n = bytes + ctx->tx_acked;
	while (ctx->tx_tail && n >= ctx->tx_tail->next->len) {
		/* the last range may still grow, but not once it is all sent */
		n -= ctx->tx_tail->next->len;
		free_oldest(t, ctx);
	}
	ctx->tx_acked = n;
	if (ctx->ref_tail)
		ixev_run_refs(ctx);
}

void ixev_tx_not_taken(struct ixev_ctx *ctx, uint32_t bytes)
{
	struct ixev_node *n = ctx->tx_tail->next;
	uint32_t off;

	ctx->untaken += bytes;
	off = ctx->tx_acked + ctx->unacked - ctx->untaken;
	for (; off >= n->len; n = n->next)
		off -= n->len;
	ctx->tx_next = n;
	ctx->tx_off = off;
}

void ixev_tx_drop(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	while (ctx->tx_tail)
		free_oldest(t, ctx);
	ctx->tx_next = NULL;
	ctx->tx_off = ctx->tx_acked = 0;
	ctx->unacked = ctx->untaken = 0;
	if (ctx->ref_tail)
		ixev_work(t, ctx);
}

void ixev_add_sent_cb(struct ixev_ctx *ctx, struct ixev_ref *ref)
{
	ref->send_pos = ctx->send_total;
	if (ctx->ref_tail) {
		ref->next = ctx->ref_tail->next;
		ctx->ref_tail->next = ref;
	} else {
		ref->next = ref;
	}
	ctx->ref_tail = ref;
	if (!ctx->unacked && ctx->owner)
		ixev_work(ctx->owner, ctx);
}

void ixev_run_refs(struct ixev_ctx *ctx)
{
	uint64_t sent = ctx->send_total - ctx->unacked;
	struct ixev_ref *ref;

	while (ctx->ref_tail && ctx->ref_tail->next->send_pos <= sent) {
		ref = ctx->ref_tail->next;
		if (ref == ctx->ref_tail)
			ctx->ref_tail = NULL;
		else
			ctx->ref_tail->next = ref->next;
		ref->cb(ref); /* may free it, and may send */
	}
}

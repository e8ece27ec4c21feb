/* SPDX-License-Identifier: MIT */
/*
 * Received ranges of a context. The first is in the context itself, so that
 * the usual case, one arrival that is read at once, needs no node; the others
 * are a ring of nodes. Bytes consumed are counted in rx_done and given back
 * at the crossing, with the SENDV if there is one.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/ixev/priv.h"

void ixev_rx_more(struct ixev_thread *t, struct ixev_ctx *ctx, char *addr,
		  uint32_t len)
{
	struct ixev_node *n = ixev_node_get(t);

	if (!n) { /* the stream has a hole now: the connection cannot go on */
		ctx->error = ENOMEM;
		ctx->flags |= CTX_ABORT | CTX_TX_ERROR;
		ixev_work(t, ctx);
		return;
	}
	n->addr = addr;
	n->len = len;
	if (ctx->rx_tail) {
		n->next = ctx->rx_tail->next;
		ctx->rx_tail->next = n;
	} else {
		n->next = n;
	}
	ctx->rx_tail = n;
}

/* The first range is used up: the next one takes its place. */
static void next_range(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	struct ixev_node *n;

	if (unlikely(ctx->flags & CTX_SALVAGE)) {
		free(ctx->salvage);
		ctx->salvage = NULL;
		ctx->flags &= (uint16_t)~CTX_SALVAGE;
	}
	if (likely(!ctx->rx_tail))
		return;
	n = ctx->rx_tail->next;
	ctx->rx_addr = n->addr;
	ctx->rx_len = n->len;
	if (n == ctx->rx_tail)
		ctx->rx_tail = NULL;
	else
		ctx->rx_tail->next = n->next;
	ixev_node_put(t, n);
}

static inline char *consume(struct ixev_ctx *ctx, uint32_t len)
{
	char *addr = ctx->rx_addr;

	ctx->rx_addr = addr + len;
	ctx->rx_len -= len;
	ctx->rx_done += len;
	return addr;
}

/* Why there is nothing to read. */
static ssize_t nothing(const struct ixev_ctx *ctx)
{
	if (ctx->flags & CTX_DEAD)
		return (ctx->flags & CTX_EOF) && !ctx->error ? 0 : -EIO;
	if (ctx->flags & CTX_CLOSING)
		return -EIO;
	return ctx->flags & CTX_EOF ? 0 : -EAGAIN;
}

ssize_t ixev_recv(struct ixev_ctx *ctx, void *addr, size_t len)
{
	struct ixev_thread *t = ctx->owner;
	char *to = addr;
	size_t left = len;
	uint32_t n;

	if (unlikely(!ctx->rx_len))
		return nothing(ctx);
	while (left && ctx->rx_len) {
		n = left < ctx->rx_len ? (uint32_t)left : ctx->rx_len;
		memcpy(to, consume(ctx, n), n);
		to += n;
		left -= n;
		if (!ctx->rx_len)
			next_range(t, ctx);
	}
	ixev_work(t, ctx);
	return (ssize_t)(len - left);
}

void *ixev_recv_part(struct ixev_ctx *ctx, size_t len)
{
	char *addr;

	if (unlikely(len > ctx->rx_len || !len))
		return NULL;
	addr = consume(ctx, (uint32_t)len);
	/* A salvaged range stays until it is released: the pointer is out. */
	if (!ctx->rx_len && ctx->rx_tail)
		next_range(ctx->owner, ctx);
	ixev_work(ctx->owner, ctx);
	return addr;
}

static uint32_t unread(const struct ixev_ctx *ctx)
{
	const struct ixev_node *n = ctx->rx_tail;
	uint32_t bytes = ctx->rx_len;

	if (n) {
		do {
			n = n->next;
			bytes += n->len;
		} while (n != ctx->rx_tail);
	}
	return bytes;
}

void ixev_rx_drop(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	while (ctx->rx_len) {
		consume(ctx, ctx->rx_len);
		next_range(t, ctx);
	}
	if (ctx->flags & CTX_SALVAGE)
		next_range(t, ctx);
}

void ixev_rx_salvage(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	uint32_t bytes = unread(ctx);
	char *copy = bytes ? malloc(bytes) : NULL;

	if (!copy) {
		ixev_rx_drop(t, ctx);
		return;
	}
	ixev_recv(ctx, copy, bytes);
	ctx->salvage = copy;
	ctx->rx_addr = copy;
	ctx->rx_len = bytes;
	ctx->flags |= CTX_SALVAGE;
}

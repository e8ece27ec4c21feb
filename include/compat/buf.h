/* SPDX-License-Identifier: MIT */
/*
 * The original IX's <buf.h>: buffers of the arena, to be sent in place.
 *
 *	b = ixev_buf_alloc();
 *	ixev_buf_store(b, addr, len);
 *	ixev_send_zc(ctx, b->payload, b->len);
 *	ixev_add_sent_cb(ctx, &b->ref);      gives it back when acknowledged
 */
#ifndef COMPAT_BUF_H
#define COMPAT_BUF_H

#include <string.h>

#include "../ix/ixev.h"
#include "mempool.h"

#define BUF_SIZE (1460 * 4)

struct ixev_buf {
	uint32_t len;
	uint32_t pad;
	struct ixev_ref ref;
	char payload[BUF_SIZE];
};

#pragma GCC visibility push(default)

/* An empty buffer of the calling thread's, or NULL. Buffers are kept for this
 * thread once it has had them. */
struct ixev_buf *ixev_buf_alloc(void);

/* What ref.cb is: gives the buffer back, to the calling thread. */
void ixev_buf_release(struct ixev_ref *ref);

#pragma GCC visibility pop

/* Bytes stored: fewer than @len when it gets full. */
static inline size_t ixev_buf_store(struct ixev_buf *buf, const void *addr,
				    size_t len)
{
	size_t room = BUF_SIZE - buf->len;
	size_t n = len < room ? len : room;

	memcpy(buf->payload + buf->len, addr, n);
	buf->len += (uint32_t)n;
	return n;
}

static inline bool ixev_is_buf_full(const struct ixev_buf *buf)
{
	return buf->len == BUF_SIZE;
}

#endif

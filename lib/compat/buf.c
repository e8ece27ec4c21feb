/* SPDX-License-Identifier: MIT */
/* Buffers in the arena: a free list per thread, refilled by slabs that are
 * kept for good. */
#include "lib/compat/priv.h"

enum { BUFS_PER_SLAB = 32 };

static __thread struct ixev_buf *free_bufs; /* through ref.next */

static void put(struct ixev_buf *b)
{
	b->ref.next = (struct ixev_ref *)free_bufs;
	free_bufs = b;
}

/* A single one when the arena is nearly used up. */
static void refill(void)
{
	size_t n = BUFS_PER_SLAB;
	struct ixev_buf *b = ix_alloc_pages(n * sizeof(*b));

	if (!b) {
		n = 1;
		b = ix_alloc_pages(sizeof(*b));
	}
	for (; b && n; n--)
		put(b++);
}

struct ixev_buf *ixev_buf_alloc(void)
{
	struct ixev_buf *b;

	if (!free_bufs)
		refill();
	b = free_bufs;
	if (!b)
		return NULL;
	free_bufs = (struct ixev_buf *)b->ref.next;
	b->len = 0;
	b->ref = (struct ixev_ref){ .cb = ixev_buf_release };
	return b;
}

void ixev_buf_release(struct ixev_ref *ref)
{
	put(container_of(ref, struct ixev_buf, ref));
}

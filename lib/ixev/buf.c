/* SPDX-License-Identifier: MIT */
/* Nodes and transmit buffers: free lists, refilled by slabs that live until
 * the thread ends. */
#include <stdlib.h>

#include "lib/ixev/priv.h"

enum { NODES_PER_SLAB = 512, BUFS_PER_SLAB = 32 };

static struct ixev_slab *slab_add(struct ixev_thread *t, void *mem, size_t len)
{
	struct ixev_slab *s = mem ? malloc(sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	*s = (struct ixev_slab){ .next = t->slabs, .mem = mem, .len = len };
	t->slabs = s;
	return s;
}

struct ixev_node *ixev_nodes_refill(struct ixev_thread *t)
{
	struct ixev_node *n = malloc(NODES_PER_SLAB * sizeof(*n));
	int i;

	if (!slab_add(t, n, 0)) {
		free(n);
		return NULL;
	}
	for (i = NODES_PER_SLAB - 1; i >= 0; i--)
		ixev_node_put(t, &n[i]);
	return t->nodes;
}

/* A slab of buffers; a single one when the arena is nearly used up. */
static void bufs_refill(struct ixev_thread *t)
{
	size_t n = BUFS_PER_SLAB, i;
	char *mem = ix_alloc_pages(n * IXEV_BUF_SIZE);

	if (!mem) {
		n = 1;
		mem = ix_alloc_pages(IXEV_BUF_SIZE);
	}
	if (!slab_add(t, mem, n * IXEV_BUF_SIZE)) {
		ix_free_pages(mem, n * IXEV_BUF_SIZE);
		return;
	}
	for (i = n; i-- > 0;) {
		struct ixev_buf *b = (void *)(mem + i * IXEV_BUF_SIZE);

		b->next = t->bufs;
		t->bufs = b;
		t->nbufs++;
	}
}

struct ixev_buf *ixev_buf_next(struct ixev_thread *t)
{
	struct ixev_buf *full = t->buf, *b;

	if (!t->bufs && t->loans)
		ixev_take_back(t);
	if (!t->bufs)
		bufs_refill(t);
	b = t->bufs;
	if (!b)
		return NULL;
	t->bufs = b->next;
	t->nbufs--;
	b->refs = 1;
	b->pos = IXEV_BUF_DATA;
	t->buf = b;
	ixev_buf_put(t, full);
	ixev_share(t);
	return b;
}

void ixev_slabs_free(struct ixev_thread *t)
{
	struct ixev_slab *s;

	while ((s = t->slabs)) {
		t->slabs = s->next;
		if (s->len)
			ix_free_pages(s->mem, s->len);
		else
			free(s->mem);
		free(s);
	}
}

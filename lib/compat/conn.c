/* SPDX-License-Identifier: MIT */
/*
 * Handles. A connection's name is free again when both the dataplane and the
 * program have done with it:
 *
 *	new -> told dead, or gone -> closed by the program, gone -> free
 */
#include <stdlib.h>

#include "lib/compat/priv.h"

/* hid: generation (never 0) << 24 | index */
enum { INDEX_BITS = 24 };

_Static_assert((long)MAX_CHUNKS *CONNS_PER_CHUNK == 1l << INDEX_BITS,
	       "every index fits");

static bool grow(struct compat *t)
{
	struct conn *chunk;
	uint32_t i;

	if (t->nchunks == MAX_CHUNKS)
		return false;
	chunk = calloc(CONNS_PER_CHUNK, sizeof(*chunk));
	if (!chunk)
		return false;
	for (i = CONNS_PER_CHUNK; i-- > 0;) {
		chunk[i].hid =
			1l << INDEX_BITS | (t->nchunks * CONNS_PER_CHUNK + i);
		chunk[i].next = t->free_conns;
		t->free_conns = &chunk[i];
	}
	t->chunks[t->nchunks++] = chunk;
	return true;
}

struct conn *conn_new(struct compat *t)
{
	struct conn *c;

	if (!t->free_conns && !grow(t))
		return NULL;
	c = t->free_conns;
	t->free_conns = c->next;
	*c = (struct conn){ .hid = c->hid, .flags = CONN_USED };
	return c;
}

struct conn *conn_find(struct compat *t, hid_t hid)
{
	uint32_t i = (uint32_t)hid & ((1u << INDEX_BITS) - 1);
	struct conn *c;

	if (i / CONNS_PER_CHUNK >= t->nchunks)
		return NULL;
	c = &t->chunks[i / CONNS_PER_CHUNK][i % CONNS_PER_CHUNK];
	return c->hid == hid && (c->flags & CONN_USED) ? c : NULL;
}

void conn_free(struct compat *t, struct conn *c)
{
	send_free(c->copies);
	c->copies = NULL;
	c->flags &= CONN_DUE; /* on that list until it is told */
	c->hid = (hid_t)(((uint64_t)c->hid + (1ul << INDEX_BITS)) & LONG_MAX);
	if (c->flags)
		return;
	c->next = t->free_conns;
	t->free_conns = c;
}

void conn_due(struct compat *t, struct conn *c)
{
	if (c->flags & (CONN_TOLD | CONN_CLOSED | CONN_DUE))
		return;
	c->flags |= CONN_DUE;
	c->next = t->due;
	t->due = c;
}

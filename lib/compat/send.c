/* SPDX-License-Identifier: MIT */
/* What is to be sent. Memory of the arena is lent to the dataplane; any other
 * is copied, and the copies are freed as the peer acknowledges. */
#include <string.h>

#include "lib/compat/priv.h"

static bool in_arena(const struct compat *t, const struct sg_entry *e)
{
	uintptr_t off = (uintptr_t)e->base - t->arena;

	return e->len <= t->arena_len && off <= t->arena_len - e->len;
}

static bool all_in_arena(const struct compat *t, const struct sg_entry *ents,
			 uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (ents[i].len > UINT32_MAX || !in_arena(t, &ents[i]))
			return false;
	return true;
}

/* Full buffers one after the other, through ref.next. */
static struct ixev_buf *copy(const struct sg_entry *ents, uint32_t n)
{
	struct ixev_buf *first = ixev_buf_alloc(), *b = first;
	uint32_t nbufs = 1, i;
	size_t done;

	for (i = 0; b && i < n; i++) {
		done = 0;
		while (done < ents[i].len) {
			if (ixev_is_buf_full(b)) {
				if (nbufs++ == IX_MAX_SG_PER_CALL)
					return first;
				b->ref.next =
					(struct ixev_ref *)ixev_buf_alloc();
				b = (struct ixev_buf *)b->ref.next;
				if (!b)
					return first;
			}
			done += ixev_buf_store(
				b, (const char *)ents[i].base + done,
				ents[i].len - done);
		}
	}
	return first;
}

static struct ixev_buf *next_copy(const struct ixev_buf *b)
{
	return (struct ixev_buf *)b->ref.next;
}

void send_free(struct ixev_buf *copies)
{
	struct ixev_buf *b;

	while ((b = copies)) {
		copies = next_copy(b);
		ixev_buf_release(&b->ref);
	}
}

uint32_t send_ranges(struct compat *t, const struct sg_entry *ents, uint32_t n,
		     struct ix_sg *sg, struct ixev_buf **copies,
		     uint64_t *bytes)
{
	const struct ixev_buf *b;
	uint32_t i;

	*bytes = 0;
	*copies = NULL;
	if (all_in_arena(t, ents, n)) {
		for (i = 0; i < n; i++) {
			sg[i] = (struct ix_sg){ (uintptr_t)ents[i].base,
						(uint32_t)ents[i].len, 0 };
			*bytes += ents[i].len;
		}
		return n;
	}
	*copies = copy(ents, n);
	for (b = *copies, i = 0; b; b = next_copy(b), i++) {
		sg[i] = (struct ix_sg){ (uintptr_t)b->payload, b->len, 0 };
		*bytes += b->len;
	}
	return i;
}

/* Two SENDV of a connection in a batch: the second only if the first was
 * taken whole, or there would be a gap in the stream. */
long send_tcp(struct compat *t, struct bsys_desc *d, struct conn *c,
	      const struct sg_entry *ents, uint32_t n)
{
	struct ix_sg sg[IX_MAX_SG_PER_CALL];
	struct ixev_buf *copies;
	struct pending *p;
	uint64_t bytes;

	if (c->send_flush == t->flushes && compat_flush(t))
		return -RET_FAULT;
	if (c->short_batch == t->batches)
		return 0;
	n = send_ranges(t, ents, n, sg, &copies, &bytes);
	if (!n || !bytes) {
		send_free(copies);
		return n ? 0 : -RET_NOBUFS;
	}
	compat_room(t, n);
	c->send_flush = t->flushes;
	p = compat_pend(t, ix_sendv(t->ix, c->handle, sg, n), IX_SENDV, d, c);
	p->copies = copies;
	p->asked = bytes;
	return PENDING;
}

/* Of the copies those are kept that hold taken bytes. */
void send_taken(struct compat *t, struct pending *p, uint64_t taken)
{
	struct conn *c = p->conn;
	uint64_t end = c->taken + taken, pos = c->taken;
	struct ixev_buf *b = p->copies, *next;

	if (taken < p->asked)
		c->short_batch = t->batches;
	c->taken = end;
	for (; b; b = next) {
		next = next_copy(b);
		b->ref.next = NULL;
		if (pos >= end) {
			ixev_buf_release(&b->ref);
			continue;
		}
		pos += b->len;
		b->ref.send_pos = pos < end ? pos : end;
		if (c->copies)
			c->last_copy->ref.next = (struct ixev_ref *)b;
		else
			c->copies = b;
		c->last_copy = b;
	}
}

void send_acked(struct conn *c, uint64_t bytes)
{
	struct ixev_buf *b;

	c->acked += bytes;
	while ((b = c->copies) && b->ref.send_pos <= c->acked) {
		c->copies = next_copy(b);
		ixev_buf_release(&b->ref);
	}
}

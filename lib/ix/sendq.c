/* SPDX-License-Identifier: MIT */
/* What a connection is to send: pages of the arena in a list, filled from the
 * front. See ix/sendq.h. */
#include <string.h>

#include "ix/sendq.h"
#include "lib/ix/priv.h"

struct ix_piece {
	struct ix_piece *next;
	uint32_t end; /* bytes in it */
	char data[ARENA_PAGE - 12];
};

_Static_assert(sizeof(struct ix_piece) == ARENA_PAGE, "a page");

/* A last piece with room. */
static struct ix_piece *grow(struct ix_sendq *q)
{
	struct ix_piece *p = ix_alloc_pages(sizeof(*p));

	if (!p)
		return NULL;
	p->next = NULL;
	p->end = 0;
	if (q->last)
		q->last->next = p;
	else
		q->first = q->next = p;
	q->last = p;
	return p;
}

uint32_t ix_sendq_put(struct ix_sendq *q, const void *data, uint32_t len)
{
	uint32_t done = 0, n;

	while (done < len) {
		struct ix_piece *p = q->last;

		if ((!p || p->end == sizeof(p->data)) && !(p = grow(q)))
			break;
		n = sizeof(p->data) - p->end;
		n = n < len - done ? n : len - done;
		memcpy(p->data + p->end, (const char *)data + done, n);
		p->end += n;
		done += n;
	}
	q->queued += done;
	return done;
}

int ix_sendq_send(struct ix_thread *t, struct ix_sendq *q, uint64_t handle,
		  uint64_t cookie, uint32_t done)
{
	struct ix_sg sg[IX_MAX_SG_PER_CALL];
	struct ix_piece *p = q->next;
	uint32_t off = q->off, asked = q->asked, n = 0;
	int i;

	while (asked < q->queued && n < IX_MAX_SG_PER_CALL) {
		if (off == p->end) {
			p = p->next;
			off = 0;
		}
		sg[n++] = (struct ix_sg){ (uintptr_t)p->data + off,
					  p->end - off, 0 };
		asked += p->end - off;
		off = p->end;
	}
	if (!n && !done)
		return 0;
	i = n ? ix_answer(t, handle, sg, n, done)
	      : ix_recv_done(t, handle, done);
	if (ix_with_cookie(t, i, cookie) < 0)
		return i;
	q->next = p;
	q->off = off;
	q->asked = asked;
	return 0;
}

void ix_sendq_not_taken(struct ix_sendq *q, uint32_t bytes)
{
	struct ix_piece *p = q->first;
	uint32_t off;

	q->asked -= bytes;
	for (off = q->acked + q->asked; off > p->end; p = p->next)
		off -= p->end;
	q->next = p;
	q->off = off;
}

static void free_first(struct ix_sendq *q)
{
	struct ix_piece *p = q->first;

	q->first = p->next;
	if (!q->first)
		q->last = NULL;
	if (q->next == p) {
		q->next = q->first;
		q->off = 0;
	}
	ix_free_pages(p, sizeof(*p));
}

void ix_sendq_acked(struct ix_sendq *q, uint32_t bytes)
{
	q->queued -= bytes;
	q->asked -= bytes;
	q->acked += bytes;
	while (q->first && q->acked >= q->first->end) {
		q->acked -= q->first->end;
		free_first(q);
	}
}

void ix_sendq_free(struct ix_sendq *q)
{
	while (q->first)
		free_first(q);
	memset(q, 0, sizeof(*q));
}

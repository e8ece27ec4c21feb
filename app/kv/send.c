/* SPDX-License-Identifier: MIT */
#include "send.h"

#include <errno.h>
#include <stdlib.h>

struct kv_backlog {
	uint32_t next, n;     /* segs */
	uint32_t off;	      /* bytes of segs[next] already taken */
	struct kv_seg segs[]; /* and behind them the text that they need */
};

/* An item until it is acknowledged. */
struct sent {
	struct ixev_ref ref; /* first: what ixev gives back */
	struct kv_store *store;
	struct kv_item *item;
	struct sent *next;
};

static __thread struct sent *sent_free;

static void sent_put(struct sent *s)
{
	s->next = sent_free;
	sent_free = s;
}

static struct sent *sent_get(void)
{
	struct sent *s = sent_free;

	if (!s)
		return malloc(sizeof(*s));
	sent_free = s->next;
	return s;
}

static void item_sent(struct ixev_ref *ref)
{
	struct sent *s = (struct sent *)ref;

	kv_item_put(s->store, s->item);
	sent_put(s);
}

/* As ixev_send(). When all is taken, so is the range's reference. */
static ssize_t send_item(struct kv_worker *w, struct ixev_ctx *ctx,
			 const struct kv_seg *g, uint32_t off)
{
	struct sent *s = sent_get();
	ssize_t n;

	if (!s)
		return -EAGAIN;
	n = ixev_send_zc(ctx, g->addr + off, g->len - off);
	if (n <= 0) {
		sent_put(s);
		return n;
	}
	if (n < g->len - off)
		atomic_fetch_add(&g->item->refs, 1);
	s->store = w->store;
	s->item = g->item;
	s->ref.cb = item_sent;
	ixev_add_sent_cb(ctx, &s->ref);
	return n;
}

/* From *next (byte *off of it) on. False: no more is taken now. */
static bool send_segs(struct kv_worker *w, struct ixev_ctx *ctx,
		      const struct kv_seg *segs, uint32_t n, uint32_t *next,
		      uint32_t *off)
{
	for (; *next < n; (*next)++, *off = 0) {
		const struct kv_seg *g = &segs[*next];
		ssize_t took;

		if (g->item)
			took = send_item(w, ctx, g, *off);
		else
			took = ixev_send(ctx, g->addr + *off, g->len - *off);
		if (took > 0) {
			w->n.bytes_written += took;
			*off += took;
		}
		if (*off < g->len)
			return false;
	}
	return true;
}

static void drop_segs(struct kv_worker *w, const struct kv_seg *segs,
		      uint32_t next, uint32_t n)
{
	for (; next < n; next++) {
		if (segs[next].item)
			kv_item_put(w->store, segs[next].item);
	}
}

static struct kv_backlog *backlog_new(const struct kv_out *o, uint32_t next,
				      uint32_t off)
{
	uint32_t n = o->nsegs - next, text = 0;
	struct kv_backlog *b;
	char *copy;

	for (uint32_t i = next; i < o->nsegs; i++)
		text += o->segs[i].item ? 0 : o->segs[i].len;
	b = malloc(sizeof(*b) + n * sizeof(*b->segs) + text);
	if (!b)
		return NULL;
	b->next = 0;
	b->n = n;
	b->off = off;
	copy = (char *)&b->segs[n];
	for (uint32_t i = 0; i < n; i++) {
		struct kv_seg *g = &b->segs[i];

		*g = o->segs[next + i];
		if (g->item)
			continue;
		memcpy(copy, g->addr, g->len);
		g->addr = copy;
		copy += g->len;
	}
	return b;
}

int kv_send(struct kv_worker *w, struct ixev_ctx *ctx, struct kv_backlog **b)
{
	struct kv_out *o = &w->out;
	uint32_t next = 0, off = 0;
	int err = 0;

	if (!send_segs(w, ctx, o->segs, o->nsegs, &next, &off)) {
		*b = backlog_new(o, next, off);
		err = *b ? -EAGAIN : -ENOMEM;
		if (!*b)
			drop_segs(w, o->segs, next, o->nsegs);
	}
	kv_out_reset(o);
	return err;
}

int kv_send_backlog(struct kv_worker *w, struct ixev_ctx *ctx,
		    struct kv_backlog **at)
{
	struct kv_backlog *b = *at;

	if (!send_segs(w, ctx, b->segs, b->n, &b->next, &b->off))
		return -EAGAIN;
	kv_backlog_drop(w, at);
	return 0;
}

void kv_backlog_drop(struct kv_worker *w, struct kv_backlog **at)
{
	struct kv_backlog *b = *at;

	if (!b)
		return;
	drop_segs(w, b->segs, b->next, b->n);
	free(b);
	*at = NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * Items whose data is still coming. They take memory that nobody can evict, so
 * a thread's may have a quarter of all, divided by the number of threads (but
 * always one item). Everybody may have one; when there is no room for another,
 * the one that began first has to go: honest senders are done long before.
 * What the slow one still sends is swallowed and then answered as if there had
 * been no memory.
 */
#include "proto.h"

enum { SHARE = 4 }; /* 1 / of the memory */

static size_t chunk_of(const struct kv_worker *w, const struct kv_item *it)
{
	const struct kv_slabs *s = &w->store->slabs;

	return s->classes[slab_class_of(s, it)].chunk;
}

static void unlist(struct kv_worker *w, struct kv_proto *p)
{
	p->verb = 0;
	w->fill_bytes -= chunk_of(w, p->item);
	if (p->fill_newer)
		p->fill_newer->fill_older = p->fill_older;
	else
		w->fill_newest = p->fill_older;
	if (p->fill_older)
		p->fill_older->fill_newer = p->fill_newer;
	else
		w->fill_oldest = p->fill_newer;
}

void kv_fill_leave(struct kv_worker *w, struct kv_proto *p)
{
	if (p->verb & KV_WAITS)
		unlist(w, p);
}

struct kv_item *kv_fill_end(struct kv_worker *w, struct kv_proto *p)
{
	struct kv_item *it = p->item;

	kv_fill_leave(w, p);
	p->item = NULL;
	return it;
}

static void cut(struct kv_worker *w, struct kv_proto *p)
{
	uint32_t left = kv_data_len(p) - p->filled;
	struct kv_item *it = kv_fill_end(w, p);

	w->n.store_cut_short++;
	p->verb = KV_CUT;
	kv_data_skip(w, p, kv_name_of(it), left);
	kv_item_put(w->store, it);
}

void kv_fill_wait(struct kv_worker *w, struct kv_proto *p)
{
	size_t most = w->store->conf.memory;

	if (p->verb & KV_WAITS)
		return;
	p->verb = KV_WAITS;
	w->fill_bytes += chunk_of(w, p->item);
	while (w->fill_oldest && w->fill_bytes * SHARE * w->nworkers > most)
		cut(w, w->fill_oldest);
	p->fill_newer = NULL;
	p->fill_older = w->fill_newest;
	if (w->fill_newest)
		w->fill_newest->fill_newer = p;
	else
		w->fill_oldest = p;
	w->fill_newest = p;
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory of the items. Pages (1 MB, or the largest item) come from the
 * registered arena and are cut into chunks of one class each:
 *
 *   page of class 3:  | chunk 0 | chunk 1 | ... | fresh, never used ... |
 *
 * A class that is full evicts the item that was longest not used (clock over
 * an LRU list: an item that was read since it was last looked at goes to the
 * front instead). A class without anything to evict takes a page from the
 * class that has most. Pages that become empty go back to be used by anyone.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_MIN = 128,
	SECOND_CHANCES = 16, /* items looked at before one must go */
};

/* Which class takes n units of KV_ALIGN bytes? */
static bool map_sizes(struct kv_slabs *s)
{
	uint32_t units = s->page_size / KV_ALIGN;
	uint8_t i = 0;

	s->class_of = malloc(units + 1);
	if (!s->class_of)
		return false;
	for (uint32_t n = 0; n <= units; n++) {
		if (n * KV_ALIGN > s->classes[i].chunk)
			i++;
		s->class_of[n] = i;
	}
	return true;
}

bool slab_init(struct kv_slabs *s, const struct kv_conf *conf)
{
	size_t chunk = CHUNK_MIN;

	s->alloc = conf->alloc;
	s->page_size = KV_PAGE_MIN;
	if (conf->item_max > s->page_size)
		s->page_size = (conf->item_max + 4095) & ~4095u;
	s->max_pages = conf->memory / s->page_size;
	s->cap_pages = conf->memory_max / s->page_size;
	if (s->cap_pages < s->max_pages)
		s->cap_pages = s->max_pages;
	s->pages = calloc(s->cap_pages, sizeof(*s->pages));
	if (!s->pages)
		return false;
	while (chunk < conf->item_max && s->nclasses < KV_CLASSES - 1) {
		/* As large as the same number of chunks per page allows. */
		chunk = s->page_size / (s->page_size / chunk);
		chunk &= ~(KV_ALIGN - 1ul);
		s->classes[s->nclasses++].chunk = chunk;
		chunk = (chunk + chunk / 4 + KV_ALIGN - 1) & ~(KV_ALIGN - 1ul);
		if (chunk > s->page_size / 2)
			break;
	}
	s->classes[s->nclasses++].chunk = s->page_size;
	return map_sizes(s);
}

void slab_end(struct kv_slabs *s)
{
	free(s->pages);
	free(s->class_of);
}

int slab_class(const struct kv_slabs *s, size_t bytes)
{
	return bytes <= s->page_size
		       ? s->class_of[(bytes + KV_ALIGN - 1) / KV_ALIGN]
		       : -1;
}

static void room_add(struct kv_class *c, struct kv_page *p)
{
	p->prev = NULL;
	p->next = c->room;
	if (c->room)
		c->room->prev = p;
	c->room = p;
}

static void room_del(struct kv_class *c, struct kv_page *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		c->room = p->next;
	if (p->next)
		p->next->prev = p->prev;
}

static bool page_has_room(const struct kv_page *p)
{
	return p->free || p->fresh < p->nchunks;
}

static void page_release(struct kv_slabs *s, struct kv_page *p)
{
	s->classes[p->class].npages--;
	s->used_pages--;
	p->draining = false;
	p->next = s->free;
	s->free = p;
}

static struct kv_page *page_new(struct kv_slabs *s)
{
	struct kv_page *p = &s->pages[s->npages];

	if (s->npages == s->cap_pages)
		return NULL;
	p->mem = s->alloc(s->page_size);
	if (!p->mem) { /* the arena is smaller than our limit */
		s->cap_pages = s->npages;
		return NULL;
	}
	p->index = s->npages++;
	return p;
}

/* A page without a class: one given back, or a new one. */
static struct kv_page *page_take(struct kv_slabs *s)
{
	struct kv_page *p = s->free;

	if (s->used_pages >= s->max_pages)
		return NULL;
	if (p)
		s->free = p->next;
	else
		p = page_new(s);
	if (p)
		s->used_pages++;
	return p;
}

static struct kv_page *page_add(struct kv_slabs *s, int class)
{
	struct kv_class *c = &s->classes[class];
	struct kv_page *p = page_take(s);

	if (!p)
		return NULL;
	p->class = class;
	p->nchunks = s->page_size / c->chunk;
	p->fresh = p->nused = 0;
	p->free = NULL;
	c->npages++;
	room_add(c, p);
	return p;
}

static struct kv_item *page_alloc(struct kv_class *c, struct kv_page *p)
{
	struct kv_item *it = p->free;

	if (it)
		p->free = it->newer;
	else
		it = (void *)(p->mem + (size_t)p->fresh++ * c->chunk);
	p->nused++;
	if (!page_has_room(p))
		room_del(c, p);
	it->page = p->index;
	return it;
}

struct kv_item *slab_alloc(struct kv_slabs *s, int class)
{
	struct kv_class *c = &s->classes[class];
	struct kv_item *it = NULL;
	struct kv_page *p;

	kv_lock(&s->lock);
	p = c->room ? c->room : page_add(s, class);
	if (p) {
		it = page_alloc(c, p);
		c->nused++;
		it->linked = false;
		atomic_store_explicit(&it->refs, 1, memory_order_relaxed);
	}
	kv_unlock(&s->lock);
	return it;
}

void slab_free(struct kv_slabs *s, struct kv_item *it)
{
	struct kv_page *p = &s->pages[it->page];
	struct kv_class *c = &s->classes[slab_class_of(s, it)];
	bool had_room;

	kv_lock(&s->lock);
	had_room = page_has_room(p);
	it->newer = p->free;
	p->free = it;
	p->nused--;
	c->nused--;
	if (p->draining) {
		if (!p->nused)
			page_release(s, p);
	} else if (!p->nused && c->npages > 1) {
		if (had_room)
			room_del(c, p);
		page_release(s, p);
	} else if (!had_room) {
		room_add(c, p);
	}
	kv_unlock(&s->lock);
}

static void lru_add(struct kv_class *c, struct kv_item *it)
{
	it->newer = NULL;
	it->older = c->newest;
	if (c->newest)
		c->newest->newer = it;
	else
		c->oldest = it;
	c->newest = it;
}

static void lru_del(struct kv_class *c, struct kv_item *it)
{
	if (it->newer)
		it->newer->older = it->older;
	else
		c->newest = it->older;
	if (it->older)
		it->older->newer = it->newer;
	else
		c->oldest = it->newer;
}

static size_t item_bytes(const struct kv_item *it)
{
	return sizeof(*it) + it->nhead + it->nbytes + 2;
}

void slab_link(struct kv_slabs *s, struct kv_item *it)
{
	struct kv_class *c = &s->classes[slab_class_of(s, it)];

	kv_lock(&s->lock);
	lru_add(c, it);
	it->linked = true;
	c->nitems++;
	s->nitems++;
	s->total++;
	s->bytes += item_bytes(it);
	kv_unlock(&s->lock);
}

void slab_unlink(struct kv_slabs *s, struct kv_item *it)
{
	struct kv_class *c = &s->classes[slab_class_of(s, it)];

	kv_lock(&s->lock);
	lru_del(c, it);
	it->linked = false;
	c->nitems--;
	s->nitems--;
	s->bytes -= item_bytes(it);
	kv_unlock(&s->lock);
}

struct kv_item *slab_victim(struct kv_slabs *s, int class)
{
	struct kv_class *c = &s->classes[class];
	struct kv_item *it;

	kv_lock(&s->lock);
	for (int i = 0; i < SECOND_CHANCES; i++) {
		it = c->oldest;
		if (!it || atomic_load(&it->access) & KV_LOOKED)
			break;
		atomic_fetch_or(&it->access, KV_LOOKED);
		lru_del(c, it);
		lru_add(c, it);
	}
	it = c->oldest;
	if (it) {
		/* To the front: whoever is next finds another one. */
		lru_del(c, it);
		lru_add(c, it);
		atomic_fetch_add(&it->refs, 1);
	}
	kv_unlock(&s->lock);
	return it;
}

int slab_steal(struct kv_slabs *s, int class)
{
	struct kv_class *from = NULL;
	struct kv_page *p = NULL;

	kv_lock(&s->lock);
	for (uint32_t i = 0; i < s->nclasses; i++) {
		struct kv_class *c = &s->classes[i];

		if ((int)i != class && c->oldest &&
		    (!from || c->npages > from->npages))
			from = c;
	}
	if (from) {
		p = &s->pages[from->oldest->page];
		if (p->draining)
			p = NULL;
	}
	if (p) {
		if (page_has_room(p))
			room_del(from, p);
		p->draining = true;
		s->reassigned++;
	}
	kv_unlock(&s->lock);
	return p ? (int)p->index : -1;
}

struct kv_item *slab_drain(struct kv_slabs *s, int page, uint32_t *pos)
{
	struct kv_page *p = &s->pages[page];
	struct kv_item *found = NULL;

	kv_lock(&s->lock);
	while (p->draining && *pos < p->fresh && !found) {
		struct kv_item *it =
			(void *)(p->mem +
				 (size_t)(*pos)++ * s->classes[p->class].chunk);

		/* Linked: the table's reference keeps it while we look. */
		if (it->linked) {
			atomic_fetch_add(&it->refs, 1);
			found = it;
		}
	}
	kv_unlock(&s->lock);
	return found;
}

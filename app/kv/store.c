/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <string.h>

#include "table.h"

enum {
	EVICTIONS_PER_ALLOC = 64, /* before giving up */
	NO_CLASS = -1,
};

/* ---- making room */

/* Removes the item if it is still in the table; drops our reference. */
static void evict(struct kv_store *s, struct kv_item *it)
{
	struct kv_class *c = &s->slabs.classes[slab_class_of(&s->slabs, it)];
	struct kv_shard *sh = kv_shard_of(s, it->hash);

	kv_lock(&sh->lock);
	if (it->linked) {
		if (kv_is_void(s, it))
			c->expired++;
		else
			c->evicted++;
		kv_unlink_locked(s, sh, it);
	}
	kv_unlock(&sh->lock);
	kv_item_put(s, it);
}

/* Empties a page of some class other than this. What is being sent or filled
 * keeps it back for a while; then this request has to fail. */
static bool take_page(struct kv_store *s, int class)
{
	int page = slab_steal(&s->slabs, class);
	uint32_t pos = 0;
	struct kv_item *it;

	if (page < 0)
		return false;
	while ((it = slab_drain(&s->slabs, page, &pos)))
		evict(s, it);
	return true;
}

static struct kv_item *alloc(struct kv_store *s, int class)
{
	struct kv_item *it;

	if (s->slabs.used_pages > s->slabs.max_pages && s->conf.evict)
		take_page(s, NO_CLASS);
	it = slab_alloc(&s->slabs, class);
	for (int i = 0; !it && i < EVICTIONS_PER_ALLOC; i++) {
		struct kv_item *victim = NULL;

		if (!s->conf.evict)
			break;
		victim = slab_victim(&s->slabs, class);
		if (victim)
			evict(s, victim);
		else if (!take_page(s, class))
			break;
		else
			i += EVICTIONS_PER_ALLOC / 4;
		it = slab_alloc(&s->slabs, class);
	}
	if (!it)
		s->slabs.classes[class].no_memory++;
	return it;
}

bool kv_set_memory(struct kv_store *s, size_t bytes)
{
	uint32_t pages = bytes / s->slabs.page_size;

	if (!pages || pages > s->slabs.cap_pages)
		return false;
	s->conf.memory = bytes;
	s->slabs.max_pages = pages;
	return true;
}

unsigned int kv_digits(char *to, uint64_t v)
{
	char digits[KV_NUMBER];
	unsigned int n = 0;

	if (v < 10) { /* most flags */
		*to = (char)('0' + v);
		return 1;
	}
	do {
		digits[KV_NUMBER - ++n] = '0' + v % 10;
	} while (v /= 10);
	memcpy(to, digits + KV_NUMBER - n, n);
	return n;
}

static unsigned int ndigits(uint32_t v)
{
	unsigned int n = 1;

	for (; v > 9; v /= 10)
		n++;
	return n;
}

static void write_head(struct kv_item *it, const char *key)
{
	char *p = it->text;

	memcpy(p, "VALUE ", KV_PREFIX);
	p += KV_PREFIX;
	memcpy(p, key, it->nkey);
	p += it->nkey;
	*p++ = ' ';
	p += kv_digits(p, it->flags);
	*p++ = ' ';
	p += kv_digits(p, it->nbytes);
	memcpy(p, "\r\n", 2);
}

struct kv_item *kv_item_new(struct kv_store *s, struct kv_name name,
			    uint32_t flags, uint32_t exptime, uint32_t nbytes,
			    enum kv_status *why)
{
	uint32_t nhead = KV_PREFIX + name.nkey + 1 + ndigits(flags) + 1 +
			 ndigits(nbytes) + 2;
	size_t bytes = sizeof(struct kv_item) + nhead + (size_t)nbytes + 2;
	struct kv_item *it;

	*why = KV_TOO_LARGE;
	if (bytes > s->conf.item_max)
		return NULL;
	*why = KV_NO_MEMORY;
	it = alloc(s, slab_class(&s->slabs, bytes));
	if (!it)
		return NULL;
	atomic_init(&it->access, s->now | KV_LOOKED);
	it->marks = 0;
	it->hash = name.hash;
	it->exptime = exptime;
	it->nkey = (uint8_t)name.nkey;
	it->nbytes = nbytes;
	it->flags = flags;
	it->nhead = (uint16_t)nhead;
	write_head(it, name.key);
	memcpy(kv_value(it) + nbytes, "\r\n", 2);
	return it;
}

/* ---- storing */

static enum kv_status may_store(const struct kv_item *old, enum kv_mode mode,
				uint64_t cas)
{
	switch (mode) {
	case KV_ADD:
		return old ? KV_NOT_STORED : KV_STORED;
	case KV_REPLACE:
		return old ? KV_STORED : KV_NOT_STORED;
	case KV_CAS_STALE:
		if (old && cas && cas < old->cas)
			return KV_STORED;
		/* fall through */
	case KV_CAS:
		if (!old)
			return KV_NOT_FOUND;
		return old->cas == cas ? KV_STORED : KV_EXISTS;
	default:
		return KV_STORED;
	}
}

/* A version that came too late: better than nothing until somebody makes a
 * better one, but it lives no longer than what it replaces. */
static void inherit_stale(struct kv_item *it, const struct kv_item *old)
{
	it->exptime = old->exptime;
	it->marks |= KV_STALE | (old->marks & KV_WON);
}

static enum kv_status store_one(struct kv_store *s, struct kv_item *it,
				enum kv_mode mode, uint64_t *cas)
{
	struct kv_shard *sh = kv_shard_of(s, it->hash);
	struct kv_item *old;
	enum kv_status st;

	kv_lock(&sh->lock);
	old = kv_find_locked(s, sh, kv_name_of(it));
	st = may_store(old, mode, *cas);
	if (st == KV_STORED) {
		if (mode == KV_CAS_STALE && old->cas != *cas)
			inherit_stale(it, old);
		if (old)
			kv_unlink_locked(s, sh, old);
		kv_link_locked(s, sh, it);
		*cas = it->cas;
	}
	kv_unlock(&sh->lock);
	kv_item_put(s, it);
	return st;
}

/* Makes old + it (or it + old) and puts it in old's place, unless somebody
 * else was faster: KV_EXISTS, try again. */
static enum kv_status join(struct kv_store *s, struct kv_item *old,
			   struct kv_item *it, bool append, uint64_t *cas)
{
	struct kv_item *first = append ? old : it;
	struct kv_item *second = append ? it : old;
	enum kv_status st;
	struct kv_item *new;

	new = kv_item_new(s, kv_name_of(old), old->flags, old->exptime,
			  old->nbytes + it->nbytes, &st);
	if (!new)
		return KV_NOT_STORED;
	memcpy(kv_value(new), kv_value(first), first->nbytes);
	memcpy(kv_value(new) + first->nbytes, kv_value(second), second->nbytes);
	new->marks = old->marks &KV_KEY_BASE64;
	return store_one(s, new, KV_CAS, cas);
}

/* One try. KV_EXISTS and *@cas as it was: again. */
static enum kv_status extend_once(struct kv_store *s, struct kv_item *it,
				  enum kv_mode mode, uint64_t *cas)
{
	struct kv_item *old = kv_edit(s, kv_name_of(it), NULL, NULL);
	enum kv_status st;
	uint64_t at;

	if (!old)
		return KV_NOT_STORED;
	at = old->cas;
	st = KV_EXISTS;
	if (!*cas || *cas == at)
		st = join(s, old, it, mode == KV_APPEND, &at);
	kv_item_put(s, old);
	if (st == KV_STORED)
		*cas = at;
	return st == KV_NOT_FOUND ? KV_NOT_STORED : st;
}

static enum kv_status extend(struct kv_store *s, struct kv_item *it,
			     enum kv_mode mode, uint64_t *cas)
{
	enum kv_status st;

	do {
		st = extend_once(s, it, mode, cas);
	} while (st == KV_EXISTS && !*cas);
	kv_item_put(s, it);
	return st;
}

enum kv_status kv_store(struct kv_store *s, struct kv_item *it,
			enum kv_mode mode, uint64_t *cas)
{
	if (mode == KV_APPEND || mode == KV_PREPEND)
		return extend(s, it, mode, cas);
	return store_one(s, it, mode, cas);
}

/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <string.h>

#include "table.h"

enum { EVICTIONS_PER_ALLOC = 64 }; /* before giving up */

/* ---- making room */

/* Removes the item if it is still in the table; drops our reference. */
static void evict(struct kv_store *s, struct kv_item *it)
{
	struct kv_class *c = &s->slabs.classes[it->class];
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

/* Empties a page of some other class. What is being sent or filled keeps it
 * back for a while; then this request has to fail. */
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
	struct kv_item *it = slab_alloc(&s->slabs, class);

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

unsigned int kv_digits(char *to, uint64_t v)
{
	char digits[KV_NUMBER];
	unsigned int n = 0;

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

static struct kv_name name_of(struct kv_item *it)
{
	return (struct kv_name){ kv_key(it), it->nkey, it->hash };
}

static enum kv_status may_store(const struct kv_item *old, enum kv_mode mode,
				uint64_t cas)
{
	switch (mode) {
	case KV_ADD:
		return old ? KV_NOT_STORED : KV_STORED;
	case KV_REPLACE:
		return old ? KV_STORED : KV_NOT_STORED;
	case KV_CAS:
		if (!old)
			return KV_NOT_FOUND;
		return old->cas == cas ? KV_STORED : KV_EXISTS;
	default:
		return KV_STORED;
	}
}

static enum kv_status store_one(struct kv_store *s, struct kv_item *it,
				enum kv_mode mode, uint64_t cas)
{
	struct kv_shard *sh = kv_shard_of(s, it->hash);
	struct kv_item *old;
	enum kv_status st;

	kv_lock(&sh->lock);
	old = kv_find_locked(s, sh, name_of(it));
	st = may_store(old, mode, cas);
	if (st == KV_STORED) {
		if (old)
			kv_unlink_locked(s, sh, old);
		kv_link_locked(s, sh, it);
	}
	kv_unlock(&sh->lock);
	kv_item_put(s, it);
	return st;
}

/* Makes old + it (or it + old) and puts it in old's place, unless somebody
 * else was faster: KV_EXISTS, try again. */
static enum kv_status join(struct kv_store *s, struct kv_item *old,
			   struct kv_item *it, bool append)
{
	struct kv_item *first = append ? old : it;
	struct kv_item *second = append ? it : old;
	uint64_t cas = old->cas;
	enum kv_status st;
	struct kv_item *new;

	new = kv_item_new(s, name_of(old), old->flags, old->exptime,
			  old->nbytes + it->nbytes, &st);
	if (!new)
		return KV_NOT_STORED;
	memcpy(kv_value(new), kv_value(first), first->nbytes);
	memcpy(kv_value(new) + first->nbytes, kv_value(second), second->nbytes);
	return store_one(s, new, KV_CAS, cas);
}

static enum kv_status extend(struct kv_store *s, struct kv_item *it,
			     enum kv_mode mode)
{
	enum kv_status st = KV_EXISTS;

	while (st == KV_EXISTS) {
		struct kv_item *old = kv_get(s, name_of(it));

		if (!old) {
			st = KV_NOT_STORED;
			break;
		}
		st = join(s, old, it, mode == KV_APPEND);
		kv_item_put(s, old);
		if (st == KV_NOT_FOUND)
			st = KV_NOT_STORED;
	}
	kv_item_put(s, it);
	return st;
}

enum kv_status kv_store(struct kv_store *s, struct kv_item *it,
			enum kv_mode mode, uint64_t cas)
{
	if (mode == KV_APPEND || mode == KV_PREPEND)
		return extend(s, it, mode);
	return store_one(s, it, mode, cas);
}

/* ---- incr, decr */

/* The value as a number: digits, then perhaps blanks. */
static bool number_of(struct kv_item *it, uint64_t *out)
{
	const char *p = kv_value(it), *end = p + it->nbytes;
	uint64_t v = 0;

	if (it->nbytes > KV_NUMBER || p == end || *p < '0' || *p > '9')
		return false;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *p - '0', &v))
			return false;
	}
	for (; p < end; p++) {
		if (*p != ' ')
			return false;
	}
	*out = v;
	return true;
}

/* Writes the number in place if nobody else looks at the item. A shorter one
 * leaves blanks behind, as memcached does. */
static bool rewrite_locked(struct kv_store *s, struct kv_item *it,
			   const char *digits, unsigned int n)
{
	if (n > it->nbytes ||
	    atomic_load_explicit(&it->refs, memory_order_acquire) != 1)
		return false;
	memcpy(kv_value(it), digits, n);
	memset(kv_value(it) + n, ' ', it->nbytes - n);
	it->cas = atomic_fetch_add(&s->cas, 1) + 1;
	return true;
}

/* One try. KV_EXISTS and *@old (with a reference): it did not fit in place,
 * store @digits as a new item instead. */
static enum kv_status arith_locked(struct kv_store *s, struct kv_shard *sh,
				   struct kv_name name, bool incr,
				   uint64_t delta, uint64_t *value,
				   struct kv_item **old)
{
	char digits[KV_NUMBER];
	struct kv_item *it = kv_find_locked(s, sh, name);
	uint64_t v;

	if (!it)
		return KV_NOT_FOUND;
	if (!number_of(it, &v))
		return KV_NON_NUMERIC;
	if (incr)
		v += delta;
	else
		v -= delta < v ? delta : v;
	*value = v;
	if (rewrite_locked(s, it, digits, kv_digits(digits, v)))
		return KV_STORED;
	*old = kv_hold(it);
	return KV_EXISTS;
}

static enum kv_status replace_number(struct kv_store *s, struct kv_item *old,
				     uint64_t value)
{
	char digits[KV_NUMBER];
	unsigned int n = kv_digits(digits, value);
	uint32_t len = n > old->nbytes ? n : old->nbytes;
	enum kv_status st;
	struct kv_item *new;

	new = kv_item_new(s, name_of(old), old->flags, old->exptime, len, &st);
	if (!new)
		return KV_NO_MEMORY;
	memset(kv_value(new), ' ', len);
	memcpy(kv_value(new), digits, n);
	return store_one(s, new, KV_CAS, old->cas);
}

enum kv_status kv_arith(struct kv_store *s, struct kv_name name, bool incr,
			uint64_t delta, uint64_t *value)
{
	struct kv_shard *sh = kv_shard_of(s, name.hash);
	enum kv_status st;

	do {
		struct kv_item *old = NULL;

		kv_lock(&sh->lock);
		st = arith_locked(s, sh, name, incr, delta, value, &old);
		kv_unlock(&sh->lock);
		if (old) {
			st = replace_number(s, old, *value);
			kv_item_put(s, old);
		}
	} while (st == KV_EXISTS);
	return st;
}

/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdlib.h>
#include <string.h>

enum {
	CLOCK_START = 2,    /* 1 is in the past, 0 is never */
	BUCKETS_START = 16, /* per shard */
};

/* ---- hash: 8 bytes at a time, each multiplied to 128 bits and folded */

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t load(const char *p, size_t n)
{
	uint64_t w = 0;

	memcpy(&w, p, n);
	return w;
}

/* The last up to 8 bytes; those of a longer key may be part of the word before
 * them, which does no harm. */
static uint64_t load_last(const char *key, uint32_t nkey)
{
	const char *end = key + nkey;

	if (nkey >= 8)
		return load(end - 8, 8);
	if (nkey >= 4)
		return load(key, 4) << 32 | load(end - 4, 4);
	return (uint64_t)(uint8_t)key[0] << 16 |
	       (uint64_t)(uint8_t)key[nkey / 2] << 8 | (uint8_t)end[-1];
}

struct kv_name kv_name(const struct kv_store *s, const char *key, uint32_t nkey)
{
	uint64_t h = s->conf.seed ^ nkey;
	uint32_t left = nkey;

	for (const char *p = key; left > 8; left -= 8, p += 8)
		h = fold(h ^ load(p, 8), 0x9e3779b97f4a7c15ull);
	h = fold(h ^ load_last(key, nkey), 0xd6e8feb86659fd93ull);
	return (struct kv_name){ key, nkey, (uint32_t)h ^ (uint32_t)(h >> 32) };
}

/* ---- start */

static bool shards_init(struct kv_store *s)
{
	for (int i = 0; i < KV_SHARDS; i++) {
		struct kv_shard *sh = &s->shards[i];

		sh->mask = BUCKETS_START - 1;
		sh->buckets = calloc(BUCKETS_START, sizeof(*sh->buckets));
		if (!sh->buckets)
			return false;
	}
	return true;
}

struct kv_store *kv_store_new(const struct kv_conf *conf, int64_t unix_now)
{
	struct kv_store *s = aligned_alloc(64, sizeof(*s));

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->conf = *conf;
	s->epoch = unix_now - CLOCK_START;
	atomic_store(&s->now, CLOCK_START);
	atomic_store(&s->stamp, CLOCK_START | KV_FETCHED);
	if (!slab_init(&s->slabs, conf) || !shards_init(s)) {
		kv_store_free(s);
		return NULL;
	}
	return s;
}

void kv_store_free(struct kv_store *s)
{
	for (int i = 0; i < KV_SHARDS; i++)
		free(s->shards[i].buckets);
	slab_end(&s->slabs);
	free(s);
}

/* ---- time */

void kv_tick(struct kv_store *s, int64_t unix_now)
{
	int64_t now = unix_now - s->epoch;
	uint32_t at = atomic_load_explicit(&s->flush_at, memory_order_relaxed);

	if (now <= kv_now(s))
		return;
	atomic_store_explicit(&s->now, (uint32_t)now, memory_order_relaxed);
	atomic_store_explicit(&s->stamp, (uint32_t)now | KV_FETCHED,
			      memory_order_relaxed);
	if (at && at <= now &&
	    atomic_compare_exchange_strong(&s->flush_at, &at, 0))
		atomic_store(&s->flushed, atomic_load(&s->cas));
}

uint32_t kv_exptime(const struct kv_store *s, int64_t exptime)
{
	if (!exptime)
		return 0;
	if (exptime < 0)
		return 1;
	if (exptime <= KV_MONTH)
		return kv_now(s) + (uint32_t)exptime;
	exptime -= s->epoch;
	return exptime <= 0 ? 1 : (uint32_t)exptime;
}

void kv_flush(struct kv_store *s, uint32_t at)
{
	if (at > kv_now(s)) {
		atomic_store(&s->flush_at, at);
		return;
	}
	atomic_store(&s->flush_at, 0);
	/* A version of its own, as memcached gives it. */
	atomic_store(&s->flushed, atomic_fetch_add(&s->cas, 1) + 1);
}

/* ---- table */

static struct kv_item **bucket_of(struct kv_shard *sh, uint32_t hash)
{
	return &sh->buckets[hash / KV_SHARDS & sh->mask];
}

void kv_item_put(struct kv_store *s, struct kv_item *it)
{
	if (atomic_fetch_sub_explicit(&it->refs, 1, memory_order_acq_rel) == 1)
		slab_free(&s->slabs, it);
}

void kv_unlink_locked(struct kv_store *s, struct kv_shard *sh,
		      struct kv_item *it)
{
	struct kv_item **at = bucket_of(sh, it->hash);

	while (*at != it)
		at = &(*at)->hnext;
	*at = it->hnext;
	sh->nitems--;
	slab_unlink(&s->slabs, it);
	kv_item_put(s, it);
}

/* Without the memory for more buckets the chains just become longer. */
static void grow_locked(struct kv_shard *sh)
{
	uint32_t mask = sh->mask * 2 + 1;
	struct kv_item **old = sh->buckets;
	struct kv_item **new = calloc(mask + 1ul, sizeof(*new));

	if (!new)
		return;
	sh->buckets = new;
	for (uint32_t i = 0; i <= sh->mask; i++) {
		struct kv_item *next;

		for (struct kv_item *it = old[i]; it; it = next) {
			uint32_t b = it->hash / KV_SHARDS & mask;

			next = it->hnext;
			it->hnext = new[b];
			new[b] = it;
		}
	}
	sh->mask = mask;
	free(old);
}

void kv_renew(struct kv_store *s, struct kv_item *it)
{
	atomic_store_explicit(&it->cas, atomic_fetch_add(&s->cas, 1) + 1,
			      memory_order_relaxed);
}

void kv_link_locked(struct kv_store *s, struct kv_shard *sh, struct kv_item *it)
{
	struct kv_item **at;

	if (sh->nitems > sh->mask + sh->mask / 2)
		grow_locked(sh);
	at = bucket_of(sh, it->hash);
	kv_renew(s, it);
	it->hnext = *at;
	*at = it;
	sh->nitems++;
	atomic_fetch_add(&it->refs, 1);
	slab_link(&s->slabs, it);
}

struct kv_item *kv_find_locked(struct kv_store *s, struct kv_shard *sh,
			       struct kv_name n)
{
	struct kv_item *it = *bucket_of(sh, n.hash);

	for (; it; it = it->hnext) {
		if (it->hash == n.hash && it->nkey == n.nkey &&
		    !memcmp(kv_key(it), n.key, n.nkey))
			break;
	}
	if (it && kv_is_void(s, it)) {
		kv_unlink_locked(s, sh, it);
		return NULL;
	}
	return it;
}

struct kv_item *kv_get(struct kv_store *s, struct kv_name name)
{
	struct kv_shard *sh = kv_shard_of(s, name.hash);
	struct kv_item *it;

	kv_lock(&sh->lock);
	it = kv_find_locked(s, sh, name);
	if (it)
		kv_hold(s, it);
	kv_unlock(&sh->lock);
	return it;
}

struct kv_item *kv_touch(struct kv_store *s, struct kv_name name,
			 uint32_t exptime)
{
	struct kv_shard *sh = kv_shard_of(s, name.hash);
	struct kv_item *it;

	kv_lock(&sh->lock);
	it = kv_find_locked(s, sh, name);
	if (it) {
		it->exptime = exptime;
		kv_hold(s, it);
	}
	kv_unlock(&sh->lock);
	return it;
}

struct kv_item *kv_edit(struct kv_store *s, struct kv_name name,
			void (*edit)(struct kv_item *it, void *arg), void *arg)
{
	struct kv_shard *sh = kv_shard_of(s, name.hash);
	struct kv_item *it;

	kv_lock(&sh->lock);
	it = kv_find_locked(s, sh, name);
	if (it) {
		if (edit)
			edit(it, arg);
		kv_ref(it);
	}
	kv_unlock(&sh->lock);
	return it;
}

enum kv_status kv_delete(struct kv_store *s, struct kv_name name, uint64_t cas)
{
	struct kv_shard *sh = kv_shard_of(s, name.hash);
	enum kv_status st = KV_NOT_FOUND;
	struct kv_item *it;

	kv_lock(&sh->lock);
	it = kv_find_locked(s, sh, name);
	if (it && cas && it->cas != cas) {
		st = KV_EXISTS;
	} else if (it) {
		kv_unlink_locked(s, sh, it);
		st = KV_STORED;
	}
	kv_unlock(&sh->lock);
	return st;
}

bool kv_walk(struct kv_store *s, uint32_t *shard, uint32_t *bucket,
	     void (*show)(struct kv_item *it, void *arg), void *arg)
{
	struct kv_shard *sh = &s->shards[*shard];

	while (*shard < KV_SHARDS && !sh->nitems) {
		*bucket = 0;
		sh = &s->shards[++*shard];
	}
	if (*shard == KV_SHARDS)
		return false;
	kv_lock(&sh->lock);
	for (struct kv_item *it = sh->buckets[*bucket]; it; it = it->hnext) {
		if (!kv_is_void(s, it))
			show(it, arg);
	}
	if (++*bucket > sh->mask) {
		*bucket = 0;
		++*shard;
	}
	kv_unlock(&sh->lock);
	return true;
}

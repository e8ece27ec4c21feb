/* SPDX-License-Identifier: MIT */
/* The hash table, for store.c. "Locked" functions want the shard's lock. */
#ifndef APP_KV_TABLE_H
#define APP_KV_TABLE_H

#include "store.h"

static inline struct kv_shard *kv_shard_of(struct kv_store *s, uint32_t hash)
{
	return &s->shards[hash % KV_SHARDS];
}

static inline uint32_t kv_now(const struct kv_store *s)
{
	return atomic_load_explicit(&s->now, memory_order_relaxed);
}

/* Expired or flushed? */
static inline bool kv_is_void(const struct kv_store *s,
			      const struct kv_item *it)
{
	return (it->exptime && it->exptime <= kv_now(s)) ||
	       it->cas <=
		       atomic_load_explicit(&s->flushed, memory_order_relaxed);
}

/* The live item of that name; a void one is removed on the way. */
struct kv_item *kv_find_locked(struct kv_store *s, struct kv_shard *sh,
			       struct kv_name n);

/* Another reference. */
static inline struct kv_item *kv_ref(struct kv_item *it)
{
	atomic_fetch_add_explicit(&it->refs, 1, memory_order_relaxed);
	return it;
}

/* ... and a sign that the item is in use: written once a second, not per
 * read. */
static inline struct kv_item *kv_hold(const struct kv_store *s,
				      struct kv_item *it)
{
	unsigned int stamp;

	stamp = atomic_load_explicit(&s->stamp, memory_order_relaxed);
	if (atomic_load_explicit(&it->access, memory_order_relaxed) != stamp)
		atomic_store_explicit(&it->access, stamp, memory_order_relaxed);
	return kv_ref(it);
}

/* The table takes a reference of its own, and gives it back. */
void kv_link_locked(struct kv_store *s, struct kv_shard *sh,
		    struct kv_item *it);
void kv_unlink_locked(struct kv_store *s, struct kv_shard *sh,
		      struct kv_item *it);

#endif

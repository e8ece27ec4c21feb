/* SPDX-License-Identifier: MIT */
/* The hash table, for store.c. "Locked" functions want the shard's lock. */
#ifndef APP_KV_TABLE_H
#define APP_KV_TABLE_H

#include "store.h"

static inline struct kv_shard *kv_shard_of(struct kv_store *s, uint32_t hash)
{
	return &s->shards[hash % KV_SHARDS];
}

/* Expired or flushed? */
bool kv_is_void(const struct kv_store *s, const struct kv_item *it);

/* The live item of that name; a void one is removed on the way. */
struct kv_item *kv_find_locked(struct kv_store *s, struct kv_shard *sh,
			       struct kv_name n);

/* Another reference, and a sign that the item is in use. */
struct kv_item *kv_hold(struct kv_item *it);

/* The table takes a reference of its own, and gives it back. */
void kv_link_locked(struct kv_store *s, struct kv_shard *sh,
		    struct kv_item *it);
void kv_unlink_locked(struct kv_store *s, struct kv_shard *sh,
		      struct kv_item *it);

#endif

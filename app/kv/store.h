/* SPDX-License-Identifier: MIT */
/*
 * The items of kv: shared by all threads. Files:
 *
 *   slab.c   memory in pages of equal chunks, LRU lists, what to evict
 *   table.c  hash table, expiry, flush
 *   store.c  making room, storing modes
 *   arith.c  incr, decr
 *
 * Locks, in this order: one of the table's shards, then the slabs' one; both
 * are held for a few dozen instructions and never across a crossing. An item
 * is counted: one reference by the table, one by each reader, writer or
 * connection that still sends it; whoever drops the last one frees the chunk.
 * While anyone but the table holds it, text and value do not change.
 */
#ifndef APP_KV_STORE_H
#define APP_KV_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KV_KEY_MAX = 250,
	KV_ALIGN = 64,	  /* chunk sizes and addresses: a cache line */
	KV_CLASSES = 64,  /* at most, growing by a quarter each */
	KV_SHARDS = 1024, /* of the hash table, a lock each */
	KV_PAGE_MIN = 1 << 20,
	KV_MONTH = 60 * 60 * 24 * 30, /* longer expiry times are dates */
	KV_PREFIX = 6,		      /* strlen("VALUE ") */
	KV_NUMBER = 20,		      /* digits of UINT64_MAX */
};

/* The text is what `get` answers, ready to be sent:
 *	"VALUE " key " " flags " " nbytes "\r\n" value "\r\n"          */
struct kv_item {
	/* table: the shard's lock */
	struct kv_item *hnext;
	_Atomic uint64_t cas;
	uint32_t hash;
	uint32_t exptime; /* seconds on the store's clock, 0: never */
	/* slabs: their lock; linked: the shard's, too */
	struct kv_item *newer, *older; /* LRU list, or `newer`: free list */
	uint32_t page : 31;	       /* index */
	uint32_t linked : 1;	       /* in table and LRU list */
	/* any thread */
	atomic_uint access; /* when last read, and enum kv_access */
	atomic_uint refs;
	/* fixed from kv_item_new() on */
	uint32_t nbytes; /* of the value, without \r\n */
	uint32_t flags;
	uint16_t nhead; /* offset of the value in text */
	uint8_t nkey;
	/* table */
	uint8_t marks; /* enum kv_mark */
	char text[];
};

enum kv_access {
	KV_FETCHED = 1 << 30,
	KV_LOOKED = 1u << 31, /* by who evicts, and not read since */
	KV_SECONDS = KV_FETCHED - 1,
};

/* Of the meta commands. */
enum kv_mark {
	KV_STALE = 1,	   /* invalidated, still served */
	KV_WON = 2,	   /* somebody was told to make a new one */
	KV_KEY_BASE64 = 4, /* show the key in base64 */
};

_Static_assert(sizeof(struct kv_item) == 64, "one cache line");

static inline char *kv_key(struct kv_item *it)
{
	return it->text + KV_PREFIX;
}

static inline char *kv_value(struct kv_item *it)
{
	return it->text + it->nhead;
}

struct kv_page {
	char *mem;
	uint32_t index;
	uint32_t nchunks; /* that fit */
	uint32_t fresh;	  /* chunks given out so far; the rest is untouched */
	uint32_t nused;
	uint8_t class;
	bool draining;		     /* becomes free when nothing is in use */
	struct kv_item *free;	     /* through newer */
	struct kv_page *next, *prev; /* class's pages with room, or free */
};

struct kv_class {
	uint32_t chunk;
	uint32_t npages;
	uint32_t nused;
	struct kv_page *room;
	struct kv_item *newest, *oldest; /* LRU */
	uint64_t nitems;
	atomic_ullong evicted, expired, no_memory; /* counters */
};

struct kv_slabs {
	atomic_flag lock;
	void *(*alloc)(size_t bytes); /* registered memory, page aligned */
	uint32_t page_size;
	uint32_t cap_pages;	/* of the arena */
	uint32_t npages;	/* ever taken from it */
	atomic_uint max_pages;	/* the limit */
	atomic_uint used_pages; /* that have a class: may be above it a while */
	uint32_t nclasses;
	struct kv_page *pages;
	struct kv_page *free;
	uint8_t *class_of; /* by size in units of KV_ALIGN */
	struct kv_class classes[KV_CLASSES];
	uint64_t bytes;	     /* in chunks of linked items, as asked for */
	uint64_t nitems;     /* linked */
	uint64_t total;	     /* ever linked */
	uint64_t reassigned; /* pages that changed their class */
};

struct kv_shard {
	_Alignas(64) atomic_flag lock;
	uint32_t nitems;
	uint32_t mask;
	struct kv_item **buckets;
};

struct kv_conf {
	_Atomic size_t memory; /* bytes for items */
	size_t item_max;       /* bytes: header, key and value */
	bool evict;	       /* else stores fail when memory is full */
	void *(*alloc)(size_t bytes);
	uint64_t seed;	   /* of the hash, so that nobody can aim at a bucket */
	size_t memory_max; /* as far as kv_set_memory() may go */
};

struct kv_store {
	struct kv_conf conf;
	/* Seconds, from 2 upwards, so that "expired long ago" is 1; kept by
	 * kv_tick(). */
	atomic_uint now;
	atomic_uint stamp; /* now | KV_FETCHED: what a read leaves behind */
	int64_t epoch;	   /* UNIX time at which the clock would have been 0 */
	_Alignas(64) atomic_ullong cas;	    /* last one given out */
	_Alignas(64) atomic_ullong flushed; /* items up to this one are void */
	atomic_uint flush_at;		    /* delayed flush_all, or 0 */
	struct kv_slabs slabs;
	struct kv_shard shards[KV_SHARDS];
};

enum kv_status {
	KV_STORED,
	KV_NOT_STORED,
	KV_EXISTS,
	KV_NOT_FOUND,
	KV_TOO_LARGE,
	KV_NO_MEMORY,
	KV_NON_NUMERIC,
};

enum kv_mode {
	KV_SET,
	KV_ADD,
	KV_REPLACE,
	KV_APPEND,
	KV_PREPEND,
	KV_CAS,
	KV_CAS_STALE, /* an older one will do, but makes the item stale */
};

/* incr and decr. */
struct kv_sum {
	bool incr;
	bool create; /* if there is none: with @value and @exptime */
	uint64_t delta;
	uint32_t exptime;
	uint64_t cas; /* 0: any; then the new one */
	uint64_t value;
	bool created; /* out */
	/* Sees the item, not yet or no longer shared: for its marks and
	 * exptime. May be called again if somebody else was faster. */
	void (*edit)(struct kv_item *it, struct kv_sum *sum);
	void *arg; /* edit()'s */
};

struct kv_name {
	const char *key;
	uint32_t nkey;
	uint32_t hash;
};

/* ---- table.c */

/* @unix_now: seconds. NULL if there is no memory. */
struct kv_store *kv_store_new(const struct kv_conf *conf, int64_t unix_now);
void kv_store_free(struct kv_store *s); /* not the pages */

/* Any thread, before it handles events: moves the clock. */
void kv_tick(struct kv_store *s, int64_t unix_now);

/* What the protocol calls exptime, on the store's clock (0: never). */
uint32_t kv_exptime(const struct kv_store *s, int64_t exptime);

/* All items stored until now, or until @at on the store's clock, are void. */
void kv_flush(struct kv_store *s, uint32_t at);

struct kv_name kv_name(const struct kv_store *s, const char *key,
		       uint32_t nkey);

/* A reference to the item, or NULL. */
struct kv_item *kv_get(struct kv_store *s, struct kv_name name);
/* ... with a new expiry time. */
struct kv_item *kv_touch(struct kv_store *s, struct kv_name name,
			 uint32_t exptime);

/* @cas: 0, or only this one. KV_STORED, KV_NOT_FOUND or KV_EXISTS. */
enum kv_status kv_delete(struct kv_store *s, struct kv_name name, uint64_t cas);

/* Calls @edit (or NULL) under the lock; then as kv_get(), but leaves no trace
 * of a reader. */
struct kv_item *kv_edit(struct kv_store *s, struct kv_name name,
			void (*edit)(struct kv_item *it, void *arg), void *arg);

/* A new version of the item, for kv_edit(). */
void kv_renew(struct kv_store *s, struct kv_item *it);

/* Calls @show for what is in one bucket, and moves on: *@bucket of *@shard,
 * from 0 and 0. False: that was all. Growth meanwhile may repeat items. */
bool kv_walk(struct kv_store *s, uint32_t *shard, uint32_t *bucket,
	     void (*show)(struct kv_item *it, void *arg), void *arg);

/* Drops a reference. */
void kv_item_put(struct kv_store *s, struct kv_item *it);

/* ---- store.c */

/* A new item, not in the table, for the caller to fill in (kv_value(),
 * @nbytes; "\r\n" stands behind it already). NULL: see @why. */
struct kv_item *kv_item_new(struct kv_store *s, struct kv_name name,
			    uint32_t flags, uint32_t exptime, uint32_t nbytes,
			    enum kv_status *why);

/* Puts the item in the table, as @mode says; takes the caller's reference,
 * whatever comes of it. *@cas: for KV_CAS*, and unless 0 for KV_APPEND and
 * KV_PREPEND; after KV_STORED the new one. */
enum kv_status kv_store(struct kv_store *s, struct kv_item *it,
			enum kv_mode mode, uint64_t *cas);

/* Another limit. What is above it goes page by page, one with each new item.
 * False: less than a page, or more than the arena has. */
bool kv_set_memory(struct kv_store *s, size_t bytes);

/* Writes the digits of @v, not terminated; returns how many. */
unsigned int kv_digits(char *to, uint64_t v);

/* ---- arith.c */

/* KV_STORED, KV_NOT_FOUND, KV_EXISTS, KV_NON_NUMERIC or KV_NO_MEMORY. */
enum kv_status kv_arith(struct kv_store *s, struct kv_name name,
			struct kv_sum *sum);

/* ---- slab.c */

bool slab_init(struct kv_slabs *s, const struct kv_conf *conf);
void slab_end(struct kv_slabs *s);

/* Class for an item of @bytes, or -1: too large. */
int slab_class(const struct kv_slabs *s, size_t bytes);
static inline int slab_class_of(const struct kv_slabs *s,
				const struct kv_item *it)
{
	return s->pages[it->page].class;
}

/* A chunk with refs = 1, or NULL: evict something from the class first. */
struct kv_item *slab_alloc(struct kv_slabs *s, int class);
void slab_free(struct kv_slabs *s, struct kv_item *it);

/* The least recently used item of the class, with a reference taken, or
 * NULL. Items in use get a second chance. */
struct kv_item *slab_victim(struct kv_slabs *s, int class);

/* Takes a page of a class other than this out of service and returns its index,
 * or -1.
 * The caller removes its items: slab_drain() hands them out, each with a
 * reference, until NULL. */
int slab_steal(struct kv_slabs *s, int class);
struct kv_item *slab_drain(struct kv_slabs *s, int page, uint32_t *pos);

/* The item came into or leaves the table. */
void slab_link(struct kv_slabs *s, struct kv_item *it);
void slab_unlink(struct kv_slabs *s, struct kv_item *it);

/* ---- names */

static inline struct kv_name kv_name_of(struct kv_item *it)
{
	return (struct kv_name){ kv_key(it), it->nkey, it->hash };
}

/* ---- locks */

static inline void kv_lock(atomic_flag *lock)
{
	while (atomic_flag_test_and_set_explicit(lock, memory_order_acquire))
		__builtin_ia32_pause();
}

static inline void kv_unlock(atomic_flag *lock)
{
	atomic_flag_clear_explicit(lock, memory_order_release);
}

#endif

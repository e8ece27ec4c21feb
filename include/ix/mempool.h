/* SPDX-License-Identifier: MIT */
/*
 * Pools of fixed-size objects in the arena, so that they can be sent in place
 * (ixev_send_zc). One datastore per type of object, shared by all threads; one
 * pool per thread, which takes and returns objects in chunks. Source
 * compatible with the original IX.
 *
 * A pool is one thread's at a time: what takes a struct mempool needs no lock,
 * and two threads must not be in it at once. What takes a datastore alone is
 * called by one thread while no other uses it; a datastore and its pools lock
 * what they share. Lengths are bytes. Errors are -errno; errno is not set.
 */
#ifndef IX_MEMPOOL_H
#define IX_MEMPOOL_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

#ifdef __cplusplus
extern "C" {
#endif

enum { MEMPOOL_DEFAULT_CHUNKSIZE = 128, MEMPOOL_MAGIC = 0x12911776 };

/* What a free object holds. */
struct mempool_hdr {
	struct mempool_hdr *next;	/* in the chunk */
	struct mempool_hdr *next_chunk; /* in the datastore */
};

struct mempool_datastore {
	uint64_t magic;
	int lock;
	struct mempool_hdr *chunk_head; /* full chunks that no pool holds */
	void *buf;
	size_t buf_len;
	uint32_t nr_elems;
	size_t elem_len;
	int nostraddle;
	int chunk_size;
	int free_chunks;
	int in_arena;
	const char *prettyname;
};

struct mempool {
	uint64_t magic;
	struct mempool_datastore *datastore;
	struct mempool_hdr *head;	   /* at hand: at most chunk_size */
	struct mempool_hdr *private_chunk; /* a full chunk in reserve */
	int chunk_size;
	int num_free; /* in head */
	int num_alloc;
	size_t elem_len;
};

/*
 * Makes room for at least @nr_elems objects of @elem_len bytes. @nostraddle:
 * no object crosses a 2 MB border. @chunk_size: objects handed to a pool at a
 * time. @m must be zeroed; it and @prettyname, which is not copied, stay until
 * it is destroyed. 0, -EINVAL (no objects, too large, @nostraddle and an object
 * above 2 MB) or -ENOMEM. Before ixev_init() the memory is not in the arena,
 * and sends from it are copied.
 */
int mempool_create_datastore(struct mempool_datastore *m, int nr_elems,
			     size_t elem_len, int nostraddle, int chunk_size,
			     const char *prettyname);

/* All pools must have been destroyed, and nothing of it may be lent to the
 * dataplane any more: all objects are void. */
void mempool_destroy_datastore(struct mempool_datastore *m);

/* For the calling thread, or any one that it is handed to; any number of them
 * may do so at a time. @m must be zeroed, and stay until it is destroyed; @mds
 * too. 0 or -EINVAL (@mds is none). */
int mempool_create(struct mempool *m, struct mempool_datastore *mds);

/* Gives the free objects that the pool holds back to the datastore; objects
 * in use must be freed before, or into another pool, or are lost to it. */
void mempool_destroy(struct mempool *m);

/* For the two below: when the pool is empty, or full. */
void *mempool_alloc_slow(struct mempool *m);
void mempool_free_slow(struct mempool *m, void *ptr);

/* An object of undefined contents, the caller's until mempool_free(); NULL when
 * the datastore is used up. */
static inline void *mempool_alloc(struct mempool *m)
{
	struct mempool_hdr *h = m->head;

	if (__builtin_expect(!h, 0))
		return mempool_alloc_slow(m);
	m->head = h->next;
	m->num_free--;
	m->num_alloc++;
	return h;
}

/* @ptr must not be NULL. @m is a pool of the calling thread, of the same
 * datastore, not necessarily the one that it came from; what was sent from it
 * must have been acknowledged. */
static inline void mempool_free(struct mempool *m, void *ptr)
{
	struct mempool_hdr *h = (struct mempool_hdr *)ptr;

	m->num_alloc--;
	if (__builtin_expect(m->num_free == m->chunk_size, 0)) {
		mempool_free_slow(m, ptr);
		return;
	}
	h->next = m->head;
	m->head = h;
	m->num_free++;
}

#ifdef __cplusplus
}
#endif

#pragma GCC visibility pop
#endif

/* SPDX-License-Identifier: MIT */
/* Pools of fixed-size objects: see ix/mempool.h. */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>

#include "ix/ix.h"
#include "ix/mempool.h"

enum { LARGE_PAGE = 2 << 20 };

/* Held for a few instructions; a holder may be preempted on a shared core. */
static void lock(struct mempool_datastore *ds)
{
	while (__atomic_exchange_n(&ds->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(struct mempool_datastore *ds)
{
	__atomic_store_n(&ds->lock, 0, __ATOMIC_RELEASE);
}

static void push_chunk(struct mempool_datastore *ds, struct mempool_hdr *chunk)
{
	lock(ds);
	chunk->next_chunk = ds->chunk_head;
	ds->chunk_head = chunk;
	ds->free_chunks++;
	unlock(ds);
}

static struct mempool_hdr *pop_chunk(struct mempool_datastore *ds)
{
	struct mempool_hdr *chunk;

	lock(ds);
	chunk = ds->chunk_head;
	if (chunk) {
		ds->chunk_head = chunk->next_chunk;
		ds->free_chunks--;
	}
	unlock(ds);
	return chunk;
}

/* Where an object may begin: at @at, or behind the 2 MB border in it. */
static char *place(const struct mempool_datastore *ds, char *at)
{
	uintptr_t first = (uintptr_t)at / LARGE_PAGE;
	uintptr_t last = ((uintptr_t)at + ds->elem_len - 1) / LARGE_PAGE;

	if (!ds->nostraddle || first == last)
		return at;
	return (char *)(last * LARGE_PAGE);
}

/* Cuts the memory into chunks of free objects. */
static void carve(struct mempool_datastore *ds)
{
	char *at = ds->buf;
	struct mempool_hdr *chunk, *h;
	uint32_t i;
	int k;

	for (i = 0; i < ds->nr_elems; i += ds->chunk_size) {
		chunk = NULL;
		for (k = 0; k < ds->chunk_size; k++) {
			at = place(ds, at);
			h = (struct mempool_hdr *)at;
			h->next = chunk;
			chunk = h;
			at += ds->elem_len;
		}
		push_chunk(ds, chunk);
	}
}

static size_t bytes_needed(const struct mempool_datastore *ds)
{
	size_t bytes = ds->nr_elems * ds->elem_len;
	size_t per_page = LARGE_PAGE / ds->elem_len;

	if (!ds->nostraddle || !per_page)
		return bytes;
	/* at worst the memory begins just before a border */
	return (ds->nr_elems / per_page + 2) * (size_t)LARGE_PAGE;
}

static void *alloc_memory(struct mempool_datastore *ds)
{
	void *buf;

	ds->in_arena = ix_domain() != NULL;
	if (ds->in_arena)
		return ix_alloc_pages(ds->buf_len);
	buf = mmap(NULL, ds->buf_len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return buf == MAP_FAILED ? NULL : buf;
}

int mempool_create_datastore(struct mempool_datastore *ds, int nr_elems,
			     size_t elem_len, int nostraddle, int chunk_size,
			     const char *prettyname)
{
	size_t align = sizeof(long) - 1;
	int chunks;

	if (ds->magic || nr_elems <= 0 || !elem_len || chunk_size <= 0 ||
	    elem_len > SIZE_MAX / 2 / (size_t)nr_elems ||
	    (nostraddle && elem_len > LARGE_PAGE))
		return -EINVAL;
	if (elem_len < sizeof(struct mempool_hdr))
		elem_len = sizeof(struct mempool_hdr);
	chunks = nr_elems / chunk_size + (nr_elems % chunk_size != 0);
	*ds = (struct mempool_datastore){
		.nr_elems = (uint32_t)chunks * (uint32_t)chunk_size,
		.elem_len = (elem_len + align) & ~align,
		.nostraddle = nostraddle,
		.chunk_size = chunk_size,
		.prettyname = prettyname,
	};
	ds->buf_len = bytes_needed(ds);
	ds->buf = alloc_memory(ds);
	if (!ds->buf)
		return -ENOMEM;
	carve(ds);
	ds->magic = MEMPOOL_MAGIC;
	return 0;
}

void mempool_destroy_datastore(struct mempool_datastore *ds)
{
	if (ds->magic != MEMPOOL_MAGIC)
		return;
	if (ds->in_arena)
		ix_free_pages(ds->buf, ds->buf_len);
	else
		munmap(ds->buf, ds->buf_len);
	*ds = (struct mempool_datastore){ 0 };
}

int mempool_create(struct mempool *m, struct mempool_datastore *mds)
{
	if (m->magic || mds->magic != MEMPOOL_MAGIC)
		return -EINVAL;
	*m = (struct mempool){
		.magic = MEMPOOL_MAGIC,
		.datastore = mds,
		.chunk_size = mds->chunk_size,
		.elem_len = mds->elem_len,
	};
	return 0;
}

/* What is left of a chunk goes back as a shorter chunk: alloc_slow() counts. */
void mempool_destroy(struct mempool *m)
{
	if (m->magic != MEMPOOL_MAGIC)
		return;
	if (m->private_chunk)
		push_chunk(m->datastore, m->private_chunk);
	if (m->head)
		push_chunk(m->datastore, m->head);
	*m = (struct mempool){ 0 };
}

static int chunk_length(const struct mempool_hdr *h)
{
	int n = 0;

	for (; h; h = h->next)
		n++;
	return n;
}

void *mempool_alloc_slow(struct mempool *m)
{
	struct mempool_hdr *h = m->private_chunk;

	if (h)
		m->private_chunk = NULL;
	else if (m->magic == MEMPOOL_MAGIC)
		h = pop_chunk(m->datastore);
	if (!h)
		return NULL;
	m->head = h->next;
	m->num_free = chunk_length(m->head);
	m->num_alloc++;
	return h;
}

void mempool_free_slow(struct mempool *m, void *ptr)
{
	struct mempool_hdr *h = ptr;

	if (m->private_chunk)
		push_chunk(m->datastore, m->private_chunk);
	m->private_chunk = m->head;
	h->next = NULL;
	m->head = h;
	m->num_free = 1;
}

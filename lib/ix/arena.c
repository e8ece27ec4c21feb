/* SPDX-License-Identifier: MIT */
/*
 * Pages of the registered arena. Free memory is a list of extents, by address,
 * kept outside the arena; first fit. Slow and simple: callers take big pieces
 * and cut them up themselves (mempool, ixev's transmit buffers).
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/ix/priv.h"

struct extent {
	struct extent *next;
	char *base;
	size_t len;
};

static struct {
	pthread_mutex_t lock;
	struct extent *free; /* never touching each other */
	char *base;
	size_t len;
	size_t free_bytes;
} arena = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t round_up(size_t bytes)
{
	return (bytes + ARENA_PAGE - 1) & ~(size_t)(ARENA_PAGE - 1);
}

static struct extent *extent_new(char *base, size_t len, struct extent *next)
{
	struct extent *e = malloc(sizeof(*e));

	if (e)
		*e = (struct extent){ .next = next, .base = base, .len = len };
	return e;
}

int arena_init(void *base, size_t len)
{
	char *first = (char *)round_up((uintptr_t)base);
	size_t skip = (size_t)(first - (char *)base);

	len = len > skip ? (len - skip) & ~(size_t)(ARENA_PAGE - 1) : 0;
	arena.base = first;
	arena.len = arena.free_bytes = len;
	arena.free = len ? extent_new(first, len, NULL) : NULL;
	return len && !arena.free ? -ENOMEM : 0;
}

void arena_exit(void)
{
	struct extent *e;

	while ((e = arena.free)) {
		arena.free = e->next;
		free(e);
	}
	arena.len = arena.free_bytes = 0;
}

static void *take(size_t len)
{
	struct extent **p, *e;
	char *at;

	for (p = &arena.free; (e = *p) && e->len < len; p = &e->next)
		;
	if (!e)
		return NULL;
	at = e->base;
	e->base += len;
	e->len -= len;
	arena.free_bytes -= len;
	if (!e->len) {
		*p = e->next;
		free(e);
	}
	return at;
}

/* Joins with the neighbours; a new extent only where there are none. */
static void give(char *at, size_t len)
{
	struct extent **p, *prev = NULL, *e, *n;

	for (p = &arena.free; (e = *p) && e->base < at; p = &e->next)
		prev = e;
	arena.free_bytes += len;
	if (prev && prev->base + prev->len == at) {
		prev->len += len;
		if (e && at + len == e->base) {
			prev->len += e->len;
			prev->next = e->next;
			free(e);
		}
	} else if (e && at + len == e->base) {
		e->base = at;
		e->len += len;
	} else if ((n = extent_new(at, len, e))) {
		*p = n;
	} else { /* without memory for the list: lost until the end */
		arena.free_bytes -= len;
	}
}

void *ix_alloc_pages(size_t bytes)
{
	void *at;

	if (!bytes || bytes > SIZE_MAX - ARENA_PAGE)
		return NULL;
	pthread_mutex_lock(&arena.lock);
	at = take(round_up(bytes));
	pthread_mutex_unlock(&arena.lock);
	return at;
}

void ix_free_pages(void *p, size_t bytes)
{
	if (!p || !bytes)
		return;
	pthread_mutex_lock(&arena.lock);
	give(p, round_up(bytes));
	pthread_mutex_unlock(&arena.lock);
}

size_t ix_free_bytes(void)
{
	size_t n;

	pthread_mutex_lock(&arena.lock);
	n = arena.free_bytes;
	pthread_mutex_unlock(&arena.lock);
	return n;
}

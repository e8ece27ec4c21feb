/* SPDX-License-Identifier: MIT */
/* Tables in one block of memory, each from a cache line on. */
#ifndef BASE_CARVE_H
#define BASE_CARVE_H

#include "base/types.h"

static inline size_t align_line(size_t n)
{
	return (n + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

/* The next @bytes of the block at *@mem, of which align_line() are used up. */
static inline void *carve(u8 **mem, size_t bytes)
{
	void *p = *mem;

	*mem += align_line(bytes);
	return p;
}

/* Of a hash table for @n entries: the power of two from there on, 16 at least.
 */
static inline u32 pow2_above(u32 n)
{
	u32 p = 16;

	while (p < n)
		p *= 2;
	return p;
}

#endif

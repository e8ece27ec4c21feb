/* SPDX-License-Identifier: MIT */
/* The four functions that compilers call by themselves; base/mem.c defines
 * them for the freestanding core. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* memcpy() of a packet: in place, as a call costs more than a short one. The
 * last 64 bytes overlap those before. */
static inline void copy_packet(void *restrict dst, const void *restrict src,
			       size_t n)
{
	u8 *d = dst, *d_last = d + n - 64;
	const u8 *s = src, *s_last = s + n - 64;

	if (unlikely(n < 64)) {
		memcpy(dst, src, n);
		return;
	}
	__builtin_memcpy(d, s, 64);
	for (s += 64, d += 64; s < s_last; s += 64, d += 64)
		__builtin_memcpy(d, s, 64);
	__builtin_memcpy(d_last, s_last, 64);
}

#endif

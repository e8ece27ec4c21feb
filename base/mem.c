/* SPDX-License-Identifier: MIT */
/* memcpy and its kin for the freestanding core. Built with
 * -fno-tree-loop-distribute-patterns, else the loops become calls to
 * themselves. What is long goes through the processor's string instructions,
 * what is short (headers, small messages) in words. */
#include "base/mem.h"

#include "base/types.h"

enum { STRING_INSN_MIN = 512 };

typedef u64 u64_any __attribute__((may_alias, aligned(1)));
typedef u64 v16_any __attribute__((vector_size(16), may_alias, aligned(1)));

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if (n >= STRING_INSN_MIN) {
		void *to = dst;

		__asm__ volatile("rep movsb"
				 : "+D"(to), "+S"(src), "+c"(n)
				 :
				 : "memory");
		return dst;
	}
	if (n >= 16) {
		/* The last 16 bytes first: they overlap the loop's tail. */
		v16_any last = *(const v16_any *)(s + n - 16);
		u8 *end = d + n - 16;

		for (; d < end; d += 16, s += 16)
			*(v16_any *)d = *(const v16_any *)s;
		*(v16_any *)end = last;
		return dst;
	}
	if (n >= 8) {
		u64 first = *(const u64_any *)s;
		u64 last = *(const u64_any *)(s + n - 8);

		*(u64_any *)d = first;
		*(u64_any *)(d + n - 8) = last;
		return dst;
	}
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if (d <= s || d >= s + n) {
		for (; n >= 8; n -= 8, d += 8, s += 8)
			*(u64_any *)d = *(const u64_any *)s;
		while (n--)
			*d++ = *s++;
	} else {
		for (; n >= 8; n -= 8)
			*(u64_any *)(d + n - 8) = *(const u64_any *)(s + n - 8);
		while (n--)
			d[n] = s[n];
	}
	return dst;
}

void *memset(void *dst, int byte, size_t n)
{
	u64 word = 0x0101010101010101ull * (u8)byte;
	u8 *d = dst;

	if (n >= STRING_INSN_MIN) {
		void *to = dst;

		__asm__ volatile("rep stosb"
				 : "+D"(to), "+c"(n)
				 : "a"(byte)
				 : "memory");
		return dst;
	}
	for (; n >= 8; n -= 8, d += 8)
		*(u64_any *)d = word;
	while (n--)
		*d++ = (u8)byte;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

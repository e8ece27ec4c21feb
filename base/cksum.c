/* SPDX-License-Identifier: MIT */
#include "base/cksum.h"

#include "base/mem.h"

typedef u64 u64_any __attribute__((may_alias, aligned(1)));
typedef u32 u32_any __attribute__((may_alias, aligned(1)));
typedef u16 u16_any __attribute__((may_alias, aligned(1)));

/* One's complement addition: the carry comes back in at the bottom. */
static inline u64 add1c(u64 a, u64 b)
{
	u64 sum = a + b;

	return sum + (sum < a);
}

/* The last 0 to 7 bytes, the missing ones taken as zero. */
static inline u64 tail(u64 sum, const u8 *p, size_t len)
{
	if (!len)
		return sum;
	if (len & 4) {
		sum = add1c(sum, *(const u32_any *)p);
		p += 4;
	}
	if (len & 2) {
		sum = add1c(sum, *(const u16_any *)p);
		p += 2;
	}
	if (len & 1)
		sum = add1c(sum, *p);
	return sum;
}

/* Four words in one chain of carries. */
#define ADD_BLOCK(sum, how, a, b, c, d)                         \
	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq %3, %0\n\t" \
		"adcq %4, %0\n\tadcq $0, %0"                    \
		: "+r"(sum)                                     \
		: how(a), how(b), how(c), how(d)                \
		: "cc")

u64 cksum_add(u64 sum, const void *data, size_t len)
{
	const u64_any *w = data;

	for (; len >= 32; len -= 32, w += 4)
		ADD_BLOCK(sum, "m", w[0], w[1], w[2], w[3]);
	for (; len >= 8; len -= 8, w++)
		sum = add1c(sum, *w);
	return likely(!len) ? sum : tail(sum, (const u8 *)w, len);
}

u64 cksum_copy(u64 sum, void *restrict dst, const void *restrict src,
	       size_t len)
{
	const u64_any *s = src;
	u64_any *d = dst;

	for (; len >= 32; len -= 32, s += 4, d += 4) {
		__builtin_memcpy(d, s, 16);
		__builtin_memcpy(d + 2, s + 2, 16);
		ADD_BLOCK(sum, "m", s[0], s[1], s[2], s[3]);
	}
	for (; len >= 8; len -= 8, s++, d++) {
		*d = *s;
		sum = add1c(sum, *s);
	}
	if (unlikely(len)) {
		memcpy(d, s, len);
		sum = tail(sum, (const u8 *)s, len);
	}
	return sum;
}

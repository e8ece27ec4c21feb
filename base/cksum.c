/* SPDX-License-Identifier: MIT */
#include "base/cksum.h"

#include "base/mem.h"

typedef u64 u64_any __attribute__((may_alias, aligned(1)));
typedef u32 u32_any __attribute__((may_alias, aligned(1)));
typedef u16 u16_any __attribute__((may_alias, aligned(1)));

/* The last 0 to 7 bytes, the missing ones taken as zero. */
static inline u64 tail(u64 sum, const u8 *p, size_t len)
{
	if (!len)
		return sum;
	if (len & 4) {
		sum = cksum_add64(sum, *(const u32_any *)p);
		p += 4;
	}
	if (len & 2) {
		sum = cksum_add64(sum, *(const u16_any *)p);
		p += 2;
	}
	if (len & 1)
		sum = cksum_add64(sum, *p);
	return sum;
}

/* The same of 64. */
#define ADD_8(sum, w)                                                 \
	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq %3, %0\n\t"       \
		"adcq %4, %0\n\tadcq %5, %0\n\tadcq %6, %0\n\t"       \
		"adcq %7, %0\n\tadcq %8, %0\n\tadcq $0, %0"           \
		: "+r"(sum)                                           \
		: "m"((w)[0]), "m"((w)[1]), "m"((w)[2]), "m"((w)[3]), \
		  "m"((w)[4]), "m"((w)[5]), "m"((w)[6]), "m"((w)[7])  \
		: "cc")

u64 cksum_add(u64 sum, const void *data, size_t len)
{
	const u64_any *w = data;

	for (; len >= 64; len -= 64, w += 8) {
		OPAQUE(len);
		ADD_8(sum, w);
	}
	if (likely(!len))
		return sum;
	if (len & 32) {
		sum = cksum_add_32(sum, w);
		w += 4;
	}
	for (len &= 31; unlikely(len >= 8); len -= 8, w++)
		sum = cksum_add64(sum, *w);
	return tail(sum, (const u8 *)w, len);
}

u64 cksum_copy(u64 sum, void *restrict dst, const void *restrict src,
	       size_t len)
{
	const u64_any *s = src;
	u64_any *d = dst;

	for (; len >= 64; len -= 64, s += 8, d += 8) {
		OPAQUE(len);
		__builtin_memcpy(d, s, 64);
		ADD_8(sum, d);
	}
	if (likely(!len))
		return sum;
	memcpy(d, s, len);
	return cksum_add(sum, d, len);
}

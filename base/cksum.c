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

u64 cksum_add_rest(u64 sum, const void *data, size_t len)
{
	const u64_any *w = data;

	for (; len >= 64; len -= 64, w += 8)
		sum = cksum_add_64(sum, w);
	if (len & 32) {
		sum = cksum_add_32(sum, w);
		w += 4;
	}
	for (len &= 31; unlikely(len >= 8); len -= 8, w++)
		sum = cksum_add64(sum, *w);
	return tail(sum, (const u8 *)w, len);
}

u64 cksum_copy_rest(u64 sum, void *restrict dst, const void *restrict src,
		    size_t len)
{
	memcpy(dst, src, len);
	return cksum_add_rest(sum, dst, len);
}

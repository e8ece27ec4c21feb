/* SPDX-License-Identifier: MIT */
/* Internet checksum (RFC 1071). Sums are kept as 64-bit one's complement
 * accumulators over native-order words, so that they may be added up in any
 * order and folded once. */
#ifndef BASE_CKSUM_H
#define BASE_CKSUM_H

#include "base/types.h"

/* Adds eight bytes; the carry comes back in at the bottom. */
static inline u64 cksum_add64(u64 sum, u64 raw)
{
	sum += raw;
	return sum + (sum < raw);
}

/* The words of 32 bytes, in one chain of carries. */
static inline u64 cksum_add_32(u64 sum, const void *data)
{
	const struct {
		u64 w[4];
	} PACKED *p = data;

	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq %3, %0\n\t"
		"adcq %4, %0\n\tadcq $0, %0"
		: "+r"(sum)
		: "m"(p->w[0]), "m"(p->w[1]), "m"(p->w[2]), "m"(p->w[3])
		: "cc");
	return sum;
}

/* The same of 64. */
static inline u64 cksum_add_64(u64 sum, const void *data)
{
	const struct {
		u64 w[8];
	} PACKED *p = data;

	__asm__("addq %1, %0\n\tadcq %2, %0\n\tadcq %3, %0\n\t"
		"adcq %4, %0\n\tadcq %5, %0\n\tadcq %6, %0\n\t"
		"adcq %7, %0\n\tadcq %8, %0\n\tadcq $0, %0"
		: "+r"(sum)
		: "m"(p->w[0]), "m"(p->w[1]), "m"(p->w[2]), "m"(p->w[3]),
		  "m"(p->w[4]), "m"(p->w[5]), "m"(p->w[6]), "m"(p->w[7])
		: "cc");
	return sum;
}

/* What is behind the first 64 bytes, or all of fewer. */
u64 cksum_add_rest(u64 sum, const void *data, size_t len);
u64 cksum_copy_rest(u64 sum, void *restrict dst, const void *restrict src,
		    size_t len);

/* Adds @len bytes at @data to @sum. Every part but the last must have an even
 * length; for odd ones see cksum_shift(). */
static inline u64 cksum_add(u64 sum, const void *data, size_t len)
{
	const u8 *p = data;

	if (len >= 64) {
		sum = cksum_add_64(sum, p);
		p += 64;
		len -= 64;
	}
	return likely(!len) ? sum : cksum_add_rest(sum, p, len);
}

/* Copies @len bytes and adds what it has copied to @sum: @src is read once, so
 * that the sum is right even if somebody changes it meanwhile. */
static inline u64 cksum_copy(u64 sum, void *restrict dst,
			     const void *restrict src, size_t len)
{
	const u8 *s = src;
	u8 *d = dst;

	if (len >= 64) {
		__builtin_memcpy(d, s, 64);
		sum = cksum_add_64(sum, d);
		s += 64;
		d += 64;
		len -= 64;
	}
	return likely(!len) ? sum : cksum_copy_rest(sum, d, s, len);
}

/* 16-bit one's complement sum, not inverted. Each half is added to the other
 * in both places: the upper half then holds the sum with its carry. */
static inline u16 cksum_fold(u64 sum)
{
	u32 s;

	sum += sum << 32 | sum >> 32;
	s = (u32)(sum >> 32);
	s += s << 16 | s >> 16;
	return (u16)(s >> 16);
}

/* Does a sum over everything, the checksum included, come to 0xffff? (Folding
 * is reducing modulo 0xffff, and testing for that takes one multiplication.)
 * Not for sums that may be of zeros only. */
static inline bool cksum_holds(u64 sum)
{
	return sum % 0xffff == 0;
}

/* The sum of a part that starts at an odd offset: its bytes are swapped. */
static inline u64 cksum_shift(u64 sum)
{
	return __builtin_bswap16(cksum_fold(sum));
}

#endif

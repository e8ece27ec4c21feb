/* SPDX-License-Identifier: MIT */
/* Words at any address, in the byte order of memory: several fields of a
 * header, say, looked at or written in one access. */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include "base/mem.h"

/* Neighbours that are put together by shifting: the first is the lowest. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian");

static inline u16 load16(const void *p)
{
	u16 x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static inline u32 load32(const void *p)
{
	u32 x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static inline u64 load64(const void *p)
{
	u64 x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static inline void store16(void *p, u16 x)
{
	memcpy(p, &x, sizeof(x));
}

static inline void store32(void *p, u32 x)
{
	memcpy(p, &x, sizeof(x));
}

static inline void store64(void *p, u64 x)
{
	memcpy(p, &x, sizeof(x));
}

#endif

/* SPDX-License-Identifier: MIT */
/* Big-endian integers as types of their own: mixing byte orders does not
 * compile. They have alignment 1 and may be laid over a packet. */
#ifndef BASE_BE_H
#define BASE_BE_H

#include "base/types.h"

struct be16 {
	u16 raw;
} PACKED;

struct be32 {
	u32 raw;
} PACKED;

/* An IPv6 address. */
struct be128 {
	union {
		u8 b[16];
		u32 w[4];
		u64 q[2];
	};
} PACKED;

static inline struct be16 be16(u16 host)
{
	return (struct be16){ __builtin_bswap16(host) };
}

static inline struct be32 be32(u32 host)
{
	return (struct be32){ __builtin_bswap32(host) };
}

static inline u16 be16_host(struct be16 x)
{
	return __builtin_bswap16(x.raw);
}

static inline u32 be32_host(struct be32 x)
{
	return __builtin_bswap32(x.raw);
}

static inline bool be128_equal(struct be128 a, struct be128 b)
{
	return !((a.q[0] ^ b.q[0]) | (a.q[1] ^ b.q[1]));
}

#endif

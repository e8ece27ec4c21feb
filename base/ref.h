/* SPDX-License-Identifier: MIT */
/* Which entry of an array, in half the room of a pointer or less; zeroed memory
 * refers to none. Types of their own: neither an index nor another width is
 * taken for one. */
#ifndef BASE_REF_H
#define BASE_REF_H

#include "base/types.h"

struct ref16 {
	u16 raw; /* index + 1, 0: none */
};

struct ref32 {
	u32 raw; /* index + 1, 0: none */
};

static inline struct ref16 ref16(u32 index)
{
	return (struct ref16){ (u16)(index + 1) };
}

static inline struct ref32 ref32(u32 index)
{
	return (struct ref32){ index + 1 };
}

/* @r must not be none. */
static inline u32 ref16_index(struct ref16 r)
{
	return r.raw - 1u;
}

static inline u32 ref32_index(struct ref32 r)
{
	return r.raw - 1;
}

#endif

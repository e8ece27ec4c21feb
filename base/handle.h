/* SPDX-License-Identifier: MIT */
/*
 * Handles: what the application calls a connection, socket or timer.
 *
 *   63  62   55 54          32 31            0
 *  | 0 | kind  | generation   | index         |
 *
 * Never negative, so that a result may carry one. Never 0.
 * Kinds below RSS_TABLE are flow groups of connections. A generation changes
 * when its slot is freed, so that an old handle is refused.
 */
#ifndef BASE_HANDLE_H
#define BASE_HANDLE_H

#include "base/types.h"

enum {
	HANDLE_GEN_SHIFT = 32,
	HANDLE_GEN_MASK = 0x7fffff,
	HANDLE_KIND_SHIFT = 55,
	HANDLE_UDP = 0xf0,
	HANDLE_TIMER = 0xf1,
	HANDLE_NONE = 0xff, /* of a slot that is free */
};

static inline u64 handle_make(u32 kind, u32 gen, u32 index)
{
	return (u64)kind << HANDLE_KIND_SHIFT |
	       (u64)(gen & HANDLE_GEN_MASK) << HANDLE_GEN_SHIFT | index;
}

static inline u32 handle_index(u64 handle)
{
	return (u32)handle;
}

static inline u32 handle_gen(u64 handle)
{
	return (u32)(handle >> HANDLE_GEN_SHIFT) & HANDLE_GEN_MASK;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "sim.h"

static u8 noise(u32 seed, u32 off)
{
	u64 x = ((u64)seed << 32 | off / 8) * 0x9e3779b97f4a7c15ull;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ull;
	return (u8)(x >> (off % 8 * 8));
}

static u8 head(const struct stream *s, u32 off)
{
	const u32 words[] = { s->seed, s->total, s->link };

	return (u8)(words[off / 4] >> (off % 4 * 8));
}

void stream_fill(const struct stream *s, u32 off, u8 *to, u32 len)
{
	for (u32 i = 0; i < len; i++, off++)
		to[i] = off < STREAM_HEAD ? head(s, off) : noise(s->seed, off);
}

static void learn(struct stream *s, u32 off, u8 byte)
{
	u32 *words[] = { &s->seed, &s->total, &s->link };

	*words[off / 4] |= (u32)byte << (off % 4 * 8);
}

bool stream_check(struct stream *s, u32 off, const u8 *data, u32 len)
{
	for (u32 i = 0; i < len; i++, off++) {
		if (off < STREAM_HEAD)
			learn(s, off, data[i]);
		else if (off >= s->total || data[i] != noise(s->seed, off))
			return false;
	}
	return true;
}

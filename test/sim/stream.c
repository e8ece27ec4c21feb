/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <string.h>

/* The bytes from @off on, as far as they lie in the same eight. */
static u64 noise(u32 seed, u32 off)
{
	u64 x = ((u64)seed << 32 | off / 8) * 0x9e3779b97f4a7c15ull;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ull;
	return x >> off % 8 * 8;
}

static u8 head(const struct stream *s, u32 off)
{
	const u32 words[] = { s->seed, s->total, s->link };

	return (u8)(words[off / 4] >> (off % 4 * 8));
}

static u32 noisy(u32 off, u32 len)
{
	return min(8 - off % 8, len);
}

void stream_fill(const struct stream *s, u32 off, u8 *to, u32 len)
{
	for (; len && off < STREAM_HEAD; off++, len--)
		*to++ = head(s, off);
	while (len) {
		u32 n = noisy(off, len);
		u64 x = noise(s->seed, off);

		memcpy(to, &x, n);
		to += n;
		off += n;
		len -= n;
	}
}

static void learn(struct stream *s, u32 off, u8 byte)
{
	u32 *words[] = { &s->seed, &s->total, &s->link };

	*words[off / 4] |= (u32)byte << (off % 4 * 8);
}

bool stream_check(struct stream *s, u32 off, const u8 *data, u32 len)
{
	for (; len && off < STREAM_HEAD; off++, len--)
		learn(s, off, *data++);
	if (off + len > STREAM_HEAD && off + len > s->total)
		return false;
	while (len) {
		u32 n = noisy(off, len);
		u64 x = noise(s->seed, off);

		if (memcmp(data, &x, n))
			return false;
		data += n;
		off += n;
		len -= n;
	}
	return true;
}

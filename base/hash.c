/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "base/word.h"

const u8 rss_symmetric_key[RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
	0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
	0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
	0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
};

u32 hash_toeplitz(const u8 key[RSS_KEY_LEN], const void *data, size_t len)
{
	const u8 *p = data;
	/* The 40 key bits that the bits of this byte select 32 of. */
	u64 window = (u64)key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3];
	u32 hash = 0;

	for (size_t i = 0; i < len; i++) {
		window = (window << 8 | (i + 4 < RSS_KEY_LEN ? key[i + 4] : 0));
		for (u32 bits = p[i]; bits; bits &= bits - 1)
			hash ^= (u32)(window >> (__builtin_ctz(bits) + 1));
	}
	return hash;
}

bool hash_toeplitz_folds(const u8 key[RSS_KEY_LEN])
{
	for (u32 i = 2; i < RSS_KEY_LEN; i++) {
		if (key[i] != key[i - 2])
			return false;
	}
	return true;
}

u32 hash_toeplitz_folded(const u8 key[RSS_KEY_LEN], const void *data,
			 size_t len)
{
	u32 sum = 0;

	for (size_t i = 0; i < len; i += 4)
		sum ^= load32((const u8 *)data + i);
	sum ^= sum >> 16;
	return hash_toeplitz(key, &sum, 2);
}

static inline u64 rotl(u64 x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(u64 v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

u64 hash_sip(const u64 key[2], const void *data, size_t len)
{
	const u8 *p = data;
	u64 v[4] = {
		key[0] ^ 0x736f6d6570736575ull,
		key[1] ^ 0x646f72616e646f6dull,
		key[0] ^ 0x6c7967656e657261ull,
		key[1] ^ 0x7465646279746573ull,
	};
	u64 m;

	for (size_t left = len; left >= 8; left -= 8, p += 8) {
		m = load64(p);
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	m = (u64)len << 56;
	for (size_t i = 0; i < (len & 7); i++)
		m |= (u64)p[i] << (8 * i);
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

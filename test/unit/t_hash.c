/* SPDX-License-Identifier: MIT */
/* base/hash.c against published vectors. */
#include "test.h"

#include "base/be.h"
#include "base/hash.h"

/* Microsoft, "Verifying the RSS hash calculation". */
static const u8 ms_key[RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

struct tuple {
	u8 src[4], dst[4];
	struct be16 sport, dport;
} PACKED;

struct tuple6 {
	u8 src[16], dst[16];
	struct be16 sport, dport;
} PACKED;

static const struct {
	u8 dst[4];
	u16 dport;
	u8 src[4];
	u16 sport;
	u32 ipv4, tcp;
} vectors[] = {
	{ { 161, 142, 100, 80 },
	  1766,
	  { 66, 9, 149, 187 },
	  2794,
	  0x323e8fc2,
	  0x51ccc178 },
	{ { 65, 69, 140, 83 },
	  4739,
	  { 199, 92, 111, 2 },
	  14230,
	  0xd718262a,
	  0xc626b0ea },
	{ { 12, 22, 207, 184 },
	  38024,
	  { 24, 19, 198, 95 },
	  12898,
	  0xd2d0a5de,
	  0x5c2b394a },
	{ { 209, 142, 163, 6 },
	  2217,
	  { 38, 27, 205, 30 },
	  48228,
	  0x82989176,
	  0xafc7327f },
	{ { 202, 188, 127, 2 },
	  1303,
	  { 153, 39, 163, 191 },
	  44251,
	  0x5d1809c5,
	  0x10e828a2 },
};

static void toeplitz_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct tuple t = { .sport = be16(vectors[i].sport),
				   .dport = be16(vectors[i].dport) };

		memcpy(t.src, vectors[i].src, 4);
		memcpy(t.dst, vectors[i].dst, 4);
		assert_int_equal(hash_toeplitz(ms_key, &t, 8), vectors[i].ipv4);
		assert_int_equal(hash_toeplitz(ms_key, &t, 12), vectors[i].tcp);
	}
}

static void toeplitz_ipv6_vector(void **state)
{
	/* 3ffe:2501:200:1fff::7 to 3ffe:2501:200:3::1 */
	struct tuple6 t = {
		.src = { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0,
			 0, 0, 0, 0, 0, 7 },
		.dst = { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03, 0, 0,
			 0, 0, 0, 0, 0, 1 },
		.sport = be16(2794),
		.dport = be16(1766),
	};

	assert_int_equal(hash_toeplitz(ms_key, &t, 32), 0x2cc18cd5);
	assert_int_equal(hash_toeplitz(ms_key, &t, 36), 0x40207d3d);
}

static void symmetric_key(void **state)
{
	u64 seed = 7;

	for (int i = 0; i < 1000; i++) {
		struct tuple t, back;
		u64 r = test_random(&seed), q = test_random(&seed);

		memcpy(&t, &r, 8);
		memcpy(&t.sport, &q, 4);
		memcpy(back.src, t.dst, 4);
		memcpy(back.dst, t.src, 4);
		back.sport = t.dport;
		back.dport = t.sport;
		assert_int_equal(hash_toeplitz(rss_symmetric_key, &t, 12),
				 hash_toeplitz(rss_symmetric_key, &back, 12));
	}
}

static void folded(void **state)
{
	u8 key[RSS_KEY_LEN];
	u64 seed = 9;

	assert_true(hash_toeplitz_folds(rss_symmetric_key));
	assert_false(hash_toeplitz_folds(ms_key));
	for (u32 i = 0; i < RSS_KEY_LEN; i++) {
		memcpy(key, rss_symmetric_key, sizeof(key));
		key[i] ^= 1;
		assert_false(hash_toeplitz_folds(key));
	}
	for (u32 i = 0; i < 1000; i++) {
		u64 data[5];

		for (u32 k = 0; k < ARRAY_SIZE(data); k++)
			data[k] = test_random(&seed);
		for (u32 len = 4; len <= 36; len += 4)
			assert_int_equal(
				hash_toeplitz_folded(rss_symmetric_key, data,
						     len),
				hash_toeplitz(rss_symmetric_key, data, len));
	}
}

static void siphash_vectors(void **state)
{
	/* Key 00 01 .. 0f, message 00 01 .. n-1 (reference code's table). */
	static const struct {
		size_t len;
		u64 hash;
	} want[] = {
		{ 0, 0x726fdb47dd0e0e31ull },  { 1, 0x74f839c593dc67fdull },
		{ 7, 0xab0200f58b01d137ull },  { 8, 0x93f5f5799a932462ull },
		{ 15, 0xa129ca6149be45e5ull }, { 63, 0x958a324ceb064572ull },
	};
	u64 key[2] = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };
	u8 message[64];

	for (u8 i = 0; i < sizeof(message); i++)
		message[i] = i;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_true(hash_sip(key, message, want[i].len) ==
			    want[i].hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(toeplitz_vectors),
		cmocka_unit_test(toeplitz_ipv6_vector),
		cmocka_unit_test(symmetric_key),
		cmocka_unit_test(folded),
		cmocka_unit_test(siphash_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

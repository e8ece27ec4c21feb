/* SPDX-License-Identifier: MIT */
/* RFC 4648, section 4. As lenient as memcached: what is not of the alphabet is
 * passed over, but what is left must come in fours. */
#include "proto.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";

enum { PAD = 64 };

/* 0..63, PAD, or -1: none of it. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return c == '=' ? PAD : -1;
}

static bool in_fours(const char *from, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += value_of(from[i]) >= 0;
	return count && count % 4 == 0;
}

uint32_t kv_base64_decode(char *to, const char *from, uint32_t n)
{
	uint32_t bits = 0, count = 0, pad = 0;
	char *p = to;

	if (!in_fours(from, n))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		int v = value_of(from[i]);

		if (v < 0)
			continue;
		pad += v == PAD;
		bits = bits << 6 | (v & 63);
		if (++count % 4)
			continue;
		*p++ = (char)(bits >> 16);
		*p++ = (char)(bits >> 8);
		*p++ = (char)bits;
		if (pad)
			break;
	}
	return pad > 2 ? 0 : p - to - pad;
}

uint32_t kv_base64_encode(char *to, const char *from, uint32_t n)
{
	char *p = to;

	for (uint32_t i = 0; i < n; i += 3) {
		uint32_t left = n - i;
		uint32_t bits = (uint32_t)(uint8_t)from[i] << 16;

		if (left > 1)
			bits |= (uint32_t)(uint8_t)from[i + 1] << 8;
		if (left > 2)
			bits |= (uint8_t)from[i + 2];
		*p++ = alphabet[bits >> 18];
		*p++ = alphabet[bits >> 12 & 63];
		*p++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*p++ = left > 2 ? alphabet[bits & 63] : '=';
	}
	return p - to;
}

/* SPDX-License-Identifier: MIT */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/types.h"

enum { RSS_KEY_LEN = 40, RSS_TABLE = 128 };

/* A key whose hash is the same for both directions of a flow (the 16-bit
 * pattern 6d5a repeated): the answer lands where the question came from. */
extern const u8 rss_symmetric_key[RSS_KEY_LEN];

/* Toeplitz hash of @len (at most 36) bytes, as NICs compute it for receive
 * side scaling: source address, destination address, source port,
 * destination port, in network order. */
u32 hash_toeplitz(const u8 key[RSS_KEY_LEN], const void *data, size_t len);

/* Does @key repeat itself every two bytes, as the symmetric one does? Then what
 * counts of the data is the sum, without carry, of its 16-bit words: */
bool hash_toeplitz_folds(const u8 key[RSS_KEY_LEN]);
/* ... the same hash in a fraction of the time; @len: a multiple of 4. */
u32 hash_toeplitz_folded(const u8 key[RSS_KEY_LEN], const void *data,
			 size_t len);

/* SipHash-2-4 of @len bytes: for initial sequence numbers and everything that
 * a peer must not predict (RFC 6528 section 3 asks for a PRF). */
u64 hash_sip(const u64 key[2], const void *data, size_t len);

#endif

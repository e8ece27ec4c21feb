/* SPDX-License-Identifier: MIT */
/* Receive side scaling: flow groups <-> the NIC's indirection table. */
#ifndef NIC_RSS_H
#define NIC_RSS_H

#include "base/hash.h"

enum { RSS_FLOWS = 4 }; /* TCP and UDP, IPv4 and IPv6 */

/* What the interface had before, to give it back. */
struct rss_saved {
	u32 table_size; /* 0: nothing saved */
	u32 key_size;
	u32 *table;
	u8 *key;
	u8 hfunc, xfrm;
	u64 fields[RSS_FLOWS]; /* 0: not told */
	bool unknown_hash; /* ... what it has now is not hash_toeplitz() with
			    * rss_apply()'s key, or a part of that */
};

/* Spreads the flow groups over a table of @n entries, which the NIC indexes
 * with hash % @n: false when n < RSS_TABLE and groups that share an entry
 * have different owners. */
bool rss_fill(u32 *table, u32 n, const u8 owner[RSS_TABLE]);

/* Sets @ifname's hash function, key and table, and hashing of ports for TCP
 * and UDP. A driver that does not take our key keeps its own: @key then becomes
 * that. Groups that share an entry of a smaller table get the owner of the
 * first of them. 0, -EOPNOTSUPP (no control, nothing changed), or another
 * -errno. */
int rss_apply(const char *ifname, u8 key[RSS_KEY_LEN], u8 owner[RSS_TABLE],
	      struct rss_saved *saved);

/* The table only. */
int rss_set_table(const char *ifname, const u8 owner[RSS_TABLE]);

/* Puts back what rss_apply() found; frees it. Harmless without it. */
void rss_restore(const char *ifname, struct rss_saved *saved);

#endif

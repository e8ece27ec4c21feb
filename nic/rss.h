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
	bool is_default;       /* the table that the driver makes itself */
	/* Of what rss_apply() has set: */
	u32 apart;	   /* entries that are told apart, at most RSS_TABLE */
	bool unknown_hash; /* it is not hash_toeplitz() with rss_apply()'s key,
			    * or a part of that */
};

/* Spreads the flow groups over a table of @n entries, which the NIC indexes
 * with hash % @n: false when n < RSS_TABLE and groups that share an entry
 * have different owners, and when n is no power of two: then an entry is not of
 * the same groups always. */
bool rss_fill(u32 *table, u32 n, const u8 owner[RSS_TABLE]);

/* What @ifname has, before anything is done to it that may make its driver
 * forget. 0, -EOPNOTSUPP (no control), or another -errno. */
int rss_save(const char *ifname, struct rss_saved *saved);

/* Can @nqueues threads be steered to by a table as was found? Groups are told
 * by hash % RSS_TABLE, entries by hash % their number. */
bool rss_controls(const struct rss_saved *saved, u32 nqueues);

/* Sets @ifname's hash function, key and table, and hashing of ports for TCP
 * and UDP, after rss_save(). A driver that does not take our key keeps its own:
 * @key then becomes that. Groups that share an entry of a smaller table get the
 * owner of the first of them. 0, -EOPNOTSUPP (no control, nothing changed), or
 * another -errno. */
int rss_apply(const char *ifname, u8 key[RSS_KEY_LEN], u8 owner[RSS_TABLE],
	      u32 nqueues, struct rss_saved *saved);

/* The table only. */
int rss_set_table(const char *ifname, const u8 owner[RSS_TABLE]);

/* What was saved has not been touched, and is not to be. */
void rss_forget(struct rss_saved *saved);

/* Puts back what rss_save() found; frees it. Harmless without it. */
void rss_restore(const char *ifname, struct rss_saved *saved);

#endif

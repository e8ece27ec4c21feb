/* SPDX-License-Identifier: MIT */
/*
 * Flows of two dataplanes on one interface, the one that goes and its
 * successor: places 0 and 1. New flows are the heir's, and stand nowhere; those
 * of the other one are in a table that they have in common with the program in
 * the kernel that steers (nic/flow_place.bpf.h).
 *
 *   entry    63..2        1         0
 *            hash         1         place      0: free; FLOWS_GONE: it was
 *
 * Open addressing, from the hash's upper half on, at most FLOWS_LOOKS entries
 * far. A flow is added and removed by one thread at a time.
 */
#ifndef BASE_FLOWS_H
#define BASE_FLOWS_H

#include "base/types.h"

enum {
	FLOWS_PLACE = 1,
	FLOWS_USED = 2,
	FLOWS_GONE = 1,
	FLOWS_LOOKS = 16,
};

struct flows {
	u64 *entry;
	u64 key;	 /* secret, else peers could fill what is near others'
			  * places, or have the same hash */
	u32 mask;	 /* of an index: their number - 1 */
	u32 place;	 /* ours */
	const u32 *heir; /* whose place it is that has new ones */
	bool all;	 /* ours are to stand there though we are the heir:
			  * another one will be */
	bool late;	 /* who steers learns of ours a moment later: meanwhile
			  * what is ours may come to the other one */
};

/* A word more of what is hashed: beginning with the key, ending with 0. */
static inline u64 flows_hash(u64 h, u32 word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15;
	return h ^ h >> 32;
}

/* The flow of hash @h is ours, or is no more. */
void flows_add(const struct flows *f, u64 h);
void flows_remove(const struct flows *f, u64 h);

/* Nothing stands there any more of @place. */
void flows_clear(const struct flows *f, u32 place);

#endif

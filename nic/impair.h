/* SPDX-License-Identifier: MIT */
/*
 * A bad path, one direction of it: what befalls a frame is decided where it
 * is sent, by a generator from a seed, on the time that the caller passes:
 *
 *   frame -> queue (overflow, CE) -> line (rate) -> lost? damaged? twice?
 *         -> delay, jitter, out of order -> transit -> due
 *
 * Used by the wire NIC, by test/sim, and by the bridge for real peers
 * (test/path).
 */
#ifndef NIC_IMPAIR_H
#define NIC_IMPAIR_H

#include "base/ring.h"

/* Probabilities are per 2^32. All zero: a perfect path. */
struct impair_conf {
	u64 seed;
	u32 loss, dup, corrupt, reorder;
	u32 burst;     /* that a run of losses begins */
	u32 burst_len; /* its mean length, frames; 0: 4 */
	u64 delay_ns;
	u64 jitter_ns;	/* 0 to this much more, order kept */
	u64 reorder_ns; /* what a reordered frame comes late by, at most;
			 * 0: twice the delay, at least 100 us */
	u64 rate_bps;	/* of the line, 0: unlimited */
	u32 queue;	/* bytes that wait for the line at most, below 2^31;
			 * 0: any */
	u32 mark; /* with more waiting, ECN-capable packets get CE; 0: never */
};

struct impair {
	struct impair_conf conf; /* may change at any time, but for the seed */
	u64 rng;
	u64 line_free; /* when the line has sent what it has, ns */
	u64 last_due;
	u64 burst_at; /* when the run began */
	bool in_burst;
	u64 nr_lost, nr_overflow, nr_marked;
};

struct impair_fate {
	u64 due; /* ns: when it arrives */
	bool twice;
};

bool impair_wanted(const struct impair_conf *conf);

/* @im: conf filled in, the rest zero. */
void impair_init(struct impair *im);

/* Decides over @frame, which may be damaged or marked. False: it is lost.
 * Every frame draws the same numbers whatever is decided, so that changing
 * one probability leaves the other decisions as they were. */
bool impair_decide(struct impair *im, u8 *frame, u32 len, u64 now,
		   struct impair_fate *fate);

/* ---- frames on their way */

enum { TRANSIT_MAX = 4096 };

struct transit_frame {
	u64 due;
	u32 order; /* of those due at once */
	u32 tag;   /* the caller's */
	u16 slot;
	u16 len;
};

/* A heap by (due, order), and the bytes. */
struct transit {
	u32 count;
	u32 order;
	u64 nr_dropped; /* it was full */
	struct transit_frame heap[TRANSIT_MAX];
	u16 free[TRANSIT_MAX]; /* slots: free[count] is the next */
	u8 bytes[TRANSIT_MAX][RING_MAX_FRAME];
};

/* @t: zeroed. */
void transit_init(struct transit *t);

/* Takes a copy. */
void transit_put(struct transit *t, const u8 *frame, u32 len, u64 due, u32 tag);

/* The first one if it is due at @now, or NULL; good until it is removed. */
static inline const struct transit_frame *transit_first(const struct transit *t,
							u64 now)
{
	return t->count && t->heap[0].due <= now ? &t->heap[0] : NULL;
}

void transit_remove_first(struct transit *t);

static inline u64 transit_next_due(const struct transit *t)
{
	return t->count ? t->heap[0].due : UINT64_MAX;
}

#endif

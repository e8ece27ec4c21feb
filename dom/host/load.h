/* SPDX-License-Identifier: MIT */
/*
 * What an elastic thread has had to do in an interval, by its counters. Pure.
 *
 *   busy    A thread that sleeps says nothing: before it does, it says how long
 *           it has been busy in all (busy_ns, asleep). One that is awake has
 *           been busy since but for idle_ns, which it keeps up meanwhile.
 *   delay   By rx_delay: at most the time since the poll before. Within a
 *           bucket, whose end is twice its beginning, it is a guess.
 */
#ifndef DOM_HOST_LOAD_H
#define DOM_HOST_LOAD_H

#include "base/types.h"
#include "ix/stat.h"

enum { LOAD_CALM = 50 }; /* permille busy on average: below, no hurry */

struct load {
	u32 busy;     /* permille of the interval */
	u32 delay_us; /* that 99 in 100 packets waited at most */
	u32 batch;    /* packets an iteration, of those that received some */
};

/* Counters at the end of the last interval. */
struct load_mark {
	u64 busy; /* ns in all, as far as we can tell */
	u64 idle_ns, packets, batches;
	u64 delay[IX_DELAY_BUCKETS];
};

void load_begin(struct load_mark *m, const struct ix_stat *s);
/* Since then, @ns ago; the next interval begins. */
struct load load_take(struct load_mark *m, const struct ix_stat *s, u64 ns);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Flow groups follow the queue that brings them, where the NIC does not follow
 * the flow groups (nic->rss_control): who sends has chosen a queue for each
 * connection by something that we do not know, and what comes by another
 * thread's is forwarded. Threads count some of the packets that come by theirs
 * (dp->came); once a second groups that mostly come by another thread's go
 * there, in exchange for as much of what comes the other way, so that none gets
 * more to do than it has: where all comes by one queue, nothing moves. Nor does
 * it where an application does not follow (IX_RUN_MOVES), or somebody has
 * placed flow groups by hand. On the control thread, between its clients.
 */
#ifndef DOM_HOST_QUEUES_H
#define DOM_HOST_QUEUES_H

#include "dom/host/host.h"
#include "dp/dp.h"

struct queues {
	u64 due;			     /* ns; 0: never */
	u32 seen[IX_MAX_THREADS][RSS_TABLE]; /* dp->came, at the last look */
	u8 rests[RSS_TABLE]; /* looks: it has moved, and stays for so long */
};

/* Between two threads. */
struct queues_swap {
	u32 thread[2];
	struct dp_groups goes[2]; /* from that one to the other */
	u32 n[2];		  /* of them */
	u64 packets;		  /* that need not be forwarded then */
};

/* @came, counters of @n threads: how much they have grown since the last. */
void queues_look(struct queues *q, u32 (*came)[RSS_TABLE], u32 n);
/* ... and what is to be done about it; false: nothing. */
bool queues_plan(struct queues *q, u32 (*came)[RSS_TABLE], u32 n,
		 const u8 owner[RSS_TABLE], struct queues_swap *swap);

void queues_begin(struct queues *q, const struct host *h, u64 now);
/* ms until it is due; -1: never. */
int queues_wait(const struct queues *q, u64 now);
/* ... and does it. */
void queues_step(struct queues *q, struct host *h, u64 now);

#endif

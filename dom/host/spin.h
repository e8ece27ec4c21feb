/* SPDX-License-Identifier: MIT */
/*
 * How long a thread without work spins before it blocks, idle = adaptive.
 *
 * A core of its own: as long as the setting says, if half of the spins find
 * work before that. Where packets come seldom, nearly all are in vain, and what
 * they cost is most of what a packet costs: there it blocks at once. When
 * spinning would find work again it learns from how long it sleeps, and, as it
 * may be woken late, from a spin that it tries now and then.
 *
 * A core that others want, too: not at all, since what it spins away is their
 * time, and it may well be theirs that it waits for (a client on the same
 * machine). Blocked, it is woken by the next packet, and runs at once.
 *
 * It notices by offering the core, once in a spin: sched_yield() comes back at
 * once unless somebody else ran meanwhile.
 *
 * How long they ran tells whom a packet may interrupt. Clients give the core
 * back soon: to go on until they wait brings us more packets at once, and to
 * take the core from them at each costs a switch there and back: two threads on
 * their clients' two cores had half the rate of one. Our own application, where
 * it is a process, goes to sleep after it has handed over. Who computes keeps
 * the core for a time slice, and is interrupted.
 */
#ifndef DOM_HOST_SPIN_H
#define DOM_HOST_SPIN_H

#include "base/types.h"

enum {
	SPIN_OFFER_NS = 4000,	  /* without work: then offer the core */
	SPIN_TAKEN_NS = 4000,	  /* yield took so long: somebody ran */
	SPIN_KEPT_NS = 1000000,	  /* ... somebody who has much to do */
	SPIN_RETRY_NS = 50000000, /* then see whether it is still wanted, or
				   * whether spins pay again */
	SPIN_TAKEN = 4,	 /* an offer taken counts for so many refused */
	SPIN_SHARED = 8, /* from here on the core is not ours alone */
	SPIN_SURE = 12,	 /* more than this is not remembered */
	SPIN_HASTE_NS = 1000000000, /* then see whether it is still needed */
	SPIN_LOST = 8,	   /* more spins in vain than not: they do not pay */
	SPIN_LOST_MAX = 16, /* more are not remembered */
};

struct host_spin {
	u64 limit_ns;	 /* the setting; 0: never spin, UINT64_MAX: always */
	u64 offered;	 /* worked_at of the spin with the last offer */
	u64 shared_till; /* block until then */
	u64 haste_till;	 /* interrupt others until then */
	u32 weight;	 /* of the offers that were taken, */
	u32 kept;	 /* ... and of those that were for long */
	bool met;	 /* the core has been a shared one */
	u64 began;	 /* worked_at of this spin, */
	u64 may_ns;	 /* ... how long it may be, */
	bool tries;	 /* ... although they do not pay, */
	bool over;	 /* ... and it has told what it can tell */
	u32 lost;	 /* spins in vain that others do not make up for */
	u64 try_at;	 /* if they do not pay */
};

enum spin_what {
	SPIN_ON,
	SPIN_OFFER, /* sched_yield(), then host_spin_offered() */
	SPIN_BLOCK,
};

/* At @now, without work since @worked_at. */
enum spin_what host_spin(struct host_spin *s, u64 worked_at, u64 now);

/* It has blocked, without work since @worked_at, until @now. */
void host_spin_slept(struct host_spin *s, u64 worked_at, u64 now);

/* The core was offered for @ns, until @now. */
void host_spin_offered(struct host_spin *s, u64 ns, u64 now);

/* May others on our core go on, when a packet comes, until they wait? Not where
 * the core is never offered, so that nobody knows who they are. */
static inline bool host_spin_patient(const struct host_spin *s, u64 now)
{
	return s->limit_ns > SPIN_OFFER_NS && s->limit_ns != UINT64_MAX &&
	       now >= s->haste_till;
}

#endif

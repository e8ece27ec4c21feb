/* SPDX-License-Identifier: MIT */
/*
 * What a thread that is no elastic one asks of an elastic one: to run a
 * function between two iterations, where all of its dataplane is at rest and
 * its own. So there is no lock in the loop, and no second owner.
 *
 *	          caller: fn, arg, ASKED            fn has been run: FREE
 *	   FREE ------------------------> ASKED ...................> FREE
 *	                                   |  \ caller, too late: FREE
 *	          elastic thread: RUNNING  v
 *	                                RUNNING ---> DONE
 *
 * Who leaves ASKED does so by compare-and-swap: either the function is run, or
 * its caller has taken it back.
 */
#ifndef DOM_HOST_ASK_H
#define DOM_HOST_ASK_H

#include <pthread.h>

#include "base/types.h"

struct dp;

/* Bounded: the network waits meanwhile. */
typedef void host_call_fn(struct dp *dp, void *arg, u64 now);

enum host_ask_state { HOST_FREE, HOST_ASKED, HOST_RUNNING, HOST_DONE };

struct host_ask {
	/* The elastic thread looks here once per iteration: nobody writes to
	 * this line but for a call. */
	u32 state; /* enum host_ask_state */
	host_call_fn *fn;
	void *arg;

	pthread_mutex_t lock ALIGNED(CACHE_LINE); /* of the callers */
};

/* Has the elastic thread something to answer? */
static inline bool host_ask_waits(const struct host_ask *a)
{
	return unlikely(__atomic_load_n(&a->state, __ATOMIC_RELAXED) ==
			HOST_ASKED);
}

/* ... it does, at @now. */
COLD void host_ask_answer(struct host_ask *a, struct dp *dp, u64 now);

/* Makes the elastic thread look, wherever it is; what comes too early for it
 * to notice is called again. */
typedef void host_kick_fn(void *kicked);

/* Waits until @fn has been run: 0; or -ETIMEDOUT at @until (host_clock_os()),
 * and it will not be run. */
int host_ask_call(struct host_ask *a, host_call_fn *fn, void *arg,
		  host_kick_fn *kick, void *kicked, u64 until);

#endif

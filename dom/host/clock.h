/* SPDX-License-Identifier: MIT */
/*
 * The time, read once per iteration: nanoseconds of CLOCK_MONOTONIC, taken
 * from the time stamp counter when that runs evenly (half the price of the
 * vDSO), else from clock_gettime(). Within some 10 ppm of the real one: what
 * its users measure are intervals.
 */
#ifndef DOM_HOST_CLOCK_H
#define DOM_HOST_CLOCK_H

#include <time.h>
#include <x86intrin.h>

#include "base/types.h"

struct host_clock {
	bool tsc;	/* usable */
	u64 tsc0, ns0;	/* one moment in both */
	u64 ns_per_tsc; /* << 32 */
};

/* Calibrates: takes 10 ms. */
void host_clock_init(struct host_clock *c);
/* ... to the time stamp counter, whatever is known of it: for who has no
 * other. Not usable if it stands still. */
void host_clock_calibrate(struct host_clock *c);

static inline u64 host_clock_os(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static inline u64 host_now(const struct host_clock *c)
{
	u64 d;

	if (unlikely(!c->tsc))
		return host_clock_os();
	d = __rdtsc() - c->tsc0;
	return c->ns0 + (u64)((unsigned __int128)d * c->ns_per_tsc >> 32);
}

#endif

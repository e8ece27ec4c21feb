/* SPDX-License-Identifier: MIT */
/* Calibrates the time stamp counter against CLOCK_MONOTONIC. */
#include "dom/host/clock.h"

#include <cpuid.h>

enum { CALIBRATION_NS = 10000000 };

/* Same rate in all power states, and so on all cores (CPUID 8000_0007h, EDX
 * bit 8). */
static bool invariant_tsc(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1 << 8;
}

/* One moment on both clocks: of several tries the one with least time in
 * between, which no interrupt has torn apart. */
static void moment(u64 *tsc, u64 *ns)
{
	u64 best = UINT64_MAX;

	for (int i = 0; i < 16; i++) {
		u64 before = __rdtsc();
		u64 now = host_clock_os();
		u64 after = __rdtsc();

		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*ns = now;
		}
	}
}

void host_clock_init(struct host_clock *c)
{
	*c = (struct host_clock){ .tsc = invariant_tsc() };
	if (c->tsc)
		host_clock_calibrate(c);
}

void host_clock_calibrate(struct host_clock *c)
{
	struct timespec pause = { .tv_nsec = CALIBRATION_NS };
	u64 tsc, ns;

	c->tsc = true;
	moment(&c->tsc0, &c->ns0);
	nanosleep(&pause, NULL);
	moment(&tsc, &ns);
	if (tsc <= c->tsc0) {
		c->tsc = false;
		return;
	}
	c->ns_per_tsc = (u64)(((unsigned __int128)(ns - c->ns0) << 32) /
			      (tsc - c->tsc0));
}

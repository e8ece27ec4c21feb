/* SPDX-License-Identifier: MIT */
/*
 * count ROUNDS: crossings with a batch of one call each, on a machine whose
 * time stamp counter counts instructions (bed.py --count). Prints how many one
 * crossing and back takes, on all sides: program, libix, Linux, dataplane.
 */
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#include "ix/ix.h"

enum { RUNS = 7, WARM = 2000, HOUR_NS_1000 = 3600000 };

/* A timer is set in one batch, and cancelled in the next. */
static int crossings(struct ix_thread *t, int rounds)
{
	static int64_t timer;

	for (int i = 0; i < rounds; i++) {
		if (timer)
			ix_timer_cancel(t, (uint64_t)timer);
		else
			ix_timer_set(t, 0, HOUR_NS_1000 * 1000000ull);
		if (ix_poll_io(t) || ix_result(t, 0) < 0)
			return -1;
		timer = timer ? 0 : ix_result(t, 0);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a;
	unsigned long long y = *(const unsigned long long *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	unsigned long long took[RUNS];
	int rounds = argc > 1 ? atoi(argv[1]) : 1000;
	struct ix_thread *t;

	if (ix_init() || !(t = ix_attach(0)) || crossings(t, WARM))
		return 1;
	for (int i = 0; i < RUNS; i++) {
		took[i] = __rdtsc();
		if (crossings(t, rounds))
			return 1;
		took[i] = (__rdtsc() - took[i]) / (unsigned)rounds;
	}
	qsort(took, RUNS, sizeof(took[0]), compare);
	printf("%llu instructions a crossing (%llu to %llu)\n", took[RUNS / 2],
	       took[0], took[RUNS - 1]);
	ix_detach(t);
	return 0;
}

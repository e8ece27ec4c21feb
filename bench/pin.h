/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PIN_H
#define BENCH_PIN_H

#include <sched.h>
#include <stdint.h>

/* The calling thread to the @index-th of the CPUs that we may use, when there
 * is one for each of @threads. Of more, other programs use some, too, and Linux
 * knows which: two programs of one thread would both be on the first. */
static inline void pin_to(uint32_t index, uint32_t threads)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) ||
	    (uint32_t)CPU_COUNT(&allowed) != threads)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || index--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

#endif

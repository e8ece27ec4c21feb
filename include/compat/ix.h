/* SPDX-License-Identifier: MIT */
/* What programs took from the original's <ix.h> beside its low-level calls
 * (which are another interface now: ix/ix.h). */
#ifndef COMPAT_IX_H
#define COMPAT_IX_H

#include <ix/ix.h>
#include <ix/ixev.h>
#include <ix/stddef.h>

/* Threads to start, the main thread included. */
static inline int sys_nrcpus(void)
{
	return ix_nthreads();
}

/* New threads attach themselves in ixev_init_thread(). */
static inline int sys_spawnmode(bool spawn_cores)
{
	(void)spawn_cores;
	return 0;
}

#endif

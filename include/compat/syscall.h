/* SPDX-License-Identifier: MIT */
/* The original libix's <syscall.h>: its system calls. The C library has a
 * header of this name, too. */
#ifndef COMPAT_SYSCALL_H
#define COMPAT_SYSCALL_H

#include <sys/syscall.h>

#include "ix/libix.h"
#include "ix/mem.h"

/* Makes the calls, waits for events: results in @d, events in sys_baddr(). */
static inline int sys_bpoll(struct bsys_desc *d, unsigned int nr)
{
	return ix_compat_bpoll(d, nr);
}

/* Makes the calls. */
static inline int sys_bcall(struct bsys_desc *d, unsigned int nr)
{
	return ix_compat_bcall(d, nr);
}

/* The events of the last sys_bpoll(). Attaches the thread. */
static inline void *sys_baddr(void)
{
	return ix_compat_baddr();
}

/* Threads to start, the main thread included. */
static inline int sys_nrcpus(void)
{
	return ix_compat_nrcpus();
}

/* New threads attach themselves in ix_init() or ixev_init_thread(). */
static inline int sys_spawnmode(bool spawn_cores)
{
	(void)spawn_cores;
	return 0;
}

/* An id for sys_timer_ctl(); timer_event(@addr) will come. */
static inline int sys_timer_init(void *addr)
{
	return ix_compat_timer_init(addr);
}

/* Once, in @delay microseconds; set again if it is running. */
static inline int sys_timer_ctl(int timer_id, uint64_t delay)
{
	return ix_compat_timer_ctl(timer_id, delay);
}

#endif

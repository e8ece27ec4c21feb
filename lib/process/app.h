/* SPDX-License-Identifier: MIT */
/* Domain process inside the application: what app.c (crossings) and
 * watch.c (the end) share. */
#ifndef LIB_PROCESS_APP_H
#define LIB_PROCESS_APP_H

#include <pthread.h>

#include "dom/process/shm.h"
#include "ix/dom.h"

struct proc_domain {
	struct ix_domain domain;
	const struct proc_info *info;
	const struct proc_up *up; /* nthreads of them */
	struct proc_turns *turns;
	struct proc_down *down;
	u8 *frames, *arena;
	u32 turn[IX_MAX_THREADS];

	int alive; /* end of a pipe */
	int call;  /* eventfd that wakes the watcher */
	u32 end;   /* errno that run_io() returns from now on, or 0 */
	pthread_mutex_t lock; /* attached */
	u32 attached;	      /* threads; the watcher lives while there are */
	pthread_t watcher;
};

extern struct proc_domain proc_dom;

/* While threads are attached. 0 or -errno. */
int proc_watch_start(void);
/* Wakes the watcher. Async-signal-safe. */
void proc_watch_call(void);
/* SIGINT and SIGTERM end run_io(), unless the program handles or ignores
 * them. */
void proc_watch_signals(void);

#endif

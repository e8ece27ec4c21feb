/* SPDX-License-Identifier: MIT */
/*
 * Domain process inside the application, functions by file:
 *
 *   map.c    opening: what is shared
 *   app.c    crossings, threads
 *   watch.c  the end
 *
 * Domain vm opens in its own way (lib/vm/), and has the rest as the place from
 * which its threads go to ring 3.
 */
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

/* app.c: when @proc_dom has all that is shared. 0 or -errno. */
int proc_open(struct ix_domain **out, const char *name);
int proc_attach(struct ix_domain *d, int thread, struct ix_port *port);
int proc_detach(struct ix_port *port);

/* watch.c: while threads are attached. 0 or -errno. */
int proc_watch_start(void);
/* Wakes the watcher. Async-signal-safe. */
void proc_watch_call(void);
/* SIGINT and SIGTERM end run_io(), unless the program handles or ignores
 * them. */
void proc_watch_signals(void);

#endif

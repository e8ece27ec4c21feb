/* SPDX-License-Identifier: MIT */
/*
 * Domain process, seen from the application: hands the core over. A crossing is
 * a futex or two; the dataplane's state is in another process.
 */
#include "lib/process/app.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

struct proc_domain proc_dom = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- crossings */

/* Hands over, and waits for the answer. -EBUSY: another thread has crossed
 * meanwhile, which no two may do at once, and has the answer. */
static int cross(u32 thread, enum proc_op op)
{
	struct proc_turns *t = &proc_dom.turns[thread];
	u32 turn = ++proc_dom.turn[thread], theirs;

	if (unlikely(READ_ONCE(proc_dom.end)))
		return -(int)proc_dom.end;
	proc_dom.down[thread].op = op;
	handover_pass(&t->a, &t->d, turn);
	theirs = load_acquire(&t->d.turn);
	while (theirs != turn) {
		if (unlikely(READ_ONCE(proc_dom.end)))
			return -(int)proc_dom.end;
		handover_wait(&t->a, &t->d, theirs, UINT64_MAX, &theirs);
		if (unlikely(theirs != turn) &&
		    READ_ONCE(proc_dom.turn[thread]) != turn)
			return -EBUSY;
	}
	return proc_dom.up[thread].status;
}

static int run_io(struct ix_port *port)
{
	return cross((u32)port->thread, PROC_RUN);
}

/* Beside the dataplane's thread, so that the caches stay warm. BATCH: its
 * waking up does not interrupt the dataplane. Both are only good for speed. */
static void settle(u32 thread)
{
	struct sched_param param = { 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(proc_dom.info->core[thread], &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, SCHED_BATCH, &param);
}

/* ---- threads */

static int come(void)
{
	int err = 0;

	pthread_mutex_lock(&proc_dom.lock);
	if (!proc_dom.attached++)
		err = proc_watch_start();
	if (err)
		proc_dom.attached--;
	pthread_mutex_unlock(&proc_dom.lock);
	return err;
}

/* A program whose threads have all ended has ended: the watcher must not keep
 * it alive. */
static void go(void)
{
	pthread_mutex_lock(&proc_dom.lock);
	if (!--proc_dom.attached) {
		proc_watch_call();
		pthread_join(proc_dom.watcher, NULL);
	}
	pthread_mutex_unlock(&proc_dom.lock);
}

int proc_attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	struct proc_down *down;
	int err;

	if (thread < 0 || thread >= d->nthreads)
		return -EINVAL;
	err = come();
	if (err)
		return err;
	settle((u32)thread);
	down = &proc_dom.down[thread];
	down->frames = (u64)proc_dom.frames;
	down->arena = (u64)proc_dom.arena;
	*port = (struct ix_port){ .down = &down->down,
				  .up = &proc_dom.up[thread].up,
				  .domain = d,
				  .thread = thread };
	err = cross((u32)thread, PROC_ATTACH);
	/* Told to end before it came: run_io() says so, as it would a moment
	 * later, and in domain inline. */
	if (READ_ONCE(proc_dom.end) == ESHUTDOWN)
		return 0;
	if (err)
		go();
	return err;
}

int proc_detach(struct ix_port *port)
{
	cross((u32)port->thread, PROC_DETACH);
	go();
	return 0;
}

/* ---- opening */

/* What is mapped stays: events may still be looked at. */
static void close_domain(struct ix_domain *d)
{
	(void)d;
}

int proc_open(struct ix_domain **out, const char *name)
{
	proc_dom.call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (proc_dom.call < 0)
		return -errno;
	proc_watch_signals();
	proc_dom.domain = (struct ix_domain){
		.name = name,
		.abi_version = (int)proc_dom.info->abi_version,
		.nthreads = (int)proc_dom.info->nthreads,
		.arena = proc_dom.arena,
		.arena_len = proc_dom.info->arena_len,
		.page_size = proc_dom.info->page_size,
		.ports = proc_dom.info->ports,
		.attach = proc_attach,
		.run_io = run_io,
		.detach = proc_detach,
		.close = close_domain,
	};
	*out = &proc_dom.domain;
	return 0;
}

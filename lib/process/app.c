/* SPDX-License-Identifier: MIT */
/*
 * Domain process, seen from the application: maps what the dataplane made, and
 * hands the core over. A crossing is a futex or two; the dataplane's state is
 * in another process.
 */
#include "lib/process/app.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGE_PAGE = 2 << 20 };

struct proc_domain proc_dom = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- crossings */

/* Hands over, and waits for the answer. */
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

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
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
	if (err)
		go();
	return err;
}

static void detach(struct ix_port *port)
{
	cross((u32)port->thread, PROC_DETACH);
	go();
}

/* What is mapped stays: events may still be looked at. */
static void close_domain(struct ix_domain *d)
{
	(void)d;
}

/* ---- opening */

/* Aligned such that large pages can be mapped; the fd has done its work. */
static void *map(int fd, size_t len, int prot, size_t align)
{
	u8 *p = mmap(NULL, len + align, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *at;

	if (p == MAP_FAILED)
		return NULL;
	at = (u8 *)(((u64)p + align - 1) & ~(u64)(align - 1));
	if (at > p)
		munmap(p, (size_t)(at - p));
	munmap(at + len, (size_t)(p + align - at));
	p = mmap(at, len, prot, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static size_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (size_t)st.st_size;
}

static int map_all(const int fd[5])
{
	const int rw = PROT_READ | PROT_WRITE;
	const u8 *up = map(fd[0], size_of(fd[0]), PROT_READ, PROC_PAGE);

	proc_dom.info = (const struct proc_info *)up;
	if (!up || proc_dom.info->version != PROC_VERSION)
		return -EPROTO;
	proc_dom.up = (const struct proc_up *)(up + PROC_PAGE);
	proc_dom.turns = map(fd[1], size_of(fd[1]), rw, PROC_PAGE);
	if (!proc_dom.turns)
		return -ENOMEM;
	proc_dom.down = (void *)((u8 *)proc_dom.turns + PROC_TURNS);
	proc_dom.frames =
		map(fd[2], proc_dom.info->frames_len, PROT_READ, LARGE_PAGE);
	proc_dom.arena = map(fd[3], proc_dom.info->arena_len, rw, LARGE_PAGE);
	proc_dom.alive = fd[4];
	return proc_dom.frames && proc_dom.arena ? 0 : -ENOMEM;
}

__attribute__((visibility("default"))) int ix_domain_open(
	struct ix_domain **out, char *why, size_t why_len)
{
	const char *env = getenv(PROC_ENV);
	int fd[5], err;

	if (!env || sscanf(env, "%d %d %d %d %d", &fd[0], &fd[1], &fd[2],
			   &fd[3], &fd[4]) != 5) {
		snprintf(why, why_len, "start the program by ix run");
		return -ENODEV;
	}
	err = map_all(fd);
	if (!err &&
	    (proc_dom.call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		err = -errno;
	if (err)
		return err;
	proc_watch_signals();
	proc_dom.domain = (struct ix_domain){
		.name = "process",
		.abi_version = (int)proc_dom.info->abi_version,
		.nthreads = (int)proc_dom.info->nthreads,
		.arena = proc_dom.arena,
		.arena_len = proc_dom.info->arena_len,
		.page_size = proc_dom.info->page_size,
		.ports = proc_dom.info->ports,
		.attach = attach,
		.run_io = run_io,
		.detach = detach,
		.close = close_domain,
	};
	*out = &proc_dom.domain;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Domain process, seen from the application: maps what the dataplane made, and
 * hands the core over. A crossing is a futex or two; the dataplane's state is
 * in another process.
 *
 * A thread of ours waits for the end, so that a crossing need not look out for
 * it: when the dataplane dies, or a signal asks the program to leave, it wakes
 * those that wait in run_io().
 */
#include "dom/proc_shm.h"
#include "ix/dom.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LARGE_PAGE = 2 << 20,
	REPEAT_MS = 10, /* between wake-ups, until the program has ended */
};

struct proc_domain {
	struct ix_domain domain;
	const struct proc_info *info;
	const struct proc_up *up; /* nthreads of them */
	struct proc_down *down;
	u8 *frames, *arena;
	int alive; /* end of a pipe */
	u32 end;   /* errno that run_io() returns from now on, or 0 */
	u32 turn[IX_MAX_THREADS];
};

static struct proc_domain dom = { .alive = -1 };

/* ---- crossings */

/* Hands over, and waits for the answer. */
static int cross(u32 thread, enum proc_op op)
{
	const struct proc_up *up = &dom.up[thread];
	struct proc_down *down = &dom.down[thread];
	u32 turn = ++dom.turn[thread], theirs;

	if (unlikely(READ_ONCE(dom.end)))
		return -(int)dom.end;
	down->op = op;
	handover_pass(&down->side, &up->side, turn);
	theirs = load_acquire(&up->side.turn);
	while (theirs != turn) {
		if (unlikely(READ_ONCE(dom.end)))
			return -(int)dom.end;
		handover_wait(&down->side, &up->side, theirs, UINT64_MAX,
			      &theirs);
	}
	return up->status;
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
	CPU_SET(dom.info->core[thread], &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, SCHED_BATCH, &param);
}

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	struct proc_down *down;

	if (thread < 0 || thread >= d->nthreads)
		return -EINVAL;
	settle((u32)thread);
	down = &dom.down[thread];
	down->frames = (u64)dom.frames;
	down->arena = (u64)dom.arena;
	*port = (struct ix_port){ .down = &down->down,
				  .up = &dom.up[thread].up,
				  .domain = d,
				  .thread = thread };
	return cross((u32)thread, PROC_ATTACH);
}

static void detach(struct ix_port *port)
{
	cross((u32)port->thread, PROC_DETACH);
}

/* What is mapped stays: the watcher is still there. */
static void close_domain(struct ix_domain *d)
{
	(void)d;
}

/* ---- the end */

static void end(u32 err)
{
	WRITE_ONCE(dom.end, err);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i < dom.info->nthreads; i++)
		handover_futex_wake(&dom.up[i].side.turn);
}

/* A thread that looked at dom.end just before, and sleeps now, is woken by the
 * next round. */
static void *watch(void *arg)
{
	struct pollfd p = { .fd = dom.alive };
	sigset_t but_urgent;

	(void)arg;
	sigfillset(&but_urgent);
	sigdelset(&but_urgent, SIGURG);
	while (!dom.end && (ppoll(&p, 1, NULL, &but_urgent) < 0 || !p.revents))
		;
	if (!dom.end)
		fprintf(stderr, "ix: the dataplane, process %u, has died\n",
			dom.info->pid);
	for (u32 err = dom.end ? dom.end : ENETDOWN;; usleep(REPEAT_MS * 1000))
		end(err);
	return NULL;
}

/* Our handler runs on whichever thread; the watcher alone may be asked to
 * repeat it, and takes no other signal. */
static pthread_t watcher;

static void on_signal(int sig)
{
	int err = errno;

	(void)sig;
	end(ESHUTDOWN);
	pthread_kill(watcher, SIGURG);
	errno = err;
}

static void on_urgent(int sig)
{
	(void)sig;
}

/* As in domain inline: SIGINT and SIGTERM end run_io(), unless the program
 * handles or ignores them; the second one kills. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct sigaction old, ours = { .sa_handler = on_signal,
				       .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler == SIG_DFL)
			sigaction(signals[i], &ours, NULL);
}

static int start_watcher(void)
{
	struct sigaction urgent = { .sa_handler = on_urgent };
	sigset_t all, old;
	int err;

	sigaction(SIGURG, &urgent, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&watcher, NULL, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
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

	dom.info = (const struct proc_info *)up;
	if (!up || dom.info->version != PROC_VERSION)
		return -EPROTO;
	dom.up = (const struct proc_up *)(up + PROC_PAGE);
	dom.down = map(fd[1], size_of(fd[1]), rw, PROC_PAGE);
	dom.frames = map(fd[2], dom.info->frames_len, PROT_READ, LARGE_PAGE);
	dom.arena = map(fd[3], dom.info->arena_len, rw, LARGE_PAGE);
	dom.alive = fd[4];
	return dom.down && dom.frames && dom.arena ? 0 : -ENOMEM;
}

__attribute__((visibility("default"))) int
ix_domain_open(struct ix_domain **out, char *why, size_t why_len)
{
	const char *env = getenv(PROC_ENV);
	int fd[5], err;

	if (!env || sscanf(env, "%d %d %d %d %d", &fd[0], &fd[1], &fd[2],
			   &fd[3], &fd[4]) != 5) {
		snprintf(why, why_len, "start the program by ix run");
		return -ENODEV;
	}
	err = map_all(fd);
	if (!err)
		err = start_watcher();
	if (err)
		return err;
	catch_signals();
	dom.domain = (struct ix_domain){
		.name = "process",
		.abi_version = (int)dom.info->abi_version,
		.nthreads = (int)dom.info->nthreads,
		.arena = dom.arena,
		.arena_len = dom.info->arena_len,
		.page_size = dom.info->page_size,
		.ports = dom.info->ports,
		.attach = attach,
		.run_io = run_io,
		.detach = detach,
		.close = close_domain,
	};
	*out = &dom.domain;
	return 0;
}

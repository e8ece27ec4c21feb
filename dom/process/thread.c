/* SPDX-License-Identifier: MIT */
/*
 * An elastic thread of D: waits until the application crosses, executes its
 * batch, and hands the core back. When the application exceeds its time limit,
 * and while none of its threads is attached, it serves the network without it.
 */
#include "dom/process/process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	STUCK_NS = 1000000000, /* then it is reported, once */
	MIN_WAIT_NS = 100000,
	MAX_VACANT_NS = 20000000,
	NICE = -10,
	SLICE_NS = 100000,
};

/* When the application wakes this thread, it should preempt the application at
 * once: see handover.h, and spin.h for when not. A short slice (Linux 6.12) and
 * a lower nice value, where permitted, ask the scheduler to. An optimisation
 * only. */
static void be_prompt(void)
{
	struct {
		u32 size, policy;
		u64 flags;
		s32 nice;
		u32 priority;
		u64 runtime, deadline, period;
	} attr = { .size = 48, .policy = SCHED_OTHER, .runtime = SLICE_NS };

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	attr.nice = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
	syscall(SYS_sched_setattr, 0, &attr, 0);
}

/* ---- the time limit */

/* Time that A has the core, between two crossings. */
struct stay {
	u64 began;
	u64 due;      /* when the network must be served next */
	bool overrun; /* counted */
	bool told;
};

/* Serves the network. Returns when it is due again. */
static u64 look_around(struct proc_thread *t)
{
	u64 next = host_overrun(t->host);

	t->looked_at = t->host->worked_at = host_now(&t->host->clock);
	t->next_look = t->looked_at +
		       min(t->host->limit_ns, max(next, (u64)MIN_WAIT_NS));
	return t->next_look;
}

/* A timer may want it before the limit: the last look has told, and that holds
 * until A receives. */
static u64 next_look(const struct proc_thread *t)
{
	return unlikely(t->host->worked_at == t->looked_at)
		       ? t->next_look
		       : t->host->worked_at + t->host->limit_ns;
}

static void report_stuck(struct proc_thread *t, u32 seconds)
{
	store_release(&t->stuck_s, seconds);
	proc_report(t->proc);
}

static void overrun(struct proc_thread *t, struct stay *s, u64 ns)
{
	host_hasten(t->host, s->began + ns);
	if (!s->overrun) {
		s->overrun = true;
		t->host->dp->stat->app_overruns++;
	}
	if (!s->told && ns >= STUCK_NS) {
		s->told = true;
		report_stuck(t, (u32)(ns / 1000000000));
	}
}

/* Woken without a turn: by the timer, a timeout, host_call(), or a futex call
 * of A's. Returns until when to sleep, on the clock of futex(2). */
static u64 woken(struct proc_thread *t, struct stay *s)
{
	u64 now = host_now(&t->host->clock);

	proc_limit_stop(&t->limit);
	if (now >= s->due) {
		if (now - s->began >= t->host->limit_ns / 2) /* it did stay */
			overrun(t, s, now - s->began);
		s->due = look_around(t);
		now = t->host->worked_at;
	} else if (host_called(t->host)) {
		s->due = min(s->due, look_around(t));
		now = t->host->worked_at;
	}
	return host_clock_os() + (s->due - now);
}

/*
 * Waits for the application's next turn: 0, or -ESHUTDOWN. The network is
 * served once per limit, and when a timer is due then, however often the
 * application crosses (it may never use PROC_RUN, or always IX_RUN_FLUSH) and
 * whatever ends a sleep.
 */
static int next_turn(struct proc_thread *t, u32 *turn)
{
	const struct handover_side *a = &t->turns->a;
	u64 now = host_now(&t->host->clock), until = UINT64_MAX;
	struct stay s = { .began = now };
	u32 last = *turn;

	s.due = next_look(t);
	if (unlikely(now >= s.due)) {
		s.due = look_around(t);
		now = t->host->worked_at;
	}
	if (unlikely(!proc_limit_begin(&t->limit, now, s.due)))
		until = host_clock_os() + (s.due - now);
	while (unlikely(handover_wait(&t->turns->d, a, last, until, turn)) &&
	       !host_stopping())
		until = woken(t, &s);
	proc_limit_end(&t->limit);
	if (unlikely(s.told))
		report_stuck(t, 0);
	return unlikely(host_stopping()) ? -ESHUTDOWN : 0;
}

u64 proc_thread_look(struct proc_thread *t, u64 began)
{
	struct stay s = { .began = began };
	u64 now = host_now(&t->host->clock);

	s.due = next_look(t);
	if (now < s.due && host_called(t->host))
		return min(s.due, look_around(t));
	if (now < s.due)
		return s.due;
	s.overrun = began < t->counted_at;
	if (t->stuck_s && !s.overrun)
		report_stuck(t, 0);
	s.told = t->stuck_s;
	if (now - s.began >= t->host->limit_ns / 2) {
		overrun(t, &s, now - s.began);
		t->counted_at = now;
	}
	return look_around(t);
}

/* ---- without an application */

/*
 * Packets end this wait, a turn does not: it is polled for after each wake-up,
 * at intervals of an eighth of the time waited so far. So attaching is delayed
 * by an eighth of the time that the application took to start, at most, and one
 * that never attaches costs next to nothing.
 */
static int first_turn(struct proc_thread *t, u32 *turn)
{
	u64 since = host_now(&t->host->clock);
	u32 last = *turn;

	if (since - t->host->worked_at >= t->host->limit_ns)
		look_around(t);
	while ((*turn = load_acquire(&t->turns->a.turn)) == last) {
		u64 vacant = host_now(&t->host->clock) - since;

		if (host_stopping())
			return -ESHUTDOWN;
		host_serve(t->host, min(max(vacant / 8, (u64)MIN_WAIT_NS),
					(u64)MAX_VACANT_NS));
	}
	return 0;
}

/* ---- crossings */

/* A's addresses of the shared memory. They are used only to translate addresses
 * to and from A, not trusted: dp/gate.h. */
static int attach(struct proc_thread *t)
{
	struct dp *dp = t->host->dp;
	const struct host *h = t->host->host;
	u64 offset = (u64)(dp->pool.frames - h->mem.frames.base);

	if (t->host->ended)
		return -EBUSY;
	dp->arena.app_base = READ_ONCE(t->down->arena);
	dp->pool.app_frames = READ_ONCE(t->down->frames) + offset;
	t->host->life_at = host_now(&t->host->clock);
	t->attached = true;
	WRITE_ONCE(t->came, true);
	return 0;
}

/* Ends all connections; the network is still served. */
static int detach(struct proc_thread *t)
{
	t->attached = false;
	host_detach(t->host);
	dp_renew(t->host->dp);
	return 0;
}

static int enter(struct proc_thread *t, bool answer)
{
	const struct proc_guest *g = t->proc->guest;

	return g && t->attached ? g->enter(t, answer) : -ENOSYS;
}

static int cross(struct proc_thread *t)
{
	switch (READ_ONCE(t->down->op)) {
	case PROC_RUN:
		return t->attached ? host_run_io(t->host) : -ESHUTDOWN;
	case PROC_ATTACH:
		return attach(t);
	case PROC_DETACH:
		return detach(t);
	case PROC_ENTER:
	case PROC_ANSWER:
		return enter(t, READ_ONCE(t->down->op) == PROC_ANSWER);
	}
	return -ENOSYS;
}

static u32 rouse(void *arg)
{
	const struct proc_thread *t = arg;

	return handover_rouse(&t->turns->d, &t->turns->a);
}

static void pass(struct proc_thread *t, u32 turn)
{
	handover_pass_on(&t->turns->d, &t->turns->a, turn, t->host->roused);
	t->host->roused = 0;
}

static void serve(struct proc_thread *t)
{
	u32 turn = 0;

	while (!(likely(t->attached) ? next_turn(t, &turn)
				     : first_turn(t, &turn))) {
		t->up->status = cross(t);
		pass(t, turn);
	}
	/* A thread of A may still wait for an answer. */
	t->up->status = -ESHUTDOWN;
	handover_pass(&t->turns->d, &t->turns->a,
		      load_acquire(&t->turns->a.turn));
}

static void *elastic_thread(void *arg)
{
	struct proc_thread *t = arg;
	struct host *h = t->host->host;

	be_prompt();
	/* Only the timer stops a guest. */
	proc_limit_open(&t->limit,
			t->proc->guest ? UINT64_MAX : t->host->limit_ns);
	t->host->lingers = true;
	/* A guest's events are for ring 0; who sleeps answers what it asks. */
	t->host->rouse = t->proc->guest ? NULL : rouse;
	t->host->rouse_arg = t;
	t->host->roused = 0;
	if (t->proc->guest) /* ring 0 spins, and offers nothing */
		t->host->spin.haste_till = UINT64_MAX;
	t->err = host_attach(h, t->host->index, &t->down->down, &t->up->up);
	t->host->life_at = 0; /* until A attaches */
	if (!t->err && t->proc->guest && !t->limit.usable)
		t->err = -EAGAIN;
	if (!t->err)
		t->err = proc_confine(t->proc);
	if (t->err)
		host_stop();
	store_release(&t->tid, (pid_t)syscall(SYS_gettid));
	serve(t);
	host_linger(t->host, t->proc->linger_ns);
	host_detach(t->host);
	proc_limit_close(&t->limit);
	store_release(&t->done, true);
	return NULL;
}

/* ---- start and stop */

static void nothing(int sig)
{
	(void)sig;
}

void proc_threads_signal(void)
{
	struct sigaction a = { .sa_handler = nothing };

	sigaction(SIGUSR1, &a, NULL);
}

static int start(struct proc *p, u32 i)
{
	struct proc_thread *t = &p->threads[i];
	struct proc_up *ups = (void *)((u8 *)p->info + PROC_PAGE);

	*t = (struct proc_thread){ .proc = p,
				   .host = &p->host->threads[i],
				   .turns = &p->turns[i],
				   .up = &ups[i],
				   .down = &p->down[i] };
	return -pthread_create(&t->id, NULL, elastic_thread, t);
}

static void pause_ms(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

/* All other signals are handled by the main thread. */
int proc_threads_start(struct proc *p)
{
	sigset_t set, old;
	int err = 0;

	sigfillset(&set);
	sigdelset(&set, SIGUSR1);
	sigdelset(&set, PROC_LIMIT_SIGNAL);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	for (p->nthreads = 0; p->nthreads < p->host->nthreads; p->nthreads++) {
		err = start(p, p->nthreads);
		if (err)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	for (u32 i = 0; i < p->nthreads; i++) {
		while (!load_acquire(&p->threads[i].tid))
			pause_ms();
		err = err ? err : p->threads[i].err;
	}
	return err;
}

bool proc_threads_came(const struct proc *p)
{
	for (u32 i = 0; i < p->nthreads; i++)
		if (READ_ONCE(p->threads[i].came))
			return true;
	return false;
}

/* Interrupts those that still run, and returns how many they are. */
static u32 nudge(struct proc *p)
{
	u32 left = 0;

	for (u32 i = 0; i < p->nthreads; i++) {
		if (load_acquire(&p->threads[i].done))
			continue;
		pthread_kill(p->threads[i].id, SIGUSR1);
		left++;
	}
	return left;
}

/* A signal just before a thread sleeps does not wake it, so it is repeated. */
void proc_threads_stop(struct proc *p)
{
	host_stop();
	while (nudge(p))
		pause_ms();
	for (u32 i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i].id, NULL);
	p->nthreads = 0;
}

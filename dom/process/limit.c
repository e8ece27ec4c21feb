/* SPDX-License-Identifier: MIT */
/*
 * The application's time limit without a timeout at each wait, which would cost
 * the kernel a tenth of a hand-over. A timer ticks instead, once in a limit:
 *
 *	finds D waiting   its sleep ends by -EINTR, it looks at the clock, and
 *			  goes on with a timeout: proc_limit_tick()
 *	finds D at work   stops; the next wait starts it again
 *
 * So under load there is one tick and one call in a limit, and none when the
 * dataplane is idle. A tick that comes just before D sleeps does not end the
 * sleep; the next one does.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dom/process/process.h"

/* Shorter limits would tick too often: they are timeouts. */
enum { MIN_LIMIT_NS = 2000000 };

static void set(struct proc_limit *l, u64 ns)
{
	const struct timespec every = { .tv_sec = (time_t)(ns / 1000000000),
					.tv_nsec = (long)(ns % 1000000000) };
	const struct itimerspec ticks = { every, every };

	l->ticking = !timer_settime(l->timer, 0, &ticks, NULL) && ns;
}

static void on_tick(int sig, siginfo_t *si, void *context)
{
	struct proc_limit *l = si->si_value.sival_ptr;
	int err = errno;

	(void)sig;
	(void)context;
	if (si->si_code == SI_TIMER && !l->waiting)
		set(l, 0);
	errno = err;
}

void proc_limit_open(struct proc_limit *l)
{
	struct sigaction a = { .sa_sigaction = on_tick,
			       .sa_flags = SA_SIGINFO };
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID,
			      .sigev_signo = PROC_LIMIT_SIGNAL,
			      .sigev_value.sival_ptr = l };

	e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	memset(l, 0, sizeof(*l));
	l->usable = !sigaction(PROC_LIMIT_SIGNAL, &a, NULL) &&
		    !timer_create(CLOCK_MONOTONIC, &e, &l->timer);
}

void proc_limit_close(struct proc_limit *l)
{
	if (l->usable)
		timer_delete(l->timer);
	l->usable = false;
}

u64 proc_limit_begin(struct proc_limit *l, u64 now, u64 limit)
{
	l->began = now;
	l->waiting = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* on_tick() is ours */
	if (unlikely(!l->ticking) && l->usable && limit >= MIN_LIMIT_NS)
		set(l, limit);
	return likely(l->ticking) ? UINT64_MAX : limit;
}

u64 proc_limit_tick(struct proc_limit *l, u64 now, u64 limit)
{
	set(l, 0);
	return now - l->began < limit ? limit - (now - l->began) : 1;
}

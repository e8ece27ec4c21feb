/* SPDX-License-Identifier: MIT */
/*
 * The application's time limit without a timeout at each wait, which would cost
 * the kernel a tenth of a hand-over. A timer that is not set anew for each wait
 * ticks when, or before, the network has to be looked after, and
 *
 *	finds D waiting   its sleep ends by -EINTR; the rest of it has a
 *			  timeout: proc_limit_stop()
 *	finds D at work   stops; the next wait starts it again
 *
 * So under load there is one tick and one call in a limit, and none when the
 * dataplane is idle. A tick that comes just before D sleeps does not end the
 * sleep; so the next ones follow at once, until one has been noticed.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dom/process/process.h"

enum {
	MIN_LIMIT_NS = 2000000, /* shorter limits are timeouts */
	AGAIN_NS = 100000,
};

/* @ns: until the first tick; 0 stops it. */
static void set(struct proc_limit *l, u64 ns)
{
	const struct itimerspec ticks = {
		.it_interval.tv_nsec = AGAIN_NS,
		.it_value = { .tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000) },
	};

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

void proc_limit_open(struct proc_limit *l, u64 limit)
{
	struct sigaction a = { .sa_sigaction = on_tick,
			       .sa_flags = SA_SIGINFO };
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID,
			      .sigev_signo = PROC_LIMIT_SIGNAL,
			      .sigev_value.sival_ptr = l };

	e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	memset(l, 0, sizeof(*l));
	l->usable = limit >= MIN_LIMIT_NS &&
		    !sigaction(PROC_LIMIT_SIGNAL, &a, NULL) &&
		    !timer_create(CLOCK_MONOTONIC, &e, &l->timer);
}

void proc_limit_close(struct proc_limit *l)
{
	if (l->usable)
		timer_delete(l->timer);
	l->usable = false;
}

bool proc_limit_begin(struct proc_limit *l, u64 now, u64 due)
{
	l->waiting = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* on_tick() is ours */
	if (unlikely(!l->ticking || l->next > due) && l->usable) {
		l->next = due;
		set(l, due - now);
	}
	return likely(l->ticking);
}

void proc_limit_stop(struct proc_limit *l)
{
	if (l->ticking)
		set(l, 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * The application's time limit. A timeout for each futex wait would make a
 * hand-over a tenth slower. Instead one timer per thread, which is not set
 * again for each wait, expires when the network has to be served or earlier,
 * and finds
 *
 *	D waiting   the wait ends with -EINTR, and goes on with a timeout:
 *		    proc_limit_stop()
 *	D running   the timer stops; the next wait starts it again
 *
 * Under load this costs one signal and one system call per limit, in an idle
 * dataplane nothing. A signal just before D sleeps does not end the sleep, so
 * the timer repeats at once until D has noticed it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dom/process/process.h"

enum {
	MIN_LIMIT_NS = 2000000, /* below: a timeout for each wait */
	AGAIN_NS = 100000,
};

/* Expires in @ns; 0 stops it. */
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

/* SPDX-License-Identifier: MIT */
/*
 * A thread of ours waits for the end, so that a crossing need not look out for
 * it: when the dataplane dies, or a signal asks the program to leave, it wakes
 * those that wait in run_io().
 */
#include "lib/process/app.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	SAME_MS = 500,	/* two signals so close are one request */
	REPEAT_MS = 10, /* between wake-ups, until the threads have ended */
};

static void end(u32 err)
{
	WRITE_ONCE(proc_dom.end, err);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i < proc_dom.info->nthreads; i++) {
		WRITE_ONCE(proc_dom.down[i].end, 1);
		handover_futex_wake(&proc_dom.turns[i].d.turn);
	}
}

/* Until the last thread has detached. One that looked at proc_dom.end just
 * before, and sleeps now, is woken by the next round. */
static void *watch(void *arg)
{
	struct pollfd p[2] = { { .fd = proc_dom.alive },
			       { .fd = proc_dom.call, .events = POLLIN } };
	u64 calls;

	(void)arg;
	while (READ_ONCE(proc_dom.attached) && !READ_ONCE(proc_dom.end)) {
		if (poll(p, 2, -1) <= 0)
			continue;
		if (p[0].revents) {
			fprintf(stderr,
				"ix: the dataplane, process %u, has "
				"died\n",
				proc_dom.info->pid);
			end(ENETDOWN);
		} else if (read(proc_dom.call, &calls, sizeof(calls)) < 0) {
			continue;
		}
	}
	while (READ_ONCE(proc_dom.attached)) {
		usleep(REPEAT_MS * 1000);
		end(proc_dom.end);
	}
	return NULL;
}

void proc_watch_call(void)
{
	u64 one = 1;

	if (write(proc_dom.call, &one, sizeof(one)) < 0)
		return; /* the eventfd is full: it is readable anyway */
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* One request to end may come twice, passed on by D, and to us as to all that
 * was started with D. */
static void on_signal(int sig)
{
	static u64 first;
	int err = errno;

	if (!first)
		first = now_ms();
	if (now_ms() - first > SAME_MS) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	end(ESHUTDOWN);
	proc_watch_call();
	errno = err;
}

/* As in domain inline: SIGINT and SIGTERM end run_io(), unless the program
 * handles or ignores them; the second one kills. */
void proc_watch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct sigaction old, ours = { .sa_handler = on_signal };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler == SIG_DFL)
			sigaction(signals[i], &ours, NULL);
}

/* It takes no signals. */
int proc_watch_start(void)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&proc_dom.watcher, NULL, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

/* SPDX-License-Identifier: MIT */
#include "dom/host/hurry.h"

#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

/* Nothing: that there is one ends the wait. */
static void ring(int signal)
{
	(void)signal;
}

static bool make(struct hurry *h)
{
	struct sigaction is, a = { .sa_handler = ring, .sa_flags = SA_RESTART };
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID,
			      .sigev_signo = HURRY_SIGNAL };

	e._sigev_un._tid = gettid();
	if (sigaction(HURRY_SIGNAL, NULL, &is) ||
	    (is.sa_handler != SIG_DFL && is.sa_handler != ring))
		return false; /* an application's, inline */
	return !sigaction(HURRY_SIGNAL, &a, NULL) &&
	       !timer_create(CLOCK_MONOTONIC, &e, &h->timer);
}

static void set(struct hurry *h, long ns)
{
	const struct itimerspec t = { { 0, ns }, { 0, ns } };

	timer_settime(h->timer, 0, &t, NULL);
}

/* Again and again: one call may drop several connections. */
void hurry_begin(struct hurry *h)
{
	sigset_t signal;

	sigemptyset(&signal);
	sigaddset(&signal, HURRY_SIGNAL);
	if (h && !h->made)
		h->made = make(h);
	if (!h || !h->made)
		return;
	pthread_sigmask(SIG_UNBLOCK, &signal, &h->before);
	set(h, HURRY_NS);
}

void hurry_end(struct hurry *h)
{
	if (!h || !h->made)
		return;
	set(h, 0);
	pthread_sigmask(SIG_SETMASK, &h->before, NULL);
}

void hurry_free(struct hurry *h)
{
	if (h->made)
		timer_delete(h->timer);
	h->made = false;
}

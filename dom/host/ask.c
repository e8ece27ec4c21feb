/* SPDX-License-Identifier: MIT */
#include "dom/host/ask.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dom/host/clock.h"

enum {
	BUSY_NS = 50000,   /* a thread at work looks by itself until then */
	KICK_NS = 1000000, /* between two kicks */
};

/* ---- the elastic thread */

static bool becomes(struct host_ask *a, u32 from, u32 to)
{
	return __atomic_compare_exchange_n(&a->state, &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void host_ask_answer(struct host_ask *a, struct dp *dp, u64 now)
{
	if (!becomes(a, HOST_ASKED, HOST_RUNNING))
		return; /* taken back */
	a->fn(dp, a->arg, now);
	store_release(&a->state, HOST_DONE);
	syscall(SYS_futex, &a->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- callers */

/* Until the state is no longer @state, or @until. */
static void sleep_on(struct host_ask *a, u32 state, u64 until)
{
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000),
			       .tv_nsec = (long)(until % 1000000000) };

	syscall(SYS_futex, &a->state, FUTEX_WAIT_BITSET_PRIVATE, state, &ts,
		NULL, FUTEX_BITSET_MATCH_ANY);
}

/* What has begun is waited for, however long it takes: it uses @arg, which is
 * the caller's. */
static int await(struct host_ask *a, host_kick_fn *kick, void *kicked,
		 u64 until)
{
	u64 now = host_clock_os(), next = now + BUSY_NS;
	u32 state;

	while ((state = load_acquire(&a->state)) != HOST_DONE) {
		if (now >= until && becomes(a, HOST_ASKED, HOST_FREE))
			return -ETIMEDOUT;
		if (now >= next && state == HOST_ASKED) {
			kick(kicked);
			next = now + KICK_NS;
		}
		sleep_on(a, state, max(next, now + BUSY_NS));
		now = host_clock_os();
	}
	store_release(&a->state, HOST_FREE);
	return 0;
}

int host_ask_call(struct host_ask *a, host_call_fn *fn, void *arg,
		  host_kick_fn *kick, void *kicked, u64 until)
{
	int err;

	pthread_mutex_lock(&a->lock); /* who has it does not wait for long */
	a->fn = fn;
	a->arg = arg;
	store_release(&a->state, HOST_ASKED);
	err = await(a, kick, kicked, until);
	pthread_mutex_unlock(&a->lock);
	return err;
}

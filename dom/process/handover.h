/* SPDX-License-Identifier: MIT */
/*
 * Two threads of two processes run on one core alternately. Each side writes a
 * word of shared memory, its turn, and waits on the other's:
 *
 *	pass: turn = n, then wake the other side if it says that it sleeps
 *	wait: until the other side's turn is no longer what it was
 *
 * No wake-up is lost: the sleeper sets `asleep`, executes a full barrier, and
 * sleeps only if the turn (compared by the kernel) is unchanged; the other side
 * changes the turn, executes a full barrier, and reads `asleep`. At least one
 * of them sees the other's store.
 *
 * In the best case a round trip costs two system calls: FUTEX_WAKE of the
 * application, which the dataplane preempts at once, and FUTEX_WAIT of the
 * dataplane, which finds the application awake. While it lets others go on
 * (dom/host/spin.h), the application goes to sleep first: four; of which the
 * dataplane's FUTEX_WAKE may come early, while it has nothing else to do:
 *
 *	rouse: end the other side's sleep, which finds no turn, but stands
 *	       behind us in the queue for the core
 *	pass:  turn = n, no wake if it is still the sleep that was ended
 *
 * The other side is not trusted: any change of its word is a turn, and one that
 * never comes is a timeout. It can also wake us without a turn, or requeue us
 * to another word; timeouts are absolute, so that this does not prolong the
 * sleep.
 */
#ifndef DOM_PROCESS_HANDOVER_H
#define DOM_PROCESS_HANDOVER_H

#include "base/errno.h"
#include "base/types.h"

struct handover_side {
	u32 turn;
	u32 asleep; /* which sleep of handover_wait() it is in, or about to
		     * begin; 0: none */
	u32 sleeps; /* begun so far */
	u32 pad[13];
} ALIGNED(CACHE_LINE);

/* futex(2) on @word, which may be mapped read-only. 0, -EAGAIN (it is not
 * @value), -ETIMEDOUT, -EINTR. @until: of CLOCK_MONOTONIC, ns; UINT64_MAX waits
 * for ever. */
int handover_futex_wait(const u32 *word, u32 value, u64 until);
/* How many it has woken, or -errno. */
int handover_futex_wake(const u32 *word);

/* @roused: the sleep of theirs that handover_rouse() has ended; 0: none. Who
 * has seen no turn since, and sleeps again, is in another one. */
static inline void handover_pass_on(struct handover_side *mine,
				    const struct handover_side *theirs,
				    u32 turn, u32 roused)
{
	u32 asleep;

	__atomic_store_n(&mine->turn, turn, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	asleep = __atomic_load_n(&theirs->asleep, __ATOMIC_SEQ_CST);
	if (asleep && asleep != roused)
		handover_futex_wake(&mine->turn);
}

static inline void handover_pass(struct handover_side *mine,
				 const struct handover_side *theirs, u32 turn)
{
	handover_pass_on(mine, theirs, turn, 0);
}

/* Which sleep it has ended, for handover_pass_on(); 0: none. Who is only about
 * to sleep is not woken, and sleeps then. */
static inline u32 handover_rouse(const struct handover_side *mine,
				 const struct handover_side *theirs)
{
	u32 asleep = __atomic_load_n(&theirs->asleep, __ATOMIC_SEQ_CST);

	return asleep && handover_futex_wake(&mine->turn) > 0 ? asleep : 0;
}

/* Never 0. */
static inline u32 handover_next_sleep(struct handover_side *mine)
{
	u32 n = mine->sleeps + 1;

	return mine->sleeps = n ? n : 1;
}

/* Sleeps once, until @until at most, unless the other side's turn is no longer
 * @last. 0 with the new turn in *@turn, or -ETIMEDOUT, -EINTR (a signal),
 * -EAGAIN (woken without a turn). */
static inline int handover_wait(struct handover_side *mine,
				const struct handover_side *theirs, u32 last,
				u64 until, u32 *turn)
{
	int err = 0;

	*turn = load_acquire(&theirs->turn);
	if (*turn != last)
		return 0;
	__atomic_store_n(&mine->asleep, handover_next_sleep(mine),
			 __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	err = handover_futex_wait(&theirs->turn, last, until);
	__atomic_store_n(&mine->asleep, 0, __ATOMIC_RELAXED);
	*turn = load_acquire(&theirs->turn);
	if (*turn != last)
		return 0;
	return err ? err : -EAGAIN;
}

#endif

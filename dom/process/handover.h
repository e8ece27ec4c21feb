/* SPDX-License-Identifier: MIT */
/*
 * Two threads of two processes hand one core to and fro. Each side has a word
 * in memory that only it can write, and waits on the other's:
 *
 *	pass: turn = n, then wake the other side if it says that it sleeps
 *	wait: until the other side's turn is no longer what it was
 *
 * No wake-up is lost: who goes to sleep says so, passes a full barrier, and
 * sleeps only if the turn (compared by the kernel) has not changed; who passes
 * changes the turn, passes a full barrier, and looks whether the other one
 * sleeps. One of them sees the other.
 *
 * The best case is two system calls for a round trip: the application's wake
 * is preempted by the dataplane at once, which finds it awake on its return,
 * and only has to sleep.
 *
 * Nothing here trusts the other side: a turn that jumps is a turn, one that
 * never comes is a timeout. The other side can also end our sleep without a
 * turn, or requeue it to a word on which no turn wakes us; timeouts are
 * absolute, so that neither makes us sleep any longer.
 */
#ifndef DOM_PROCESS_HANDOVER_H
#define DOM_PROCESS_HANDOVER_H

#include "base/errno.h"
#include "base/types.h"

struct handover_side {
	u32 turn;
	u32 asleep; /* in handover_wait(), or about to be */
	u32 pad[14];
} ALIGNED(CACHE_LINE);

/* futex(2) on @word, which may be mapped read-only. 0, -EAGAIN (it is not
 * @value), -ETIMEDOUT, -EINTR. @until: of CLOCK_MONOTONIC, ns; UINT64_MAX waits
 * for ever. */
int handover_futex_wait(const u32 *word, u32 value, u64 until);
void handover_futex_wake(const u32 *word);

static inline void handover_pass(struct handover_side *mine,
				 const struct handover_side *theirs, u32 turn)
{
	__atomic_store_n(&mine->turn, turn, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&theirs->asleep, __ATOMIC_SEQ_CST))
		handover_futex_wake(&mine->turn);
}

/* Sleeps once, not past @until, unless their turn is not @last any more: 0 with
 * the new one in *@turn; or -ETIMEDOUT, -EINTR (a signal), -EAGAIN (woken for
 * another reason, which the caller may know). */
static inline int handover_wait(struct handover_side *mine,
				const struct handover_side *theirs, u32 last,
				u64 until, u32 *turn)
{
	int err = 0;

	*turn = load_acquire(&theirs->turn);
	if (*turn != last)
		return 0;
	__atomic_store_n(&mine->asleep, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	err = handover_futex_wait(&theirs->turn, last, until);
	__atomic_store_n(&mine->asleep, 0, __ATOMIC_RELAXED);
	*turn = load_acquire(&theirs->turn);
	if (*turn != last)
		return 0;
	return err ? err : -EAGAIN;
}

#endif

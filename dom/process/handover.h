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
 * (dom/host/spin.h), the application goes to sleep first: four.
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

/* SPDX-License-Identifier: MIT */
/* The two system calls of the hand-over. Not the private kind of futex: the
 * other side is another process. */
#include "dom/process/handover.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* FUTEX_WAIT_BITSET: its timeout is absolute. */
int handover_futex_wait(const u32 *word, u32 value, u64 until)
{
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000),
			       .tv_nsec = (long)(until % 1000000000) };

	return syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value,
		       until == UINT64_MAX ? NULL : &ts, NULL,
		       FUTEX_BITSET_MATCH_ANY)
		       ? -errno
		       : 0;
}

void handover_futex_wake(const u32 *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

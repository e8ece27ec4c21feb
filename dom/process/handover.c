/* SPDX-License-Identifier: MIT */
/* The two system calls of the hand-over. Not the private kind of futex: the
 * other side is another process. */
#include "dom/process/handover.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int handover_futex_wait(const u32 *word, u32 value, u64 ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000),
			       .tv_nsec = (long)(ns % 1000000000) };

	return syscall(SYS_futex, word, FUTEX_WAIT, value,
		       ns == UINT64_MAX ? NULL : &ts, NULL, 0)
		       ? -errno
		       : 0;
}

void handover_futex_wake(const u32 *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

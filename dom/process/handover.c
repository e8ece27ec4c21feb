/* SPDX-License-Identifier: MIT */
/* The system calls of the hand-over. The futexes are not FUTEX_PRIVATE: the
 * other side is another process. */
#include "dom/process/handover.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

/* Not by libc: in domain vm its errno belongs to ring 3, which runs at the same
 * time. */
static long futex(const u32 *word, int op, u32 value,
		  const struct timespec *until, u32 bits)
{
	register const struct timespec *r10 __asm__("r10") = until;
	register u64 r8 __asm__("r8") = 0;
	register u64 r9 __asm__("r9") = bits;
	long ret = SYS_futex;

	__asm__ volatile("syscall"
			 : "+a"(ret)
			 : "D"(word), "S"(op), "d"(value), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* FUTEX_WAIT_BITSET: its timeout is absolute. */
int handover_futex_wait(const u32 *word, u32 value, u64 until)
{
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000),
			       .tv_nsec = (long)(until % 1000000000) };

	return (int)futex(word, FUTEX_WAIT_BITSET, value,
			  until == UINT64_MAX ? NULL : &ts,
			  FUTEX_BITSET_MATCH_ANY);
}

int handover_futex_wake(const u32 *word)
{
	return (int)futex(word, FUTEX_WAKE, 1, NULL, 0);
}

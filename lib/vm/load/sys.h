/* SPDX-License-Identifier: MIT */
/* Linux's calls, without libc. Answers are as the kernel gives them. */
#ifndef LIB_VM_LOAD_SYS_H
#define LIB_VM_LOAD_SYS_H

#include "base/types.h"

enum {
	SYS_READ = 0,
	SYS_WRITE = 1,
	SYS_CLOSE = 3,
	SYS_LSEEK = 8,
	SYS_MMAP = 9,
	SYS_MPROTECT = 10,
	SYS_MUNMAP = 11,
	SYS_BRK = 12,
	SYS_SIGACTION = 13,
	SYS_SIGPROCMASK = 14,
	SYS_PREAD = 17,
	SYS_SCHED_YIELD = 24,
	SYS_MREMAP = 25,
	SYS_MINCORE = 27,
	SYS_MADVISE = 28,
	SYS_SHMAT = 30,
	SYS_CLONE = 56,
	SYS_FORK = 57,
	SYS_GETTID = 186,
	SYS_FUTEX = 202,
	SYS_SET_TID_ADDRESS = 218,
	SYS_CLOCK_GETTIME = 228,
	SYS_EXIT_GROUP = 231,
	SYS_PRCTL = 157,
	SYS_OPENAT = 257,
	SYS_PIPE2 = 293,
	SYS_PKEY_MPROTECT = 329,
	SYS_PKEY_ALLOC = 330,

	AT_CWD = -100,
	OPEN_CLOEXEC = 02000000,
	SEEK_TO_END = 2,
	MAP_IS_SHARED = 1,
	MAP_IS_PRIVATE = 2,
	MAP_IS_FIXED = 16,
	MAP_IS_ANONYMOUS = 32,
	MAP_IS_NOREPLACE = 0x100000,
	MAY_READ = 1,
	MAY_WRITE = 2,
	MAY_EXEC = 4,
	MAY_ALL = 7,
	REMAP_MAY_MOVE = 1,
	REMAP_FIXED = 2, /* goes with MAY_MOVE only */
	DONTDUMP = 16,	 /* madvise() */
	DODUMP = 17,
	CLOCK_MONO = 1,
};

static inline s64 sys(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	s64 ret = (s64)nr;

	__asm__ volatile("syscall"
			 : "+a"(ret)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline s64 sys3(u64 nr, u64 a, u64 b, u64 c)
{
	return sys(nr, a, b, c, 0, 0, 0);
}

static inline s64 sys_open(const char *path)
{
	return sys3(SYS_OPENAT, (u64)AT_CWD, (u64)path, OPEN_CLOEXEC);
}

/* As much as there is, or -errno. */
static inline s64 sys_pread(s64 fd, void *to, u64 len, u64 at)
{
	u64 got = 0;

	while (got < len) {
		s64 n = sys(SYS_PREAD, (u64)fd, (u64)to + got, len - got,
			    at + got, 0, 0);

		if (n < 0)
			return n;
		if (!n)
			break;
		got += (u64)n;
	}
	return (s64)got;
}

#endif

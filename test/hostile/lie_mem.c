/* SPDX-License-Identifier: MIT */
/* Writing memory that is D's, by all ways that Linux knows. */
#include "hostile.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static uint64_t page_of(uint64_t addr)
{
	return addr & ~4095ull;
}

/* A child tries, and must die of it. */
static bool store_faults(const char *what, uint64_t addr)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		*(volatile char *)(uintptr_t)addr = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		return true;
	printf("hostile: a store to %s succeeded\n", what);
	return false;
}

static bool store_rx(struct rogue *r)
{
	return store_faults("a receive buffer", r->received);
}

static bool store_others(struct rogue *r)
{
	bool ok = r->other && store_faults("a bystander's data", r->other);

	return ok && mprotect((void *)page_of(r->other), 4096,
			      PROT_READ | PROT_WRITE) < 0;
}

static bool store_events(struct rogue *r)
{
	return store_faults("the event array",
			    (uintptr_t)&r->t->port.up->events[0]);
}

static bool make_writable(struct rogue *r)
{
	const int rw = PROT_READ | PROT_WRITE;
	bool rx = mprotect((void *)page_of(r->received), 4096, rw) < 0;
	bool up = mprotect((void *)page_of((uintptr_t)r->t->port.up), 4096,
			   rw) < 0;

	return rx && up;
}

/* /proc/self/mem ignores protections of private mappings only. */
static bool store_by_proc(struct rogue *r)
{
	int fd = open("/proc/self/mem", O_RDWR);
	bool rx, up;

	if (fd < 0)
		return true;
	rx = pwrite(fd, "x", 1, (off_t)r->received) < 0;
	up = pwrite(fd, "x", 1, (off_t)(uintptr_t)r->t->port.up) < 0;
	close(fd);
	return rx && up;
}

/* up and frames: not through a new mapping, nor a system call, nor another
 * descriptor of the same memory. */
static bool map_writable(struct rogue *r)
{
	bool ok = true;

	for (int i = 0; i <= 2; i += 2) {
		char path[64];
		int again;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fds[i]);
		again = open(path, O_RDWR);
		ok &= mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, r->fds[i], 0) ==
		      MAP_FAILED;
		ok &= again < 0 || mmap(NULL, 4096, PROT_WRITE, MAP_SHARED,
					again, 0) == MAP_FAILED;
		ok &= pwrite(r->fds[i], "x", 1, 0) < 0;
		close(again);
	}
	return ok;
}

/* D must never find a page missing. */
static bool resize(struct rogue *r)
{
	bool ok = true;

	for (int i = 0; i < 4; i++) {
		struct stat st;

		fstat(r->fds[i], &st);
		ok &= ftruncate(r->fds[i], 0) < 0;
		ok &= ftruncate(r->fds[i], st.st_size + 4096) < 0;
		ok &= fallocate(r->fds[i], 3, 0, 2 << 20) < 0;
		ok &= fcntl(r->fds[i], 1033 /* F_ADD_SEALS */, 16) < 0;
	}
	ok &= madvise(r->mem, 4096, MADV_REMOVE) < 0;
	ok &= syscall(SYS_madvise, r->mem, 4096, MADV_REMOVE | 1ull << 32) < 0;
	return ok;
}

const struct lie lies_mem[] = {
	{ "writing a receive buffer", store_rx },
	{ "writing another connection's data", store_others },
	{ "writing the event array", store_events },
	{ "mprotect of both", make_writable },
	{ "writing them through /proc/self/mem", store_by_proc },
	{ "mapping or writing the memfds anew", map_writable },
	{ "resizing, sealing, punching holes", resize },
	{ 0 },
};

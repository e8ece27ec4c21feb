/* SPDX-License-Identifier: MIT */
/* Domain process opened: maps what the dataplane has made. */
#include "lib/process/app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGE_PAGE = 2 << 20 };

/* Aligned such that large pages can be mapped; the fd has done its work. */
static void *map(int fd, size_t len, int prot, size_t align)
{
	u8 *p = mmap(NULL, len + align, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *at;

	if (p == MAP_FAILED)
		return NULL;
	at = (u8 *)(((u64)p + align - 1) & ~(u64)(align - 1));
	if (at > p)
		munmap(p, (size_t)(at - p));
	munmap(at + len, (size_t)(p + align - at));
	p = mmap(at, len, prot, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static size_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (size_t)st.st_size;
}

static int map_all(const int fd[5])
{
	const int rw = PROT_READ | PROT_WRITE;
	const u8 *up = map(fd[0], size_of(fd[0]), PROT_READ, PROC_PAGE);

	proc_dom.info = (const struct proc_info *)up;
	if (!up || proc_dom.info->version != PROC_VERSION)
		return -EPROTO;
	proc_dom.up = (const struct proc_up *)(up + PROC_PAGE);
	proc_dom.turns = map(fd[1], size_of(fd[1]), rw, PROC_PAGE);
	if (!proc_dom.turns)
		return -ENOMEM;
	proc_dom.down = (void *)((u8 *)proc_dom.turns + PROC_TURNS);
	proc_dom.frames =
		map(fd[2], proc_dom.info->frames_len, PROT_READ, LARGE_PAGE);
	proc_dom.arena = map(fd[3], proc_dom.info->arena_len, rw, LARGE_PAGE);
	proc_dom.alive = fd[4];
	return proc_dom.frames && proc_dom.arena ? 0 : -ENOMEM;
}

__attribute__((visibility("default"))) int ix_domain_open(
	struct ix_domain **out, char *why, size_t why_len)
{
	const char *env = getenv(PROC_ENV);
	int fd[5], err;

	if (!env || sscanf(env, "%d %d %d %d %d", &fd[0], &fd[1], &fd[2],
			   &fd[3], &fd[4]) != 5) {
		snprintf(why, why_len, "start the program by ix run");
		return -ENODEV;
	}
	err = map_all(fd);
	return err ? err : proc_open(out, "process");
}

/* SPDX-License-Identifier: MIT */
/*
 * Whether a process lives that another one has been told of. The number alone
 * may be another process's by now; with it goes when the process began, which
 * the kernel counts in ticks from its own beginning:
 *
 *	63        22 21   0
 *	| when      | pid |
 */
#include "nic/linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PID_BITS = 22, /* PID_MAX_LIMIT */
	BEGAN = 22,    /* fields of /proc/PID/stat, from 1 */
	STATE = 3,
};

/* 0, which no process has: there is none, it has ended and its parent does not
 * ask how, or we may not see it, which is *@hidden. */
static u64 life_of(pid_t pid, bool *hidden)
{
	char path[32], text[512], *at;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[max(n, (ssize_t)0)] = 0;
	at = strrchr(text, ')'); /* of the name, which may have any */
	*hidden = !at && (!kill(pid, 0) || errno == EPERM);
	if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return 0;
	for (int field = STATE - 1; at && field < BEGAN; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) << PID_BITS | (u64)pid : 0;
}

u64 linux_life(void)
{
	bool hidden;
	u64 life = life_of(getpid(), &hidden);

	return life ? life : (u64)getpid();
}

u32 linux_life_pid(u64 life)
{
	return life & ((1u << PID_BITS) - 1);
}

/* Of one that we may not see, or that could not say when it began, the number
 * counts. */
bool linux_lives(u64 life)
{
	u32 pid = linux_life_pid(life);
	bool hidden;
	u64 now = pid ? life_of((pid_t)pid, &hidden) : 0;

	if (!pid)
		return false;
	return now ? now == life || pid == life : hidden;
}

bool linux_claim(u64 *place)
{
	u64 before = load_acquire(place);

	return !linux_lives(before) &&
	       __atomic_compare_exchange_n(place, &before, linux_life(), false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

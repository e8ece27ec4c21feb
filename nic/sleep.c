/* SPDX-License-Identifier: MIT */
#include "nic/sleep.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000 };

/* A count of rings, which are all the same to us. */
static void empty(int wake_fd)
{
	u64 rings;

	if (read(wake_fd, &rings, sizeof(rings)) < 0)
		return; /* cannot be: nobody else reads it */
}

short nic_sleep(const struct nicq *q, int fd, u64 ns)
{
	struct pollfd p[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = q->wake_fd, .events = POLLIN },
	};
	struct timespec ts = {
		.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S),
	};

	if (ppoll(p, q->wake_fd ? 2 : 1, &ts, NULL) <= 0)
		return 0;
	if (!p[1].revents)
		return p[0].revents;
	empty(q->wake_fd);
	return 0;
}

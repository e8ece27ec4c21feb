/* SPDX-License-Identifier: MIT */
/*
 * Who waits for events lets the kernel poll the NIC's queue first, whose
 * interrupts then stay off. Only a wait that may sleep polls: with a timeout
 * of 0 the kernel looks at what has come, and at no queue.
 */
#ifndef BENCH_BUSY_POLL_H
#define BENCH_BUSY_POLL_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

enum { BUSY_POLL_BUDGET = 64 };

#ifndef EPIOCSPARAMS /* Linux 6.9; Debian 12's headers are older */
struct epoll_params {
	uint32_t busy_poll_usecs;
	uint16_t busy_poll_budget;
	uint8_t prefer_busy_poll;
	uint8_t pad;
};
#define EPIOCSPARAMS _IOW(0x8A, 0x01, struct epoll_params)
#endif

/* An older kernel polls by what the sockets ask for. */
static inline void busy_poll(int epoll, uint32_t us)
{
	struct epoll_params p = { .busy_poll_usecs = us,
				  .busy_poll_budget = BUSY_POLL_BUDGET,
				  .prefer_busy_poll = 1 };

	ioctl(epoll, EPIOCSPARAMS, &p);
}

#endif

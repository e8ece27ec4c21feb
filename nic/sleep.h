/* SPDX-License-Identifier: MIT */
/* How a queue that is a file is waited for. Not freestanding. */
#ifndef NIC_SLEEP_H
#define NIC_SLEEP_H

#include "nic/nic.h"

/* Until something can be read from @fd, somebody has written @q's wake_fd, or
 * @ns are over. Most sleeps are ended by packets: wake_fd is read, and empty
 * then, only if it had been written. @fd below 0: none. Returns what poll()
 * says of it, or 0 if we were woken. */
short nic_sleep(const struct nicq *q, int fd, u64 ns);

#endif

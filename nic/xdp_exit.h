/* SPDX-License-Identifier: MIT */
/* AF_XDP's system calls on the packet's way, as struct xdp_exits for a queue
 * in an ordinary process. */
#ifndef NIC_XDP_EXIT_H
#define NIC_XDP_EXIT_H

#include "nic/xdp.h"

extern const struct xdp_exits xdp_syscalls;

/* Lets the socket's system calls poll the driver. Interrupts stay on unless
 * the administrator holds them back (napi_defer_hard_irqs,
 * gro_flush_timeout): we do not, as that would outlive us. Best effort. */
void xdp_busy_poll(int fd);

#endif

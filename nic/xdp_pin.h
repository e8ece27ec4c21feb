/* SPDX-License-Identifier: MIT */
/*
 * Packet memory that the kernel pins for a user who must not have more of it
 * than was granted, whatever he does with the sockets: one that is hidden in a
 * message, or whose memory another socket shares, keeps it pinned, and nobody
 * sees that. So the kernel counts: for a user of his grant's own, whom no
 * process is, as "ulimit -l" counts for users that are.
 */
#ifndef NIC_XDP_PIN_H
#define NIC_XDP_PIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/types.h"

struct xdp_pin {
	uid_t account;
	u64 most; /* bytes, of all that is counted there */
};

/* The account of who is called so in our network namespace. */
uid_t xdp_pin_account(const char *name);

/* Can it be counted? Who may not raise limits (CAP_SYS_RESOURCE) can count to
 * "ulimit -Hl" only; what is granted beyond is registered all the same. */
bool xdp_pin_counts(const struct xdp_pin *pin);

/* Registers @len bytes at @base for the AF_XDP socket @fd. What has been given
 * back a moment ago is waited for. 0 or -errno; -ENOBUFS: what was pinned
 * before still is. */
int xdp_pin(int fd, const struct xdp_pin *pin, void *base, u64 len);

#endif

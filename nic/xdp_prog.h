/* SPDX-License-Identifier: MIT */
/* The XDP program that steers packets to our sockets. */
#ifndef NIC_XDP_PROG_H
#define NIC_XDP_PROG_H

#include "nic/linux.h"
#include "nic/nic_open.h"

struct xdp_prog {
	struct xdp_steer *skel;
	int link_fd; /* the kernel detaches when the last copy closes, also
		      * when the process is killed */
	int map_fd;  /* of sockets, by queue */
	bool generic;
};

/* Loads and attaches: in the driver if it can, else generic unless
 * NIC_ZEROCOPY asks for more. @frags: packets may have several buffers. */
int xdp_prog_attach(struct xdp_prog *p, const struct nic_config *cfg,
		    const char *ifname, const struct linux_ifinfo *info,
		    bool frags, char *why, size_t why_len);

/* Writes what is ours into the program, not loaded yet. */
void xdp_prog_configure(struct xdp_steer *skel, const struct nic_config *cfg);

void xdp_prog_detach(struct xdp_prog *p);

#endif

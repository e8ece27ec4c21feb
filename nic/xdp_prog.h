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
	/* shared: by queue, ... */
	int ports_fd;
	int pairs_fd; /* what two dataplanes have in common: xdp_pair.h */
	int sides_fd; /* side doors */
	bool generic;
	bool joined; /* it was there: descriptors are ours, nothing else */
};

/* Loads and attaches: in the driver if it can, else generic unless
 * NIC_ZEROCOPY asks for more. @frags: packets may have several buffers. */
int xdp_prog_attach(struct xdp_prog *p, const struct nic_config *cfg,
		    const char *ifname, const struct linux_ifinfo *info,
		    bool frags, char *why, size_t why_len);

enum { XDP_PORT_WORDS = 1024 };

/* Our ports as the program has them. */
void xdp_prog_ports(u64 out[XDP_PORT_WORDS], const struct nic_config *cfg);

struct xdp_steer__rodata;

/* Our addresses as the program's constants have them. */
void xdp_prog_addresses(struct xdp_steer__rodata *r,
			const struct nic_config *cfg);

/* Writes what is ours into the program, not loaded yet. */
void xdp_prog_configure(struct xdp_steer *skel, const struct nic_config *cfg);

void xdp_prog_detach(struct xdp_prog *p);

/* Our queues have no ports any more, where others share the program. */
void xdp_prog_forget(const struct xdp_prog *p, const struct nic_config *cfg);

/* xdp_join.c: the program that another dataplane has put on interface @ifindex,
 * to share it: the kernel detaches it when the last of us has ended. 0, -ENOENT
 * (it is not one of IX's that can be shared), or -errno. */
int xdp_prog_join(struct xdp_prog *p, const struct nic_config *cfg,
		  int ifindex);

#endif

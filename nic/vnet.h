/* SPDX-License-Identifier: MIT */
/*
 * Packets to Linux with a virtio_net_hdr in front, which says what of a packet
 * is still to be done: its checksum (NIC_TX_CSUM), or that it is to be cut into
 * segments (MBUF_LARGE), if the way ends in a wire. Not freestanding.
 */
#ifndef NIC_VNET_H
#define NIC_VNET_H

#include <sys/types.h>

#include "base/mbuf.h"

enum { VNET_MAX_IOV = 64 }; /* ranges of a packet, the most */

/* A packet into @fd, which does not block. What writev() returns. */
ssize_t vnet_write(int fd, const struct mbuf *m);

#endif

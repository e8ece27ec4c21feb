/* SPDX-License-Identifier: MIT */
/* What programs in the kernel look for in a frame. */
#ifndef NIC_PACKET_BPF_H
#define NIC_PACKET_BPF_H

/* Before libbpf's helpers, which define what is not there yet. */
#include "base/types.h"

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_IPV6 = 0x86dd,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	FRAG_BITS = 0x3fff, /* more fragments, offset */
};

#endif

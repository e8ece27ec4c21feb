/* SPDX-License-Identifier: MIT */
/* Whose of two dataplanes a flow is, for programs in the kernel: base/flows.h,
 * the table of which is @entries of a map from @first on. */
#ifndef NIC_FLOW_PLACE_BPF_H
#define NIC_FLOW_PLACE_BPF_H

#include "base/flows.h"
#include "nic/packet.bpf.h"

enum { PLACES = FLOWS_PLACE + 1 };

/* @mask: entries - 1. */
static __always_inline __u32 place_of(void *map, __u32 first, __u32 mask,
				      __u64 h, __u32 heir)
{
	for (__u32 i = 0; i < FLOWS_LOOKS; i++) {
		__u32 at = first + (((__u32)(h >> 32) + i) & mask);
		__u64 *e = bpf_map_lookup_elem(map, &at), entry;

		entry = e ? *e : 0;
		if (!entry)
			break;
		if ((entry | FLOWS_PLACE) == (h | FLOWS_USED | FLOWS_PLACE))
			return entry & FLOWS_PLACE;
	}
	return heir;
}

#endif

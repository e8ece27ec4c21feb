/* SPDX-License-Identifier: MIT */
/* Which queue of a TAP device gets what Linux sends: TCP and UDP that of their
 * flow group, whatever else the first. Runs in the kernel for every packet. */
#include "nic/flow_group.bpf.h"

/* Flow group -> queue: written while it runs. */
volatile __u8 owner[GROUPS];

SEC("socket")
int steer(struct __sk_buff *skb)
{
	int group = flow_group(skb);

	return group < 0 ? 0 : owner[group % GROUPS];
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* SPDX-License-Identifier: MIT */
/*
 * What stands for a NIC's RSS at the sending end of a veth pair of two queues,
 * as every back end begins: flow group g goes to queue g % 2.
 *
 *	tc qdisc add dev IFACE clsact
 *	tc filter add dev IFACE egress bpf da obj veth_rss.o sec tc
 *
 * The table is fixed, for a dataplane has no right over the other end, which is
 * another namespace's. When groups move, packets go from thread to thread, as
 * they do without this program.
 */
#include <linux/pkt_cls.h>

#include "nic/flow_group.bpf.h"

enum { QUEUES = 2 };

SEC("tc")
int rss(struct __sk_buff *skb)
{
	int group = flow_group(skb);

	/* Linux takes it for the queue that it came from, and one more. */
	skb->queue_mapping = 1 + (group < 0 ? 0 : (__u32)group % QUEUES);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

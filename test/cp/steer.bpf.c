/* SPDX-License-Identifier: MIT */
/* What stands for a NIC that has been told which ports are whose: at the sending
 * end of a veth pair, TCP to port 7 goes to queue 1, all else to queue 0. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { PROTO_AT = 23, DPORT_AT = 36, PROTO_TCP = 6, PORT = 7 };

SEC("tc")
int steer(struct __sk_buff *skb)
{
	__be16 port = 0;
	__u8 proto = 0;

	bpf_skb_load_bytes(skb, PROTO_AT, &proto, sizeof(proto));
	bpf_skb_load_bytes(skb, DPORT_AT, &port, sizeof(port));
	/* Linux takes it for the queue that it came from, and one more. */
	skb->queue_mapping =
		proto == PROTO_TCP && port == bpf_htons(PORT) ? 2 : 1;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

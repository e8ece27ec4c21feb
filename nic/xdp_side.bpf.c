/* SPDX-License-Identifier: MIT */
/*
 * The way out of a side door that a user has (xdp_side.c): what he writes to
 * the device leaves by the interface, in packets that are not too long for it.
 *
 * It is there as long as its keeper lives, who alone has a descriptor of the
 * map: with the last of those the kernel empties a map of programs. The device
 * may be kept by who has been passed one of it.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

enum {
	AROUND = 14, /* Ethernet; Linux has taken a VLAN tag out */
	DROP = 2,    /* TC_ACT_SHOT */
};

/* Set before loading. */
const volatile __u32 to; /* index of the interface */
const volatile __u32 mtu;
const volatile __u32 queue;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} door SEC(".maps");

/* What is of many segments Linux cuts into such: headers are part of each. */
static __always_inline int is_too_long(struct __sk_buff *skb)
{
	__u32 all = 0;

	if (skb->gso_size)
		return bpf_check_mtu(skb, to, &all, 0, BPF_MTU_CHK_SEGS) != 0;
	return skb->len > mtu + AROUND;
}

SEC("tc")
int leave(struct __sk_buff *skb)
{
	if (is_too_long(skb))
		return DROP;
	/* As if it had been received by that one: Linux sends it by the same,
	 * unless XPS says otherwise. */
	skb->queue_mapping = queue + 1;
	return bpf_redirect(to, 0);
}

SEC("tc")
int out(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &door, 0);
	return DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

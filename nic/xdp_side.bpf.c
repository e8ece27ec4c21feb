/* SPDX-License-Identifier: MIT */
/*
 * The way out of a side door that a user has (xdp_side.c): what he writes to
 * the device leaves by the interface, in packets that are not too long for it.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

enum {
	AROUND = 18, /* Ethernet, and a VLAN tag */
	DROP = 2,    /* TC_ACT_SHOT */
};

/* Set before loading. */
const volatile __u32 to; /* index of the interface */
const volatile __u32 mtu;

SEC("tc")
int out(struct __sk_buff *skb)
{
	/* What is of many segments Linux cuts into such. */
	if (skb->gso_size ? skb->gso_size > mtu : skb->len > mtu + AROUND)
		return DROP;
	return bpf_redirect(to, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* SPDX-License-Identifier: MIT */
/*
 * The flow group of a frame, for programs that the kernel runs on an skb where
 * it chooses a queue: as nic/wire_steer.c and net/eth.c:net_flow_group() have
 * it.
 */
#ifndef NIC_FLOW_GROUP_BPF_H
#define NIC_FLOW_GROUP_BPF_H

#include "nic/packet.bpf.h"

enum {
	AT_ETH_TYPE = 12,
	AT_IP = 14,
	GROUPS = 128,
	KEY_WORD = 0x6d5a, /* of rss_symmetric_key, which repeats it */
};

struct ipv4 {
	__u8 ver_ihl, tos;
	__be16 len, id, frag;
	__u8 ttl, proto;
	__u16 cksum;
	__u32 src, dst;
};

struct ipv6 {
	__u32 ver_class_flow;
	__be16 len;
	__u8 next, hops;
	__u32 addrs[8]; /* both */
};

/* The low 16 bits of the Toeplitz hash. Under a key that repeats itself every
 * 16 bits equal words cancel out, wherever they stand: it is that of the sum of
 * the tuple's words, @sum, each bit of which adds the key from there on. */
static __always_inline __u32 hash_of(__u32 sum)
{
	__u32 word = bpf_ntohs((__u16)(sum ^ sum >> 16)), hash = 0;

	for (__u32 i = 0; i < 16; i++)
		hash ^= -(word >> (15 - i) & 1) &
			(KEY_WORD << i | KEY_WORD >> (16 - i));
	return hash;
}

/* TCP's or UDP's at @at, or -1. */
static __always_inline int group_at(struct __sk_buff *skb, __u8 proto, __u32 at,
				    __u32 addrs)
{
	__u32 ports;

	if (proto != PROTO_TCP && proto != PROTO_UDP)
		return -1;
	if (bpf_skb_load_bytes(skb, at, &ports, sizeof(ports)))
		return -1;
	return (int)(hash_of(addrs ^ ports) % GROUPS);
}

static __always_inline int group4(struct __sk_buff *skb)
{
	struct ipv4 ip;
	__u32 ihl;

	if (bpf_skb_load_bytes(skb, AT_IP, &ip, sizeof(ip)))
		return -1;
	ihl = (ip.ver_ihl & 15) * 4;
	if (ip.ver_ihl >> 4 != 4 || ihl < sizeof(ip) ||
	    ip.frag & bpf_htons(FRAG_BITS))
		return -1;
	return group_at(skb, ip.proto, AT_IP + ihl, ip.src ^ ip.dst);
}

/* Not with extension headers. */
static __always_inline int group6(struct __sk_buff *skb)
{
	struct ipv6 ip;
	__u32 sum = 0;

	if (bpf_skb_load_bytes(skb, AT_IP, &ip, sizeof(ip)))
		return -1;
	if ((ip.ver_class_flow & bpf_htonl(0xf0000000)) != bpf_htonl(6u << 28))
		return -1;
	for (__u32 i = 0; i < 8; i++)
		sum ^= ip.addrs[i];
	return group_at(skb, ip.next, AT_IP + sizeof(ip), sum);
}

/* -1: none. It is not TCP or UDP, or a fragment. */
static __always_inline int flow_group(struct __sk_buff *skb)
{
	__be16 type;

	if (bpf_skb_load_bytes(skb, AT_ETH_TYPE, &type, sizeof(type)))
		return -1;
	if (type == bpf_htons(TYPE_IPV4))
		return group4(skb);
	if (type == bpf_htons(TYPE_IPV6))
		return group6(skb);
	return -1;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Which queue of a TAP device gets what Linux sends: TCP and UDP that of their
 * flow group, whatever else the first. Runs in the kernel for every packet.
 *
 * Where a dataplane and its successor have the device together, each has a
 * place, queues of its own, and an Ethernet address, which ends differently:
 *
 *   flows that stand in the table    whose place it says, see base/flows.h
 *   ... that do not                  the heir's
 *   whatever else                    who is addressed; to all: the heir's
 */
#include "nic/flow_group.bpf.h"
#include "nic/flow_place.bpf.h"

enum {
	QUEUES = 64,	  /* NIC_MAX_QUEUES */
	AT_MAC_PLACE = 1, /* in a frame: TAP_PLACE_MAC + place */
	PLACE_MAC = 'X',
	LOCAL = 2,
};

/* Written while it runs. */
volatile __u8 owner[PLACES][GROUPS]; /* flow group -> queue of the place's */
volatile __u32 count[PLACES];	     /* ... of queues; 0: nobody is there */
volatile __u32 heir;		     /* place */

/* The place's queues -> the device's, while the other place has some, too, and
 * when it has none any more: Linux numbers them anew. */
volatile __u8 queue[PLACES][QUEUES];
volatile __u8 alone[PLACES][QUEUES];

/* For who comes second; constant from the beginning. */
volatile __u32 shared; /* a successor may come */
volatile __u32 ifindex;
volatile __u32 mask; /* entries of flows - 1 */
volatile __u64 key;  /* of their hashes */
volatile __u64 netns;
volatile __u64 kin; /* struct nic_config */

/* ... and what else a place tells the other one. */
volatile __u64 who[PLACES];	/* linux_life() */
volatile __u32 pid[PLACES];	/* for whom, for people */
volatile __u64 serving[PLACES]; /* a bit for each queue's thread: it listens */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} flows SEC(".maps");

static __always_inline __u64 hash4(struct __sk_buff *skb)
{
	struct ipv4 ip;
	__u32 ports = 0;
	__u64 h;

	if (bpf_skb_load_bytes(skb, AT_IP, &ip, sizeof(ip)) ||
	    bpf_skb_load_bytes(skb, AT_IP + (ip.ver_ihl & 15) * 4, &ports,
			       sizeof(ports)))
		return 0;
	h = flows_hash(flows_hash(key, ip.src), ip.dst);
	return flows_hash(flows_hash(h, ports), 0);
}

static __always_inline __u64 hash6(struct __sk_buff *skb)
{
	struct ipv6 ip;
	__u32 ports = 0;
	__u64 h = key;

	if (bpf_skb_load_bytes(skb, AT_IP, &ip, sizeof(ip)) ||
	    bpf_skb_load_bytes(skb, AT_IP + sizeof(ip), &ports, sizeof(ports)))
		return 0;
	for (__u32 i = 0; i < 8; i++)
		h = flows_hash(h, ip.addrs[i]);
	return flows_hash(flows_hash(h, ports), 0);
}

/* Of a frame that has a flow group. */
static __always_inline __u32 place_of_flow(struct __sk_buff *skb)
{
	__be16 type = 0;
	__u64 h;

	bpf_skb_load_bytes(skb, AT_ETH_TYPE, &type, sizeof(type));
	h = type == bpf_htons(TYPE_IPV4) ? hash4(skb) : hash6(skb);
	return place_of(&flows, 0, mask, h, heir);
}

static __always_inline __u32 place_of_mac(struct __sk_buff *skb)
{
	__u8 mac[2];
	__u32 place;

	if (bpf_skb_load_bytes(skb, 0, mac, sizeof(mac)) || mac[0] != LOCAL)
		return heir;
	place = mac[AT_MAC_PLACE] - PLACE_MAC;
	return place < PLACES && count[place] ? place : heir;
}

SEC("socket")
int steer(struct __sk_buff *skb)
{
	int group = flow_group(skb);
	__u32 place, q;

	if (!shared)
		return group < 0 ? 0 : owner[0][group % GROUPS];
	place = group < 0 ? place_of_mac(skb) : place_of_flow(skb);
	place &= FLOWS_PLACE;
	q = group < 0 ? 0 : owner[place][group % GROUPS] % QUEUES;
	return count[place ^ FLOWS_PLACE] ? queue[place][q] : alone[place][q];
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

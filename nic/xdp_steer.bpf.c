/* SPDX-License-Identifier: MIT */
/*
 * Which packets come to us; Linux keeps the rest. Runs in the kernel for
 * every packet of the interface.
 *
 *   whole address:  IPv4 to one of own4; ARP that asks for it or answers us;
 *                   IPv6 to one of own6; neighbour solicitations for it
 *   ports only:     TCP and UDP to these and our ports, unfragmented and
 *                   without extension headers;
 *                   ICMP errors that quote packets from our ports
 *   ... shared      the same, but each queue has ports of its own: it and they
 *                   are one dataplane's, others have other ones
 *
 * A dataplane and its successor, or predecessor, have the same queues and ports
 * then. A queue has one socket, which is the first comer's; the other one has
 * a TAP device for it, its side door, until the socket is gone:
 *
 *   flows that stand in the table    whose place it says, see base/flows.h
 *   ICMP errors                      as what they quote
 *   whatever else                    the heir's
 *
 * Where one of the two ways is not there, or no more, the other one is taken:
 * whoever is left has everything.
 *
 * VLAN-tagged packets are Linux's. A queue without a socket: Linux's.
 */
#include "nic/flow_place.bpf.h"

enum {
	MAX_QUEUES = 64,
	OWN4 = 8,
	OWN6 = 8,
	ICMP_UNREACHABLE = 3,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMP6_ERRORS = 4, /* types 1 to 4 */
	ND_SOLICIT = 135,

	/* Entries of a pair's map: struct xdp_pair_head. */
	PAIR_MASK = 0,
	PAIR_HEIR = 1,
	PAIR_HOLDER = 2,
	PAIR_KEY = 3,
	PAIR_FLOWS = 512,
};

/* Network byte order; set before loading, constant afterwards. */
const volatile __u32 own4[OWN4]; /* zero: none */
const volatile __u8 ports_only;
const volatile __u8 shared;
const volatile __u64 own6[OWN6][2];
const volatile __u32 nr_own6;
/* Bit p & 63 of word p / 64: port p (host order) is ours. */
const volatile __u64 our_ports[1024];

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

/* Where it is shared: a queue's ports, as our_ports. Each dataplane writes
 * those of its own queues. */
struct port_set {
	__u64 bits[1024];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__type(value, struct port_set);
} queue_ports SEC(".maps");

/* Where it is shared: what the two of a queue have in common, a map that both
 * have mapped. */
struct pair_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, PAIR_FLOWS);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__array(values, struct pair_map);
} pairs SEC(".maps");

/* The side doors. Linux forgets a device that ends. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} sides SEC(".maps");

struct eth {
	__u8 dst[6], src[6];
	__be16 type;
} __attribute__((packed));

struct arp {
	__be16 htype, ptype;
	__u8 hlen, plen;
	__be16 op;
	__u8 sha[6];
	__be32 spa;
	__u8 tha[6];
	__be32 tpa;
} __attribute__((packed));

struct ipv4 {
	__u8 ver_ihl, tos;
	__be16 len, id, frag;
	__u8 ttl, proto;
	__u16 cksum;
	__be32 src, dst;
} __attribute__((packed));

struct addr6 {
	__u64 q[2];
} __attribute__((packed));

struct ipv6 {
	__u32 ver_class_flow;
	__be16 len;
	__u8 next, hops;
	struct addr6 src, dst;
} __attribute__((packed));

struct l4 {
	__be16 sport, dport;
} __attribute__((packed));

struct icmp {
	__u8 type, code;
	__u16 cksum;
	__u32 rest;
} __attribute__((packed));

static __always_inline int is_ours(const volatile __u64 *ours, __be16 port)
{
	__u32 p = bpf_ntohs(port);

	return (ours[(p >> 6) & 1023] >> (p & 63)) & 1;
}

static __always_inline const volatile __u64 *ports_of(__u32 queue)
{
	struct port_set *s;

	if (!shared)
		return our_ports;
	s = bpf_map_lookup_elem(&queue_ports, &queue);
	return s ? s->bits : our_ports;
}

static __always_inline int is_own4(__be32 a)
{
	for (__u32 i = 0; i < OWN4; i++) {
		if (a && a == own4[i])
			return 1;
	}
	return 0;
}

/* The header behind @ip's, checked to lie before @end with @len bytes. */
static __always_inline void *behind(struct ipv4 *ip, void *end, __u32 len)
{
	__u32 hlen = (ip->ver_ihl & 15) * 4;
	void *next = (void *)ip + hlen;

	if (hlen < sizeof(*ip) || next + len > end)
		return 0;
	return next;
}

/* The packet that @icmp complains about: did we send it? */
static __always_inline int quotes_us(const volatile __u64 *ours,
				     struct icmp *icmp, void *end)
{
	struct ipv4 *ip = (void *)(icmp + 1);
	struct l4 *l4;

	if (icmp->type != ICMP_UNREACHABLE &&
	    icmp->type != ICMP_TIME_EXCEEDED && icmp->type != ICMP_PARAMETER)
		return 0;
	if ((void *)(ip + 1) > end || !is_own4(ip->src))
		return 0;
	if (ip->proto != PROTO_TCP && ip->proto != PROTO_UDP)
		return 0;
	l4 = behind(ip, end, sizeof(*l4));
	return l4 && is_ours(ours, l4->sport);
}

static __always_inline int ours_by_port(const volatile __u64 *ours,
					struct ipv4 *ip, void *end)
{
	struct icmp *icmp;
	struct l4 *l4;

	if (ip->frag & bpf_htons(FRAG_BITS))
		return 0;
	if (ip->proto == PROTO_TCP || ip->proto == PROTO_UDP) {
		l4 = behind(ip, end, sizeof(*l4));
		return l4 && is_ours(ours, l4->dport);
	}
	if (ip->proto == PROTO_ICMP) {
		icmp = behind(ip, end, sizeof(*icmp));
		return icmp && quotes_us(ours, icmp, end);
	}
	return 0;
}

static __always_inline int is_own6(struct addr6 *a)
{
	for (__u32 i = 0; i < OWN6; i++) {
		if (i < nr_own6 && a->q[0] == own6[i][0] &&
		    a->q[1] == own6[i][1])
			return 1;
	}
	return 0;
}

static __always_inline int quotes_us6(const volatile __u64 *ours,
				      struct icmp *icmp, void *end)
{
	struct ipv6 *ip = (void *)(icmp + 1);
	struct l4 *l4 = (void *)(ip + 1);

	if (!icmp->type || icmp->type > ICMP6_ERRORS)
		return 0;
	if ((void *)(l4 + 1) > end || !is_own6(&ip->src))
		return 0;
	return (ip->next == PROTO_TCP || ip->next == PROTO_UDP) &&
	       is_ours(ours, l4->sport);
}

static __always_inline int ours_by_port6(const volatile __u64 *ours,
					 struct ipv6 *ip, void *end)
{
	struct icmp *icmp = (void *)(ip + 1);
	struct l4 *l4 = (void *)(ip + 1);

	if (ip->next == PROTO_TCP || ip->next == PROTO_UDP)
		return (void *)(l4 + 1) <= end && is_ours(ours, l4->dport);
	return ip->next == PROTO_ICMP6 && (void *)(icmp + 1) <= end &&
	       quotes_us6(ours, icmp, end);
}

/* A solicitation for one of our addresses, sent to the group of all who may
 * have it: Linux may be among those. */
static __always_inline int solicits_us(struct ipv6 *ip, void *end)
{
	struct icmp *icmp = (void *)(ip + 1);
	struct addr6 *target = (void *)(icmp + 1);

	if (ip->next != PROTO_ICMP6 || (void *)(target + 1) > end)
		return 0;
	return icmp->type == ND_SOLICIT && is_own6(target);
}

static __always_inline int is_ours6(const volatile __u64 *ours, struct ipv6 *ip,
				    void *end)
{
	if ((void *)(ip + 1) > end)
		return 0;
	if (is_own6(&ip->dst))
		return !ports_only || ours_by_port6(ours, ip, end);
	return !ports_only && *(__u8 *)&ip->dst == 0xff && solicits_us(ip, end);
}

/* Of a packet that is ours by its ports: of its flow as it comes from the
 * peer, also where it is quoted. 0: none. */
static __always_inline __u64 flow4(__u64 key, struct ipv4 *ip, void *end)
{
	__u32 from = ip->src, to = ip->dst, ports;
	struct l4 *l4;
	__u64 h;

	if (ip->proto == PROTO_ICMP) {
		ip = behind(ip, end, sizeof(struct icmp) + sizeof(*ip));
		if (!ip)
			return 0;
		ip = (void *)ip + sizeof(struct icmp);
		from = ip->dst;
		to = ip->src;
		l4 = behind(ip, end, sizeof(*l4));
		ports = l4 ? l4->dport | (__u32)l4->sport << 16 : 0;
	} else {
		l4 = behind(ip, end, sizeof(*l4));
		ports = l4 ? l4->sport | (__u32)l4->dport << 16 : 0;
	}
	h = flows_hash(flows_hash(key, from), to);
	return flows_hash(flows_hash(h, ports), 0);
}

static __always_inline __u64 hash_addr6(__u64 h, struct addr6 *a)
{
	for (__u32 i = 0; i < 2; i++) {
		h = flows_hash(h, (__u32)a->q[i]);
		h = flows_hash(h, a->q[i] >> 32);
	}
	return h;
}

static __always_inline __u64 flow6(__u64 key, struct ipv6 *ip, void *end)
{
	struct l4 *l4 = (void *)(ip + 1);
	__u64 h;

	if (ip->next == PROTO_ICMP6) {
		ip = (void *)(ip + 1) + sizeof(struct icmp);
		l4 = (void *)(ip + 1);
		if ((void *)(l4 + 1) > end)
			return 0;
		h = hash_addr6(hash_addr6(key, &ip->dst), &ip->src);
		h = flows_hash(h, l4->dport | (__u32)l4->sport << 16);
		return flows_hash(h, 0);
	}
	if ((void *)(l4 + 1) > end)
		return 0;
	h = hash_addr6(hash_addr6(key, &ip->src), &ip->dst);
	h = flows_hash(h, l4->sport | (__u32)l4->dport << 16);
	return flows_hash(h, 0);
}

/* One word of a pair. */
static __always_inline __u64 word_of(void *pair, __u32 at)
{
	__u64 *word = bpf_map_lookup_elem(pair, &at);

	return word ? *word : 0;
}

static __always_inline __u64 key_of(__u32 queue)
{
	void *pair = bpf_map_lookup_elem(&pairs, &queue);

	return pair ? word_of(pair, PAIR_KEY) : 0;
}

/* To whose socket, or by the side door of the other one: is it the holder of
 * the socket? */
static __always_inline int is_holders(__u32 queue, __u64 flow)
{
	void *pair = bpf_map_lookup_elem(&pairs, &queue);

	if (!pair)
		return 1;
	return place_of(pair, PAIR_FLOWS, word_of(pair, PAIR_MASK), flow,
			word_of(pair, PAIR_HEIR)) == word_of(pair, PAIR_HOLDER);
}

static __always_inline int deliver(__u32 queue, __u64 flow)
{
	if (!shared)
		return bpf_redirect_map(&xsks, queue, XDP_PASS);
	if (is_holders(queue, flow) &&
	    bpf_redirect_map(&xsks, queue, XDP_PASS) == XDP_REDIRECT)
		return XDP_REDIRECT;
	if (bpf_redirect_map(&sides, queue, XDP_PASS) == XDP_REDIRECT)
		return XDP_REDIRECT;
	return bpf_redirect_map(&xsks, queue, XDP_PASS);
}

SEC("xdp")
int steer(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct eth *eth = (void *)(long)ctx->data;
	struct ipv4 *ip = (void *)(eth + 1);
	struct arp *arp = (void *)(eth + 1);
	const volatile __u64 *ours = ports_of(ctx->rx_queue_index);
	__u64 flow = 0;

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (eth->type == bpf_htons(TYPE_IPV4)) {
		if (!is_own4(ip->dst) ||
		    (ports_only && !ours_by_port(ours, ip, end)))
			return XDP_PASS;
		if (shared)
			flow = flow4(key_of(ctx->rx_queue_index), ip, end);
	} else if (eth->type == bpf_htons(TYPE_ARP)) {
		if (ports_only || (void *)(arp + 1) > end || !is_own4(arp->tpa))
			return XDP_PASS;
	} else if (eth->type == bpf_htons(TYPE_IPV6)) {
		if (!is_ours6(ours, (void *)(eth + 1), end))
			return XDP_PASS;
		if (shared)
			flow = flow6(key_of(ctx->rx_queue_index),
				     (void *)(eth + 1), end);
	} else {
		return XDP_PASS;
	}
	return deliver(ctx->rx_queue_index, flow);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

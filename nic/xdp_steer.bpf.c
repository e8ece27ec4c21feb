/* SPDX-License-Identifier: MIT */
/*
 * Which packets come to us; Linux keeps the rest. Runs in the kernel for
 * every packet of the interface.
 *
 *   whole address:  IPv4 to own_ip; ARP that asks for it or answers us
 *   ports only:     TCP and UDP to own_ip and our ports, unfragmented;
 *                   ICMP errors that quote packets from our ports
 *
 * VLAN-tagged packets are Linux's. A queue without a socket: Linux's.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	MAX_QUEUES = 64,
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	FRAG_BITS = 0x3fff, /* more fragments, offset */
	ICMP_UNREACHABLE = 3,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
};

/* Network byte order; set before loading, constant afterwards. */
const volatile __u32 own_ip;
const volatile __u8 ports_only;
/* Bit p & 63 of word p / 64: port p (host order) is ours. */
const volatile __u64 our_ports[1024];

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

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

struct l4 {
	__be16 sport, dport;
} __attribute__((packed));

struct icmp {
	__u8 type, code;
	__u16 cksum;
	__u32 rest;
} __attribute__((packed));

static __always_inline int is_ours(__be16 port)
{
	__u32 p = bpf_ntohs(port);

	return (our_ports[(p >> 6) & 1023] >> (p & 63)) & 1;
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
static __always_inline int quotes_us(struct icmp *icmp, void *end)
{
	struct ipv4 *ip = (void *)(icmp + 1);
	struct l4 *l4;

	if (icmp->type != ICMP_UNREACHABLE &&
	    icmp->type != ICMP_TIME_EXCEEDED && icmp->type != ICMP_PARAMETER)
		return 0;
	if ((void *)(ip + 1) > end || ip->src != own_ip)
		return 0;
	if (ip->proto != PROTO_TCP && ip->proto != PROTO_UDP)
		return 0;
	l4 = behind(ip, end, sizeof(*l4));
	return l4 && is_ours(l4->sport);
}

static __always_inline int ours_by_port(struct ipv4 *ip, void *end)
{
	struct icmp *icmp;
	struct l4 *l4;

	if (ip->frag & bpf_htons(FRAG_BITS))
		return 0;
	if (ip->proto == PROTO_TCP || ip->proto == PROTO_UDP) {
		l4 = behind(ip, end, sizeof(*l4));
		return l4 && is_ours(l4->dport);
	}
	if (ip->proto == PROTO_ICMP) {
		icmp = behind(ip, end, sizeof(*icmp));
		return icmp && quotes_us(icmp, end);
	}
	return 0;
}

SEC("xdp")
int steer(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct eth *eth = (void *)(long)ctx->data;
	struct ipv4 *ip = (void *)(eth + 1);
	struct arp *arp = (void *)(eth + 1);

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (eth->type == bpf_htons(TYPE_IPV4)) {
		if (ip->dst != own_ip || (ports_only && !ours_by_port(ip, end)))
			return XDP_PASS;
	} else if (eth->type == bpf_htons(TYPE_ARP)) {
		if (ports_only || (void *)(arp + 1) > end || arp->tpa != own_ip)
			return XDP_PASS;
	} else {
		return XDP_PASS;
	}
	return bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

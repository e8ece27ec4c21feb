/* SPDX-License-Identifier: MIT */
/* Wire formats, and the one place that checks header bounds. */
#ifndef NET_PKT_H
#define NET_PKT_H

#include "base/be.h"
#include "base/mbuf.h"
#include "base/word.h"

enum {
	ETH_LEN = 14,
	ETH_TYPE_IPV4 = 0x0800,
	ETH_TYPE_ARP = 0x0806,
	ETH_TYPE_IPV6 = 0x86dd,
	ETH_MIN_FRAME = 60, /* without FCS */

	IPV4_LEN = 20,
	IP_PROTO_ICMP = 1,
	IP_PROTO_TCP = 6,
	IP_PROTO_UDP = 17,
	IP_DF = 0x4000,
	IP_MF = 0x2000,
	IP_OFFSET = 0x1fff,
	IP_TTL = 64,
	IP_ECN = 3, /* bits of tos (RFC 3168 section 5) */
	IP_ECT_0 = 2,
	IP_CE = 3,

	IPV6_LEN = 40,
	IPV6_MIN_MTU = 1280, /* RFC 8200 section 5 */
	IP6_HOP_BY_HOP = 0,
	IP6_ROUTING = 43,
	IP6_FRAGMENT = 44,
	IP_PROTO_ICMP6 = 58,
	IP6_NO_NEXT = 59,
	IP6_DEST_OPTIONS = 60,

	ARP_LEN = 28,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,

	ICMP_LEN = 8,
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_EXCEEDED_REASSEMBLY = 1,
	ICMP_PARAMETER = 12,
	ICMP_UNREACH_NET = 0,
	ICMP_UNREACH_HOST = 1,
	ICMP_UNREACH_PROTO = 2,
	ICMP_UNREACH_PORT = 3,
	ICMP_UNREACH_NEEDFRAG = 4,
	ICMP_UNREACH_NET_PROHIB = 9,
	ICMP_UNREACH_HOST_PROHIB = 10,
	ICMP_UNREACH_PROHIB = 13,

	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER = 4,
	ICMP6_ERRORS_END = 128, /* below are errors (RFC 4443, 2.1) */
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_UNREACH_ROUTE = 0,
	ICMP6_UNREACH_PROHIB = 1,
	ICMP6_UNREACH_ADDR = 3,
	ICMP6_UNREACH_PORT = 4,
	ICMP6_UNREACH_POLICY = 5,
	ICMP6_UNREACH_REJECT = 6,
	ICMP6_PARAM_HEADER = 0,
	ICMP6_PARAM_NEXT = 1,
	ICMP6_PARAM_OPTION = 2,

	MLD_QUERY = 130,
	MLD_REPORT = 131,
	MLD2_REPORT = 143,
	MLD_LEN = 24, /* of version 1; a query of version 2 is longer */

	ND_HOPS = 255, /* nothing from beyond a router has that many left */
	ND_ROUTER_SOLICIT = 133,
	ND_ROUTER_ADVERT = 134,
	ND_SOLICIT = 135,
	ND_ADVERT = 136,
	ND_REDIRECT = 137,
	ND_LEN = 24, /* of a (neighbour) solicitation or advertisement */
	ND_RA_LEN = 16,
	ND_OPT_SOURCE = 1, /* link-layer addresses */
	ND_OPT_TARGET = 2,
	ND_OPT_MTU = 5,
	ND_OPT_LEN = 8,

	UDP_LEN = 8,

	TCP_LEN = 20,
	TCP_MAX_OPT = 40,
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
	TCP_OPT_END = 0,
	TCP_OPT_NOP = 1,
	TCP_OPT_MSS = 2,
	TCP_OPT_WSCALE = 3,
	TCP_OPT_SACK_OK = 4,
	TCP_OPT_SACK = 5,
	TCP_OPT_TS = 8,
};

struct eth_hdr {
	u8 dst[6];
	u8 src[6];
	struct be16 type;
} PACKED;

/* Its second half: who sends, and what. */
struct eth_src {
	union {
		struct {
			u8 mac[6];
			struct be16 type;
		};
		u64 word;
	};
};

struct arp_hdr {
	struct be16 htype, ptype;
	u8 hlen, plen;
	struct be16 op;
	u8 sha[6];
	struct be32 spa;
	u8 tha[6];
	struct be32 tpa;
} PACKED;

struct ipv4_hdr {
	u8 ver_ihl;
	u8 tos;
	struct be16 len;
	struct be16 id;
	struct be16 frag;
	u8 ttl;
	u8 proto;
	u16 cksum; /* raw: checksums have no byte order */
	struct be32 src;
	struct be32 dst;
} PACKED;

struct ipv6_hdr {
	struct be32 ver_class_flow;
	struct be16 len; /* of what follows */
	u8 next;
	u8 hops;
	struct be128 src;
	struct be128 dst;
} PACKED;

/* The beginning of an extension header: all but the fragment header. */
struct ip6_ext {
	u8 next;
	u8 len;	 /* in 8 bytes, without the first 8 */
	u8 type; /* routing header only */
	u8 left; /* routing header only: segments left */
} PACKED;

static inline bool ip6_is_extension(u8 next)
{
	return next == IP6_HOP_BY_HOP || next == IP6_ROUTING ||
	       next == IP6_FRAGMENT || next == IP6_DEST_OPTIONS;
}

struct ip6_frag {
	u8 next;
	u8 reserved;
	struct be16 off_more; /* offset in 8 bytes << 3, reserved, more */
	struct be32 id;
} PACKED;

/* Neighbour solicitation, advertisement (RFC 4861, 4.3 and 4.4). */
struct nd_hdr {
	u8 type;
	u8 code;
	u16 cksum;
	struct be32 flags; /* ND_F_* */
	struct be128 target;
} PACKED;

enum {
	ND_F_ROUTER = 1 << 31,
	ND_F_SOLICITED = 1 << 30,
	ND_F_OVERRIDE = 1 << 29
};

/* Router advertisement (RFC 4861, 4.2). */
struct ra_hdr {
	u8 type;
	u8 code;
	u16 cksum;
	u8 hops;
	u8 flags;
	struct be16 lifetime; /* seconds as a default router; 0: is none */
	struct be32 reachable, retrans;
} PACKED;

struct icmp_hdr {
	u8 type;
	u8 code;
	u16 cksum;
	struct be32 rest; /* echo: id, sequence; needfrag: 0, next-hop MTU */
} PACKED;

/* Multicast listener discovery (RFC 2710 section 3, RFC 3810 section 5). */
struct mld_hdr {
	struct icmp_hdr icmp; /* rest: delay in ms, reserved */
	struct be128 group;
} PACKED;

struct mld_record {
	u8 kind;
	u8 aux_len;
	struct be16 nsources;
	struct be128 group;
} PACKED;

struct udp_hdr {
	struct be16 sport, dport;
	struct be16 len;
	u16 cksum;
} PACKED;

struct tcp_hdr {
	struct be16 sport, dport;
	struct be32 seq, ack;
	u8 off; /* header length in words, in the upper 4 bits */
	u8 flags;
	struct be16 win;
	u16 cksum;
	struct be16 urg;
} PACKED;

_Static_assert(sizeof(struct eth_hdr) == ETH_LEN, "wire format");
_Static_assert(sizeof(struct eth_src) == 8 &&
		       offsetof(struct eth_hdr, src) + 8 == ETH_LEN &&
		       offsetof(struct eth_src, type) ==
			       offsetof(struct eth_hdr, type) -
				       offsetof(struct eth_hdr, src),
	       "wire format");
_Static_assert(sizeof(struct arp_hdr) == ARP_LEN, "wire format");
_Static_assert(sizeof(struct ipv4_hdr) == IPV4_LEN, "wire format");
_Static_assert(sizeof(struct ipv6_hdr) == IPV6_LEN, "wire format");
_Static_assert(sizeof(struct nd_hdr) == ND_LEN, "wire format");
_Static_assert(sizeof(struct ra_hdr) == ND_RA_LEN, "wire format");
_Static_assert(sizeof(struct icmp_hdr) == ICMP_LEN, "wire format");
_Static_assert(sizeof(struct mld_hdr) == MLD_LEN, "wire format");
_Static_assert(sizeof(struct mld_record) == 20, "wire format");
_Static_assert(sizeof(struct udp_hdr) == UDP_LEN, "wire format");
_Static_assert(sizeof(struct tcp_hdr) == TCP_LEN, "wire format");

/* What header.h and tcp_fast.c read and write as one word. */
_Static_assert(offsetof(struct ipv4_hdr, frag) ==
			       offsetof(struct ipv4_hdr, id) + 2 &&
		       offsetof(struct ipv4_hdr, ttl) ==
			       offsetof(struct ipv4_hdr, frag) + 2 &&
		       offsetof(struct ipv4_hdr, proto) ==
			       offsetof(struct ipv4_hdr, ttl) + 1 &&
		       offsetof(struct ipv4_hdr, cksum) ==
			       offsetof(struct ipv4_hdr, proto) + 1,
	       "id, frag; ttl, proto, cksum");
_Static_assert(offsetof(struct ipv6_hdr, next) ==
			       offsetof(struct ipv6_hdr, len) + 2 &&
		       offsetof(struct ipv6_hdr, hops) ==
			       offsetof(struct ipv6_hdr, next) + 1,
	       "len, next, hops");
_Static_assert(offsetof(struct eth_hdr, type) + 2 == ETH_LEN,
	       "type, and IP's first byte");
_Static_assert(offsetof(struct tcp_hdr, flags) ==
			       offsetof(struct tcp_hdr, off) + 1 &&
		       offsetof(struct tcp_hdr, win) ==
			       offsetof(struct tcp_hdr, flags) + 1 &&
		       offsetof(struct tcp_hdr, urg) ==
			       offsetof(struct tcp_hdr, cksum) + 2,
	       "off, flags, win; cksum, urg");

/* Between whom, as it lies in a packet that we receive. */
struct flow {
	union {
		struct {
			struct be32 raddr, laddr; /* the other's, ours */
		};
		u64 addrs;
	};
	union {
		struct {
			struct be16 rport, lport;
		};
		u32 ports;
	};
} PACKED ALIGNED(4);

_Static_assert(sizeof(struct flow) == 12, "what RSS hashes");
_Static_assert(offsetof(struct ipv4_hdr, dst) ==
		       offsetof(struct ipv4_hdr, src) + sizeof(struct be32),
	       "flow.addrs");
_Static_assert(offsetof(struct tcp_hdr, sport) == 0 &&
		       offsetof(struct tcp_hdr, dport) == 2 &&
		       offsetof(struct udp_hdr, sport) == 0 &&
		       offsetof(struct udp_hdr, dport) == 2,
	       "flow.ports");

static inline struct flow flow_make(struct be32 raddr, struct be32 laddr,
				    struct be16 rport, struct be16 lport)
{
	return (struct flow){
		.addrs = raddr.raw | (u64)laddr.raw << 32,
		.ports = rport.raw | (u32)lport.raw << 16,
	};
}

/* Of a received packet; @l4: TCP or UDP. */
static inline struct flow flow_received(const struct ipv4_hdr *ip,
					const void *l4)
{
	return (struct flow){ .addrs = load64(&ip->src), .ports = load32(l4) };
}

/* Of one that we sent. */
static inline struct flow flow_sent(const struct ipv4_hdr *ip, const void *l4)
{
	struct flow f = flow_received(ip, l4);

	return flow_make(f.laddr, f.raddr, f.lport, f.rport);
}

/* Source and destination port of what we send there. */
static inline u32 flow_ports_out(struct flow f)
{
	return f.ports << 16 | f.ports >> 16;
}

/* A received packet after ip_in() or ip6_in(): all headers (for TCP with its
 * options) lie in the first fragment, lengths agree, the packet is trimmed to
 * what IP says. mbuf.data still points at the Ethernet header. */
struct pkt {
	const struct eth_hdr *eth;
	const void *ip;	 /* struct ipv4_hdr or ipv6_hdr */
	const u8 *next;	 /* IPv6: the field that says what @l4 is */
	struct be32 src; /* an IPv6 one is held while the packet is received */
	struct be32 dst;
	u8 proto;
	u8 tos;	       /* or traffic class */
	bool atomic;   /* IPv6: in a fragment that is the whole packet */
	void *l4;      /* in the first fragment */
	u32 l4_len;    /* header and payload, over all fragments */
	u32 first_len; /* of it in the first fragment */
};

/* What an IPv4 header says of @p, once it is known to be sound. */
static inline void ip_addressed(struct pkt *p, const struct ipv4_hdr *ip)
{
	p->ip = ip;
	p->src = ip->src;
	p->dst = ip->dst;
	p->proto = ip->proto;
	p->tos = ip->tos;
}

/* TCP or UDP. */
static inline struct flow pkt_flow(const struct pkt *p)
{
	return (struct flow){ .addrs = p->src.raw | (u64)p->dst.raw << 32,
			      .ports = load32(p->l4) };
}

#endif

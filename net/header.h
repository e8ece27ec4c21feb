/* SPDX-License-Identifier: MIT */
/*
 * Writing headers: what every packet out goes through, each in one place. In
 * words, as the checksums take them; neighbouring fields lie in one.
 */
#ifndef NET_HEADER_H
#define NET_HEADER_H

#include "base/cksum.h"
#include "base/word.h"
#include "net/net.h"

/* ---- TCP */

enum {
	TCP_TS_WORD = 0x0101080a, /* NOP NOP kind length */
	TCP_TS_LEN = 12,	  /* with it: RFC 7323 appendix A */
};

/* All but options, checksum and urgent pointer; returns the sum of it. @ports:
 * source and destination. @hlen: of the header with its options. @win: 16 bits
 * of it. */
static inline u64 tcp_write(struct tcp_hdr *h, u32 ports, struct be32 seq,
			    struct be32 ack, u32 hlen, u8 flags, u32 win)
{
	u32 rest = be32((hlen << 26) + ((u32)flags << 16) + win).raw;

	store32(h, ports);
	h->seq = seq;
	h->ack = ack;
	store32(&h->off, rest);
	return (u64)ports + seq.raw + ack.raw + rest;
}

/* Timestamps as the only option; returns the sum of it. */
static inline u64 tcp_write_ts(void *opt, u32 tsval, u32 tsecr)
{
	struct be32 *w = opt;

	w[0] = be32(TCP_TS_WORD);
	w[1] = be32(tsval);
	w[2] = be32(tsecr);
	return (u64)w[0].raw + w[1].raw + w[2].raw;
}

/* ... and an urgent pointer that says nothing. */
static inline void tcp_write_cksum(struct tcp_hdr *h, u16 cksum)
{
	store32(&h->cksum, cksum);
}

/* ---- IPv4 */

/* @len: bytes behind the header. DF set, never cut up, so the identification
 * is of no use (RFC 6864, 4.1). Returns the sum of the pseudo header for what
 * follows: as ip_pseudo_sum(), but out of the words at hand. */
static inline u64 ip_write(struct ipv4_hdr *ip, u32 len, struct be32 src,
			   struct be32 dst, u8 proto, u8 tos)
{
	u32 first = be32((0x45u << 24) + ((u32)tos << 16) + len + IPV4_LEN).raw;
	u32 second = (u32)be16(IP_DF).raw << 16;
	u32 third = IP_TTL | (u32)proto << 8;
	u64 addrs = (u64)src.raw + dst.raw;
	u64 sum = addrs + first + second + third;

	store32(ip, first);
	store32(&ip->id, second);
	store32(&ip->ttl, third | (u32)(u16)~cksum_fold(sum) << 16);
	ip->src = src;
	ip->dst = dst;
	/* The length less the header's, in ones' complement. */
	return addrs + (first >> 16) + (u16)~be16(IPV4_LEN).raw +
	       be16(proto).raw;
}

static inline void ip_push(struct mbuf *m, u32 len, struct be32 src,
			   struct be32 dst, u8 proto, u8 tos)
{
	ip_write((struct ipv4_hdr *)mbuf_push(m, IPV4_LEN), len, src, dst,
		 proto, tos);
}

/* ---- IPv6 */

/* The same as of IPv4. No flow label: ports tell flows apart, too (RFC 6437
 * section 3: "should"). */
static inline u64 ip6_write(struct ipv6_hdr *ip, u32 len,
			    const struct be128 *src, const struct be128 *dst,
			    u8 proto, u8 tos, u8 hops)
{
	store32(ip, be32(6u << 28 | (u32)tos << 20).raw);
	store32(&ip->len,
		be16((u16)len).raw | (u32)proto << 16 | (u32)hops << 24);
	ip->src = *src;
	ip->dst = *dst;
	return ip6_pseudo_sum(src, dst, proto, (u16)len);
}

static inline void ip6_push(struct mbuf *m, u32 len, struct be128 src,
			    struct be128 dst, u8 proto, u8 tos, u8 hops)
{
	ip6_write((struct ipv6_hdr *)mbuf_push(m, IPV6_LEN), len, &src, &dst,
		  proto, tos, hops);
}

/* ---- Ethernet */

/* @dst: eight bytes that begin with the address; the others are overwritten.
 * @src: struct eth_src's word. */
static inline void eth_write(struct eth_hdr *eth, u64 dst, u64 src)
{
	store64(eth->dst, dst);
	store64(eth->src, src);
}

/* struct eth_src's word for IPv6; net->src has it for IPv4. */
static inline u64 eth_src_ip6(const struct net *net)
{
	struct eth_src src = net->src;

	src.type = be16(ETH_TYPE_IPV6);
	return src.word;
}

static inline void eth_push(const struct net *net, struct mbuf *m,
			    const u8 dst[6], u16 type)
{
	struct eth_src src = net->src;

	src.type = be16(type);
	eth_write((struct eth_hdr *)mbuf_push(m, ETH_LEN),
		  load32(dst) | (u64)load16(dst + 4) << 32, src.word);
}

/* ---- neighbours */

/* Whom to hand a packet for @dst to; zero: no route. */
static inline struct be32 ip_next_hop(const struct net *net, struct be32 dst)
{
	return likely(ip_on_link(net, dst)) ? dst : net->conf.gateway;
}

/* The neighbour remembered as @hint, which may be any, if it is @ip, still, and
 * usable. */
static inline const struct neigh *neigh_hint(const struct net *net, u16 hint,
					     struct be32 ip)
{
	const struct neigh *e = &net->neighbours.entries[hint];

	OPAQUE(e); /* else its address is computed for each field */
	return likely(e->ip.raw == ip.raw && e->state >= NEIGH_VALID) ? e
								      : NULL;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Prepending IPv4 and Ethernet headers: what every packet out goes through. */
#ifndef NET_HEADER_H
#define NET_HEADER_H

#include "base/cksum.h"
#include "base/mem.h"
#include "net/net.h"

/* @len: bytes behind the header. DF set, never cut up, so the identification
 * is of no use (RFC 6864, 4.1). Written in words, as the sum takes them. */
static inline void ip_push(struct mbuf *m, u32 len, struct be32 src,
			   struct be32 dst, u8 proto, u8 tos)
{
	u32 first = 0x45 | (u32)tos << 8 |
		    (u32)be16((u16)(len + IPV4_LEN)).raw << 16;
	u32 second = (u32)be16(IP_DF).raw << 16;
	u32 third = IP_TTL | (u32)proto << 8;
	u64 sum = (u64)first + second + third + src.raw + dst.raw;
	struct be32 *ip = (struct be32 *)mbuf_push(m, IPV4_LEN);

	ip[0].raw = first;
	ip[1].raw = second;
	ip[2].raw = third | (u32)(u16)~cksum_fold(sum) << 16;
	ip[3] = src;
	ip[4] = dst;
}

static inline void eth_push(const struct net *net, struct mbuf *m,
			    const u8 dst[6], u16 type)
{
	struct eth_hdr *eth = (struct eth_hdr *)mbuf_push(m, ETH_LEN);

	memcpy(eth->dst, dst, 6);
	memcpy(eth->src, net->src.mac, 6);
	eth->type = be16(type);
}

/* Whom to hand a packet for @dst to; zero: no route. */
static inline struct be32 ip_next_hop(const struct net *net, struct be32 dst)
{
	return likely(ip_on_link(net, dst)) ? dst : net->conf.gateway;
}

/* The neighbour remembered as @hint, if it still is @ip and usable. */
static inline const struct neigh *arp_hint(const struct net *net, u16 hint,
					   struct be32 ip)
{
	const struct neigh *e;

	if (unlikely(!hint))
		return NULL;
	e = &net->arp.entries[hint - 1];
	return likely(e->ip.raw == ip.raw && e->state >= ARP_VALID) ? e : NULL;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Ethernet: the first and the last that the protocols see of a packet. */
#include "net/header.h"

bool net_drop(struct net *net, struct mbuf *m, u64 *reason)
{
	++*reason;
	mbuf_free_chain(net->pool, m);
	return true;
}

/* Everything but IP. */
static COLD bool other_in(struct net *net, struct mbuf *m, u64 now)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)m->data;

	if (m->len < ETH_LEN) {
		net->stat->drop_short++;
	} else if (eth->type.raw != be16(ETH_TYPE_ARP).raw) {
		net->stat->drop_not_ours++;
	} else {
		arp_in(net, m, now);
		net->owner = NET_ALL;
		if (!(m->flags & MBUF_FORWARDED))
			return false;
	}
	mbuf_free_chain(net->pool, m);
	return true;
}

static bool eth_in(struct net *net, struct mbuf *m, u64 now)
{
	struct pkt p;

	p.eth = (const struct eth_hdr *)m->data;
	if (unlikely(m->len >= ETH_LEN && net->ip6.nown &&
		     p.eth->type.raw == be16(ETH_TYPE_IPV6).raw))
		return ip6_in(net, m, &p, now);
	if (unlikely(m->len < ETH_LEN ||
		     p.eth->type.raw != be16(ETH_TYPE_IPV4).raw))
		return other_in(net, m, now);
	return ip_in(net, m, &p, now);
}

/* Run by run: one ends where the families meet, or at a frame that needs more.
 * Returns how many are done. */
static inline u32 fast_in(struct net *net, struct mbuf *const *pkts, u32 n,
			  u64 now)
{
	u32 i = 0;
	bool ip6;

	do {
		ip6 = eth_is_ip6(pkts[i]);
		i += tcp_fast_in(net, pkts + i, n - i, now);
	} while (i < n && unlikely(eth_is_ip6(pkts[i]) != ip6));
	return i;
}

u32 net_rx(struct net *net, struct mbuf *const *pkts, u32 n, u64 now)
{
	u32 i;

	for (i = 0; i < n; i++) {
		i += fast_in(net, pkts + i, n - i, now);
		if (likely(i == n) || !eth_in(net, pkts[i], now))
			break;
	}
	return i;
}

void eth_out(struct net *net, struct mbuf *m, const u8 dst[6], u16 type)
{
	eth_push(net, m, dst, type);
	net_tx(net, m);
}

/* What every SYN of a flood costs: it has no connection that knows. */
static u32 group_of(const struct net *net, const void *tuple, size_t len)
{
	u32 hash = likely(net->rss_folds)
			   ? hash_toeplitz_folded(net->rss_key, tuple, len)
			   : hash_toeplitz(net->rss_key, tuple, len);

	return hash % RSS_TABLE;
}

u32 net_flow_group(const struct net *net, struct flow flow)
{
	const struct addr_table *t = &net->addrs;

	if (unlikely(addr_is_v6(flow.raddr)))
		return net_flow_group6(net, *addr_ip6(t, flow.raddr),
				       *addr_ip6(t, flow.laddr), flow.ports);
	return group_of(net, &flow, sizeof(flow));
}

u32 net_flow_group6(const struct net *net, struct be128 raddr,
		    struct be128 laddr, u32 ports)
{
	struct {
		struct be128 src, dst;
		u32 ports;
	} PACKED tuple = { raddr, laddr, ports };

	return group_of(net, &tuple, sizeof(tuple));
}

struct be32 net_next_hop(const struct net *net, struct be32 dst)
{
	return addr_is_v6(dst) ? ip6_next_hop(net, dst) : ip_next_hop(net, dst);
}

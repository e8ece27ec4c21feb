/* SPDX-License-Identifier: MIT */
/*
 * Packets of many segments, for a NIC that cuts them (NIC_TSO): a large answer
 * is one packet, referred to in place. Only while nothing is lost: what
 * recovery counts, and what pacing spreads, are segments; and the NIC would
 * repeat in each of them CWR, or what came twice (RFC 3168 section 6.1.2, RFC
 * 2883 section 4: it is said once).
 */
#include "net/tcp_int.h"

enum { LARGE_MOST = 64000 }; /* bytes: with its headers it fits into IP */

static bool nothing_lost(const struct tcp_conn *c)
{
	const u32 loss = TCP_F_LOSS | TCP_F_RECOVERY | TCP_F_RTO_RECOVERY |
			 TCP_F_PROBE | TCP_F_PACED | TCP_F_CWR;

	return !(c->flags & loss) && !c->dupacks;
}

/* What waits for a neighbour's answer is copied (neigh.c), segment by segment.
 */
static bool neighbour_known(const struct net *net, const struct tcp_conn *c)
{
	const struct neigh *e = &net->neighbours.entries[c->neigh];

	return e->ip.raw == net_next_hop(net, c->flow.raddr).raw &&
	       e->state > NEIGH_ASKING;
}

/* Up to @most bytes from the cursor on that lie in as many pieces as a packet
 * may refer to. */
static u32 in_place(const struct net *net, const struct tcp_conn *c, u32 most)
{
	struct ref32 at = c->nxt_range;
	u32 off = c->nxt_off, len = 0;

	for (u32 n = 0; n < MBUF_MAX_EXT && at.raw && len < most; n++) {
		const struct tcp_range *r = tcp_range_at(net, at);

		len += r->len - off;
		off = 0;
		at = r->next;
	}
	return min(len, most);
}

u32 tcp_at_once(const struct net *net, const struct tcp_conn *c, u32 len,
		u32 unsent, u32 mss)
{
	if (!(net->caps & NIC_TSO) || net->copies || !nothing_lost(c) ||
	    tcp_dup_due(net, c))
		return mss;
	len = in_place(net, c, min(len, (u32)LARGE_MOST));
	if (len <= mss || !neighbour_known(net, c))
		return mss;
	return len == unsent ? len : len - len % mss;
}

/* SPDX-License-Identifier: MIT */
#include "tcp_stub.h"

struct tcp_stub tcp_stub;

/* Always the long way. */
u32 tcp_fast_in(struct net *net, struct mbuf *const *pkts, u32 n, u64 now)
{
	return 0;
}

bool tcp_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now)
{
	const struct tcp_hdr *h = p->l4;

	tcp_stub.segments++;
	tcp_stub.pkt = *p;
	tcp_stub.frame_len = mbuf_packet_len(m);
	tcp_stub.cksum_ok = ip_l4_cksum_ok(net, m, p, h->cksum);
	mbuf_free_chain(net->pool, m);
	return true;
}

void tcp_icmp(struct net *net, struct flow flow, const struct tcp_icmp *msg,
	      u64 now)
{
	tcp_stub.icmps++;
	tcp_stub.flow = flow;
	tcp_stub.icmp = *msg;
}

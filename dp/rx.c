/* SPDX-License-Identifier: MIT */
/*
 * Reception: what the NIC has, at most B packets, never waiting for more. The
 * bound keeps a batch's headers in the cache from here to transmission, and
 * bounds how long the last packet of a batch waits for the first one's work.
 */
#include "dp/dp.h"

/* For every thread but this one. */
static void share(struct dp *dp, const struct mbuf *m)
{
	for (u32 i = 0; dp->forward && i < dp->nthreads; i++) {
		if (i != dp->net.thread)
			dp_forward_push(dp, i, m);
	}
}

static void receive(struct dp *dp, struct mbuf *m, u64 now)
{
	u32 owner = dp->net.thread;

	switch (net_in(&dp->net, m, now, &owner)) {
	case NET_DONE:
		return;
	case NET_SHARE:
		share(dp, m);
		break;
	case NET_FORWARD:
		dp_forward_push(dp, owner, m);
		break;
	}
	mbuf_free_chain(&dp->pool, m);
}

static void count(struct ix_stat *stat, struct mbuf *const *pkts, u32 n)
{
	u64 bytes = 0;

	for (u32 i = 0; i < n; i++)
		bytes += mbuf_packet_len(pkts[i]);
	stat->rx_packets += n;
	stat->rx_bytes += bytes;
	stat->rx_batch[31 - __builtin_clz(n)]++;
}

/* The headers of the whole batch are on their way from memory (or from the
 * cache that the NIC wrote them to) before the first of them is needed. Two
 * lines: Ethernet, IP and TCP with timestamps are 66 bytes. */
static void prefetch_headers(struct mbuf *const *pkts, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		prefetch(pkts[i]->data);
		prefetch(pkts[i]->data + CACHE_LINE);
	}
}

static u32 receive_nic(struct dp *dp, u64 now)
{
	struct mbuf *pkts[DP_MAX_BATCH];
	struct nicq *nic = dp->nic;
	int n = nic->ops->rx(nic, pkts, (int)dp->conf.batch, now);

	if (n <= 0)
		return 0;
	prefetch_headers(pkts, (u32)n);
	count(dp->stat, pkts, (u32)n);
	for (int i = 0; i < n; i++)
		receive(dp, pkts[i], now);
	return (u32)n;
}

u32 dp_rx(struct dp *dp, u64 now)
{
	u32 n = receive_nic(dp, now);

	if (dp->forward)
		n += dp_forward_rx(dp, now);
	return n;
}

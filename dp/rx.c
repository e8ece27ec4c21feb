/* SPDX-License-Identifier: MIT */
/*
 * Reception: what the NIC has, at most B packets, never waiting for more. The
 * bound keeps a batch's headers in the cache from here to transmission, and
 * bounds how long the last packet of a batch waits for the first one's work.
 */
#include "dp/dp.h"
#include "net/tcp_table.h"

/* A copy to every other thread. */
static void share(struct dp *dp, const struct mbuf *m)
{
	for (u32 i = 0; dp->forward && i < dp->nthreads; i++) {
		if (i != dp->net.thread)
			dp_forward_push(dp, i, m);
	}
}

/* A packet that is not this thread's alone: an ARP frame, of which every thread
 * gets a copy, or a packet of another thread's flow; or not its yet. */
static COLD void pass_on(struct dp *dp, struct mbuf *m)
{
	if (dp->net.owner == NET_HOLD) {
		dp_arrive_hold(dp, dp->net.early, m);
		return;
	}
	if (dp->net.owner == NET_ALL)
		share(dp, m);
	else
		dp_forward_push(dp, dp->net.owner, m);
	mbuf_free_chain(&dp->pool, m);
}

/* The headers of the whole batch are on their way from memory (or from the
 * cache that the NIC wrote them to) before the first of them is needed. Three
 * lines: Ethernet, IP and TCP with timestamps are 66 bytes, and the checksum
 * reads on. */
static inline void prefetch_headers(struct mbuf *const *pkts, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		prefetch(pkts[i]->data);
		prefetch(pkts[i]->data + CACHE_LINE);
		prefetch(pkts[i]->data + 2 * CACHE_LINE);
	}
}

static inline u64 bytes_of(struct mbuf *const *pkts, u32 n)
{
	u64 bytes = 0;

	for (u32 i = 0; i < n; i++)
		bytes += likely(!pkts[i]->next) ? pkts[i]->len
						: mbuf_packet_len(pkts[i]);
	return bytes;
}

/* @delay: since the last look, which is how long they may have waited. */
static void count(struct ix_stat *stat, u32 n, u64 bytes, u64 delay)
{
	u32 log2 = 63 - (u32)__builtin_clzll(delay | 1);

	stat->rx_packets += n;
	stat->rx_bytes += bytes;
	stat->rx_batch[31 - __builtin_clz(n)]++;
	stat->rx_delay_ns += n * delay;
	stat->rx_delay[min(log2, (u32)IX_DELAY_BUCKETS - 1)] += n;
}

static u32 buffers_of(struct mbuf *const *pkts, u32 n)
{
	u32 buffers = 0;

	for (u32 i = 0; i < n; i++)
		for (const struct mbuf *m = pkts[i]; m; m = m->next)
			buffers++;
	return buffers;
}

/* A queue in the NIC, of which @read buffers have just been taken. Its end is
 * marked, and when that has been read, all is that had come by then. */
static COLD void follow_queue(struct dp *dp, u32 read, u64 now)
{
	struct tcp *t = &dp->net.tcp;

	if (t->unread > read) {
		t->unread -= read;
		return;
	}
	if (t->unread)
		t->read_at = dp->marked_at;
	dp->marked_at = now;
	t->unread = dp->nic->nr_unread;
}

/* Timeouts wait until what had come by then has been read: while this stands
 * still, none is due. */
static inline void follow_reading(struct dp *dp, struct mbuf *const *pkts,
				  u32 n, u64 now)
{
	if (likely(!dp->nic->nr_unread)) {
		dp->net.tcp.unread = 0;
		dp->net.tcp.read_at = now;
	} else {
		follow_queue(dp, buffers_of(pkts, n), now);
	}
}

/* Steps are uneven: clients that are answered in turn come in turn. */
static COLD void sample(struct dp *dp, struct mbuf *const *pkts, u32 n)
{
	while (dp->until < n) {
		u32 g = tcp_group_ahead(&dp->net, pkts[dp->until]);

		if (g < RSS_TABLE)
			WRITE_ONCE(dp->came[g], dp->came[g] + 1);
		dp->until += 16 + dp->sampled++ % 32;
	}
	dp->until -= n;
}

static u32 receive_nic(struct dp *dp, u64 now)
{
	struct mbuf *pkts[DP_MAX_BATCH];
	struct nicq *nic = dp->nic;
	int n = nic->ops->rx(nic, pkts, (int)dp->conf.batch, now);
	u64 delay = now - dp->polled_at;

	follow_reading(dp, pkts, (u32)max(n, 0), now);
	dp->polled_at = now;
	if (n <= 0)
		return 0;
	if (!(nic->caps & NIC_RX_COPIES))
		prefetch_headers(pkts, (u32)n);
	if (unlikely(tcp_is_crowded(&dp->net.tcp)))
		tcp_fetch_all(&dp->net, pkts, (u32)n);
	count(dp->stat, (u32)n, bytes_of(pkts, (u32)n), delay);
	if (unlikely(dp->capture.ring))
		capture_rx(&dp->capture, pkts, (u32)n, now);
	if (unlikely(dp->samples))
		sample(dp, pkts, (u32)n);
	for (u32 i = 0; i < (u32)n; i++) {
		i += net_rx(&dp->net, pkts + i, (u32)n - i, now);
		if (unlikely(i < (u32)n))
			pass_on(dp, pkts[i]);
	}
	return (u32)n;
}

void dp_rx_one(struct dp *dp, struct mbuf *m, u64 now)
{
	if (!net_rx(&dp->net, &m, 1, now))
		pass_on(dp, m);
}

/* What fragments just received have made whole. */
static COLD void receive_whole(struct dp *dp, u64 now)
{
	struct mbuf *m;

	while ((m = frag_whole(&dp->net)))
		dp_rx_one(dp, m, now);
}

u32 dp_rx(struct dp *dp, u64 now)
{
	u32 n = receive_nic(dp, now);

	if (dp->forward)
		n += dp_forward_rx(dp, now);
	if (dp->mover)
		dp_move_run(dp, n >= dp->conf.batch, now);
	if (unlikely(dp->net.frags.whole))
		receive_whole(dp, now);
	return n;
}

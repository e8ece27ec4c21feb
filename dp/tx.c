/* SPDX-License-Identifier: MIT */
/* Transmission: the iteration's packets go to the NIC in one batch, with one
 * kick; what it has finished with is collected. */
#include "dp/dp.h"

/* Of a packet that is not in one piece. @step: those in place are taken, 1, or
 * have not been, -1. */
static NOINLINE u32 bytes_of_pieces(struct dp *dp, const struct mbuf *m,
				    u32 step)
{
	if (m->flags & MBUF_IN_PLACE) {
		nicq_in_place(dp->nic, m)->put += step;
		dp->late.active = true;
	} else if (m->flags & MBUF_UDP_IN_PLACE) {
		dp->nic->udp_in_place.put += step;
	}
	return mbuf_packet_len(m);
}

static inline u64 bytes_of(struct dp *dp, struct mbuf *const *pkts, u32 n,
			   u32 step)
{
	u64 bytes = 0;

	for (u32 i = 0; i < n; i++) {
		const struct mbuf *m = pkts[i];

		bytes += likely(!m->next && !m->nr_ext)
				 ? m->len
				 : bytes_of_pieces(dp, m, step);
	}
	return bytes;
}

/* Bytes, and packets in place, are counted before tx(): a packet that the NIC
 * has taken may already be free, and in use again. */
static u32 hand_over(struct dp *dp, u64 now)
{
	struct net *net = &dp->net;
	u64 bytes = bytes_of(dp, net->txq, net->ntx, 1);
	u32 n;

	if (unlikely(dp->capture.ring))
		capture_tx(&dp->capture, net->txq, net->ntx, now);
	n = (u32)dp->nic->ops->tx(dp->nic, net->txq, (int)net->ntx, now);
	net->ntx -= n;
	if (unlikely(net->ntx)) {
		bytes -= bytes_of(dp, net->txq + n, net->ntx, -1u);
		for (u32 i = 0; i < net->ntx; i++)
			net->txq[i] = net->txq[n + i];
		dp->capture.waiting = net->ntx;
	}
	n += net->ndirect; /* whose bytes are counted */
	net->ndirect = 0;
	dp->stat->tx_packets += n;
	dp->stat->tx_bytes += bytes;
	return n;
}

u32 dp_tx(struct dp *dp, u64 now)
{
	struct nicq *nic = dp->nic;
	u32 n = dp->net.ntx | dp->net.ndirect ? hand_over(dp, now) : 0;

	if (n || nic->tx_pending)
		nic->ops->kick(nic);
	nic->ops->reclaim(nic);
	return n;
}

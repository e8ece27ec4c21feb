/* SPDX-License-Identifier: MIT */
/* AF_XDP: transmission of packets in several ranges: chains, gathered ones,
 * jumbo frames. Freestanding. */
#include "nic/xdp.h"

/* Bytes of a range up to the end of its chunk: a descriptor must not cross
 * chunks of the umem. */
static u32 part_len(const struct xdp_q *q, const u8 *data, u32 len)
{
	u32 room = MBUF_SIZE - ((u64)(data - q->umem) & (MBUF_SIZE - 1));

	return min(len, room);
}

/* Entries for one range, at most @most. */
static u32 put_range(struct xdp_q *q, u32 at, const u8 *data, u32 len, u32 most)
{
	u32 n;

	for (n = 0; len && n < most; n++) {
		u32 part = part_len(q, data, len);

		xdp_tx_put(q, at + n, data, part, XDP_PART_MORE);
		q->sent_at[(at + n) & q->tx.mask] = NULL;
		data += part;
		len -= part;
	}
	return n;
}

/* Writes a packet of several ranges behind the published entries; returns
 * how many it took: max_parts + 1 if it does not fit. */
static u32 put_parts(struct xdp_q *q, const struct mbuf *m)
{
	u32 at = q->tx.head, most = q->max_parts + 1, n = 0;

	for (; m; m = m->next) {
		n += put_range(q, at + n, m->data, m->len, most - n);
		for (int i = 0; i < m->nr_ext; i++)
			n += put_range(q, at + n, m->ext[i].addr, m->ext[i].len,
				       most - n);
	}
	return n;
}

/* The same of a packet that is in too many pieces, copied together: into one
 * frame if it fits there, else into as few as take it. A full segment of 9000
 * bytes in place lies in more chunks than most drivers take descriptors. */
static COLD u32 put_packed(struct xdp_q *q, struct mbuf *m)
{
	struct mbuf_pool *p = q->q.pool;

	if (mbuf_packet_len(m) > q->max_parts * MBUF_SIZE)
		return q->max_parts + 1;
	if (!mbuf_flatten(p, m) && !mbuf_pack(p, m))
		return q->max_parts + 1;
	return put_parts(q, m);
}

/* A packet of several ranges. Needs room for max_parts + 1 entries. */
void xdp_tx_parts(struct xdp_q *q, struct mbuf *m)
{
	struct xdp_frame *f = q->tx.entries;
	u32 n = put_parts(q, m), last;

	if (n > q->max_parts)
		n = put_packed(q, m);
	if (n > q->max_parts) {
		q->q.nr_tx_bad++;
		nicq_tx_lost(&q->q, m);
		return;
	}
	last = (q->tx.head + n - 1) & q->tx.mask;
	f[last].options = 0;
	q->sent_at[last] = m;
	q->tx.head += n;
}

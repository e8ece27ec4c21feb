/* SPDX-License-Identifier: MIT */
/* Checksums of what IP carries: over the pseudo header and all the parts that
 * a packet may consist of. */
#include "base/cksum.h"
#include "net/net.h"

/* Adds a part that begins @at bytes into what is summed. */
static inline u64 add_part(u64 sum, const void *data, u32 len, u32 at)
{
	u64 part = cksum_add(0, data, len);

	return sum + (at & 1 ? cksum_shift(part) : cksum_fold(part));
}

COLD bool ip_cksum_ok(const struct mbuf *m, const struct pkt *p, u64 sum)
{
	u32 at = p->first_len;

	sum = cksum_fold(cksum_add(sum, p->l4, at));
	for (m = m->next; m; at += m->len, m = m->next)
		sum = add_part(sum, m->data, m->len, at);
	return cksum_holds(sum);
}

bool ip_l4_cksum_ok(const struct net *net, const struct mbuf *m,
		    const struct pkt *p, u16 field)
{
	u64 sum = net_pseudo_sum(net, p->src, p->dst, p->proto,
				(u16)p->l4_len);

	if (m->flags & MBUF_CSUM_OK)
		return true;
	if (net->caps & NIC_RX_CSUM_PARTIAL && field == cksum_fold(sum))
		return true;
	if (unlikely(m->next))
		return ip_cksum_ok(m, p, sum);
	return cksum_holds(cksum_add(sum, p->l4, p->first_len));
}

COLD u64 ip_payload_sum(const struct mbuf *m, u32 *len)
{
	u64 sum = 0;
	u32 at = 0;

	for (; m; m = m->next) {
		sum = add_part(sum, m->data, m->len, at);
		at += m->len;
		for (int i = 0; i < m->nr_ext; i++) {
			sum = add_part(sum, m->ext[i].addr, m->ext[i].len, at);
			at += m->ext[i].len;
		}
	}
	*len = at;
	return sum;
}

/* SPDX-License-Identifier: MIT */
/* Checksums of what IP carries: over the pseudo header and all the parts that
 * a packet may consist of. */
#include "base/cksum.h"
#include "base/word.h"
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

/* Sum over what follows the first @at bytes, which lie in @m's own frame;
 * *@end: length of everything. */
static COLD u64 sum_rest(const struct mbuf *m, u32 at, u32 *end)
{
	u64 sum = 0;

	for (bool first = true; m; first = false, m = m->next) {
		if (!first) {
			sum = add_part(sum, m->data, m->len, at);
			at += m->len;
		}
		for (int i = 0; i < m->nr_ext; i++) {
			sum = add_part(sum, m->ext[i].addr, m->ext[i].len, at);
			at += m->ext[i].len;
		}
	}
	*end = at;
	return sum;
}

/* The field's value when ranges or further buffers follow. */
static COLD u16 chain_cksum(const struct mbuf *m, const u8 *l4, u64 addresses,
			    u8 proto)
{
	u32 len = (u32)(m->data + m->len - l4), end;
	u64 sum = sum_rest(m, len, &end);

	sum += cksum_fold(cksum_add(addresses, l4, len));
	return (u16)~cksum_fold(sum + be16(proto).raw + be16((u16)end).raw);
}

/* Below, the NIC wants the pseudo header's sum alone, not inverted. */
static COLD u16 offload_cksum(const struct mbuf *m, const u8 *l4, u64 addresses,
			      u8 proto)
{
	u32 len = mbuf_packet_len(m) - (u32)(l4 - m->data);

	return cksum_fold(addresses + be16(proto).raw + be16((u16)len).raw);
}

u64 ip_payload_sum(const struct mbuf *m, u32 *len)
{
	u64 sum = sum_rest(m, m->len, len);

	return sum + cksum_fold(cksum_add(0, m->data, m->len));
}

void ip_l4_cksum_set(const struct net *net, struct mbuf *m, void *l4,
		     void *field, struct be32 src, struct be32 dst, u8 proto)
{
	u32 len = (u32)(m->data + m->len - (u8 *)l4);
	u64 addresses = net_pseudo_sum(net, src, dst, 0, 0);
	u16 sum;

	store16(field, 0);
	if (unlikely(net->caps & NIC_TX_CSUM))
		sum = offload_cksum(m, l4, addresses, proto);
	else if (unlikely(m->next || m->nr_ext))
		sum = chain_cksum(m, l4, addresses, proto);
	else
		sum = (u16)~cksum_fold(cksum_add(addresses + be16(proto).raw +
							 be16((u16)len).raw,
						 l4, len));
	store16(field, sum);
}

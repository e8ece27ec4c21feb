/* SPDX-License-Identifier: MIT */
/* UDP output: one datagram per call, in place or copied. */
#include "base/cksum.h"
#include "base/errno.h"
#include "net/net.h"

enum { UDP_GATHER_MIN = 256 }; /* below, copying is cheaper than a range */

/* Fills @m, and further buffers behind it, with copies of the ranges; adds
 * them to *@sum. False when there are not enough buffers. */
static bool copy(struct net *net, struct mbuf *m, const struct ix_sg *sg, u32 n,
		 u64 *sum)
{
	struct mbuf *last = m;
	u32 at = 0;

	for (u32 i = 0; i < n; i++) {
		const u8 *src = (const u8 *)(uintptr_t)sg[i].addr;

		for (u32 left = sg[i].len; left;) {
			u32 part = min(left, MBUF_ROOM - last->len);
			u64 s;

			if (!part) {
				last->next = mbuf_alloc(net->pool);
				last = last->next;
				if (!last)
					return false;
				continue;
			}
			s = cksum_copy(0, last->data + last->len, src, part);
			*sum += at & 1 ? cksum_shift(s) : cksum_fold(s);
			last->len += part;
			src += part;
			at += part;
			left -= part;
		}
	}
	net->stat->tx_copied_bytes += at;
	return true;
}

static void gather(struct net *net, struct mbuf *m, const struct ix_sg *sg,
		   u32 n, u64 *sum)
{
	u32 at = 0;

	for (u32 i = 0; i < n; i++) {
		struct mbuf_ext *e = &m->ext[m->nr_ext];
		u64 s;

		if (!sg[i].len)
			continue;
		e->addr = (const u8 *)(uintptr_t)sg[i].addr;
		e->len = sg[i].len;
		s = cksum_add(0, e->addr, e->len);
		*sum += at & 1 ? cksum_shift(s) : cksum_fold(s);
		at += e->len;
		m->nr_ext++;
	}
	m->flags |= MBUF_UDP_IN_PLACE;
	net->stat->tx_gathered_bytes += at;
}

/* The header in front of the payload, whose sum is @sum. */
static void header(const struct net *net, struct mbuf *m,
		   const struct udp_sock *s, struct be32 src, struct be32 dst,
		   u16 port, u32 payload, u64 sum)
{
	struct udp_hdr *udp = (struct udp_hdr *)mbuf_push(m, UDP_LEN);
	u16 len = (u16)(payload + UDP_LEN);
	u64 pseudo = net_pseudo_sum(net, src, dst, IP_PROTO_UDP, len);

	udp->sport = be16(s->port);
	udp->dport = be16(port);
	udp->len = be16(len);
	udp->cksum = 0;
	if (net->caps & NIC_TX_CSUM) {
		udp->cksum = cksum_fold(pseudo);
		return;
	}
	sum += pseudo + udp->sport.raw + udp->dport.raw + udp->len.raw;
	udp->cksum = (u16)~cksum_fold(sum);
	if (!udp->cksum)
		udp->cksum = 0xffff; /* zero would mean: none */
}

s64 udp_sendv(struct net *net, u32 sock, struct be32 dst, u16 port,
	      const struct ix_sg *sg, u32 n, u64 cookie, u64 now)
{
	struct udp_sock *s = &net->udp.socks[sock];
	u64 total = 0, sum = 0;
	struct be32 src;
	u32 ranges = 0;
	struct mbuf *m;

	for (u32 i = 0; i < n; i++) {
		total += sg[i].len;
		ranges += sg[i].len != 0;
	}
	if (total + UDP_LEN > net_mtu_payload(net, dst))
		return -EMSGSIZE;
	if (!port || !dst.raw)
		return -EINVAL;
	src = s->ip.raw ? s->ip : net_source(net, dst);
	if (addr_is_v6(src) != addr_is_v6(dst) || !src.raw)
		return -EHOSTUNREACH;
	/* The last buffers are for the NIC, and for what TCP must say. */
	if (!net_tx_room(net, 1) || net->pool->nfree <= net->pool->kept / 2)
		return -ENOBUFS;
	m = mbuf_alloc(net->pool);
	if (net->caps & NIC_GATHER && total > UDP_GATHER_MIN &&
	    ranges <= MBUF_MAX_EXT) {
		gather(net, m, sg, n, &sum);
	} else if (!copy(net, m, sg, n, &sum)) {
		mbuf_free_chain(net->pool, m);
		return -ENOBUFS;
	}
	header(net, m, s, src, dst, port, (u32)total, sum);
	m->flags |= MBUF_TELL;
	m->tx.sock = (u16)sock;
	m->tx.gen = s->gen;
	m->tx.cookie = cookie;
	if (ip_out(net, m, src, dst, IP_PROTO_UDP, 0, &s->neigh, now)) {
		/* An error is all the answer: no udp_sent after it. */
		invariant(net->udp.sent == m);
		net->udp.sent = m->tx.next;
		mbuf_free_chain(net->pool, m);
		return -EHOSTUNREACH;
	}
	return (s64)total;
}

struct mbuf *udp_take_sent(struct net *net)
{
	struct mbuf *m = net->udp.sent;

	net->udp.sent = NULL;
	return m;
}

struct udp_sock *udp_sender(struct net *net, const struct mbuf *m)
{
	struct udp_sock *s = &net->udp.socks[m->tx.sock];

	return s->port && s->gen == m->tx.gen ? s : NULL;
}

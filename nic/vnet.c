/* SPDX-License-Identifier: MIT */
/* Checksums of packets that never leave the machine are not computed, and
 * packets of many segments not cut: nic/vnet.h. */
#include "nic/vnet.h"

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "base/be.h"

enum {
	/* In a frame. */
	ETH_TYPE_AT = 12,
	IP_AT = 14,
	IP_FRAG_AT = IP_AT + 6,
	IP_PROTO_AT = IP_AT + 9,
	IP_MIN_END = IP_AT + 20,
	IP6_NEXT_AT = IP_AT + 6,
	IP6_END = IP_AT + 40,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	FRAG_BITS = 0x3fff, /* more fragments, offset */
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	/* In the L4 header. */
	TCP_CKSUM_AT = 16,
	TCP_OFF_AT = 12, /* header length in words, upper 4 bits */
	UDP_CKSUM_AT = 6,
};

static u16 read16(const u8 *p)
{
	return be16_host(*(const struct be16 *)p);
}

/* Where the L4 header of @m is, and its protocol; 0: it has none of its own.
 * (We send no extension headers.) */
static u16 find_l4(const struct mbuf *m, u8 *proto)
{
	const u8 *p = m->data;

	if (m->len < IP_MIN_END)
		return 0;
	switch (read16(p + ETH_TYPE_AT)) {
	case TYPE_IPV4:
		*proto = p[IP_PROTO_AT];
		return read16(p + IP_FRAG_AT) & FRAG_BITS
			       ? 0
			       : (u16)(IP_AT + (p[IP_AT] & 15) * 4);
	case TYPE_IPV6:
		*proto = p[IP6_NEXT_AT];
		return m->len < IP6_END ? 0 : IP6_END;
	}
	return 0;
}

/* Into segments; TCP only. */
static void ask_cut(struct virtio_net_hdr *h, const struct mbuf *m, u16 at)
{
	const u8 *p = m->data;

	h->gso_type = read16(p + ETH_TYPE_AT) == TYPE_IPV4
			      ? VIRTIO_NET_HDR_GSO_TCPV4
			      : VIRTIO_NET_HDR_GSO_TCPV6;
	h->gso_size = m->seg;
	h->hdr_len = (u16)(at + (p[at + TCP_OFF_AT] >> 4) * 4);
}

/* Where Linux is to put the L4 checksum; for other protocols nowhere. */
static void ask_cksum(struct virtio_net_hdr *h, const struct mbuf *m)
{
	u8 proto;
	u16 at = find_l4(m, &proto);

	if (!at || (proto != PROTO_TCP && proto != PROTO_UDP))
		return;
	h->csum_offset = proto == PROTO_TCP ? TCP_CKSUM_AT : UDP_CKSUM_AT;
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = at;
	if (m->flags & MBUF_LARGE)
		ask_cut(h, m, at);
}

ssize_t vnet_write(int fd, const struct mbuf *m)
{
	struct virtio_net_hdr h = { 0 };
	struct iovec iov[VNET_MAX_IOV];
	int n = 0;

	ask_cksum(&h, m);
	iov[n++] = (struct iovec){ &h, sizeof(h) };
	for (; m && n < VNET_MAX_IOV - MBUF_MAX_EXT; m = m->next) {
		iov[n++] = (struct iovec){ m->data, m->len };
		for (int i = 0; i < m->nr_ext; i++)
			iov[n++] = (struct iovec){ (void *)m->ext[i].addr,
						   m->ext[i].len };
	}
	return writev(fd, iov, n);
}

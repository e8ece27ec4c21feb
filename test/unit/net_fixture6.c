/* SPDX-License-Identifier: MIT */
#include "net_fixture6.h"

#include "base/cksum.h"
#include "net/neigh_int.h"

#define GLOBAL(...)                                       \
	{                                                 \
		.b = { 0x20, 1, 0x0d, 0xb8, __VA_ARGS__ } \
	}

const struct be128 fix6_ip = GLOBAL([15] = 1);
const struct be128 fix6_local = { .b = { 0xfe, 0x80, [15] = 1 } };
const struct be128 fix6_peer = GLOBAL([15] = 2);
const struct be128 fix6_peer_local = { .b = { 0xfe, 0x80, [15] = 2 } };
const struct be128 fix6_router = { .b = { 0xfe, 0x80, [15] = 0xfe } };
const struct be128 fix6_far = GLOBAL([5] = 1, [15] = 1);
const struct be128 fix6_all_nodes = { .b = { 0xff, 2, [15] = 1 } };
const struct be128 fix6_all_routers = { .b = { 0xff, 2, [15] = 2 } };
const struct be128 fix6_nowhere;

int fix6_setup(void **state)
{
	struct fixture *f = fix_start();
	struct net *net = &f->net;

	net->conf.ip6 = (struct ip6_conf){
		.own = { { fix6_ip, 64 }, { fix6_local, 64 } },
		.nown = FIX6_OWN,
		.detect = true,
	};
	net->tcp.factor[0] = 0x9e3779b97f4a7c15;
	net->tcp.factor[1] = 0xc2b2ae3d27d4eb4f;
	net->wheel.fire[TIMER_IP6] = ip6_timer;
	f->addr_mem = calloc(1, addr_bytes(FIX6_ADDRS));
	addr_init(net, FIX6_ADDRS, f->addr_mem);
	ip6_init(net, f->now);
	*state = f;
	return 0;
}

u32 fix6_held(const struct fixture *f)
{
	const struct addr_table *t = &f->net.addrs;
	u32 n = 0;

	for (u32 i = 0; i < t->nused; i++)
		n += t->addrs[i].holders > 0;
	return n - FIX6_OWN;
}

void fix6_stop(struct fixture *f)
{
	struct net *net = &f->net;

	for (u32 i = 0; i < NEIGH_ENTRIES; i++) {
		if (net->neighbours.entries[i].state != NEIGH_FREE)
			neigh_release(net, &net->neighbours.entries[i]);
	}
	addr_put(net, net->ip6.router);
	for (u32 i = 0; i < net->addrs.nused; i++) {
		u32 own = ip6_own(&net->ip6, net->addrs.addrs[i].ip) >= 0;

		if (net->addrs.addrs[i].holders)
			assert_int_equal(net->addrs.addrs[i].holders, own);
	}
	assert_int_equal(fix6_held(f), 0);
	free(f->addr_mem);
}

static u16 l4_sum(const struct ipv6_hdr *ip, u8 proto, const void *l4, u32 len)
{
	u64 sum = cksum_fold(cksum_add(0, &ip->src, 2 * sizeof(ip->src)));

	sum += be32(len).raw + (u64)be16(proto).raw;
	return cksum_fold(cksum_add(sum, l4, len));
}

static u16 *cksum_field(u8 proto, void *l4)
{
	switch (proto) {
	case IP_PROTO_TCP:
		return &((struct tcp_hdr *)l4)->cksum;
	case IP_PROTO_UDP:
		return &((struct udp_hdr *)l4)->cksum;
	case IP_PROTO_ICMP6:
		return &((struct icmp_hdr *)l4)->cksum;
	}
	return NULL;
}

static void set_cksum(const struct ipv6_hdr *ip, u8 proto, void *l4, u32 len)
{
	u16 *field = cksum_field(proto, l4);

	if (!field)
		return;
	*field = 0;
	*field = (u16)~l4_sum(ip, proto, l4, len);
}

struct mbuf *fix6_ext(struct fixture *f, struct be128 src, struct be128 dst,
		      const struct fix6_ext *e, u8 proto, const void *l4,
		      u32 len)
{
	struct {
		struct eth_hdr eth;
		struct ipv6_hdr ip;
		u8 rest[FIX_FRAME];
	} PACKED frame = {
		.eth.type = be16(ETH_TYPE_IPV6),
		.ip = { .ver_class_flow = be32(6u << 28),
			.len = be16((u16)(e->len + len)),
			.next = e->len ? e->next : proto,
			.hops = 255,
			.src = src,
			.dst = dst },
	};

	memcpy(frame.eth.dst, fix_mac, 6);
	if (ip6_is_multicast(dst))
		ip6_group_mac(frame.eth.dst, dst);
	memcpy(frame.eth.src, fix_peer_mac, 6);
	if (e->len)
		memcpy(frame.rest, e->ext, e->len);
	memcpy(frame.rest + e->len, l4, len);
	set_cksum(&frame.ip, proto, frame.rest + e->len, len);
	return fix_raw(f, &frame, ETH_LEN + IPV6_LEN + e->len + len);
}

struct mbuf *fix6(struct fixture *f, struct be128 src, struct be128 dst,
		  u8 proto, const void *l4, u32 len)
{
	return fix6_ext(f, src, dst, &(struct fix6_ext){ 0 }, proto, l4, len);
}

struct mbuf *fix6_icmp(struct fixture *f, u8 type, u8 code, u32 rest,
		       const void *payload, u32 len)
{
	struct {
		struct icmp_hdr icmp;
		u8 payload[FIX_FRAME - 100];
	} PACKED l4 = { .icmp = { type, code, 0, be32(rest) } };

	memcpy(l4.payload, payload, len);
	return fix6(f, fix6_peer, fix6_ip, IP_PROTO_ICMP6, &l4, ICMP_LEN + len);
}

struct mbuf *fix6_udp(struct fixture *f, struct be128 src, u16 sport, u16 dport,
		      const void *payload, u32 len)
{
	struct {
		struct udp_hdr udp;
		u8 payload[FIX_FRAME - 100];
	} PACKED l4 = { .udp = { .sport = be16(sport),
				 .dport = be16(dport),
				 .len = be16((u16)(UDP_LEN + len)) } };

	memcpy(l4.payload, payload, len);
	return fix6(f, src, fix6_ip, IP_PROTO_UDP, &l4, UDP_LEN + len);
}

struct ipv6_hdr *fix6_of(struct mbuf *m)
{
	return (struct ipv6_hdr *)(m->data + ETH_LEN);
}

void fix6_check(const struct fixture *f, struct fix_frame *t)
{
	struct ipv6_hdr *ip = (struct ipv6_hdr *)(t->bytes + ETH_LEN);

	assert_true(t->len >= ETH_LEN + IPV6_LEN);
	assert_int_equal(be32_host(ip->ver_class_flow) >> 28, 6);
	assert_int_equal(be16_host(ip->len), t->len - ETH_LEN - IPV6_LEN);
	assert_true(t->len - ETH_LEN <= f->net.mtu);
	t->ip6 = ip;
	t->l4 = ip + 1;
	t->l4_len = t->len - ETH_LEN - IPV6_LEN;
	if (cksum_field(ip->next, t->l4))
		assert_int_equal(l4_sum(ip, ip->next, t->l4, t->l4_len),
				 0xffff);
}

static void know(struct fixture *f, struct be128 ip, const u8 mac[6])
{
	struct net *net = &f->net;
	struct be32 id = addr_get(net, ip);

	assert_int_equal(neigh_add_static(net, id, mac), 0);
	addr_put(net, id);
}

void fix6_know_peer(struct fixture *f)
{
	know(f, fix6_peer, fix_peer_mac);
	know(f, fix6_peer_local, fix_peer_mac);
	know(f, fix6_router, fix_gw_mac);
}

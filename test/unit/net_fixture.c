/* SPDX-License-Identifier: MIT */
#include "net_fixture.h"
#include "net_fixture6.h"

#include "base/cksum.h"

const u8 fix_mac[6] = { 2, 0, 0, 0, 0, 1 };
const u8 fix_peer_mac[6] = { 2, 0, 0, 0, 0, 2 };
const u8 fix_gw_mac[6] = { 2, 0, 0, 0, 0, 0xfe };

static void configure(struct net *net)
{
	net->conf = (struct net_conf){
		.ip = FIX_IP,
		.netmask = be32(0xffffff00),
		.gateway = FIX_GATEWAY,
		.icmp_echo = true,
		.arp_timeout_ms = 60000,
		.arp_retry_ms = 1000,
		.arp_retries = 3,
		.frag_timeout_ms = 30000,
		.udp = { .max_sockets = FIX_SOCKS, .rcv_queue = 16 },
		.tcp = { .port_min = FIX_PORT_MIN, .port_max = FIX_PORT_MAX },
	};
	net->mtu = FIX_MTU;
	memcpy(net->src.mac, fix_mac, 6);
	net->src.type = be16(ETH_TYPE_IPV4);
	net->secret[0] = 1;
	net->secret[1] = 2;
	net->nthreads = 1;
	net->rss_key = rss_symmetric_key;
}

struct fixture *fix_start(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct net *net = &f->net;

	assert_non_null(f);
	f->mem = aligned_alloc(CACHE_LINE,
			       (mbuf_pool_bytes(FIX_MBUFS) + 63) & ~63ul);
	f->frames = aligned_alloc(MBUF_SIZE, FIX_MBUFS * MBUF_SIZE);
	mbuf_pool_init(&f->pool, f->mem, f->frames, 0x1000, FIX_MBUFS);
	f->now = 1000 * FIX_MS;
	net->pool = &f->pool;
	net->stat = &f->stat;
	net->group_owner = f->group_owner;
	configure(net);
	wheel_init(&net->wheel, f->now);
	net->wheel.fire[TIMER_NEIGH] = neigh_timer;
	net->wheel.fire[TIMER_FRAG] = frag_timer;
	neigh_init(net);
	frag_init(net);
	f->udp_mem = calloc(1, udp_bytes(&net->conf.udp));
	udp_init(net, f->udp_mem);
	return f;
}

static void free_sent(struct fixture *f)
{
	struct mbuf *m = udp_take_sent(&f->net), *next;

	for (; m; m = next) {
		next = m->tx.next;
		mbuf_free_chain(&f->pool, m);
	}
}

void fix_stop(struct fixture *f)
{
	for (u32 i = 0; i < FIX_SOCKS; i++) {
		if (f->net.udp.socks[i].port)
			udp_unbind(&f->net, i);
	}
	neigh_flush(&f->net);
	frag_flush(&f->net);
	while (fix_tx(f))
		;
	free_sent(f);
	if (f->addr_mem)
		fix6_stop(f);
	assert_int_equal(f->pool.nfree, f->pool.total);
	free(f->mem);
	free(f->udp_mem);
	free(f->frames);
	free(f);
}

int fix_setup(void **state)
{
	*state = fix_start();
	return 0;
}

int fix_teardown(void **state)
{
	fix_stop(*state);
	return 0;
}

/* ---- frames to us */

/* Large ones in several fragments, as NICs deliver them. */
struct mbuf *fix_raw(struct fixture *f, const void *bytes, u32 len)
{
	struct mbuf *first = NULL, **at = &first;
	const u8 *p = bytes;

	do {
		struct mbuf *m = mbuf_alloc(&f->pool);

		assert_non_null(m);
		m->len = min(len, (u32)MBUF_ROOM);
		memcpy(m->data, p, m->len);
		p += m->len;
		len -= m->len;
		*at = m;
		at = &m->next;
	} while (len);
	return first;
}

static u16 l4_sum(const struct ipv4_hdr *ip, const void *l4, u32 len)
{
	u64 sum =
		ip->proto == IP_PROTO_ICMP
			? 0
			: ip_pseudo_sum(ip->src, ip->dst, ip->proto, (u16)len);

	return cksum_fold(cksum_add(sum, l4, len));
}

static u16 *cksum_field(const struct ipv4_hdr *ip, void *l4)
{
	switch (ip->proto) {
	case IP_PROTO_TCP:
		return &((struct tcp_hdr *)l4)->cksum;
	case IP_PROTO_UDP:
		return &((struct udp_hdr *)l4)->cksum;
	case IP_PROTO_ICMP:
		return &((struct icmp_hdr *)l4)->cksum;
	}
	return NULL;
}

static void set_l4_cksum(const struct ipv4_hdr *ip, void *l4, u32 len)
{
	u16 *field = cksum_field(ip, l4);

	if (!field)
		return;
	*field = 0;
	*field = (u16)~l4_sum(ip, l4, len);
}

struct mbuf *fix_ip(struct fixture *f, struct be32 src, u8 proto,
		    const void *l4, u32 len)
{
	struct {
		struct eth_hdr eth;
		struct ipv4_hdr ip;
		u8 l4[FIX_FRAME];
	} PACKED frame = {
		.eth.type = be16(ETH_TYPE_IPV4),
		.ip = { .ver_ihl = 0x45,
			.len = be16((u16)(IPV4_LEN + len)),
			.frag = be16(IP_DF),
			.ttl = 64,
			.proto = proto,
			.src = src,
			.dst = FIX_IP },
	};

	memcpy(frame.eth.dst, fix_mac, 6);
	memcpy(frame.eth.src, fix_peer_mac, 6);
	frame.ip.cksum = (u16)~cksum_fold(cksum_add(0, &frame.ip, IPV4_LEN));
	memcpy(frame.l4, l4, len);
	set_l4_cksum(&frame.ip, frame.l4, len);
	return fix_raw(f, &frame, ETH_LEN + IPV4_LEN + len);
}

struct mbuf *fix_udp(struct fixture *f, u16 sport, u16 dport,
		     const void *payload, u32 len)
{
	struct {
		struct udp_hdr udp;
		u8 payload[FIX_FRAME - 100];
	} PACKED l4 = { .udp = { .sport = be16(sport),
				 .dport = be16(dport),
				 .len = be16((u16)(UDP_LEN + len)) } };

	memcpy(l4.payload, payload, len);
	return fix_ip(f, FIX_PEER, IP_PROTO_UDP, &l4, UDP_LEN + len);
}

struct mbuf *fix_tcp(struct fixture *f, const struct fix_seg *s,
		     const void *payload, u32 len)
{
	struct {
		struct tcp_hdr tcp;
		u8 rest[FIX_FRAME - 100];
	} PACKED l4 = { .tcp = { .sport = be16(s->sport),
				 .dport = be16(s->dport),
				 .seq = be32(s->seq),
				 .ack = be32(s->ack),
				 .off = (u8)((TCP_LEN + s->opt_len) << 2),
				 .flags = s->flags,
				 .win = be16(s->win) } };

	if (s->opt_len)
		memcpy(l4.rest, s->opt, s->opt_len);
	if (len)
		memcpy(l4.rest + s->opt_len, payload, len);
	return fix_ip(f, s->src.raw ? s->src : FIX_PEER, IP_PROTO_TCP, &l4,
		      TCP_LEN + s->opt_len + len);
}

struct mbuf *fix_icmp(struct fixture *f, u8 type, u8 code, u32 rest,
		      const void *payload, u32 len)
{
	struct {
		struct icmp_hdr icmp;
		u8 payload[FIX_FRAME - 100];
	} PACKED l4 = { .icmp = { type, code, 0, be32(rest) } };

	memcpy(l4.payload, payload, len);
	return fix_ip(f, FIX_PEER, IP_PROTO_ICMP, &l4, ICMP_LEN + len);
}

struct mbuf *fix_arp(struct fixture *f, u16 op, const u8 sha[6],
		     struct be32 spa, struct be32 tpa)
{
	struct {
		struct eth_hdr eth;
		struct arp_hdr arp;
		u8 padding[18];
	} PACKED frame = {
		.eth.type = be16(ETH_TYPE_ARP),
		.arp = { .htype = be16(1),
			 .ptype = be16(ETH_TYPE_IPV4),
			 .hlen = 6,
			 .plen = 4,
			 .op = be16(op),
			 .spa = spa,
			 .tpa = tpa },
	};

	memset(frame.eth.dst, 0xff, 6);
	memcpy(frame.eth.src, sha, 6);
	memcpy(frame.arp.sha, sha, 6);
	return fix_raw(f, &frame, sizeof(frame));
}

struct ipv4_hdr *fix_ip_of(struct mbuf *m)
{
	return (struct ipv4_hdr *)(m->data + ETH_LEN);
}

void *fix_l4_of(struct mbuf *m)
{
	struct ipv4_hdr *ip = fix_ip_of(m);

	return (u8 *)ip + (ip->ver_ihl & 15) * 4;
}

void fix_ip_cksum(struct mbuf *m)
{
	struct ipv4_hdr *ip = fix_ip_of(m);

	ip->cksum = 0;
	ip->cksum = (u16)~cksum_fold(
		cksum_add(0, ip, (size_t)(ip->ver_ihl & 15) * 4));
}

void fix_l4_cksum(struct mbuf *m)
{
	struct ipv4_hdr *ip = fix_ip_of(m);

	assert_null(m->next);
	set_l4_cksum(ip, fix_l4_of(m),
		     be16_host(ip->len) - (ip->ver_ihl & 15u) * 4);
}

void fix_split(struct fixture *f, struct mbuf *m, u32 at)
{
	struct mbuf *rest = mbuf_alloc(&f->pool);

	assert_non_null(rest);
	assert_true(at < m->len);
	rest->len = m->len - at;
	memcpy(rest->data, m->data + at, rest->len);
	m->len = at;
	rest->next = m->next;
	m->next = rest;
}

bool fix_in(struct fixture *f, struct mbuf *m)
{
	bool taken = net_rx(&f->net, &m, 1, f->now);

	if (!taken)
		mbuf_free_chain(&f->pool, m);
	m = frag_whole(&f->net);
	return m ? fix_in(f, m) : taken;
}

/* ---- frames from us */

static void append(struct fix_frame *t, const void *p, u32 len)
{
	assert_true(t->len + len <= sizeof(t->bytes));
	memcpy(t->bytes + t->len, p, len);
	t->len += len;
}

static void flatten(struct fix_frame *t, const struct mbuf *m)
{
	for (; m; m = m->next) {
		append(t, m->data, m->len);
		for (int i = 0; i < m->nr_ext; i++)
			append(t, m->ext[i].addr, m->ext[i].len);
	}
}

static void check_ip(const struct fixture *f, struct fix_frame *t)
{
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(t->bytes + ETH_LEN);
	u16 *field;

	assert_true(t->len >= ETH_LEN + IPV4_LEN);
	assert_int_equal(ip->ver_ihl, 0x45);
	assert_int_equal(be16_host(ip->len), t->len - ETH_LEN);
	assert_true(t->len - ETH_LEN <= f->net.mtu);
	assert_int_equal(be16_host(ip->frag), IP_DF);
	assert_int_equal(ip->ttl, 64);
	assert_int_equal(cksum_fold(cksum_add(0, ip, IPV4_LEN)), 0xffff);
	t->ip = ip;
	t->l4 = ip + 1;
	t->l4_len = t->len - ETH_LEN - IPV4_LEN;
	field = cksum_field(ip, t->l4);
	if (!field)
		return;
	if (f->net.caps & NIC_TX_CSUM && ip->proto != IP_PROTO_ICMP)
		assert_int_equal(*field, cksum_fold(ip_pseudo_sum(
						 ip->src, ip->dst, ip->proto,
						 (u16)t->l4_len)));
	else
		assert_int_equal(l4_sum(ip, t->l4, t->l4_len), 0xffff);
}

struct fix_frame *fix_tx(struct fixture *f)
{
	struct fix_frame *t = &f->tx;
	struct net *net = &f->net;
	struct mbuf *m;

	if (!net->ntx)
		return NULL;
	m = net->txq[0];
	memmove(net->txq, net->txq + 1, --net->ntx * sizeof(net->txq[0]));
	t->len = 0;
	t->ip = NULL;
	t->ip6 = NULL;
	t->arp = NULL;
	t->tell = m->flags & MBUF_TELL;
	t->sock = m->tx.sock;
	t->cookie = m->tx.cookie;
	flatten(t, m);
	mbuf_free_chain(&f->pool, m);
	t->eth = (struct eth_hdr *)t->bytes;
	assert_memory_equal(t->eth->src, net->src.mac, 6);
	if (be16_host(t->eth->type) == ETH_TYPE_ARP)
		t->arp = (struct arp_hdr *)(t->eth + 1);
	else if (be16_host(t->eth->type) == ETH_TYPE_IPV6)
		fix6_check(f, t);
	else
		check_ip(f, t);
	return t;
}

void fix_tx_none(struct fixture *f)
{
	assert_int_equal(f->net.ntx, 0);
}

void fix_pass(struct fixture *f, u64 ns)
{
	u64 end = f->now + ns;

	for (;;) {
		u64 wait = wheel_next(&f->net.wheel, f->now);

		if (wait > end - f->now)
			break;
		f->now += max(wait, (u64)1);
		wheel_run(&f->net.wheel, &f->net, f->now);
	}
	f->now = end;
	wheel_run(&f->net.wheel, &f->net, f->now);
}

void fix_starve(struct fixture *f, u32 left)
{
	while (f->pool.nfree > left)
		f->held[f->nheld++] = mbuf_alloc(&f->pool);
}

void fix_feed(struct fixture *f)
{
	while (f->nheld)
		mbuf_free(&f->pool, f->held[--f->nheld]);
}

void fix_know_peer(struct fixture *f)
{
	assert_int_equal(neigh_add_static(&f->net, FIX_PEER, fix_peer_mac), 0);
	assert_int_equal(neigh_add_static(&f->net, FIX_GATEWAY, fix_gw_mac), 0);
}

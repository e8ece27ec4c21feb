/* SPDX-License-Identifier: MIT */
/* net/ip_own.c: several IPv4 addresses. */
#include "tcp_fixture.h"

#include "net/neigh_int.h"

#include <errno.h>

#define SAME_NET be32(0x0a000003)   /* 10.0.0.3/24, ours, too */
#define OTHER_NET be32(0x0a010001)  /* 10.1.0.1/16, ours, too */
#define OTHER_PEER be32(0x0a010002) /* 10.1.0.2, on that link */
#define OTHER_ALL be32(0x0a01ffff)  /* 10.1.255.255 */

static int setup(void **state)
{
	int err = tcpfix_setup(state);
	struct fixture *f = *state;

	f->net.conf.also[0] = (struct ip4_prefix){ SAME_NET, be32(0xffffff00) };
	f->net.conf.also[1] =
		(struct ip4_prefix){ OTHER_NET, be32(0xffff0000) };
	f->net.conf.nalso = 2;
	f->net.conf.gateway = FIX_GATEWAY;
	fix_know_peer(f);
	assert_int_equal(neigh_add_static(&f->net, OTHER_PEER, fix_peer_mac),
			 0);
	return err;
}
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, tcpfix_teardown)

static struct mbuf *to(struct mbuf *m, struct be32 src, struct be32 dst)
{
	fix_ip_of(m)->src = src;
	fix_ip_of(m)->dst = dst;
	fix_ip_cksum(m);
	fix_l4_cksum(m);
	return m;
}

static struct mbuf *ping(struct fixture *f, struct be32 src, struct be32 dst)
{
	return to(fix_icmp(f, ICMP_ECHO, 0, 7, "ping", 4), src, dst);
}

/* Each answers for itself. */
static void pings(void **state)
{
	const struct be32 ours[] = { FIX_IP, SAME_NET, OTHER_NET };
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(ours); i++) {
		struct fix_frame *t;

		fix_in(f, ping(f, FIX_PEER, ours[i]));
		t = fix_tx(f);
		assert_non_null(t);
		assert_int_equal(t->ip->src.raw, ours[i].raw);
		assert_int_equal(t->ip->dst.raw, FIX_PEER.raw);
	}
	fix_in(f, ping(f, FIX_PEER, be32(0x0a010003)));
	fix_tx_none(f);
	assert_int_equal(f->stat.drop_not_ours, 1);
}

static void errors(void **state)
{
	struct fixture *f = *state;
	struct fix_frame *t;

	fix_in(f, to(fix_udp(f, 9, 53, "x", 1), FIX_PEER, OTHER_NET));
	t = fix_tx(f);
	assert_non_null(t);
	assert_int_equal(t->ip->src.raw, OTHER_NET.raw);
	assert_int_equal(((struct icmp_hdr *)t->l4)->code, ICMP_UNREACH_PORT);
}

/* None of them, and no broadcast address of theirs, can be a sender. */
static void martians(void **state)
{
	const struct be32 bad[] = { FIX_IP, SAME_NET, OTHER_NET, OTHER_ALL,
				    be32(0x0a0000ff) };
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		fix_in(f, ping(f, bad[i], FIX_IP));
	fix_tx_none(f);
	assert_int_equal(f->stat.drop_not_ours, ARRAY_SIZE(bad));
	assert_true(ip_is_broadcast(&f->net, OTHER_ALL));
	assert_true(ip_is_broadcast(&f->net, be32(0x0a0000ff)));
	assert_false(ip_is_broadcast(&f->net, be32(0x0a0100ff)));
}

static void arp_for_each(void **state)
{
	const struct be32 ours[] = { FIX_IP, SAME_NET, OTHER_NET };
	struct fixture *f = *state;
	struct fix_frame *t;

	for (u32 i = 0; i < ARRAY_SIZE(ours); i++) {
		fix_in(f, fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER,
				  ours[i]));
		t = fix_tx(f);
		assert_non_null(t);
		assert_int_equal(be16_host(t->arp->op), ARP_REPLY);
		assert_int_equal(t->arp->spa.raw, ours[i].raw);
	}
	arp_announce(&f->net);
	for (u32 i = 0; i < ARRAY_SIZE(ours); i++) {
		t = fix_tx(f);
		assert_non_null(t);
		assert_int_equal(t->arp->spa.raw, ours[i].raw);
		assert_int_equal(t->arp->tpa.raw, ours[i].raw);
	}
	fix_tx_none(f);
	/* Who claims one of them is no neighbour. */
	fix_in(f, fix_arp(f, ARP_REPLY, fix_gw_mac, OTHER_NET, FIX_IP));
	assert_int_equal(f->stat.drop_arp, 1);
}

/* A question comes from an address of the network asked. */
static void questions(void **state)
{
	struct fixture *f = *state;
	const struct be32 strange = be32(0x0a010099);
	struct mbuf *m = mbuf_alloc(&f->pool);
	struct fix_frame *t;

	m->len = 4;
	ip_out(&f->net, m, OTHER_NET, strange, 99, 0, NULL, f->now);
	t = fix_tx(f);
	assert_non_null(t);
	assert_int_equal(t->arp->tpa.raw, strange.raw);
	assert_int_equal(t->arp->spa.raw, OTHER_NET.raw);
	neigh_release(&f->net, neigh_find(&f->net, strange));
}

static void sources(void **state)
{
	struct fixture *f = *state;
	const struct net *net = &f->net;

	assert_int_equal(net_source(net, FIX_PEER).raw, FIX_IP.raw);
	assert_int_equal(net_source(net, OTHER_PEER).raw, OTHER_NET.raw);
	assert_int_equal(net_source(net, FIX_FAR).raw, FIX_IP.raw);
	f->net.conf.gateway = OTHER_PEER;
	assert_int_equal(net_source(net, FIX_FAR).raw, OTHER_NET.raw);
	assert_int_equal(net_next_hop(net, FIX_FAR).raw, OTHER_PEER.raw);
	assert_int_equal(net_next_hop(net, OTHER_PEER).raw, OTHER_PEER.raw);
}

/* ICMP speaks of what we sent, from whatever address. */
static void icmp_about_each(void **state)
{
	struct fixture *f = *state;
	struct {
		struct ipv4_hdr ip;
		u8 rest[8];
	} PACKED sent = { .ip = { .ver_ihl = 0x45, .proto = IP_PROTO_TCP } };
	const struct be32 from[] = { OTHER_NET, SAME_NET, FIX_PEER };

	for (u32 i = 0; i < ARRAY_SIZE(from); i++) {
		sent.ip.src = from[i];
		sent.ip.dst = OTHER_PEER;
		fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0,
				   &sent, sizeof(sent)));
	}
	assert_int_equal(f->stat.drop_icmp, 1);
}

/* A listener for each address, or one for all. */
static void listeners(void **state)
{
	struct fixture *f = *state;
	struct net *net = &f->net;

	assert_int_equal(tcp_listen(net, FIX_IP, 80, 1), 0);
	assert_int_equal(tcp_listen(net, OTHER_NET, 80, 1), 0);
	assert_int_equal(tcp_listen(net, OTHER_NET, 80, 1), -EADDRINUSE);
	assert_int_equal(tcp_listen(net, be32(0), 80, 1), -EADDRINUSE);
	assert_int_equal(tcp_listen(net, FIX_PEER, 81, 1), -EADDRNOTAVAIL);
	assert_int_equal(tcp_unlisten(net, OTHER_NET, 80, f->now), 0);
	assert_int_equal(tcp_unlisten(net, OTHER_NET, 80, f->now), -EINVAL);
	assert_int_equal(tcp_listen(net, SAME_NET, 80, 1), 0);
	assert_int_equal(udp_bind(net, OTHER_NET, 53, 0), 0);
	assert_int_equal(udp_bind(net, OTHER_PEER, 54, 0), -EADDRNOTAVAIL);
	udp_unbind(net, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pings),	       TEST(errors),	TEST(martians),
		TEST(arp_for_each),    TEST(questions), TEST(sources),
		TEST(icmp_about_each), TEST(listeners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

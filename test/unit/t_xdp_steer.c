/* SPDX-License-Identifier: MIT */
/*
 * The XDP program, run by the kernel on packets made here (BPF_PROG_RUN). The
 * map of sockets is replaced by one of CPUs, which needs no NIC to be filled.
 * Skipped without the right to load programs.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/pkt.h"
#include "nic/xdp_prog.h"
#include "xdp_steer.skel.h"

enum { OUR_PORT = 7777, OTHER_PORT = 22, LEN = 128 };

static const struct ports our_ports = { { OUR_PORT, 65535 }, 20000, 20100 };

static struct xdp_steer *whole, *ports;
static const struct be32 own = { 0x0b004d0a }, other = { 0x01004d0a };
static const struct ip4_prefix also[] = { { { 0x0c004d0a }, { 0xffffff } },
					  { { 0x0100a8c0 }, { 0xffffff } } };
static const struct be128 other6 = { .b = { 0xfd, [15] = 9 } };
static const struct ip6_prefix own6[] = {
	{ { .b = { 0xfd, [15] = 1 } }, 64 },
	{ { .b = { 0xfe, 0x80, [15] = 1 } }, 64 },
};

static struct xdp_steer *load_as(bool ports_only, bool shared)
{
	struct xdp_steer *s = xdp_steer__open();
	u32 queue = 0, size = 64;

	if (!s)
		return NULL;
	xdp_prog_configure(s, &(struct nic_config){ .ip = own,
						    .also = also,
						    .nalso = ARRAY_SIZE(also),
						    .ip6 = own6,
						    .nip6 = ARRAY_SIZE(own6),
						    .ports_only = ports_only,
						    .shared = shared,
						    .ports = our_ports });
	bpf_map__set_type(s->maps.xsks, BPF_MAP_TYPE_CPUMAP);
	if (xdp_steer__load(s) ||
	    bpf_map_update_elem(bpf_map__fd(s->maps.xsks), &queue, &size, 0)) {
		xdp_steer__destroy(s);
		return NULL;
	}
	return s;
}

/* Was it redirected? */
static bool taken(struct xdp_steer *s, const void *packet, u32 len)
{
	u8 out[2 * LEN];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet,
		    .data_size_in = len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = 1);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(s->progs.steer), &o), 0);
	assert_true(o.retval == XDP_PASS || o.retval == XDP_REDIRECT);
	return o.retval == XDP_REDIRECT;
}

struct packet {
	struct eth_hdr eth;
	struct ipv4_hdr ip;
	u8 l4[LEN - ETH_LEN - IPV4_LEN];
} PACKED;

static struct packet ipv4(struct be32 dst, u8 proto, u16 sport, u16 dport)
{
	struct packet p = {
		.eth.type = be16(ETH_TYPE_IPV4),
		.ip = { .ver_ihl = 0x45, .proto = proto, .dst = dst },
	};
	struct be16 pair[2] = { be16(sport), be16(dport) };

	memcpy(p.l4, pair, 4);
	return p;
}

static struct packet arp(struct be32 tpa, u16 op)
{
	struct packet p = { .eth.type = be16(ETH_TYPE_ARP) };
	struct arp_hdr *a = (void *)&p.ip;

	a->op = be16(op);
	a->tpa = tpa;
	return p;
}

/* An ICMP error at us about a packet from @src, @sport. */
static struct packet icmp(u8 type, struct be32 src, u8 proto, u16 sport)
{
	struct packet p = ipv4(own, IP_PROTO_ICMP, 0, 0);
	struct icmp_hdr *h = (void *)p.l4;
	struct ipv4_hdr *ip = (void *)(h + 1);
	struct be16 port = be16(sport);

	*h = (struct icmp_hdr){ .type = type };
	*ip = (struct ipv4_hdr){ .ver_ihl = 0x45, .proto = proto, .src = src };
	memcpy(ip + 1, &port, 2);
	return p;
}

static void check(struct xdp_steer *s, struct packet p, bool want)
{
	assert_int_equal(taken(s, &p, sizeof(p)), want);
}

static void test_whole(void **state)
{
	struct packet p = ipv4(own, IP_PROTO_TCP, 1, OTHER_PORT);

	check(whole, p, true);
	check(whole, ipv4(own, IP_PROTO_ICMP, 0, 0), true);
	check(whole, ipv4(own, 132, 0, 0), true);
	check(whole, ipv4(other, IP_PROTO_TCP, 1, OUR_PORT), false);
	p.ip.frag = be16(IP_MF);
	check(whole, p, true);
	p.eth.type = be16(0x8100);
	check(whole, p, false);
}

static void test_arp(void **state)
{
	check(whole, arp(own, ARP_REQUEST), true);
	check(whole, arp(own, ARP_REPLY), true);
	check(whole, arp(other, ARP_REQUEST), false);
	check(ports, arp(own, ARP_REQUEST), false);
}

static void test_ports(void **state)
{
	struct packet p = ipv4(own, IP_PROTO_TCP, OTHER_PORT, OUR_PORT);

	check(ports, p, true);
	check(ports, ipv4(own, IP_PROTO_UDP, 1, OUR_PORT), true);
	check(ports, ipv4(own, IP_PROTO_TCP, OUR_PORT, OTHER_PORT), false);
	check(ports, ipv4(own, IP_PROTO_TCP, 1, OUR_PORT + 64), false);
	check(ports, ipv4(own, 132, 1, OUR_PORT), false);
	check(ports, ipv4(other, IP_PROTO_TCP, 1, OUR_PORT), false);
	p.ip.frag = be16(IP_MF);
	check(ports, p, false);
	p.ip.frag = be16(8);
	check(ports, p, false);
}

static void test_several(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(also); i++) {
		struct be32 ip = also[i].ip;

		check(whole, ipv4(ip, IP_PROTO_TCP, 1, OTHER_PORT), true);
		check(whole, arp(ip, ARP_REQUEST), true);
		check(ports, ipv4(ip, IP_PROTO_UDP, 1, OUR_PORT), true);
		check(ports, ipv4(ip, IP_PROTO_UDP, 1, OTHER_PORT), false);
		check(ports, icmp(3, ip, IP_PROTO_TCP, OUR_PORT), true);
	}
	check(whole, ipv4((struct be32){ 0 }, IP_PROTO_TCP, 1, 1), false);
}

/* ---- IPv6 */

struct packet6 {
	struct eth_hdr eth;
	struct ipv6_hdr ip;
	u8 l4[LEN - ETH_LEN - IPV6_LEN];
} PACKED;

static struct packet6 ipv6(struct be128 dst, u8 proto, u16 sport, u16 dport)
{
	struct packet6 p = {
		.eth.type = be16(ETH_TYPE_IPV6),
		.ip = { .ver_class_flow = be32(6u << 28),
			.next = proto,
			.dst = dst },
	};
	struct be16 pair[2] = { be16(sport), be16(dport) };

	memcpy(p.l4, pair, 4);
	return p;
}

static struct packet6 icmp6(u8 type, struct be128 src, u8 proto, u16 sport)
{
	struct packet6 p = ipv6(own6[0].ip, IP_PROTO_ICMP6, 0, 0);
	struct icmp_hdr *h = (void *)p.l4;
	struct ipv6_hdr *ip = (void *)(h + 1);
	struct be16 port = be16(sport);

	*h = (struct icmp_hdr){ .type = type };
	*ip = (struct ipv6_hdr){ .next = proto, .src = src };
	memcpy(ip + 1, &port, 2);
	return p;
}

static struct packet6 solicit(struct be128 target)
{
	struct packet6 p =
		ipv6(ip6_solicited_node(target), IP_PROTO_ICMP6, 0, 0);
	struct nd_hdr *nd = (void *)p.l4;

	*nd = (struct nd_hdr){ .type = ND_SOLICIT, .target = target };
	return p;
}

static void check6(struct xdp_steer *s, struct packet6 p, bool want)
{
	assert_int_equal(taken(s, &p, sizeof(p)), want);
}

static void test_whole6(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(own6); i++) {
		check6(whole, ipv6(own6[i].ip, IP_PROTO_TCP, 1, 2), true);
		check6(whole, ipv6(own6[i].ip, IP6_FRAGMENT, 0, 0), true);
		check6(whole, ipv6(own6[i].ip, IP_PROTO_ICMP6, 0, 0), true);
		check6(whole, solicit(own6[i].ip), true);
		check6(ports, solicit(own6[i].ip), false);
	}
	check6(whole, ipv6(other6, IP_PROTO_TCP, 1, OUR_PORT), false);
	check6(whole, solicit(other6), false);
}

static void test_ports6(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(own6); i++) {
		struct be128 ip = own6[i].ip;

		check6(ports, ipv6(ip, IP_PROTO_TCP, 1, OUR_PORT), true);
		check6(ports, ipv6(ip, IP_PROTO_UDP, 1, 20050), true);
		check6(ports, ipv6(ip, IP_PROTO_TCP, OUR_PORT, OTHER_PORT),
		       false);
		check6(ports, ipv6(ip, IP6_FRAGMENT, 1, OUR_PORT), false);
		check6(ports, ipv6(ip, IP6_DEST_OPTIONS, 1, OUR_PORT), false);
		check6(ports, ipv6(ip, IP_PROTO_ICMP6, 1, OUR_PORT), false);
	}
	check6(ports, ipv6(other6, IP_PROTO_TCP, 1, OUR_PORT), false);
}

static void test_icmp6_errors(void **state)
{
	struct be128 ip = own6[0].ip;

	for (u8 type = 1; type <= 4; type++)
		check6(ports, icmp6(type, ip, IP_PROTO_TCP, OUR_PORT), true);
	check6(ports, icmp6(1, ip, IP_PROTO_UDP, OUR_PORT), true);
	check6(ports, icmp6(1, ip, IP_PROTO_TCP, OTHER_PORT), false);
	check6(ports, icmp6(1, other6, IP_PROTO_TCP, OUR_PORT), false);
	check6(ports, icmp6(128, ip, IP_PROTO_TCP, OUR_PORT), false);
	check6(ports, icmp6(0, ip, IP_PROTO_TCP, OUR_PORT), false);
	check6(ports, icmp6(1, ip, IP6_FRAGMENT, OUR_PORT), false);
}

static void test_short6(void **state)
{
	struct packet6 p = ipv6(own6[0].ip, IP_PROTO_TCP, 1, OUR_PORT);
	struct packet6 s = solicit(own6[0].ip);

	for (u32 len = ETH_LEN; len < sizeof(p); len++) {
		assert_int_equal(taken(whole, &p, len),
				 len >= ETH_LEN + IPV6_LEN);
		assert_int_equal(taken(ports, &p, len),
				 len >= ETH_LEN + IPV6_LEN + 4);
		assert_int_equal(taken(whole, &s, len),
				 len >= ETH_LEN + IPV6_LEN + ND_LEN);
	}
}

/* The NIC takes exactly what the gate lets applications have. */
static void test_every_port(void **state)
{
	for (u32 port = 0; port <= UINT16_MAX; port++) {
		bool ours = ports_has(&our_ports, (u16)port);

		check(ports, ipv4(own, IP_PROTO_TCP, 1, (u16)port), ours);
		check(ports, ipv4(own, IP_PROTO_UDP, 1, (u16)port), ours);
	}
}

static void test_ip_options(void **state)
{
	struct packet p = ipv4(own, IP_PROTO_TCP, OTHER_PORT, OTHER_PORT);
	struct be16 port = be16(OUR_PORT);

	p.ip.ver_ihl = 0x47;
	memcpy(p.l4 + 8 + 2, &port, 2);
	check(ports, p, true);
	p.ip.ver_ihl = 0x41;
	check(ports, p, false);
}

static void test_icmp_errors(void **state)
{
	check(ports, icmp(3, own, IP_PROTO_TCP, OUR_PORT), true);
	check(ports, icmp(11, own, IP_PROTO_UDP, OUR_PORT), true);
	check(ports, icmp(3, own, IP_PROTO_TCP, OTHER_PORT), false);
	check(ports, icmp(3, other, IP_PROTO_TCP, OUR_PORT), false);
	check(ports, icmp(8, own, IP_PROTO_TCP, OUR_PORT), false);
	check(ports, icmp(3, own, IP_PROTO_ICMP, OUR_PORT), false);
}

/* A queue's ports are those that are written for it, and nothing before. */
static void test_shared(void **state)
{
	struct packet p = ipv4(own, IP_PROTO_TCP, OTHER_PORT, OUR_PORT);
	struct xdp_steer *s = load_as(true, true);
	u64 set[1024] = { 0 };
	u32 queue = 1;
	int fd;

	assert_non_null(s);
	fd = bpf_map__fd(s->maps.queue_ports);
	check(s, p, false);
	set[OUR_PORT / 64] = 1ull << OUR_PORT % 64;
	assert_int_equal(bpf_map_update_elem(fd, &queue, set, 0), 0);
	check(s, p, false);
	queue = 0; /* where the packet is */
	assert_int_equal(bpf_map_update_elem(fd, &queue, set, 0), 0);
	check(s, p, true);
	check(s, ipv4(own, IP_PROTO_TCP, OUR_PORT, OTHER_PORT), false);
	check(s, icmp(3, own, IP_PROTO_UDP, OUR_PORT), true);
	xdp_steer__destroy(s);
}

/* Cut anywhere: either verdict, no fault; too short for its ports: Linux. */
static void test_short(void **state)
{
	struct packet p = ipv4(own, IP_PROTO_TCP, 1, OUR_PORT);

	for (u32 len = ETH_LEN; len < sizeof(p); len++) {
		taken(whole, &p, len);
		assert_int_equal(taken(ports, &p, len),
				 len >= ETH_LEN + IPV4_LEN + 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_every_port),
		cmocka_unit_test(test_ip_options),
		cmocka_unit_test(test_icmp_errors),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_whole6),
		cmocka_unit_test(test_ports6),
		cmocka_unit_test(test_icmp6_errors),
		cmocka_unit_test(test_short6),
	};
	int failed;

	libbpf_set_print(NULL);
	whole = load_as(false, false);
	ports = load_as(true, false);
	if (!whole || !ports) {
		print_message("skipped: may not load XDP programs\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	xdp_steer__destroy(whole);
	xdp_steer__destroy(ports);
	return failed;
}

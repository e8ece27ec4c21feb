/* SPDX-License-Identifier: MIT */
/*
 * The XDP program, run by the kernel on packets made here (BPF_PROG_RUN). The
 * map of sockets is replaced by one of CPUs, which needs no NIC to be filled.
 * Skipped without the right to load programs.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "net/pkt.h"
#include "nic/xdp_nic.h"
#include "xdp_side.skel.h"
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

/* ---- with a successor. Packets go where they are redirected to */

struct two {
	struct xdp_steer *skel;
	struct xdp_prog prog;
	struct nic_config cfg;
	struct xdp_pair old, heir;
	struct xdp_nic nic; /* the heir's */
};

static void open_two(struct two *t)
{
	*t = (struct two){
		.skel = load_as(true, true),
		.cfg = { .ports = our_ports, .nqueues = 1, .conns = 16 },
		.nic = { .index = 1, .nic = { .nqueues = 1, .mtu = 1500 } },
	};
	assert_non_null(t->skel);
	t->prog.ports_fd = bpf_map__fd(t->skel->maps.queue_ports);
	t->prog.pairs_fd = bpf_map__fd(t->skel->maps.pairs);
	t->prog.sides_fd = bpf_map__fd(t->skel->maps.sides);
	t->nic.prog = t->prog;
	t->nic.queues = aligned_alloc(NIC_PAGE, sizeof(*t->nic.queues));
	assert_non_null(t->nic.queues);
	memset(t->nic.queues, 0, sizeof(*t->nic.queues));
	assert_int_equal(xdp_pair_enter(&t->old, &t->prog, &t->cfg), 0);
	assert_false(t->old.beside);
	assert_int_equal(xdp_pair_ready(&t->old, &t->prog, &t->cfg), 0);
	assert_int_equal(xdp_pair_enter(&t->heir, &t->prog, &t->cfg), 0);
	assert_true(t->heir.beside);
	assert_int_equal(xdp_sides_open(&t->nic, &t->cfg), 0);
	assert_int_equal(xdp_pair_ready(&t->heir, &t->prog, &t->cfg), 0);
}

static void close_side(struct two *t)
{
	xdp_sides_close(&t->nic);
	t->nic.queues->side.fd = 0;
}

static void close_two(struct two *t)
{
	close_side(t);
	close(t->nic.nic.large_fd);
	free(t->nic.queues);
	xdp_pair_leave(&t->old);
	xdp_pair_leave(&t->heir);
	xdp_steer__destroy(t->skel);
}

static void pass_to_heir(struct two *t)
{
	assert_int_equal(xdp_pair_pass(&t->old, false), 0);
	xdp_pair_serves(&t->heir, 0);
	assert_int_equal(xdp_pair_pass(&t->old, false), getpid());
}

/* Else it has gone to the socket, or to what stands for that. */
static bool by_side(struct two *t, const void *packet)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet,
		    .data_size_in = LEN, .repeat = 1,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	u8 got[2 * LEN], before[2 * LEN];
	bool any = false;

	while (read(t->nic.nic.fd[0], before, sizeof(before)) > 0)
		; /* Linux says hello */
	assert_int_equal(bpf_prog_test_run_opts(
				 bpf_program__fd(t->skel->progs.steer), &o),
			 0);
	while (read(t->nic.nic.fd[0], got, sizeof(got)) > 0)
		any |= !memcmp(got + sizeof(struct virtio_net_hdr), packet,
			       LEN);
	return any;
}

static u64 hash_words(u64 h, const void *from, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		u32 word;

		memcpy(&word, (const u8 *)from + 4 * i, 4);
		h = flows_hash(h, word);
	}
	return h;
}

/* From port 0 of nobody's address, as the errors here quote it. */
static void keep_old(struct two *t)
{
	struct packet p = ipv4(own, IP_PROTO_TCP, 0, OUR_PORT);
	struct packet6 p6 = ipv6(own6[0].ip, IP_PROTO_TCP, 0, OUR_PORT);
	u64 h;

	t->old.flows.all = true;
	h = hash_words(hash_words(t->old.flows.key, &p.ip.src, 2), p.l4, 1);
	flows_add(&t->old.flows, flows_hash(h, 0));
	h = hash_words(hash_words(t->old.flows.key, &p6.ip.src, 8), p6.l4, 1);
	flows_add(&t->old.flows, flows_hash(h, 0));
}

static void check_flow(struct two *t, u16 sport, bool want)
{
	struct packet p = ipv4(own, IP_PROTO_TCP, sport, OUR_PORT);
	struct packet6 p6 = ipv6(own6[0].ip, IP_PROTO_TCP, sport, OUR_PORT);

	assert_int_equal(by_side(t, &p), want);
	assert_int_equal(by_side(t, &p6), want);
}

static void test_successor(void **state)
{
	struct packet old = icmp(3, own, IP_PROTO_TCP, OUR_PORT);
	struct packet new = icmp(3, own, IP_PROTO_TCP, 20000);
	struct packet6 old6 = icmp6(2, own6[0].ip, IP_PROTO_TCP, OUR_PORT);
	struct packet6 new6 = icmp6(2, own6[0].ip, IP_PROTO_TCP, 20000);
	struct two t;

	old.ip.src = new.ip.src = other; /* a router */
	old6.ip.src = new6.ip.src = other6;
	open_two(&t);
	keep_old(&t);
	check_flow(&t, 0, false);
	check_flow(&t, 1, false);
	pass_to_heir(&t);
	check_flow(&t, 0, false);
	check_flow(&t, 1, true);
	assert_false(by_side(&t, &old));
	assert_true(by_side(&t, &new));
	assert_false(by_side(&t, &old6));
	assert_true(by_side(&t, &new6));
	assert_int_equal(xdp_pair_pass(&t.old, true), 0);
	check_flow(&t, 1, false);
	close_two(&t);
}

/* However that comes: the kernel has taken its socket, or device, away. */
static void test_one_is_left(void **state)
{
	struct two t;
	u32 queue = 0;

	open_two(&t);
	keep_old(&t);
	pass_to_heir(&t);
	assert_int_equal(
		bpf_map_delete_elem(bpf_map__fd(t.skel->maps.xsks), &queue), 0);
	check_flow(&t, 0, true);
	check_flow(&t, 1, true);
	close_two(&t);

	open_two(&t);
	pass_to_heir(&t);
	close_side(&t);
	check(t.skel, ipv4(own, IP_PROTO_TCP, 1, OUR_PORT), true);
	close_two(&t);
}

/* Nobody comes while the last one takes back what is for both. */
static void test_the_last(void **state)
{
	struct xdp_pair third = { 0 };
	struct two t;

	open_two(&t);
	assert_false(xdp_pair_last(&t.old));
	xdp_pair_leave(&t.heir);
	assert_true(xdp_pair_last(&t.old));
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &t.cfg), -EBUSY);
	xdp_pair_leave(&t.old);
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &t.cfg), 0);
	assert_int_equal(third.place, 0);
	assert_false(third.beside);
	xdp_pair_leave(&third);
	close_two(&t);
}

static void test_places(void **state)
{
	struct xdp_pair third = { 0 };
	struct nic_config cfg;
	struct two t;

	open_two(&t);
	cfg = t.cfg;
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &cfg), -EBUSY);
	xdp_pair_leave(&t.heir);
	cfg.ports.named[0]++;
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &cfg), -EBUSY);
	cfg = t.cfg;
	cfg.nqueues = 2;
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &cfg), -EBUSY);
	cfg = t.cfg;
	cfg.kin = 7;
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &cfg), -EBUSY);
	cfg = t.cfg;
	cfg.first_queue = 1; /* nobody's */
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &cfg), 0);
	assert_false(third.beside);
	xdp_pair_leave(&third);
	cfg = t.cfg;
	assert_int_equal(xdp_pair_enter(&t.heir, &t.prog, &cfg), 0);
	assert_int_equal(xdp_pair_ready(&t.heir, &t.prog, &t.cfg), 0);
	xdp_pair_leave(&t.old); /* the sockets are whose who comes next */
	assert_int_equal(t.heir.head->heir, t.heir.place);
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &cfg), 0);
	assert_false(third.beside);
	assert_int_equal(third.place, !t.heir.place);
	xdp_pair_leave(&third);
	close_two(&t);
}

/* Two come at a time, and see nobody. One gets no sockets, and leaves nothing
 * behind: who comes next is the other one's successor. */
static void test_firsts(void **state)
{
	struct xdp_pair second = { 0 }, third = { 0 };
	struct nic_config cfg;
	struct two t;

	open_two(&t);
	cfg = t.cfg;
	xdp_pair_leave(&t.heir);
	xdp_pair_leave(&t.old);
	assert_int_equal(xdp_pair_enter(&t.old, &t.prog, &cfg), 0);
	assert_int_equal(xdp_pair_enter(&second, &t.prog, &cfg), 0);
	assert_false(t.old.beside || second.beside);
	assert_int_equal(xdp_pair_ready(&t.old, &t.prog, &cfg), 0);
	xdp_pair_leave(&second);
	assert_int_equal(xdp_pair_enter(&third, &t.prog, &cfg), 0);
	assert_true(third.beside);
	assert_int_equal(third.head->first, cfg.first_queue);
	assert_true(third.flows.key == t.old.flows.key && third.flows.key);
	xdp_pair_serves(&third, 0);
	assert_int_equal(xdp_pair_pass(&t.old, false), getpid());
	xdp_pair_leave(&third);
	close_two(&t);
}

static bool is_there(int index)
{
	char name[IF_NAMESIZE];

	return if_indextoname((u32)index, name);
}

/* Who may attach to it once it is kept, and its descriptor closed. */
static int owner_of(int index)
{
	char name[IF_NAMESIZE], path[64], text[16] = "";
	int fd;

	assert_non_null(if_indextoname((u32)index, name));
	snprintf(path, sizeof(path), "/sys/class/net/%s/owner", name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atoi(text);
}

/* Somebody keeps a device whose keeper was killed: who comes next beside the
 * sockets ends it, or who has them then. */
static void test_door_is_left(void **state)
{
	struct two t;
	int index, left;

	open_two(&t);
	index = t.nic.queues->side_index;
	left = dup(t.nic.queues->side.fd);
	close_side(&t);
	close(t.nic.nic.large_fd);
	xdp_pair_leave(&t.heir);
	assert_true(is_there(index));
	assert_int_equal(owner_of(index), geteuid());
	assert_int_equal(xdp_pair_enter(&t.heir, &t.prog, &t.cfg), 0);
	assert_int_equal(xdp_sides_open(&t.nic, &t.cfg), 0);
	assert_false(is_there(index));
	close(left);
	index = t.nic.queues->side_index;
	left = dup(t.nic.queues->side.fd);
	close_side(&t);
	xdp_pair_leave(&t.heir);
	xdp_pair_leave(&t.old);
	assert_int_equal(xdp_pair_enter(&t.old, &t.prog, &t.cfg), 0);
	assert_true(is_there(index));
	assert_int_equal(xdp_pair_ready(&t.old, &t.prog, &t.cfg), 0);
	assert_false(is_there(index));
	close(left);
	close_two(&t);
}

/* ---- a user's way out of a side door */

enum {
	REDIRECTED = 7, /* TC_ACT_REDIRECT */
	DROPPED = 2,	/* TC_ACT_SHOT */
	VNET_LEN = sizeof(struct virtio_net_hdr),
};

static u32 leaves(int prog, u32 len)
{
	static const u8 packet[4000];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet,
		    .data_size_in = len, .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(prog, &o), 0);
	return o.retval;
}

/* Packets that come by @fd, the longest of which is *@longest; not what Linux
 * says itself, by IPv6. */
static u32 come_by(int fd, u32 *longest)
{
	u8 got[VNET_LEN + 4000];
	u32 n = 0;
	ssize_t len;

	*longest = 0;
	while ((len = read(fd, got, sizeof(got))) > 0) {
		const struct eth_hdr *eth = (void *)(got + VNET_LEN);

		if (eth->type.raw != be16(ETH_TYPE_IPV4).raw)
			continue;
		n++;
		*longest = max(*longest, (u32)len - VNET_LEN - ETH_LEN);
	}
	return n;
}

/* Of TCP, with two segments of @payload bytes. */
static void write_two(int fd, u16 payload)
{
	static u8 packet[VNET_LEN + 4000];
	struct virtio_net_hdr *v = (void *)packet;
	struct eth_hdr *eth = (void *)(packet + VNET_LEN);
	struct ipv4_hdr *ip = (void *)(eth + 1);
	struct tcp_hdr *tcp = (void *)(ip + 1);
	const u32 len = IPV4_LEN + sizeof(*tcp) + 2 * payload;

	*v = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = payload,
		.hdr_len = ETH_LEN + IPV4_LEN + sizeof(*tcp),
		.csum_start = ETH_LEN + IPV4_LEN,
		.csum_offset = offsetof(struct tcp_hdr, cksum),
	};
	eth->type = be16(ETH_TYPE_IPV4);
	*ip = (struct ipv4_hdr){ .ver_ihl = 0x45,
				 .len = be16((u16)len),
				 .ttl = 64,
				 .proto = IP_PROTO_TCP,
				 .src = own,
				 .dst = other };
	tcp->off = 0x50;
	assert_int_equal(write(fd, packet, VNET_LEN + ETH_LEN + len),
			 VNET_LEN + ETH_LEN + len);
}

/* To another device, which stands for the interface. Of what is of several
 * segments each has headers. */
static void test_way_out(void **state)
{
	struct two t;
	struct xdp_nic user;
	struct nic_config cfg;
	u32 longest;
	int fd, out;

	open_two(&t);
	fd = t.nic.nic.fd[0];
	cfg = t.cfg;
	cfg.first_queue = cfg.kin = 1;
	user = t.nic;
	user.index = t.nic.queues->side_index;
	user.queues = aligned_alloc(NIC_PAGE, sizeof(*user.queues));
	assert_non_null(user.queues);
	memset(user.queues, 0, sizeof(*user.queues));
	assert_int_equal(xdp_sides_open(&user, &cfg), 0);
	come_by(fd, &longest);
	write_two(user.nic.fd[0], 1460);
	assert_int_equal(come_by(fd, &longest), 2);
	assert_int_equal(longest, 1500);
	write_two(user.nic.fd[0], 1461);
	assert_int_equal(come_by(fd, &longest), 0);
	out = bpf_program__fd(user.queues->door->progs.out);
	assert_int_equal(leaves(out, ETH_LEN + 1500), REDIRECTED);
	assert_int_equal(leaves(out, ETH_LEN + 1501), DROPPED);
	xdp_sides_close(&user);
	free(user.queues);
	close_two(&t);
}

/* It ends with its keeper, though the device, and so the program, is kept. */
static void test_way_out_ends(void **state)
{
	struct xdp_side *side;
	int prog;

	assert_int_equal(xdp_side_load(&side, 1, 1500, 0), 0);
	prog = dup(bpf_program__fd(side->progs.out));
	assert_int_equal(leaves(prog, 100), REDIRECTED);
	xdp_side__destroy(side);
	for (u32 i = 0; i < 500 && leaves(prog, 100) != DROPPED; i++)
		usleep(10000);
	assert_int_equal(leaves(prog, 100), DROPPED);
	close(prog);
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
		cmocka_unit_test(test_successor),
		cmocka_unit_test(test_one_is_left),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_the_last),
		cmocka_unit_test(test_firsts),
		cmocka_unit_test(test_door_is_left),
		cmocka_unit_test(test_way_out),
		cmocka_unit_test(test_way_out_ends),
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

/* SPDX-License-Identifier: MIT */
#include "net_fixture6.h"
#include "tcp_stub.h"

#include "base/errno.h"

static int setup(void **state)
{
	tcp_stub = (struct tcp_stub){ 0 };
	fix6_setup(state);
	fix6_know_peer(*state);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fix_teardown)

/* ---- echo */

static void echo_of_any_size(void **state)
{
	struct fixture *f = *state;
	u8 payload[8952];

	f->net.mtu = f->net.ip6.mtu = 9000;
	for (u32 i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i * 7);
	for (u32 len = 0; len <= sizeof(payload); len += len < 64 ? 1 : 1111) {
		struct fix_frame *t;
		struct icmp_hdr *icmp;

		fix_in(f, fix6_icmp(f, ICMP6_ECHO, 0, 0x12340000 + len, payload,
				    len));
		t = fix_tx(f); /* has checked the checksum */
		assert_non_null(t);
		icmp = t->l4;
		assert_int_equal(icmp->type, ICMP6_ECHO_REPLY);
		assert_int_equal(be32_host(icmp->rest), 0x12340000 + len);
		assert_int_equal(t->l4_len, ICMP_LEN + len);
		assert_memory_equal(icmp + 1, payload, len);
		assert_true(be128_equal(t->ip6->dst, fix6_peer));
		assert_true(be128_equal(t->ip6->src, fix6_ip));
	}
}

static void echo_without_headers(void **state)
{
	static const char ext[] = "\x3a\0\1\4\0\0\0\0";
	static const struct icmp_hdr ask = { .type = ICMP6_ECHO };
	struct fixture *f = *state;
	struct fix_frame *t;

	fix_in(f, fix6_ext(f, fix6_peer, fix6_ip,
			   &(struct fix6_ext){ IP6_HOP_BY_HOP, ext, 8 },
			   IP_PROTO_ICMP6, &ask, sizeof(ask)));
	t = fix_tx(f);
	assert_non_null(t);
	assert_int_equal(t->ip6->next, IP_PROTO_ICMP6);
	assert_int_equal(t->l4_len, ICMP_LEN);
}

static void echo_refused(void **state)
{
	static const struct icmp_hdr ask = { .type = ICMP6_ECHO };
	struct fixture *f = *state;
	struct mbuf *m;

	f->net.conf.icmp_echo = false;
	fix_in(f, fix6_icmp(f, ICMP6_ECHO, 0, 1, "x", 1));
	f->net.conf.icmp_echo = true;
	f->net.conf.ports_only = true;
	fix_in(f, fix6_icmp(f, ICMP6_ECHO, 0, 1, "x", 1));
	f->net.conf.ports_only = false;
	m = fix6_icmp(f, ICMP6_ECHO, 0, 1, "x", 1);
	m->data[ETH_LEN + IPV6_LEN + ICMP_LEN] ^= 1;
	fix_in(f, m); /* checksum */
	fix_in(f, fix6(f, fix6_peer, fix6_ip, IP_PROTO_ICMP6, &ask, 7));
	fix_in(f, fix6(f, fix6_peer, fix6_all_nodes, IP_PROTO_ICMP6, &ask, 8));
	fix_in(f, fix6(f, fix6_nowhere, fix6_ip, IP_PROTO_ICMP6, &ask, 8));
	fix_in(f, fix6(f, fix6_local, fix6_ip, IP_PROTO_ICMP6, &ask, 8));
	f->net.ip6.mtu = IPV6_MIN_MTU; /* what came is longer */
	f->net.mtu = 9000;
	fix_in(f, fix6_icmp(f, ICMP6_ECHO, 0, 1, f->tx.bytes, 1233));
	assert_int_equal(f->stat.drop_icmp, 8);
	fix_in(f, fix6_icmp(f, ICMP6_ECHO, 1, 1, "x", 1)); /* no such code */
	fix_in(f, fix6_icmp(f, ICMP6_ECHO_REPLY, 0, 1, "x", 1));
	fix_tx_none(f);
	assert_int_equal(fix6_held(f), 3);
}

/* ---- what others say about our segments */

struct quote {
	struct ipv6_hdr ip;
	struct be16 sport, dport;
	struct be32 seq;
} PACKED;

static struct quote quote(void)
{
	return (struct quote){
		.ip = { .ver_class_flow = be32(6u << 28),
			.len = be16(1460),
			.next = IP_PROTO_TCP,
			.src = fix6_ip,
			.dst = fix6_far },
		.sport = be16(80),
		.dport = be16(1234),
		.seq = be32(0xdeadbeef),
	};
}

static void hear(struct fixture *f, u8 type, u8 code, u32 rest,
		 const struct quote *q)
{
	assert_true(fix_in(f, fix6_icmp(f, type, code, rest, q, sizeof(*q))));
	fix_tx_none(f);
}

static void tells_tcp(void **state)
{
	struct fixture *f = *state;
	struct be32 id = addr_get(&f->net, fix6_far);
	struct quote q = quote();

	hear(f, ICMP6_TOO_BIG, 0, 1400, &q);
	assert_int_equal(tcp_stub.icmps, 1);
	assert_int_equal(tcp_stub.flow.raddr.raw, id.raw);
	assert_int_equal(tcp_stub.flow.laddr.raw, f->net.ip6.own[0].id.raw);
	assert_int_equal(be16_host(tcp_stub.flow.rport), 1234);
	assert_int_equal(be16_host(tcp_stub.flow.lport), 80);
	assert_int_equal(tcp_stub.icmp.seq, 0xdeadbeef);
	assert_int_equal(tcp_stub.icmp.mtu, 1400);
	addr_put(&f->net, id);
}

/* RFC 8201 section 4; and what fits cannot have been too large. */
static void too_big(void **state)
{
	static const struct {
		u32 mtu;
		bool told;
	} cases[] = {
		{ 0, false },	       { 1, false },
		{ 1279, false },       { 1280, true },
		{ 1499, true },	       { 1500, false },
		{ 9000, false },       { 65535, false },
		{ 65536, false },      { 65536 + 1400, false },
		{ 0xffffffff, false },
	};
	struct fixture *f = *state;
	struct be32 id = addr_get(&f->net, fix6_far);
	struct quote q = quote();

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		tcp_stub.icmps = 0;
		hear(f, ICMP6_TOO_BIG, 0, cases[i].mtu, &q);
		assert_int_equal(tcp_stub.icmps, cases[i].told);
		if (cases[i].told)
			assert_int_equal(tcp_stub.icmp.mtu, cases[i].mtu);
	}
	addr_put(&f->net, id);
}

static void hard_and_soft(void **state)
{
	static const struct {
		u8 type, code;
		int error;
		bool hard;
	} cases[] = {
		{ ICMP6_UNREACHABLE, ICMP6_UNREACH_ROUTE, ENETUNREACH, false },
		{ ICMP6_UNREACHABLE, ICMP6_UNREACH_PROHIB, EHOSTUNREACH, true },
		{ ICMP6_UNREACHABLE, ICMP6_UNREACH_ADDR, EHOSTUNREACH, false },
		{ ICMP6_UNREACHABLE, ICMP6_UNREACH_PORT, ECONNREFUSED, true },
		{ ICMP6_TIME_EXCEEDED, 0, EHOSTUNREACH, false },
		{ ICMP6_PARAMETER, ICMP6_PARAM_HEADER, EPROTO, false },
		{ ICMP6_PARAMETER, ICMP6_PARAM_NEXT, EPROTO, true },
	};
	struct fixture *f = *state;
	struct be32 id = addr_get(&f->net, fix6_far);
	struct quote q = quote();

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		hear(f, cases[i].type, cases[i].code, 0, &q);
		assert_int_equal(tcp_stub.icmps, i + 1);
		assert_int_equal(tcp_stub.icmp.error, cases[i].error);
		assert_int_equal(tcp_stub.icmp.hard, cases[i].hard);
		assert_int_equal(tcp_stub.icmp.mtu, 0);
	}
	addr_put(&f->net, id);
}

static void not_about_us(void **state)
{
	struct fixture *f = *state;
	struct quote q = quote();
	struct be32 id;

	hear(f, ICMP6_UNREACHABLE, 4, 0, &q); /* nobody speaks with him */
	id = addr_get(&f->net, fix6_far);
	q.ip.src = fix6_peer;
	hear(f, ICMP6_UNREACHABLE, 4, 0, &q);
	q = quote();
	q.ip.next = IP_PROTO_UDP;
	hear(f, ICMP6_UNREACHABLE, 4, 0, &q);
	q = quote();
	q.ip.ver_class_flow = be32(4u << 28);
	hear(f, ICMP6_UNREACHABLE, 4, 0, &q);
	q = quote();
	hear(f, 100, 4, 0, &q); /* an error, but none that we know */
	for (u32 len = 0; len < sizeof(q); len++)
		fix_in(f, fix6_icmp(f, ICMP6_UNREACHABLE, 4, 0, &q, len));
	assert_int_equal(tcp_stub.icmps, 0);
	fix_tx_none(f);
	hear(f, ICMP6_UNREACHABLE, 4, 0, &q);
	assert_int_equal(tcp_stub.icmps, 1);
	addr_put(&f->net, id);
}

/* It is left to whose segment it is about; a forwarded one is not. */
static void another_threads(void **state)
{
	struct fixture *f = *state;
	struct be32 id = addr_get(&f->net, fix6_far);
	struct quote q = quote();
	struct mbuf *m;

	f->net.nthreads = 2;
	memset(f->group_owner, 1, sizeof(f->group_owner));
	assert_false(fix_in(
		f, fix6_icmp(f, ICMP6_UNREACHABLE, 4, 0, &q, sizeof(q))));
	assert_int_equal(f->net.owner, 1);
	assert_int_equal(tcp_stub.icmps, 0);
	m = fix6_icmp(f, ICMP6_UNREACHABLE, 4, 0, &q, sizeof(q));
	m->flags |= MBUF_FORWARDED;
	assert_false(fix_in(f, m));
	assert_int_equal(tcp_stub.icmps, 0);
	memset(f->group_owner, 0, sizeof(f->group_owner));
	m = fix6_icmp(f, ICMP6_UNREACHABLE, 4, 0, &q, sizeof(q));
	m->flags |= MBUF_FORWARDED;
	assert_true(fix_in(f, m));
	assert_int_equal(tcp_stub.icmps, 1);
	addr_put(&f->net, id);
}

/* What waited for a neighbour who is silent. */
static void undeliverable(void **state)
{
	static const struct be128 silent = { .b = { 0x20, 1, 0x0d,
						    0xb8, [15] = 9 } };
	struct fixture *f = *state;
	struct tcp_hdr *h;
	struct be32 id = addr_get(&f->net, silent);
	struct mbuf *m = mbuf_alloc(&f->pool);

	h = (struct tcp_hdr *)m->data;
	*h = (struct tcp_hdr){ .sport = be16(80),
			       .dport = be16(7),
			       .seq = be32(5),
			       .off = TCP_LEN << 2 };
	m->len = TCP_LEN;
	assert_int_equal(ip_out(&f->net, m, f->net.ip6.own[0].id, id,
				IP_PROTO_TCP, 0, NULL, f->now),
			 0);
	fix_pass(f, 10000 * FIX_MS);
	assert_int_equal(tcp_stub.icmps, 1);
	assert_true(tcp_stub.icmp.hard);
	assert_int_equal(tcp_stub.flow.raddr.raw, id.raw);
	assert_int_equal(tcp_stub.flow.laddr.raw, f->net.ip6.own[0].id.raw);
	assert_int_equal(be16_host(tcp_stub.flow.rport), 7);
	addr_put(&f->net, id);
	assert_int_equal(fix6_held(f), 3); /* he is forgotten */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echo_of_any_size), TEST(echo_without_headers),
		TEST(echo_refused),	TEST(tells_tcp),
		TEST(too_big),		TEST(hard_and_soft),
		TEST(not_about_us),	TEST(another_threads),
		TEST(undeliverable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

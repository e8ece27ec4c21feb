/* SPDX-License-Identifier: MIT */
#include "base/errno.h"
#include "net_fixture.h"
#include "tcp_stub.h"

static int setup(void **state)
{
	tcp_stub = (struct tcp_stub){ 0 };
	fix_setup(state);
	fix_know_peer(*state);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fix_teardown)

static void echo_of_any_size(void **state)
{
	struct fixture *f = *state;
	u8 payload[8972];

	f->net.mtu = 9000;
	for (u32 i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i * 7);
	for (u32 len = 0; len <= sizeof(payload); len += len < 64 ? 1 : 1114) {
		struct fix_frame *t;
		struct icmp_hdr *icmp;

		fix_in(f, fix_icmp(f, ICMP_ECHO, 0, 0x12340000 + len, payload,
				   len));
		t = fix_tx(f); /* has checked the checksum */
		assert_non_null(t);
		icmp = t->l4;
		assert_int_equal(icmp->type, ICMP_ECHO_REPLY);
		assert_int_equal(be32_host(icmp->rest), 0x12340000 + len);
		assert_int_equal(t->l4_len, ICMP_LEN + len);
		assert_memory_equal(icmp + 1, payload, len);
		assert_int_equal(t->ip->dst.raw, FIX_PEER.raw);
		assert_int_equal(t->ip->src.raw, FIX_IP.raw);
	}
}

static void echo_refused(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m;

	f->net.conf.icmp_echo = false;
	fix_in(f, fix_icmp(f, ICMP_ECHO, 0, 1, "x", 1));
	f->net.conf.icmp_echo = true;
	f->net.conf.ports_only = true;
	fix_in(f, fix_icmp(f, ICMP_ECHO, 0, 1, "x", 1));
	f->net.conf.ports_only = false;
	m = fix_icmp(f, ICMP_ECHO, 0, 1, "x", 1);
	m->data[42] ^= 1;
	fix_in(f, m); /* checksum */
	fix_in(f, fix_ip(f, FIX_PEER, IP_PROTO_ICMP, "\x08\0\xf7\xff\0\0\0",
			 7)); /* short */
	assert_int_equal(f->stat.drop_icmp, 4);
	m = fix_icmp(f, ICMP_ECHO, 0, 1, "x", 1);
	memset(m->data, 0xff, 6);
	fix_ip_of(m)->dst = be32(0x0a0000ff);
	fix_ip_cksum(m);
	fix_in(f, m); /* to everyone */
	fix_tx_none(f);
}

/* What a router sends about a segment of ours. */
struct quote {
	struct ipv4_hdr ip;
	struct be16 sport, dport;
	struct be32 seq;
} PACKED;

static struct quote quote(void)
{
	return (struct quote){
		.ip = { .ver_ihl = 0x45,
			.len = be16(1500),
			.proto = IP_PROTO_TCP,
			.src = FIX_IP,
			.dst = FIX_FAR },
		.sport = be16(80),
		.dport = be16(1234),
		.seq = be32(0xdeadbeef),
	};
}

static void tells_tcp(void **state)
{
	struct fixture *f = *state;
	struct quote q = quote();

	fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, ICMP_UNREACH_NEEDFRAG, 1400, &q,
			   sizeof(q)));
	assert_int_equal(tcp_stub.icmps, 1);
	assert_int_equal(tcp_stub.flow.raddr.raw, FIX_FAR.raw);
	assert_int_equal(tcp_stub.flow.laddr.raw, FIX_IP.raw);
	assert_int_equal(be16_host(tcp_stub.flow.rport), 1234);
	assert_int_equal(be16_host(tcp_stub.flow.lport), 80);
	assert_int_equal(tcp_stub.icmp.seq, 0xdeadbeef);
	assert_int_equal(tcp_stub.icmp.mtu, 1400);
	/* a router of before 1990 */
	fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, ICMP_UNREACH_NEEDFRAG, 0, &q,
			   sizeof(q)));
	assert_int_equal(tcp_stub.icmp.mtu, 576);
	assert_int_equal(tcp_stub.icmps, 2);
	/* it would have fitted */
	q.ip.len = be16(1400);
	fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, ICMP_UNREACH_NEEDFRAG, 1400, &q,
			   sizeof(q)));
	assert_int_equal(tcp_stub.icmps, 2);
}

/* An address that would be the id of an IPv6 one. */
static void quotes_of_no_host(void **state)
{
	static const u32 dst[] = { 1, 0x1000, 0x00ffffff };
	struct fixture *f = *state;
	struct quote q = quote();

	for (u32 i = 0; i < ARRAY_SIZE(dst); i++) {
		q.ip.dst = be32(dst[i]);
		fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0,
				   &q, sizeof(q)));
		assert_int_equal(f->stat.drop_icmp, i + 1);
	}
	assert_int_equal(tcp_stub.icmps, 0);
}

/* RFC 1122 section 4.2.3.9: what routers say passes, what the host itself says
 * does not, nor what is forbidden (RFC 1812 section 5.2.7.1). */
static void hard_and_soft(void **state)
{
	static const struct {
		u8 type, code;
		bool hard;
		u8 error;
	} all[] = {
		{ ICMP_UNREACHABLE, 0, false, ENETUNREACH },
		{ ICMP_UNREACHABLE, 1, false, EHOSTUNREACH },
		{ ICMP_UNREACHABLE, 2, true, ECONNREFUSED },
		{ ICMP_UNREACHABLE, 3, true, ECONNREFUSED },
		{ ICMP_UNREACHABLE, 5, false, EHOSTUNREACH },
		{ ICMP_UNREACHABLE, 6, false, EHOSTUNREACH },
		{ ICMP_UNREACHABLE, 9, true, EHOSTUNREACH },
		{ ICMP_UNREACHABLE, 10, true, EHOSTUNREACH },
		{ ICMP_UNREACHABLE, 12, false, EHOSTUNREACH },
		{ ICMP_UNREACHABLE, 13, true, EHOSTUNREACH },
		{ ICMP_UNREACHABLE, 255, false, EHOSTUNREACH },
		{ ICMP_TIME_EXCEEDED, 0, false, EHOSTUNREACH },
		{ ICMP_TIME_EXCEEDED, 3, false, EHOSTUNREACH },
		{ ICMP_TIME_EXCEEDED, 4, false, EHOSTUNREACH },
		{ ICMP_PARAMETER, 0, false, EHOSTUNREACH },
	};
	struct fixture *f = *state;
	struct quote q = quote();

	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		fix_in(f, fix_icmp(f, all[i].type, all[i].code, 1400, &q,
				   sizeof(q)));
		assert_int_equal(tcp_stub.icmps, i + 1);
		assert_int_equal(tcp_stub.icmp.hard, all[i].hard);
		assert_int_equal(tcp_stub.icmp.error, all[i].error);
		assert_int_equal(tcp_stub.icmp.mtu, 0);
	}
}

static void quoted_lies(void **state)
{
	struct fixture *f = *state;
	struct quote q = quote();

	for (u32 len = 0; len < sizeof(q); len++)
		fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, 1, 0, &q, len));
	assert_int_equal(f->stat.drop_icmp, sizeof(q));
	fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, ICMP_UNREACH_NEEDFRAG, 67, &q,
			   sizeof(q)));
	q.ip.src = FIX_PEER; /* not from us */
	fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, 1, 0, &q, sizeof(q)));
	q = quote();
	q.ip.ver_ihl = 0x4f; /* longer than there is */
	fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, 1, 0, &q, sizeof(q)));
	q.ip.ver_ihl = 0x44;
	fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, 1, 0, &q, sizeof(q)));
	q.ip.ver_ihl = 0x65;
	fix_in(f, fix_icmp(f, ICMP_UNREACHABLE, 1, 0, &q, sizeof(q)));
	assert_int_equal(f->stat.drop_icmp, sizeof(q) + 5);
	assert_int_equal(tcp_stub.icmps, 0);
}

static void error_goes_to_the_flows_owner(void **state)
{
	struct fixture *f = *state;
	struct quote q = quote();
	struct mbuf *m;

	memset(f->group_owner, 3, sizeof(f->group_owner));
	m = fix_icmp(f, ICMP_UNREACHABLE, 1, 0, &q, sizeof(q));
	assert_false(fix_in(f, m));
	assert_int_equal(f->net.owner, 3);
	m = fix_icmp(f, ICMP_UNREACHABLE, 1, 0, &q, sizeof(q));
	m->flags |= MBUF_FORWARDED; /* before the group went on */
	assert_false(fix_in(f, m));
	assert_int_equal(tcp_stub.icmps, 0);
	memset(f->group_owner, 0, sizeof(f->group_owner));
	m = fix_icmp(f, ICMP_UNREACHABLE, 1, 0, &q, sizeof(q));
	m->flags |= MBUF_FORWARDED;
	assert_true(fix_in(f, m));
	assert_int_equal(tcp_stub.icmps, 1);
}

static void unreachable_quotes(void **state)
{
	struct fixture *f = *state;
	struct fix_frame *t;
	struct icmp_hdr *icmp;
	struct ipv4_hdr *q;
	struct mbuf *m = fix_udp(f, 1111, 2222, "0123456789", 10);
	u8 head[38];

	memcpy(head, m->data + ETH_LEN, sizeof(head));
	fix_in(f, m);
	t = fix_tx(f);
	assert_non_null(t);
	icmp = t->l4;
	assert_int_equal(icmp->type, ICMP_UNREACHABLE);
	assert_int_equal(icmp->code, ICMP_UNREACH_PORT);
	assert_int_equal(icmp->rest.raw, 0);
	q = (struct ipv4_hdr *)(icmp + 1);
	assert_int_equal(t->l4_len, ICMP_LEN + sizeof(head));
	assert_memory_equal(q, head, sizeof(head));
	assert_memory_equal(t->eth->dst, fix_peer_mac, 6);
}

enum { PERIOD_MS = 68, ERRORS = 64 }; /* of net/icmp.c, rounded up */

/* How many are sent in a period, however many are deserved. */
static u32 errors_of_a_period(struct fixture *f)
{
	u32 n = 0;

	fix_pass(f, PERIOD_MS * FIX_MS);
	for (u32 i = 0; i < 3 * ERRORS; i++) {
		fix_in(f, fix_udp(f, 1, 2, "x", 1));
		while (fix_tx(f))
			n++;
	}
	return n;
}

static void errors_are_limited(void **state)
{
	struct fixture *f = *state;
	u32 sum = 0;

	for (u32 i = 0; i < 500; i++) {
		u32 n = errors_of_a_period(f);

		assert_in_range(n, ERRORS / 2, ERRORS / 2 * 3);
		sum += n;
	}
	assert_int_equal(f->stat.drop_icmp, 500 * 3 * ERRORS - sum);
	assert_in_range(sum / 500, ERRORS - 3, ERRORS + 3);
}

/* Who counts his own sees neither one more that went to another, nor twenty:
 * numbers far apart are all as likely. */
static void the_limit_cannot_be_foreseen(void **state)
{
	struct fixture *f = *state;
	u32 seen[4] = { 0 };

	for (u32 i = 0; i < 400; i++)
		seen[(errors_of_a_period(f) - ERRORS / 2) * 4 / (ERRORS + 1)]++;
	for (u32 i = 0; i < ARRAY_SIZE(seen); i++)
		assert_in_range(seen[i], 60, 140);
}

static void no_errors_about(void **state)
{
	struct fixture *f = *state;
	struct quote q = quote();
	struct mbuf *m;

	f->net.conf.ports_only = true;
	fix_in(f, fix_udp(f, 1, 2, "x", 1));
	fix_tx_none(f);
	f->net.conf.ports_only = false;
	m = fix_udp(f, 1, 2, "x", 1); /* broadcast */
	memset(m->data, 0xff, 6);
	fix_ip_of(m)->dst = be32(0xffffffff);
	fix_ip_cksum(m);
	fix_l4_cksum(m);
	fix_in(f, m);
	fix_tx_none(f);
	assert_int_equal(f->stat.drop_udp_no_port, 2);
	/* errors, answers, and types we do not know */
	for (u32 type = 0; type < 256; type++) {
		if (type != ICMP_ECHO)
			fix_in(f, fix_icmp(f, (u8)type, 0, 0, &q, sizeof(q)));
	}
	fix_tx_none(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echo_of_any_size),
		TEST(echo_refused),
		TEST(tells_tcp),
		TEST(quotes_of_no_host),
		TEST(hard_and_soft),
		TEST(quoted_lies),
		TEST(error_goes_to_the_flows_owner),
		TEST(unreachable_quotes),
		TEST(errors_are_limited),
		TEST(the_limit_cannot_be_foreseen),
		TEST(no_errors_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

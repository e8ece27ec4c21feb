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

static const struct tcp_hdr tcp = { .sport = { 1000 },
				    .dport = { 80 },
				    .off = TCP_LEN << 2,
				    .flags = TCP_ACK };

/* TCP of @len bytes between addresses. */
static struct mbuf *between(struct fixture *f, struct be128 src,
			    struct be128 dst, const struct fix6_ext *e, u32 len)
{
	u8 l4[9000];

	for (u32 i = 0; i < len; i++)
		l4[i] = (u8)(i * 7);
	memcpy(l4, &tcp, min(len, (u32)TCP_LEN));
	return fix6_ext(f, src, dst, e, IP_PROTO_TCP, l4, max(len, 18u));
}

static struct mbuf *segment(struct fixture *f, u32 len)
{
	return between(f, fix6_peer, fix6_ip, &(struct fix6_ext){ 0 },
		       TCP_LEN + len);
}

/* Behind the @len bytes of extension headers @ext, the first of type @next. */
static struct mbuf *behind(struct fixture *f, u8 next, const void *ext, u32 len)
{
	const struct fix6_ext e = { next, ext, len };

	return between(f, fix6_peer, fix6_ip, &e, TCP_LEN + 10);
}

/* Put in, and taken by TCP? */
static bool taken(struct fixture *f, struct mbuf *m)
{
	u32 before = tcp_stub.segments;

	assert_true(fix_in(f, m));
	assert_int_equal(fix6_held(f), 3); /* the neighbours */
	return tcp_stub.segments > before && tcp_stub.cksum_ok;
}

/* A parameter problem to the peer about the byte @at of what he sent. */
static void told(struct fixture *f, u8 code, u32 at)
{
	struct fix_frame *t = fix_tx(f);
	const struct icmp_hdr *icmp;

	assert_non_null(t);
	icmp = t->l4;
	assert_true(be128_equal(t->ip6->src, fix6_ip));
	assert_true(be128_equal(t->ip6->dst, fix6_peer));
	assert_int_equal(t->ip6->next, IP_PROTO_ICMP6);
	assert_int_equal(icmp->type, ICMP6_PARAMETER);
	assert_int_equal(icmp->code, code);
	assert_int_equal(be32_host(icmp->rest), at);
	assert_int_equal(
		((const struct ipv6_hdr *)(icmp + 1))->ver_class_flow.raw,
		be32(6u << 28).raw);
	fix_tx_none(f);
}

static void plain(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m = segment(f, 10);

	fix6_of(m)->ver_class_flow = be32(6u << 28 | 0xb7u << 20 | 0x12345);
	assert_true(taken(f, m));
	assert_int_equal(tcp_stub.pkt.tos, 0xb7);
	assert_int_equal(tcp_stub.pkt.l4_len, TCP_LEN + 10);
	assert_int_equal(tcp_stub.pkt.proto, IP_PROTO_TCP);
	assert_int_equal(tcp_stub.pkt.dst.raw, f->net.ip6.own[0].id.raw);
	assert_true(taken(f, between(f, fix6_peer_local, fix6_local,
				     &(struct fix6_ext){ 0 }, TCP_LEN)));
	assert_int_equal(tcp_stub.pkt.dst.raw, f->net.ip6.own[1].id.raw);
}

static void padding(void **state)
{
	struct fixture *f = *state;

	for (u32 at = 0; at <= 85; at++) { /* 84 bytes, and 10 of padding */
		struct mbuf *m = segment(f, 10);

		m->len += 10;
		if (at >= 74)
			fix_split(f, m, at);
		assert_true(taken(f, m));
		assert_int_equal(tcp_stub.frame_len, 84);
		assert_int_equal(tcp_stub.pkt.l4_len, 30);
		assert_int_equal(tcp_stub.pkt.first_len,
				 (at >= 74 ? min(at, 84u) : 84) - 54);
	}
}

static void short_frames(void **state)
{
	struct fixture *f = *state;
	u64 n = 0;

	for (u32 len = ETH_LEN; len < 84; len++) {
		struct mbuf *m = segment(f, 10);

		m->len = len;
		assert_false(taken(f, m));
		assert_int_equal(f->stat.drop_short, ++n);
	}
	for (u32 at = ETH_LEN; at < ETH_LEN + IPV6_LEN; at++) {
		struct mbuf *m = segment(f, 10);

		fix_split(f, m, at);
		assert_false(taken(f, m));
		assert_int_equal(f->stat.drop_short, ++n);
	}
}

static void lengths(void **state)
{
	struct fixture *f = *state;

	for (u32 len = 0; len < 200; len++) {
		struct mbuf *m = segment(f, 10); /* 30 behind the header */

		fix6_of(m)->len = be16((u16)len);
		assert_int_equal(taken(f, m), len == 30);
	}
	assert_int_equal(f->stat.drop_short, 169);
	assert_int_equal(f->stat.drop_tcp_header, TCP_LEN);
}

static void versions(void **state)
{
	struct fixture *f = *state;

	for (u32 v = 0; v < 16; v++) {
		struct mbuf *m = segment(f, 10);

		fix6_of(m)->ver_class_flow = be32(v << 28);
		assert_int_equal(taken(f, m), v == 6);
	}
	assert_int_equal(f->stat.drop_ip_header, 15);
}

static void martians(void **state)
{
	static const struct be128 src[] = {
		{ .b = { [15] = 1 } },			     /* ::1 */
		{ .b = { [12] = 10, 0, 0, 2 } },	     /* ::10.0.0.2 */
		{ .b = { [10] = 0xff, 0xff, 10, 0, 0, 2 } }, /* mapped */
		{ .b = { 0xff, 2, [15] = 1 } },		     /* a group */
		{ .b = { 0xff, 0x0e, [15] = 9 } },	     /* a group */
		{ .b = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } },  /* ours */
		{ .b = { 0xfe, 0x80, [15] = 1 } },	     /* ours */
		{ .b = { 0 } },				     /* none */
	};
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(src); i++) {
		assert_false(
			taken(f, between(f, src[i], fix6_ip,
					 &(struct fix6_ext){ 0 }, TCP_LEN)));
		assert_int_equal(f->stat.drop_not_ours, i + 1);
	}
	fix_tx_none(f);
}

static void destinations(void **state)
{
	static const struct be128 dst[] = {
		{ .b = { 0x20, 1, 0x0d, 0xb8, [15] = 3 } },
		{ .b = { 0xff, 2, [15] = 1 } },
		{ .b = { 0xff, 2, [15] = 2 } },
		{ .b = { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 } },
		{ .b = { 0xff, 2, [11] = 1, 0xff, 0, 0, 2 } },
		{ .b = { 0 } },
	};
	struct fixture *f = *state;
	struct mbuf *m;

	for (u32 i = 0; i < ARRAY_SIZE(dst); i++)
		assert_false(
			taken(f, between(f, fix6_peer, dst[i],
					 &(struct fix6_ext){ 0 }, TCP_LEN)));
	m = segment(f, 10); /* to everyone below, to us above */
	memset(m->data, 0xff, 6);
	assert_false(taken(f, m));
	m = segment(f, 10); /* another machine's frame */
	m->data[5] ^= 1;
	assert_false(taken(f, m));
	f->net.ip6.own[0].taken = true;
	assert_false(taken(f, segment(f, 10)));
	f->net.ip6.own[0].taken = false;
	assert_int_equal(f->stat.drop_not_ours, ARRAY_SIZE(dst) + 3);
	fix_tx_none(f);
}

static void no_room_for_the_source(void **state)
{
	struct fixture *f = *state;
	u32 max = f->net.addrs.max;

	f->net.addrs.max = f->net.addrs.nused;
	assert_true(taken(f, segment(f, 10))); /* who is known */
	assert_false(taken(f, between(f, fix6_far, fix6_ip,
				      &(struct fix6_ext){ 0 }, TCP_LEN)));
	f->net.addrs.max = max;
	assert_int_equal(f->stat.drop_ip_addrs, 1);
	assert_true(taken(f, between(f, fix6_far, fix6_ip,
				     &(struct fix6_ext){ 0 }, TCP_LEN)));
}

static void checksums(void **state)
{
	struct fixture *f = *state;

	for (u32 a = 74; a < 90; a++) {
		for (u32 b = 1; b < 10; b++) {
			struct mbuf *m = segment(f, 77);

			fix_split(f, m, a + b);
			fix_split(f, m, a);
			assert_true(taken(f, m));
		}
	}
	for (u32 bit = 0; bit < 97 * 8; bit++) { /* of TCP: but for lengths */
		struct mbuf *m = segment(f, 77);

		if (bit / 8 == 12) {
			mbuf_free_chain(&f->pool, m);
			continue;
		}
		m->data[ETH_LEN + IPV6_LEN + bit / 8] ^= (u8)(1 << bit % 8);
		assert_false(taken(f, m));
	}
}

/* ---- extension headers */

#define PADN6 "\x01\x04\0\0\0\0"

static void headers(void **state)
{
	struct fixture *f = *state;

	assert_true(taken(f, behind(f, IP6_HOP_BY_HOP, "\x06\0" PADN6, 8)));
	assert_int_equal(tcp_stub.pkt.l4_len, TCP_LEN + 10);
	assert_int_equal(tcp_stub.pkt.first_len, TCP_LEN + 10);
	assert_true(taken(f, behind(f, IP6_DEST_OPTIONS, "\x06\0" PADN6, 8)));
	assert_true(taken(f, behind(f, IP6_ROUTING, "\x06\0\0\0\0\0\0", 8)));
	assert_true(taken(f, behind(f, IP6_HOP_BY_HOP,
				    "\x3c\0" PADN6 "\x2b\x01" PADN6 PADN6
				    "\1\0\x3c\0\2\0\0\0\0\0\x06\0" PADN6,
				    40)));
	assert_int_equal(tcp_stub.pkt.l4_len, TCP_LEN + 10);
	/* Pad1 alone; a long one */
	assert_true(
		taken(f, behind(f, IP6_DEST_OPTIONS, "\x06\0\0\0\0\0\0\0", 8)));
	assert_true(
		taken(f, behind(f, IP6_DEST_OPTIONS,
				"\x06\1\1\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 16)));
	fix_tx_none(f);
}

static void hop_by_hop_first_only(void **state)
{
	struct fixture *f = *state;

	assert_false(taken(f, behind(f, IP6_DEST_OPTIONS,
				     "\0\0" PADN6 "\x06\0" PADN6, 16)));
	assert_int_equal(f->stat.drop_ip_header, 1);
	told(f, ICMP6_PARAM_NEXT, IPV6_LEN); /* the field that says so */
	assert_false(taken(
		f, behind(f, IP6_HOP_BY_HOP, "\0\0" PADN6 "\x06\0" PADN6, 16)));
	told(f, ICMP6_PARAM_NEXT, IPV6_LEN);
}

/* RFC 8200 section 4.2: the type's first two bits say what becomes of it. */
static void unknown_options(void **state)
{
	static const u8 next[] = { IP6_HOP_BY_HOP, IP6_DEST_OPTIONS };
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(next); i++) {
		char ext[] = "\x06\0\0\x3e\1\0\0\0";

		assert_true(taken(f, behind(f, next[i], ext, 8)));
		ext[3] = 0x7e;
		assert_false(taken(f, behind(f, next[i], ext, 8)));
		fix_tx_none(f);
		for (u32 act = 0x80; act < 0x100; act += 0x40) {
			ext[3] = (char)(act | 0x3e);
			assert_false(taken(f, behind(f, next[i], ext, 8)));
			told(f, ICMP6_PARAM_OPTION, IPV6_LEN + 3);
		}
	}
	assert_int_equal(f->stat.drop_ip_header, 6);
}

/* A whole link would answer. */
static void groups_are_not_told(void **state)
{
	static const char ext[] = "\x06\0\0\xbe\1\0\0\0";
	const struct fix6_ext e = { IP6_DEST_OPTIONS, ext, 8 };
	struct fixture *f = *state;

	assert_false(
		taken(f, between(f, fix6_peer, fix6_all_nodes, &e, TCP_LEN)));
	assert_false(taken(f, between(f, fix6_nowhere, fix6_ip, &e, TCP_LEN)));
	assert_int_equal(f->stat.drop_ip_header, 2);
	fix_tx_none(f);
}

static void options_that_lie(void **state)
{
	static const char bad[][9] = {
		"\x06\0\1\5\0\0\0\0", /* one byte beyond the header */
		"\x06\0\1\xff\0\0\0\0",	  "\x06\0\0\0\0\0\0\1",
		"\x06\0\1\3\0\0\0\1", /* no length */
		"\x06\0\xc5\xff\0\0\0\0",
	};
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(taken(f, behind(f, IP6_HOP_BY_HOP, bad[i], 8)));
		assert_int_equal(f->stat.drop_ip_header, i + 1);
	}
	fix_tx_none(f);
}

static void routing(void **state)
{
	static const char type0[] = "\x06\x02\0\1\0\0\0\0"
				    "fedcba9876543210";
	struct fixture *f = *state;

	assert_false(taken(f, behind(f, IP6_ROUTING, type0, 24)));
	told(f, ICMP6_PARAM_HEADER, IPV6_LEN + 2);
	assert_int_equal(f->stat.drop_ip_header, 1);
}

/* Headers that do not lie wholly in the first buffer, or in the packet. */
static void headers_cut(void **state)
{
	static const u8 next[] = { IP6_HOP_BY_HOP, IP6_ROUTING,
				   IP6_DEST_OPTIONS, IP6_FRAGMENT };
	struct fixture *f = *state;
	u64 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(next); i++) {
		for (u32 len = 0; len < 8; len++) {
			struct mbuf *m =
				behind(f, next[i], "\x06\0\0\0\0\0\0\0", 8);

			fix6_of(m)->len = be16((u16)len);
			assert_false(taken(f, m));
			assert_int_equal(f->stat.drop_ip_header, ++n);
			m = behind(f, next[i], "\x06\0\0\0\0\0\0\0", 8);
			fix_split(f, m, ETH_LEN + IPV6_LEN + len);
			assert_false(taken(f, m));
			assert_int_equal(f->stat.drop_ip_header, ++n);
		}
		if (next[i] == IP6_FRAGMENT)
			continue;
		/* Up to the end, and beyond. */
		assert_false(
			taken(f, behind(f, next[i], "\x06\5\0\0\1\0\0\0", 8)));
		assert_int_equal(f->stat.drop_ip_header, ++n);
		assert_false(taken(
			f, behind(f, next[i], "\x06\xff\0\0\1\0\0\0", 8)));
		assert_int_equal(f->stat.drop_ip_header, ++n);
	}
	fix_tx_none(f);
}

/* The last header ends where the buffer does. */
static void nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m = behind(f, IP6_DEST_OPTIONS, "\x06\0" PADN6, 8);

	fix6_of(m)->len = be16(8);
	assert_false(taken(f, m));
	assert_int_equal(f->stat.drop_tcp_header, 1);
	m = behind(f, IP6_DEST_OPTIONS, "\x3b\0" PADN6, 8);
	assert_false(taken(f, m));
	fix_tx_none(f); /* no next header: none is no mistake */
	m = behind(f, IP6_DEST_OPTIONS, "\x3a\0" PADN6, 8);
	fix6_of(m)->len = be16(8);
	assert_false(taken(f, m));
	m = behind(f, IP6_DEST_OPTIONS, "\x11\0" PADN6, 8);
	fix6_of(m)->len = be16(8);
	assert_false(taken(f, m));
}

static void chains(void **state)
{
	struct fixture *f = *state;
	char ext[9 * 8];

	for (u32 n = 1; n <= 9; n++) {
		for (u32 i = 0; i < n; i++) {
			memcpy(ext + i * 8, "\x3c\0" PADN6, 8);
			if (i == n - 1)
				ext[i * 8] = IP_PROTO_TCP;
		}
		assert_int_equal(
			taken(f, behind(f, IP6_DEST_OPTIONS, ext, n * 8)),
			n < 8);
	}
	assert_int_equal(f->stat.drop_ip_header, 2);
}

static void atomic_fragment(void **state)
{
	struct fixture *f = *state;

	assert_true(taken(f, behind(f, IP6_FRAGMENT, "\x06\0\0\0\0\0\0\7", 8)));
	assert_int_equal(tcp_stub.pkt.l4_len, TCP_LEN + 10);
	/* reserved bits do not count */
	assert_true(taken(f, behind(f, IP6_FRAGMENT, "\x06\7\0\6\0\0\0\7", 8)));
}

static void unknown_protocol(void **state)
{
	struct fixture *f = *state;

	fix_in(f, fix6(f, fix6_peer, fix6_ip, 132, "12345678", 8));
	told(f, ICMP6_PARAM_NEXT, 6);
	fix_in(f, fix6_ext(f, fix6_peer, fix6_ip,
			   &(struct fix6_ext){ IP6_DEST_OPTIONS, "\x84\0" PADN6,
					       8 },
			   132, "12345678", 8));
	told(f, ICMP6_PARAM_NEXT, IPV6_LEN);
	assert_int_equal(f->stat.drop_not_ours, 2);
	f->net.conf.ports_only = true;
	fix_in(f, fix6(f, fix6_peer, fix6_ip, 132, "12345678", 8));
	fix_tx_none(f);
}

/* Something is wrong with a header of @ext; behind them is an ICMPv6 message of
 * @type. Is the sender told? */
static bool told_of(struct fixture *f, u8 next, const void *ext, u32 len,
		    u8 type)
{
	const struct fix6_ext e = { next, ext, len };
	const u8 icmp[48] = { type };

	fix_in(f, fix6_ext(f, fix6_peer, fix6_ip, &e, IP_PROTO_ICMP6, icmp,
			   sizeof(icmp)));
	return fix_tx(f);
}

/* RFC 4443 section 2.4 (e.1), (e.2): nor of a redirect. */
static void errors_are_not_told_of(void **state)
{
	static const struct {
		u8 next;
		const char *ext;
		u8 len;
	} bad[] = {
		{ IP6_DEST_OPTIONS, "\x3a\0\xc5\4\0\0\0\0", 8 },
		{ IP6_HOP_BY_HOP, "\x3a\0\x85\4\0\0\0\0", 8 },
		{ IP6_ROUTING, "\x3a\0\0\1\0\0\0\0", 8 },
		{ IP6_DEST_OPTIONS, "\0\0" PADN6 "\x3a\0" PADN6, 16 },
		/* Others between the bad one and the error. */
		{ IP6_HOP_BY_HOP, "\x3c\0\xc5\4\0\0\0\0\x3a\0" PADN6, 16 },
		{ IP6_DEST_OPTIONS,
		  "\x2c\0\xc5\4\0\0\0\0\x2b\0\0\0\0\0\0\7\x3a\0\0\0\0\0\0\0",
		  24 },
		{ IP6_FRAGMENT, "\x3a\0\0\1\0\0\0\7", 8 }, /* length */
	};
	static const char cut[] = "\x3c\0\xc5\4\0\0\0\0\x3a\x40" PADN6;
	static const char later[] = "\x3a\0\xff\xf9\0\0\0\7";
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		char ext[24];

		memcpy(ext, bad[i].ext, bad[i].len);
		for (u8 type = 0; type < ICMP6_ERRORS_END; type++)
			assert_false(
				told_of(f, bad[i].next, ext, bad[i].len, type));
		assert_false(
			told_of(f, bad[i].next, ext, bad[i].len, ND_REDIRECT));
		if (bad[i].next == IP6_FRAGMENT)
			continue;
		assert_true(
			told_of(f, bad[i].next, ext, bad[i].len, ICMP6_ECHO));
		fix_pass(f, 20 * FIX_MS);
	}
	/* It cannot be seen. */
	assert_false(told_of(f, IP6_HOP_BY_HOP, cut, 16, ICMP6_ECHO));
	assert_false(told_of(f, IP6_FRAGMENT, later, 8, ICMP6_ECHO));
}

/* RFC 4443 section 2.4 (c): no error is longer than the least MTU. */
static void errors_are_short(void **state)
{
	struct fixture *f = *state;
	char ext[1400] = "\x3c\xad"; /* 1392 bytes, then a bad one */
	struct fix_frame *t;

	for (u32 at = 2; at < 1392; at += ext[at + 1] + 2) {
		ext[at] = 1;
		ext[at + 1] = (char)min(1390 - at, 100u);
		if (1392 - at - ext[at + 1] - 2 == 1)
			ext[at + 1]--;
	}
	memcpy(ext + 1392, "\x06\0\xc5\4\0\0\0\0", 8);
	assert_false(taken(f, behind(f, IP6_DEST_OPTIONS, ext, 1400)));
	t = fix_tx(f);
	assert_non_null(t);
	assert_int_equal(t->len, ETH_LEN + IPV6_MIN_MTU);
	assert_int_equal(be32_host(((struct icmp_hdr *)t->l4)->rest),
			 IPV6_LEN + 1394);
}

static void errors_are_limited(void **state)
{
	struct fixture *f = *state;
	u32 n = 0;

	for (u32 i = 0; i < 200; i++) {
		fix_in(f, fix6(f, fix6_peer, fix6_ip, 132, "12345678", 8));
		n += fix_tx(f) != NULL;
	}
	assert_true(n >= 32 && n <= 96);
	assert_int_equal(f->stat.drop_icmp, 200 - n);
	fix_pass(f, 70 * FIX_MS);
	fix_in(f, fix6(f, fix6_peer, fix6_ip, 132, "12345678", 8));
	assert_non_null(fix_tx(f));
}

/* ---- out */

static int send(struct fixture *f, struct be128 dst)
{
	struct mbuf *m = mbuf_alloc(&f->pool);
	struct be32 id = addr_get(&f->net, dst);
	int err;

	m->len = 4;
	memset(m->data, 0x5a, 4);
	err = ip_out(&f->net, m, f->net.ip6.own[0].id, id, 99, 0x12, NULL,
		     f->now);
	addr_put(&f->net, id);
	return err;
}

static void header_out(void **state)
{
	struct fixture *f = *state;
	struct fix_frame *t;

	assert_int_equal(send(f, fix6_peer), 0);
	t = fix_tx(f);
	assert_non_null(t);
	assert_memory_equal(t->eth->dst, fix_peer_mac, 6);
	assert_int_equal(be32_host(t->ip6->ver_class_flow), 0x61200000);
	assert_int_equal(t->ip6->hops, 64);
	assert_int_equal(t->ip6->next, 99);
	assert_true(be128_equal(t->ip6->src, fix6_ip));
	assert_true(be128_equal(t->ip6->dst, fix6_peer));
	assert_int_equal(t->l4_len, 4);
}

static void next_hops(void **state)
{
	struct fixture *f = *state;
	struct fix_frame *t;

	assert_int_equal(send(f, fix6_far), -EHOSTUNREACH);
	assert_int_equal(f->stat.drop_no_route, 1);
	f->net.ip6.router = addr_get(&f->net, fix6_router);
	assert_int_equal(send(f, fix6_far), 0);
	t = fix_tx(f);
	assert_non_null(t);
	assert_memory_equal(t->eth->dst, fix_gw_mac, 6);
	assert_int_equal(send(f, fix6_peer_local), 0);
	t = fix_tx(f);
	assert_memory_equal(t->eth->dst, fix_peer_mac, 6);
}

/* RFC 2464 section 7: nobody is asked for, nor the router. */
static void groups_out(void **state)
{
	static const u8 mac[] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct fixture *f = *state;
	struct fix_frame *t;

	assert_int_equal(send(f, fix6_all_nodes), 0);
	t = fix_tx(f);
	assert_non_null(t);
	assert_memory_equal(t->eth->dst, mac, 6);
	assert_int_equal(be16_host(t->eth->type), ETH_TYPE_IPV6);
	f->net.ip6.router = addr_get(&f->net, fix6_router);
	assert_int_equal(send(f, fix6_all_nodes), 0);
	assert_memory_equal(fix_tx(f)->eth->dst, mac, 6);
}

/* Nobody else has them. */
static void not_to_ourselves(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send(f, fix6_ip), -EHOSTUNREACH);
	fix_tx_none(f);
}

static void sources(void **state)
{
	struct fixture *f = *state;
	const struct ip6 *s = &f->net.ip6;

	assert_int_equal(ip6_source(&f->net, fix6_far).raw, s->own[0].id.raw);
	assert_int_equal(ip6_source(&f->net, fix6_peer).raw, s->own[0].id.raw);
	assert_int_equal(ip6_source(&f->net, fix6_router).raw,
			 s->own[1].id.raw);
	assert_int_equal(ip6_source(&f->net, fix6_all_nodes).raw,
			 s->own[1].id.raw);
	/* fd00::1 shares more bits with fe80::1, but is not of the link. */
	assert_int_equal(
		ip6_source(&f->net, (struct be128){ .b = { 0xfd, [15] = 1 } })
			.raw,
		s->own[0].id.raw);
	f->net.ip6.own[1].taken = true;
	assert_int_equal(ip6_source(&f->net, fix6_router).raw,
			 s->own[0].id.raw);
	f->net.ip6.own[0].taken = true;
	assert_int_equal(ip6_source(&f->net, fix6_router).raw, 0);
}

/* ---- UDP: who queues a datagram holds its sender */

static void datagrams_hold_their_sender(void **state)
{
	struct fixture *f = *state;
	int sock = udp_bind(&f->net, be32(0), 53, 0);
	struct mbuf *m;
	u8 big[4000] = { 1, 2, 3 };

	assert_true(sock >= 0);
	f->net.mtu = 9000;
	for (u32 i = 0; i < 3; i++)
		fix_in(f, fix6_udp(f, fix6_far, 9, 53, big, i * 1900));
	assert_int_equal(f->net.udp.socks[sock].nqueued, 3);
	assert_int_equal(fix6_held(f), 3 + 1);
	m = fix6_udp(f, fix6_far, 9, 53, big, 10);
	((struct udp_hdr *)(m->data + ETH_LEN + IPV6_LEN))->cksum = 0;
	fix_in(f, m); /* RFC 8200, 8.1 */
	assert_int_equal(f->stat.drop_checksum, 1);
	udp_unbind(&f->net, (u32)sock);
	assert_int_equal(fix6_held(f), 3);
	fix_in(f, fix6_udp(f, fix6_peer, 9, 53, big, 10));
	assert_int_equal(((struct icmp_hdr *)fix_tx(f)->l4)->code,
			 ICMP6_UNREACH_PORT);
}

static s64 send_udp(struct fixture *f, int sock, struct be128 dst,
		    const void *data, u32 len)
{
	struct ix_sg sg = { .addr = (u64)data, .len = len };
	struct be32 id = addr_get(&f->net, dst);
	s64 n = udp_sendv(&f->net, (u32)sock, id, 9, &sg, 1, 0, f->now);

	addr_put(&f->net, id);
	return n;
}

/* From an address of the destination's scope, and no larger than the link, or
 * its router, has it: nothing is cut up on its way. */
static void datagrams_out(void **state)
{
	struct fixture *f = *state;
	int sock = udp_bind(&f->net, be32(0), 53, 0);
	int sock4 = udp_bind(&f->net, FIX_IP, 54, 0);
	static const u8 big[2000];
	struct fix_frame *t;

	assert_int_equal(send_udp(f, sock, fix6_peer, "question", 8), 8);
	t = fix_tx(f);
	assert_non_null(t);
	assert_int_equal(t->ip6->next, IP_PROTO_UDP);
	assert_true(be128_equal(t->ip6->src, fix6_ip));
	assert_int_equal(t->l4_len, UDP_LEN + 8);
	assert_int_equal(send_udp(f, sock, fix6_peer_local, "question", 8), 8);
	t = fix_tx(f);
	assert_true(be128_equal(t->ip6->src, fix6_local));
	assert_int_equal(send_udp(f, sock, fix6_peer, big, 1452), 1452);
	assert_non_null(fix_tx(f));
	assert_int_equal(send_udp(f, sock, fix6_peer, big, 1453), -EMSGSIZE);
	f->net.ip6.mtu = IPV6_MIN_MTU;
	assert_int_equal(send_udp(f, sock, fix6_peer, big, 1232), 1232);
	assert_non_null(fix_tx(f));
	assert_int_equal(send_udp(f, sock, fix6_peer, big, 1233), -EMSGSIZE);
	assert_int_equal(send_udp(f, sock4, fix6_peer, "x", 1), -EHOSTUNREACH);
	assert_int_equal(send_udp(f, sock, fix6_far, "x", 1), -EHOSTUNREACH);
	fix_tx_none(f);
	udp_unbind(&f->net, (u32)sock);
	udp_unbind(&f->net, (u32)sock4);
}

/* RFC 8200, 8.1: a sum of zero is sent as its other form. */
static void no_datagram_without_sum(void **state)
{
	struct fixture *f = *state;
	int sock = udp_bind(&f->net, be32(0), 53, 0);
	u32 ones = 0;

	for (u32 i = 0; i < 65536; i++) {
		u16 data = (u16)i;
		const struct udp_hdr *h;

		assert_int_equal(send_udp(f, sock, fix6_peer, &data, 2), 2);
		h = fix_tx(f)->l4;
		assert_int_not_equal(h->cksum, 0);
		ones += h->cksum == 0xffff;
	}
	assert_int_equal(ones, 1);
	udp_unbind(&f->net, (u32)sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain),
		TEST(padding),
		TEST(short_frames),
		TEST(lengths),
		TEST(versions),
		TEST(martians),
		TEST(destinations),
		TEST(no_room_for_the_source),
		TEST(checksums),
		TEST(headers),
		TEST(hop_by_hop_first_only),
		TEST(unknown_options),
		TEST(groups_are_not_told),
		TEST(options_that_lie),
		TEST(routing),
		TEST(headers_cut),
		TEST(nothing_behind),
		TEST(chains),
		TEST(atomic_fragment),
		TEST(unknown_protocol),
		TEST(errors_are_not_told_of),
		TEST(errors_are_short),
		TEST(errors_are_limited),
		TEST(header_out),
		TEST(next_hops),
		TEST(groups_out),
		TEST(not_to_ourselves),
		TEST(sources),
		TEST(datagrams_hold_their_sender),
		TEST(datagrams_out),
		TEST(no_datagram_without_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

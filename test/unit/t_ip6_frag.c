/* SPDX-License-Identifier: MIT */
/* net/ip6_frag.c. How parts are kept is t_ip_frag.c's. */
#include "net_fixture6.h"

#include "base/cksum.h"

enum { PORT = 4000, LEN = 4000, PART = 1232, TIMEOUT = 30000 };

/* A datagram to be cut up: UDP, or @ext that stand before it, too. */
struct datagram {
	struct be128 src;
	u32 id, len;
	u8 next; /* of the first header behind the fragment header */
	u8 bytes[70000];
};

static struct datagram *compose(struct be128 src, u32 id, u32 len)
{
	struct datagram *d = calloc(1, sizeof(*d));
	struct udp_hdr *udp = (struct udp_hdr *)d->bytes;
	struct be128 dst = fix6_ip;
	u64 sum;

	d->src = src;
	d->id = id;
	d->next = IP_PROTO_UDP;
	d->len = UDP_LEN + len;
	*udp = (struct udp_hdr){ .sport = be16(9),
				 .dport = be16(PORT),
				 .len = be16((u16)d->len) };
	for (u32 i = 0; i < len; i++)
		d->bytes[UDP_LEN + i] = (u8)(i * 7 + (i >> 8) * 3);
	sum = cksum_fold(cksum_add(0, &src, 16)) +
	      cksum_fold(cksum_add(0, &dst, 16)) + be32(d->len).raw +
	      (u64)be16(IP_PROTO_UDP).raw;
	udp->cksum = (u16)~cksum_fold(cksum_add(sum, d->bytes, d->len));
	return d;
}

/* With @hlen bytes of headers @hdr before the fragment header. */
static struct mbuf *part(struct fixture *f, const struct datagram *d,
			 const char *hdr, u32 hlen, u32 off, u32 len, bool more)
{
	u8 ext[100];
	const struct ip6_frag frag = { .next = d->next,
				       .off_more = be16((u16)(off | more)),
				       .id = be32(d->id) };
	const struct fix6_ext e = { hlen ? IP6_DEST_OPTIONS : IP6_FRAGMENT, ext,
				    hlen + (u32)sizeof(frag) };

	memcpy(ext, hdr, hlen);
	memcpy(ext + hlen, &frag, sizeof(frag));
	return fix6_ext(f, d->src, fix6_ip, &e, 0, d->bytes + off, len);
}

static void put(struct fixture *f, const struct datagram *d, u32 off, u32 len)
{
	assert_true(fix_in(f, part(f, d, "", 0, off, len, off + len < d->len)));
}

static bool came(struct fixture *f, const struct datagram *d)
{
	struct mbuf *m = udp_deliver(&f->net, &f->net.udp.socks[0]);
	u32 at = UDP_LEN;

	if (!m)
		return false;
	for (const struct mbuf *p = m->udp.parts; p; p = p->next) {
		assert_memory_equal(p->data, d->bytes + at, p->len);
		at += p->len;
	}
	assert_memory_equal(m->data, d->bytes + at, m->len);
	assert_int_equal(at + m->len, d->len);
	assert_true(be128_equal(addr_to_ip6(&f->net, m->udp.saddr), d->src));
	assert_int_equal(udp_recv_done(&f->net, 0, m->data), 0);
	return true;
}

static int setup(void **state)
{
	struct fixture *f;

	fix6_setup(state);
	f = *state;
	fix6_know_peer(f);
	assert_int_equal(udp_bind(&f->net, be32(0), PORT, 1), 0);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fix_teardown)

static void nothing_waits(struct fixture *f)
{
	assert_true(list_empty(&f->net.frags.used));
	assert_int_equal(fix6_held(f), 3); /* the neighbours */
}

static void any_order(void **state)
{
	static const u8 order[][4] = { { 0, 1, 2, 3 },
				       { 3, 2, 1, 0 },
				       { 2, 0, 3, 1 } };
	struct datagram *d = compose(fix6_peer, 7, LEN);
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(order); i++) {
		for (u32 j = 0; j < 4; j++) {
			u32 off = order[i][j] * PART;

			assert_false(came(f, d));
			put(f, d, off, min(d->len - off, (u32)PART));
		}
		assert_true(came(f, d));
		assert_int_equal(f->stat.ip_reassembled, i + 1);
		nothing_waits(f);
	}
	free(d);
}

/* Headers before the fragment header: of the first part, they stay. */
static void headers_before(void **state)
{
	static const char two[] = "\x2b\0\1\4\0\0\0\0"	/* options, */
				  "\x2c\0\0\0\0\0\0\0"	/* routing, */
				  "\x3c\5\0\0\0\0\0\0"	/* atomic, */
				  "\x2c\0\1\4\0\0\0\0"; /* options */
	struct datagram *d = compose(fix6_peer, 7, 2000);
	struct fixture *f = *state;

	fix_in(f, part(f, d, two, 32, 0, PART, true));
	fix_in(f, part(f, d, "", 0, PART, d->len - PART, false));
	assert_true(came(f, d));
	fix_in(f, part(f, d, "", 0, PART, d->len - PART, false));
	fix_in(f, part(f, d, two, 8, 0, PART, true)); /* no: "43" is next */
	assert_false(came(f, d));
	free(d);
}

/* By source, destination and id; the next header does not count. */
static void strangers(void **state)
{
	struct datagram *a = compose(fix6_peer, 7, 2000);
	struct datagram *b = compose(fix6_peer, 8, 2000);
	struct datagram *c = compose(fix6_far, 7, 2000);
	struct fixture *f = *state;

	put(f, a, 0, PART);
	put(f, b, PART, b->len - PART);
	put(f, c, PART, c->len - PART);
	assert_false(came(f, a));
	a->next = 0; /* of the first part alone (RFC 8200) */
	put(f, a, PART, a->len - PART);
	assert_true(came(f, a));
	put(f, b, 0, PART);
	assert_true(came(f, b));
	put(f, c, 0, PART);
	assert_true(came(f, c));
	nothing_waits(f);
	free(a);
	free(b);
	free(c);
}

/* RFC 5722: nothing comes of it any more. */
static void overlaps(void **state)
{
	struct datagram *d = compose(fix6_peer, 7, LEN);
	struct fixture *f = *state;

	put(f, d, 0, PART);
	put(f, d, PART - 8, PART);
	put(f, d, PART, PART);
	put(f, d, 2 * PART, d->len - 2 * PART);
	assert_false(came(f, d));
	assert_int_equal(f->stat.drop_ip_fragment, 3);
	assert_int_equal(f->net.frags.held, 0);
	free(d);
}

/* An atomic fragment stands alone, though others have its id (RFC 6946). */
static void atomic(void **state)
{
	struct datagram *d = compose(fix6_peer, 7, 2000);
	struct datagram *e = compose(fix6_peer, 7, 200);
	struct fixture *f = *state;

	put(f, d, 0, PART);
	put(f, e, 0, e->len);
	assert_true(came(f, e));
	put(f, d, PART, d->len - PART);
	assert_true(came(f, d));
	free(d);
	free(e);
}

static void told(struct fixture *f, u8 type, u8 code, u32 rest)
{
	struct fix_frame *t = fix_tx(f);
	const struct icmp_hdr *icmp;

	assert_non_null(t);
	icmp = t->l4;
	assert_true(be128_equal(t->ip6->dst, fix6_peer));
	assert_true(be128_equal(t->ip6->src, fix6_ip));
	assert_int_equal(icmp->type, type);
	assert_int_equal(icmp->code, code);
	assert_int_equal(be32_host(icmp->rest), rest);
	fix_tx_none(f);
}

static void lies(void **state)
{
	struct datagram *d = compose(fix6_peer, 7, 60000);
	struct fixture *f = *state;
	u64 n = 0;

	put(f, d, 0, 1231); /* not in eights, and not the last */
	told(f, ICMP6_PARAMETER, ICMP6_PARAM_HEADER, 4);
	assert_int_equal(f->stat.drop_ip_fragment, ++n);
	d->len = 70000;
	put(f, d, 65528, 8);
	told(f, ICMP6_PARAMETER, ICMP6_PARAM_HEADER, IPV6_LEN + 2);
	assert_int_equal(f->stat.drop_ip_fragment, ++n);
	put(f, d, 0, 40); /* small ones: none are sent */
	put(f, d, 0, 0);
	assert_int_equal(f->stat.drop_ip_fragment, n += 2);
	f->net.conf.frag_timeout_ms = 0;
	put(f, d, 0, PART);
	assert_int_equal(f->stat.drop_ip_fragment, ++n);
	fix_tx_none(f);
	nothing_waits(f);
	free(d);
}

static void rest_does_not_come(void **state)
{
	struct datagram *d = compose(fix6_peer, 7, LEN);
	struct fixture *f = *state;

	put(f, d, 0, PART);
	fix_pass(f, (TIMEOUT + 1) * FIX_MS);
	told(f, ICMP6_TIME_EXCEEDED, 1, 0);
	assert_int_equal(f->stat.ip_frag_timeouts, 1);
	nothing_waits(f);
	/* An error is not answered by one, a question is (RFC 4443, 2.4). */
	d->next = IP_PROTO_ICMP6;
	d->bytes[0] = ICMP6_TOO_BIG;
	put(f, d, 0, PART);
	fix_pass(f, (TIMEOUT + 1) * FIX_MS);
	fix_tx_none(f);
	d->bytes[0] = ICMP6_ECHO;
	put(f, d, 0, PART);
	fix_pass(f, (TIMEOUT + 1) * FIX_MS);
	told(f, ICMP6_TIME_EXCEEDED, 1, 0);
	assert_int_equal(f->stat.ip_frag_timeouts, 3);
	put(f, d, PART, PART); /* without the first, nobody knows whose */
	fix_pass(f, (TIMEOUT + 1) * FIX_MS);
	fix_tx_none(f);
	nothing_waits(f);
	free(d);
}

/* All of two hosts go to one thread. */
static void another_threads(void **state)
{
	struct datagram *d = compose(fix6_peer, 7, LEN);
	struct fixture *f = *state;

	f->net.nthreads = 2;
	memset(f->group_owner, 1, sizeof(f->group_owner));
	assert_false(fix_in(f, part(f, d, "", 0, 0, PART, true)));
	assert_int_equal(f->net.owner, 1);
	nothing_waits(f);
	free(d);
}

/* Neighbour discovery does not come in fragments (RFC 6980): who does that has
 * something to hide. */
static void no_neighbour_discovery(void **state)
{
	struct datagram *d = calloc(1, sizeof(*d));
	struct fixture *f = *state;
	struct nd_hdr *nd = (struct nd_hdr *)d->bytes;
	struct be128 dst = fix6_ip;
	u64 sum;

	*nd = (struct nd_hdr){ .type = ND_SOLICIT, .target = fix6_ip };
	for (u32 at = ND_LEN; at < 64; at += 8) /* options of no known type */
		memcpy(d->bytes + at, "\xc8\1", 2);
	d->src = fix6_peer;
	d->next = IP_PROTO_ICMP6;
	d->len = 64;
	sum = cksum_fold(cksum_add(0, &d->src, 16)) +
	      cksum_fold(cksum_add(0, &dst, 16)) + be32(d->len).raw +
	      (u64)be16(IP_PROTO_ICMP6).raw;
	nd->cksum = (u16)~cksum_fold(cksum_add(sum, d->bytes, d->len));
	for (u32 off = 0; off < 64; off += 48) {
		u32 len = min(48u, 64 - off);
		struct mbuf *m = part(f, d, "", 0, off, len, !off);

		fix6_of(m)->hops = ND_HOPS;
		fix_in(f, m);
	}
	assert_int_equal(f->stat.ip_reassembled, 1);
	assert_int_equal(f->stat.drop_nd, 1);
	fix_tx_none(f);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_order),
		TEST(headers_before),
		TEST(strangers),
		TEST(overlaps),
		TEST(atomic),
		TEST(lies),
		TEST(rest_does_not_come),
		TEST(another_threads),
		TEST(no_neighbour_discovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

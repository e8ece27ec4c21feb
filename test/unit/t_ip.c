/* SPDX-License-Identifier: MIT */
#include "net_fixture.h"
#include "tcp_stub.h"

#include "base/cksum.h"

static const struct fix_seg seg = { .sport = 1000,
				    .dport = 80,
				    .flags = TCP_ACK };

static struct mbuf *segment(struct fixture *f, u32 len)
{
	static u8 payload[9000];
	u64 seed = len + 1;

	for (u32 i = 0; i < len; i++)
		payload[i] = (u8)test_random(&seed);
	return fix_tcp(f, &seg, payload, len);
}

/* Put in, and taken by TCP? */
static bool taken(struct fixture *f, struct mbuf *m)
{
	u32 before = tcp_stub.segments;

	assert_true(fix_in(f, m));
	return tcp_stub.segments > before;
}

static void trims_padding(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m = segment(f, 1);

	m->len = 60; /* 55 and padding */
	assert_true(taken(f, m));
	assert_int_equal(tcp_stub.frame_len, 55);
	assert_int_equal(tcp_stub.pkt.l4_len, 21);
	assert_int_equal(tcp_stub.pkt.first_len, 21);
	assert_true(tcp_stub.cksum_ok);
}

static void trims_over_fragments(void **state)
{
	struct fixture *f = *state;

	for (u32 at = 54; at <= 64; at++) {
		struct mbuf *m = segment(f, 5); /* 59 bytes */

		m->len = 70;
		fix_split(f, m, at);
		assert_true(taken(f, m));
		assert_int_equal(tcp_stub.frame_len, 59);
		assert_int_equal(tcp_stub.pkt.l4_len, 25);
		assert_int_equal(tcp_stub.pkt.first_len, min(at, 59u) - 34);
		assert_true(tcp_stub.cksum_ok);
	}
}

static void short_frames(void **state)
{
	struct fixture *f = *state;
	u64 n = 0;

	for (u32 len = ETH_LEN; len < 64; len++) {
		struct mbuf *m = segment(f, 10);

		m->len = len;
		assert_false(taken(f, m));
		assert_int_equal(f->stat.drop_short, ++n);
	}
}

static void headers_in_one_fragment(void **state)
{
	struct fixture *f = *state;

	for (u32 at = 1; at < 54; at++) {
		struct mbuf *m = segment(f, 10);

		fix_split(f, m, at);
		assert_false(taken(f, m));
	}
	assert_int_equal(f->stat.drop_short, 33); /* up to IP's end */
	assert_int_equal(f->stat.drop_tcp_header, 20);
}

static void every_header_bit_flip(void **state)
{
	struct fixture *f = *state;

	for (u32 bit = 0; bit < IPV4_LEN * 8; bit++) {
		struct mbuf *m = segment(f, 10);

		m->data[ETH_LEN + bit / 8] ^= (u8)(1 << bit % 8);
		assert_false(taken(f, m));
	}
	assert_int_equal(f->stat.drop_checksum + f->stat.drop_ip_header, 160);
}

static void lies_with_right_checksum(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m = segment(f, 10);

	fix_ip_of(m)->ver_ihl = 0x65;
	fix_ip_cksum(m);
	assert_false(taken(f, m));
	m = segment(f, 10);
	fix_ip_of(m)->ver_ihl = 0x44;
	fix_ip_cksum(m);
	assert_false(taken(f, m));
	m = segment(f, 10);
	fix_ip_of(m)->len = be16(19);
	fix_ip_cksum(m);
	assert_false(taken(f, m));
	assert_int_equal(f->stat.drop_ip_header, 3);
	m = segment(f, 10);
	fix_ip_of(m)->len = be16(51); /* one more than there is */
	fix_ip_cksum(m);
	assert_false(taken(f, m));
	assert_int_equal(f->stat.drop_short, 1);
}

static void fragments_are_dropped(void **state)
{
	static const u16 frag[] = { IP_MF, 1, IP_OFFSET, IP_DF | IP_MF };
	struct fixture *f = *state;
	struct mbuf *m;

	f->net.conf.frag_timeout_ms = 0;
	for (u32 i = 0; i < ARRAY_SIZE(frag); i++) {
		m = segment(f, 10);
		fix_ip_of(m)->frag = be16(frag[i]);
		fix_ip_cksum(m);
		assert_false(taken(f, m));
		assert_int_equal(f->stat.drop_ip_fragment, i + 1);
	}
	m = segment(f, 10);
	fix_ip_of(m)->frag = be16(0);
	fix_ip_cksum(m);
	assert_true(taken(f, m));
}

/* Puts @n option bytes (a multiple of 4) between IP and TCP. */
static struct mbuf *with_options(struct fixture *f, const char *opt, u32 n)
{
	struct mbuf *m = segment(f, 10);
	u8 *l4 = fix_l4_of(m);

	memmove(l4 + n, l4, m->len - ETH_LEN - IPV4_LEN);
	memcpy(l4, opt, n);
	m->len += n;
	fix_ip_of(m)->ver_ihl = (u8)(0x45 + n / 4);
	fix_ip_of(m)->len = be16((u16)(m->len - ETH_LEN));
	fix_ip_cksum(m);
	return m;
}

static void options(void **state)
{
	struct fixture *f = *state;
	u64 bad = 0;

	assert_true(taken(f, with_options(f, "\x01\x01\x01\x00", 4)));
	assert_int_equal(tcp_stub.pkt.l4_len, 30);
	assert_true(tcp_stub.cksum_ok);
	/* router alert, then end, then rubbish */
	assert_true(taken(
		f, with_options(f, "\x94\x04\x00\x00\x00\xff\xff\xff", 8)));
	/* source routes; lengths beyond, of zero and of one; cut off */
	assert_false(taken(f, with_options(f, "\x83\x04\x04\x00", 4)));
	assert_false(taken(f, with_options(f, "\x01\x89\x03\x04", 4)));
	assert_false(taken(f, with_options(f, "\x44\x05\x00\x00", 4)));
	assert_false(taken(f, with_options(f, "\x44\x00\x00\x00", 4)));
	assert_false(taken(f, with_options(f, "\x44\x01\x00\x00", 4)));
	assert_false(taken(f, with_options(f, "\x01\x01\x01\x44", 4)));
	bad += 6;
	assert_int_equal(f->stat.drop_ip_header, bad);
}

static void martians(void **state)
{
	static const u32 src[] = { 0x00000000, 0x00000001, 0x7f000001,
				   0xe0000001, 0xf0000001, 0xffffffff,
				   0x0a000001, 0x0a0000ff };
	struct fixture *f = *state;
	u8 l4[TCP_LEN] = { [12] = 0x50 };

	for (u32 i = 0; i < ARRAY_SIZE(src); i++) {
		assert_false(taken(f, fix_ip(f, be32(src[i]), IP_PROTO_TCP, l4,
					     sizeof(l4))));
		assert_int_equal(f->stat.drop_not_ours, i + 1);
	}
	assert_true(taken(
		f, fix_ip(f, be32(0x0a0000fe), IP_PROTO_TCP, l4, sizeof(l4))));
	assert_true(taken(
		f, fix_ip(f, be32(0xdf000001), IP_PROTO_TCP, l4, sizeof(l4))));
	/* A network of two has no broadcast address (RFC 3021). */
	f->net.conf.netmask = be32(0xfffffffe);
	f->net.conf.ip = be32(0x0a000002);
	assert_false(ip_is_broadcast(&f->net, be32(0x0a000003)));
	f->net.conf.netmask = be32(0xffffffff);
	assert_false(ip_is_broadcast(&f->net, be32(0x0a000002)));
}

static void other_destinations(void **state)
{
	static const u32 dst[] = { 0x0a000003, 0x0a0000ff, 0xffffffff,
				   0xe0000001 };
	struct fixture *f = *state;
	struct mbuf *m;

	for (u32 i = 0; i < ARRAY_SIZE(dst); i++) {
		m = segment(f, 10);
		fix_ip_of(m)->dst = be32(dst[i]);
		fix_ip_cksum(m);
		fix_l4_cksum(m);
		assert_false(taken(f, m));
	}
	m = segment(f, 10); /* to everyone below, to us above */
	memset(m->data, 0xff, 6);
	assert_false(taken(f, m));
	m = segment(f, 10); /* another machine's frame */
	m->data[5] ^= 1;
	assert_false(taken(f, m));
	assert_int_equal(f->stat.drop_not_ours, 6);
	fix_tx_none(f);
}

static void unknown_protocol(void **state)
{
	struct fixture *f = *state;
	struct fix_frame *t;

	fix_know_peer(f);
	fix_in(f, fix_ip(f, FIX_PEER, 132, "12345678", 8));
	assert_int_equal(f->stat.drop_not_ours, 1);
	t = fix_tx(f);
	assert_non_null(t);
	assert_int_equal(((struct icmp_hdr *)t->l4)->code, ICMP_UNREACH_PROTO);
}

static void tcp_header_lies(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m;

	for (u32 words = 0; words < 16; words++) {
		m = segment(f, 10); /* 30 bytes of TCP */
		((struct tcp_hdr *)fix_l4_of(m))->off = (u8)(words << 4);
		assert_int_equal(taken(f, m), words >= 5 && words <= 7);
	}
	assert_int_equal(f->stat.drop_tcp_header, 13);
	for (u32 len = 0; len < TCP_LEN; len++) {
		u8 l4[TCP_LEN] = { [12] = 0x50 };

		assert_false(taken(f, fix_ip(f, FIX_PEER, 99, l4, len)));
		m = fix_ip(f, FIX_PEER, 99, l4, len);
		fix_ip_of(m)->proto = IP_PROTO_TCP;
		fix_ip_cksum(m);
		assert_false(taken(f, m));
	}
	assert_int_equal(f->stat.drop_tcp_header, 13 + TCP_LEN);
	while (fix_tx(f))
		;
}

static void checksums_in(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m;

	for (u32 len = 0; len < 200; len++) {
		assert_true(taken(f, segment(f, len)));
		assert_true(tcp_stub.cksum_ok);
		m = segment(f, len);
		m->data[ETH_LEN + IPV4_LEN + len / 2] ^= 0x10;
		if (len / 2 != 12)
			assert_int_equal(taken(f, m) && tcp_stub.cksum_ok,
					 false);
		else
			taken(f, m);
	}
}

static void checksums_over_fragments(void **state)
{
	struct fixture *f = *state;

	for (u32 a = 54; a < 70; a++) {
		for (u32 b = 1; b < 10; b++) {
			struct mbuf *m = segment(f, 77);

			fix_split(f, m, a + b);
			fix_split(f, m, a);
			assert_true(taken(f, m));
			assert_true(tcp_stub.cksum_ok);
		}
	}
	f->net.mtu = 9000;
	assert_true(taken(f, segment(f, 8937)));
	assert_true(tcp_stub.cksum_ok);
}

static void partial_checksums(void **state)
{
	struct fixture *f = *state;

	for (int pass = 0; pass < 3; pass++) {
		struct mbuf *m = segment(f, 99);
		struct tcp_hdr *h = fix_l4_of(m);

		h->cksum = cksum_fold(
			ip_pseudo_sum(FIX_PEER, FIX_IP, IP_PROTO_TCP, 119));
		if (pass == 1)
			f->net.caps = NIC_RX_CSUM_PARTIAL;
		if (pass == 2) {
			f->net.caps = 0;
			h->cksum ^= 0x5555;
			m->flags |= MBUF_CSUM_OK;
		}
		assert_true(taken(f, m));
		assert_int_equal(tcp_stub.cksum_ok, pass > 0);
	}
}

/* A segment of random shape: buffers, and ranges behind each. */
static struct mbuf *shape(struct fixture *f, u64 *seed, const u8 *src)
{
	struct mbuf *m = mbuf_alloc(&f->pool);

	m->len = TCP_LEN + test_random(seed) % 50;
	memset(m->data, 0x5a, TCP_LEN);
	memcpy(m->data + TCP_LEN, src, m->len - TCP_LEN);
	for (u32 i = 0; i < test_random(seed) % (MBUF_MAX_EXT + 1); i++) {
		m->ext[i].addr = src + test_random(seed) % 100;
		m->ext[i].len = 1 + test_random(seed) % 100;
		m->nr_ext++;
	}
	if (test_random(seed) % 2) {
		struct mbuf *n = mbuf_alloc(&f->pool);

		n->len = 1 + test_random(seed) % 200;
		memcpy(n->data, src, n->len);
		if (test_random(seed) % 2) {
			n->ext[0].addr = src;
			n->ext[0].len = 1 + test_random(seed) % 50;
			n->nr_ext = 1;
		}
		m->next = n;
	}
	return m;
}

/* Of packets in any number of parts: fix_tx() checks what comes out. */
static void checksums_out(void **state)
{
	struct fixture *f = *state;
	u64 seed = 3;
	u8 src[300];

	fix_know_peer(f);
	for (u32 i = 0; i < sizeof(src); i++)
		src[i] = (u8)test_random(&seed);
	for (int i = 0; i < 2000; i++) {
		struct mbuf *m = shape(f, &seed, src);
		struct tcp_hdr *h = (struct tcp_hdr *)m->data;
		u64 sum, pseudo;
		u32 len;

		h->cksum = 0;
		sum = ip_payload_sum(m, &len);
		pseudo = net_pseudo_sum(&f->net, FIX_IP, FIX_PEER, IP_PROTO_TCP,
					(u16)len);
		h->cksum = (u16)~cksum_fold(cksum_add64(sum, pseudo));
		assert_int_equal(ip_out(&f->net, m, FIX_IP, FIX_PEER,
					IP_PROTO_TCP, 0, NULL, f->now),
				 0);
		assert_non_null(fix_tx(f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIX_TEST(trims_padding),
		FIX_TEST(trims_over_fragments),
		FIX_TEST(short_frames),
		FIX_TEST(headers_in_one_fragment),
		FIX_TEST(every_header_bit_flip),
		FIX_TEST(lies_with_right_checksum),
		FIX_TEST(fragments_are_dropped),
		FIX_TEST(options),
		FIX_TEST(martians),
		FIX_TEST(other_destinations),
		FIX_TEST(unknown_protocol),
		FIX_TEST(tcp_header_lies),
		FIX_TEST(checksums_in),
		FIX_TEST(checksums_over_fragments),
		FIX_TEST(partial_checksums),
		FIX_TEST(checksums_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

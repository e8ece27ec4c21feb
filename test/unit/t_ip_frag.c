/* SPDX-License-Identifier: MIT */
/* net/frag.c, ip_frag.c: datagrams in pieces, whole ones, false ones, and too many. */
#include "net_fixture.h"

#include "base/cksum.h"

enum {
	PORT = 4000,
	LEN = 8000,	/* payload */
	PART = 1480,	/* bytes of a fragment */
	TIMEOUT = 30000 /* ms, as in the fixture */
};

struct datagram {
	u8 bytes[UDP_LEN + 65535]; /* with its header */
	u32 len;
	struct be32 src;
	u16 id;
};

static u8 pattern(u32 i)
{
	return (u8)(i * 7 + (i >> 8) * 3);
}

/* Its parts will be cut out of it. */
static struct datagram *compose(u32 len, u16 id)
{
	struct datagram *d = calloc(1, sizeof(*d));
	struct udp_hdr *udp = (struct udp_hdr *)d->bytes;
	u64 sum;

	d->len = UDP_LEN + len;
	d->src = FIX_PEER;
	d->id = id;
	*udp = (struct udp_hdr){ .sport = be16(9),
				 .dport = be16(PORT),
				 .len = be16((u16)d->len) };
	for (u32 i = 0; i < len; i++)
		d->bytes[UDP_LEN + i] = pattern(i);
	sum = ip_pseudo_sum(d->src, FIX_IP, IP_PROTO_UDP, (u16)d->len);
	udp->cksum = (u16)~cksum_fold(cksum_add(sum, d->bytes, d->len));
	return d;
}

static struct mbuf *part(struct fixture *f, const struct datagram *d, u32 off,
			 u32 len, bool more)
{
	struct mbuf *m = fix_ip(f, d->src, IP_PROTO_UDP, d->bytes + off, len);

	memcpy(fix_l4_of(m), d->bytes + off, len); /* as it is, unspoilt */
	fix_ip_of(m)->id = be16(d->id);
	fix_ip_of(m)->frag = be16((u16)(off / 8 | (more ? IP_MF : 0)));
	fix_ip_cksum(m);
	return m;
}

static u32 nparts(const struct datagram *d)
{
	return (d->len + PART - 1) / PART;
}

/* The @i-th part of PART bytes. */
static void put(struct fixture *f, const struct datagram *d, u32 i)
{
	u32 len = min(d->len - i * PART, (u32)PART);

	assert_true(fix_in(f, part(f, d, i * PART, len, i + 1 < nparts(d))));
}

/* Has the socket just @d? It is given back. */
static bool came(struct fixture *f, const struct datagram *d)
{
	struct udp_sock *s = &f->net.udp.socks[0];
	struct mbuf *m = udp_deliver(&f->net, s);
	u32 at = UDP_LEN;

	if (!m)
		return false;
	for (const struct mbuf *p = m->udp.parts; p; p = p->next) {
		assert_memory_equal(p->data, d->bytes + at, p->len);
		at += p->len;
	}
	assert_memory_equal(m->data, d->bytes + at, m->len);
	assert_int_equal(at + m->len, d->len);
	assert_int_equal(udp_recv_done(&f->net, 0, m->data), 0);
	assert_null(udp_deliver(&f->net, s));
	return true;
}

static void nothing_waits(struct fixture *f)
{
	assert_true(list_empty(&f->net.frags.used));
	assert_int_equal(f->net.frags.held, 0);
}

static void begin(struct fixture *f)
{
	assert_int_equal(udp_bind(&f->net, be32(0), PORT, 1), 0);
	fix_know_peer(f);
}

static void in_order(void **state)
{
	struct fixture *f = *state;

	begin(f);
	for (u32 len = PART - UDP_LEN + 1; len < 10000; len += 593) {
		struct datagram *d = compose(len, (u16)len);

		for (u32 i = 0; i < nparts(d); i++) {
			assert_false(came(f, d));
			put(f, d, i);
		}
		assert_true(came(f, d));
		nothing_waits(f);
		free(d);
	}
	assert_int_equal(f->stat.drop_ip_fragment, 0);
	assert_int_equal(f->stat.ip_reassembled, 15);
}

/* All orders of five parts, each part twice. */
static void any_order(void **state)
{
	struct fixture *f = *state;
	struct datagram *d = compose(5 * PART - UDP_LEN - 3, 5);

	begin(f);
	for (u32 code = 0; code < 3125; code++) {
		u32 at[5], seen = 0, c = code;

		for (u32 i = 0; i < 5; i++, c /= 5)
			seen |= 1u << (at[i] = c % 5);
		if (seen != 31)
			continue;
		for (u32 i = 0; i < 5; i++) {
			put(f, d, at[i]);
			if (i < 4)
				put(f, d, at[i]);
		}
		assert_true(came(f, d));
		nothing_waits(f);
	}
	assert_int_equal(f->stat.ip_reassembled, 120);
	free(d);
}

/* Several at a time: by identification, source and protocol. */
static void mixed(void **state)
{
	struct fixture *f = *state;
	struct datagram *a = compose(3000, 1), *b = compose(2000, 2);

	begin(f);
	put(f, a, 0);
	put(f, b, 1);
	put(f, a, 2);
	put(f, b, 0);
	assert_true(came(f, b));
	b->id = 1;
	b->src = be32(0x0a000003);
	put(f, b, 1);
	assert_null(udp_deliver(&f->net, &f->net.udp.socks[0]));
	put(f, a, 1);
	assert_true(came(f, a));
	free(a);
	free(b);
}

/* RFC 5722: whatever overlaps ends the datagram, for good. */
static void overlaps(void **state)
{
	static const struct {
		u32 off, len;
		bool more;
	} lie[] = {
		{ 0, PART - 8, true },	    { 0, PART + 8, true },
		{ 8, PART - 8, true },	    { PART - 8, 64, true },
		{ 2 * PART - 8, 64, true }, { 2 * PART - 8, 9, false },
		{ 3 * PART, 48, true },	    { 2 * PART, 1000, true },
		{ PART + 8, PART, true },   { 8, 48, false },
		{ 2 * PART, 1001, false },  { 4 * PART, 48, false },
	};
	struct fixture *f = *state;
	struct datagram *d = compose(2 * PART + 1000 - UDP_LEN, 0);

	begin(f);
	for (u32 i = 0; i < ARRAY_SIZE(lie); i++) {
		d->id = (u16)i;
		put(f, d, 0);
		put(f, d, 2);
		fix_in(f, part(f, d, lie[i].off, lie[i].len, lie[i].more));
		assert_int_equal(f->stat.drop_ip_fragment, i * 4 + 1);
		for (u32 k = 0; k < 3; k++)
			put(f, d, k);
		assert_false(came(f, d));
		assert_int_equal(f->stat.drop_ip_fragment, i * 4 + 4);
		assert_int_equal(f->pool.nfree, f->pool.total);
	}
	fix_pass(f, TIMEOUT * FIX_MS + FIX_MS);
	nothing_waits(f);
	fix_tx_none(f);
	d->id = 3;
	for (u32 k = 0; k < 3; k++)
		put(f, d, k);
	assert_true(came(f, d));
	free(d);
}

/* What no host sends: ends beyond 65535, odd lengths, hardly anything. */
static void false_ones(void **state)
{
	static const struct {
		u32 off, len;
		bool more;
	} lie[] = { { 65528, 8, false },
		    { 64000, 1520, false },
		    { 0, PART - 1, true },
		    { 0, 40, true },
		    { 8, 0, false } };
	struct fixture *f = *state;
	struct datagram *d = compose(65000, 1);

	begin(f);
	for (u32 i = 0; i < ARRAY_SIZE(lie); i++) {
		fix_in(f, part(f, d, lie[i].off, lie[i].len, lie[i].more));
		assert_int_equal(f->stat.drop_ip_fragment, i + 1);
		nothing_waits(f);
	}
	free(d);
}

/* Half a datagram goes after its time, and its sender is told so if the first
 * part came (RFC 1122 section 3.3.2). */
static void timeouts(void **state)
{
	struct fixture *f = *state;
	struct datagram *d = compose(4000, 1);
	const struct icmp_hdr *icmp;
	struct fix_frame *tx;

	begin(f);
	put(f, d, 0);
	d->id = 2;
	fix_pass(f, 1000 * FIX_MS);
	put(f, d, 1);
	fix_pass(f, (TIMEOUT - 1001) * FIX_MS);
	assert_int_equal(f->net.frags.held, 2);
	fix_tx_none(f);
	fix_pass(f, 2 * FIX_MS);
	assert_int_equal(f->net.frags.held, 1);
	tx = fix_tx(f);
	assert_non_null(tx);
	icmp = tx->l4;
	assert_int_equal(icmp->type, ICMP_TIME_EXCEEDED);
	assert_int_equal(icmp->code, 1);
	assert_int_equal(((const struct ipv4_hdr *)(icmp + 1))->id.raw,
			 be16(1).raw);
	assert_memory_equal((const u8 *)(icmp + 1) + IPV4_LEN, d->bytes, 64);
	fix_pass(f, 1000 * FIX_MS);
	nothing_waits(f);
	fix_tx_none(f);
	assert_int_equal(f->stat.ip_frag_timeouts, 2);
	assert_false(timer_is_set(&f->net.frags.timer));
	free(d);
}

/* One source begins datagrams without end: it holds half of a sixteenth of the
 * buffers, and others' become whole meanwhile. */
static void one_source_floods(void **state)
{
	struct fixture *f = *state;
	struct datagram *evil = compose(8000, 0), *d = compose(5000, 7);

	begin(f);
	d->src = be32(0x0a000003);
	((struct udp_hdr *)d->bytes)->cksum = 0;
	for (u32 i = 0; i < 3000; i++) {
		evil->id = (u16)i;
		put(f, evil, i % 5);
		assert_in_range(f->net.frags.held, 1, FIX_MBUFS / 16 + 1);
		if (i % 3 == 0)
			put(f, d, i / 3 % 4);
		if (i % 12 == 9)
			assert_true(came(f, d));
	}
	assert_int_equal(f->stat.ip_reassembled, 250);
	assert_in_range(f->stat.ip_frag_cut, 2900, 3000);
	free(evil);
	free(d);
}

/* As many as there are sources: the newest are left, and those who go on. */
static void many_sources_flood(void **state)
{
	struct fixture *f = *state;
	struct datagram *evil = compose(8000, 0), *d = compose(5000, 7);

	begin(f);
	f->pool.total *= 100; /* places run out first */
	for (u32 i = 0; i < 3000; i++) {
		evil->src = be32(0x0b000000 + i * 12345);
		put(f, evil, i % 6);
		assert_in_range(f->net.frags.held, 1, FRAG_DATAGRAMS + 4);
		if (i % 3 == 0)
			put(f, d, i / 3 % nparts(d));
		if (i / 3 % nparts(d) == nparts(d) - 1 && i % 3 == 0)
			assert_true(came(f, d));
	}
	f->pool.total /= 100;
	free(evil);
	free(d);
}

/* Places run out before buffers do: with those that are spoilt, too. */
static void places(void **state)
{
	struct fixture *f = *state;
	struct datagram *evil = compose(4000, 0), *d = compose(2000, 7);

	begin(f);
	f->pool.total *= 100; /* as many buffers as one likes */
	for (u32 i = 0; i < 1000; i++) {
		evil->id = (u16)i;
		evil->src = be32(0x0b000000 + i % 3);
		put(f, evil, 0);
		fix_in(f, part(f, evil, 8, 64, true));
		if (i % 10 == 0) {
			put(f, d, 0);
			put(f, d, 1);
			assert_true(came(f, d));
		}
	}
	f->pool.total /= 100;
	assert_int_equal(f->pool.nfree, f->pool.total);
	free(evil);
	free(d);
}

/* The buffers that all share come first. */
static void buffers_short(void **state)
{
	struct fixture *f = *state;
	struct datagram *d = compose(5000, 7);
	struct mbuf *all[FIX_MBUFS];
	u32 n = 0;

	begin(f);
	while (f->pool.nfree > f->pool.kept + 2)
		all[n++] = mbuf_alloc(&f->pool);
	for (u32 i = 0; i < nparts(d); i++)
		put(f, d, i);
	assert_false(came(f, d));
	assert_in_range(f->pool.nfree, f->pool.kept, f->pool.total);
	while (n)
		mbuf_free(&f->pool, all[--n]);
	free(d);
}

/* Whoever gets them passes them on to the thread of the two addresses; there
 * all of them come together, and what is whole goes where its ports say. */
static void threads(void **state)
{
	struct fixture *f = *state;
	struct datagram *d = compose(3000, 7);
	u32 group = net_flow_group(&f->net,
				   flow_make(d->src, FIX_IP, be16(0), be16(0)));
	struct mbuf *m;

	begin(f);
	f->group_owner[group] = 3;
	m = part(f, d, 0, PART, true);
	assert_false(fix_in(f, m));
	assert_int_equal(f->net.owner, 3);
	for (u32 i = 0; i < nparts(d); i++) {
		m = part(f, d, i * PART, min(d->len - i * PART, (u32)PART),
			 i + 1 < nparts(d));
		m->flags |= MBUF_FORWARDED;
		assert_int_equal(net_rx(&f->net, &m, 1, f->now), 1);
	}
	udp_unbind(&f->net, 0);
	f->group_owner[net_flow_group(
		&f->net, flow_make(d->src, FIX_IP, be16(9), be16(PORT)))] = 2;
	m = frag_whole(&f->net);
	assert_non_null(m);
	assert_int_equal(net_rx(&f->net, &m, 1, f->now), 0);
	assert_int_equal(f->net.owner, 2);
	mbuf_free_chain(&f->pool, m);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIX_TEST(in_order),
		FIX_TEST(any_order),
		FIX_TEST(mixed),
		FIX_TEST(overlaps),
		FIX_TEST(false_ones),
		FIX_TEST(timeouts),
		FIX_TEST(one_source_floods),
		FIX_TEST(many_sources_flood),
		FIX_TEST(places),
		FIX_TEST(buffers_short),
		FIX_TEST(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

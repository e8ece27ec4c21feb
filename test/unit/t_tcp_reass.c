/* SPDX-License-Identifier: MIT */
/* net/tcp_reass.c: a stream cut up at random, in any order, with overlaps,
 * must come out as it was; buffers are counted at every step. */
#include "tcp_fixture.h"

enum { STREAM = 40000 };

static u8 stream[STREAM];

static struct tcp_conn *conn(struct fixture *f)
{
	struct tcp_conn *c = tcp_conn_new(&f->net, FIX_PEER, FIX_IP, be16(1),
					  be16(2), 0, f->now);
	u64 seed = 99;

	for (u32 i = 0; i < STREAM; i++)
		stream[i] = (u8)test_random(&seed);
	c->state = TCP_ESTABLISHED;
	c->flags |= TCP_F_ACCEPTED;
	c->rcv_nxt = PEER_ISS;
	c->rcv_adv = c->rcv_nxt + 60000;
	return c;
}

/* Bytes @at to @at + @len of the stream, in one or several buffers. */
static struct mbuf *piece(struct fixture *f, u32 at, u32 len, u64 *seed)
{
	struct mbuf *m = fix_raw(f, stream + at, len);

	if (len > 2 && !m->next && test_random(seed) % 4 == 0)
		fix_split(f, m, 1 + (u32)(test_random(seed) % (len - 1)));
	return m;
}

static u32 count(const struct mbuf *m)
{
	u32 n = 0;

	for (; m; m = m->next)
		n++;
	return n;
}

static void check(struct fixture *f, const struct tcp_conn *c)
{
	u32 bytes = 0, ooo = 0, end = c->rcv_nxt;

	for (const struct mbuf *m = c->rx_head; m; m = m->next)
		bytes += m->len - m->off_done;
	assert_int_equal(bytes, c->rx_bytes);
	for (const struct mbuf *m = c->ooo; m; m = m->next) {
		assert_true(seq_le(end, m->seq)); /* sorted, disjoint */
		end = m->seq + m->len;
		ooo += m->len;
		assert_true(m->len > 0);
	}
	assert_int_equal(ooo, c->ooo_bytes);
	assert_int_equal(count(c->rx_head) + count(c->ooo), c->rx_mbufs);
	assert_int_equal(f->pool.nfree, f->pool.total - c->rx_mbufs);
}

/* Reads what can be read, and compares; gives some of it back. */
static void drain(struct fixture *f, struct tcp_conn *c, u32 *read, u64 *seed)
{
	const u8 *data;
	u32 len;

	while (tcp_next_rx(c, &data, &len)) {
		assert_memory_equal(data, stream + *read, len);
		*read += len;
	}
	assert_int_equal(*read, c->rcv_nxt - PEER_ISS);
	if (c->rx_told)
		tcp_recv_done(&f->net, c,
			      (u32)(test_random(seed) % (c->rx_told + 1)));
	assert_int_equal(tcp_recv_done(&f->net, c, c->rx_told + 1), -EINVAL);
	check(f, c);
}

static void arrive(struct fixture *f, struct tcp_conn *c, u32 at, u32 len,
		   u64 *seed)
{
	u32 seq = PEER_ISS + at;
	struct mbuf *m = piece(f, at, len, seed);

	/* As the caller does: old bytes are cut off first. */
	if (seq_lt(seq, c->rcv_nxt)) {
		u32 old = min(c->rcv_nxt - seq, len);

		m = tcp_trim_front(&f->net, m, old);
		seq += old;
		len -= old;
	}
	if (!m)
		return;
	if (seq == c->rcv_nxt) {
		tcp_rx_append(&f->net, c, m, len);
		tcp_ooo_drain(&f->net, c);
	} else {
		tcp_ooo_insert(&f->net, c, m, seq);
	}
}

static void random_order(struct fixture *f, u64 seed, u32 reach, u32 most,
			 u32 rcv_mbufs)
{
	struct tcp_conn *c = conn(f);
	u32 read = 0;

	f->net.conf.tcp.rcv_mbufs = rcv_mbufs;
	while (read < STREAM) {
		u32 left = STREAM - (c->rcv_nxt - PEER_ISS);
		u32 from = c->rcv_nxt - PEER_ISS;
		u32 at = from +
			 (u32)(test_random(&seed) % (min(left, reach) + 1));
		u32 len;

		if (test_random(&seed) % 4 == 0)
			at = from - min(from, (u32)(test_random(&seed) % 100));
		len = 1 + (u32)(test_random(&seed) % most);
		len = min(len, STREAM - at);
		if (len && c->rx_mbufs < 150)
			arrive(f, c, at, len, &seed);
		else if (left)
			arrive(f, c, from, min(left, most), &seed);
		check(f, c);
		if (test_random(&seed) % 3 == 0 || c->rx_mbufs > 100 ||
		    c->rcv_nxt - PEER_ISS == STREAM)
			drain(f, c, &read, &seed);
	}
	assert_null(c->ooo);
	tcp_recv_done(&f->net, c, c->rx_told);
	assert_int_equal(c->rx_bytes, 0);
	assert_int_equal(f->pool.nfree, f->pool.total);
	tcp_release(&f->net, c);
	assert_null(tcp_next_ready(&f->net));
	tcp_output_all(&f->net, f->now);
}

static void streams(void **state)
{
	struct fixture *f = *state;

	for (u64 seed = 1; seed < 30; seed++) {
		random_order(f, seed, 5000, 1400, 64);
		random_order(f, seed, 300, 100, 4); /* many small: coalesced */
		random_order(f, seed, 10000, 5000, 64);
	}
	assert_true(f->stat.tcp_coalesced > 100);
}

static void coalescing_spares_buffers(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = conn(f);
	u32 read = 0;
	u64 seed = 1;

	f->net.conf.tcp.rcv_mbufs = 8;
	for (u32 at = 0; at < 10000; at += 10)
		tcp_rx_append(&f->net, c, fix_raw(f, stream + at, 10), 10);
	assert_true(c->rx_mbufs < 20);
	assert_int_equal(c->rx_bytes, 10000);
	drain(f, c, &read, &seed);
	assert_int_equal(read, 10000);
	tcp_release(&f->net, c);
}

static void room_is_kept_for_others(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = conn(f);
	struct mbuf *all[FIX_MBUFS];
	u32 n = 0;

	assert_true(tcp_rx_room(&f->net, c, true));
	assert_true(tcp_rx_room(&f->net, c, false));
	while (f->pool.nfree > FIX_MBUFS / 8)
		all[n++] = mbuf_alloc(&f->pool);
	assert_true(tcp_rx_room(&f->net, c, true));
	assert_false(tcp_rx_room(&f->net, c, false));
	c->rx_mbufs = 4;
	assert_false(tcp_rx_room(&f->net, c, true));
	c->rx_mbufs = 0;
	while (n)
		mbuf_free(&f->pool, all[--n]);
	tcp_release(&f->net, c);
}

static void trims(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m = fix_raw(f, "abcdefghij", 10);

	fix_split(f, m, 7);
	fix_split(f, m, 3); /* abc defg hij */
	m = tcp_trim_front(&f->net, m, 2);
	assert_memory_equal(m->data, "c", 1);
	m = tcp_trim_front(&f->net, m, 3);
	assert_memory_equal(m->data, "fg", 2);
	tcp_trim_tail(&f->net, m, 3);
	assert_memory_equal(m->next->data, "h", 1);
	assert_int_equal(mbuf_packet_len(m), 3);
	tcp_trim_tail(&f->net, m, 2);
	assert_null(m->next);
	assert_null(tcp_trim_front(&f->net, m, 2));
	assert_int_equal(f->pool.nfree, f->pool.total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(streams),
		TCP_TEST(coalescing_spares_buffers),
		TCP_TEST(room_is_kept_for_others),
		TCP_TEST(trims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

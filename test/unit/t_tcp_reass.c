/* SPDX-License-Identifier: MIT */
/* net/tcp_reass.c: a stream cut up at random, in any order, with overlaps,
 * must come out as it was; buffers are counted at every step. */
#include "tcp_fixture.h"

#include <signal.h>

enum { STREAM = 40000, RUNS = 32 };

static u8 stream[STREAM];

static struct tcp_conn *conn(struct fixture *f)
{
	struct flow flow = flow_make(FIX_PEER, FIX_IP, be16(1), be16(2));
	struct tcp_conn *c = tcp_conn_new(&f->net, flow, 0, f->now);
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
	u32 bytes = 0, runs = 0, end = c->rcv_nxt;
	const struct mbuf *last = NULL; /* of the run */

	for (const struct mbuf *m = c->rx_head; m; m = m->next)
		bytes += m->len - m->tcp.off_done;
	assert_int_equal(bytes, c->rx_bytes);
	for (const struct mbuf *m = c->ooo; m; m = m->next) {
		if (last) {
			assert_int_equal(m->tcp.seq, end);
		} else {
			assert_true(seq_lt(end, m->tcp.seq)); /* a hole */
			last = m->tcp.last;
			runs++;
		}
		if (m == last)
			last = NULL;
		end = m->tcp.seq + m->len;
		assert_true(m->len > 0);
	}
	assert_null(last);
	assert_int_equal(runs, c->ooo_runs);
	assert_true(runs <= RUNS);
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
		tcp_rx_append(&f->net, c, m);
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
		tcp_rx_append(&f->net, c, fix_raw(f, stream + at, 10));
	assert_true(c->rx_mbufs < 20);
	assert_int_equal(c->rx_bytes, 10000);
	drain(f, c, &read, &seed);
	assert_int_equal(read, 10000);
	tcp_release(&f->net, c);
}

/* ---- the work for one segment: instructions, by the CPU's trap flag */

static volatile u32 steps;

static void count_step(int sig)
{
	steps++;
}

static void insert_byte(struct fixture *f, struct tcp_conn *c, u32 at)
{
	const u64 trap = 0x100;
	struct mbuf *m = fix_raw(f, stream + at, 1);
	u64 flags = __builtin_ia32_readeflags_u64();

	steps = 0;
	__builtin_ia32_writeeflags_u64(flags | trap);
	tcp_ooo_insert(&f->net, c, m, c->rcv_nxt + at);
	__builtin_ia32_writeeflags_u64(flags);
}

/* Where the @i-th of @n segments begins, from rcv_nxt on. */
typedef u32 order_fn(u32 i, u32 n);

static u32 upwards(u32 i, u32 n)
{
	return 1 + i;
}

static u32 downwards(u32 i, u32 n)
{
	return n - i;
}

static u32 every_other(u32 i, u32 n)
{
	return 1 + 2 * i;
}

static u32 every_other_down(u32 i, u32 n)
{
	return 1 + 2 * (n - i);
}

/* Some holes, then what is in them, then further on. */
static u32 filled_up(u32 i, u32 n)
{
	u32 k = i % (2 * RUNS);

	return 1 + i - k + (k < RUNS ? 2 * k : 2 * (k - RUNS) + 1);
}

/* Between the first and the last of many runs. */
static u32 both_ends(u32 i, u32 n)
{
	return i % 2 ? 1 + 2 * i : 1 + 2 * (n - i);
}

/* The most instructions for one of @n segments, in whatever order. */
static u32 most_work(struct fixture *f, u32 n)
{
	static order_fn *const orders[] = {
		upwards,	  downwards, every_other,
		every_other_down, filled_up, both_ends,
	};
	u32 most = 0;

	for (u32 k = 0; k < ARRAY_SIZE(orders); k++) {
		struct tcp_conn *c = conn(f);

		for (u32 i = 0; i < n; i++) {
			insert_byte(f, c, orders[k](i, n));
			most = max(most, steps);
			check(f, c);
		}
		tcp_release(&f->net, c);
		assert_int_equal(f->pool.nfree, f->pool.total);
	}
	return most;
}

/* Not more for many than for just as many as there may be holes. */
static void work_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct sigaction sa = { .sa_handler = count_step };
	u32 few, many;

	assert_int_equal(sigaction(SIGTRAP, &sa, NULL), 0);
	few = most_work(f, 2 * RUNS);
	many = most_work(f, 7 * RUNS);
	print_message("at most %u, %u instructions\n", few, many);
	assert_true(few > RUNS); /* it does count */
	assert_true(many <= few + few / 4);
	assert_true(f->stat.drop_tcp_holes > RUNS);
}

/* However small they are, in either direction. */
static void few_buffers_for_many_segments(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = conn(f);

	for (u32 i = 0; i < 1000; i++)
		tcp_ooo_insert(&f->net, c, fix_raw(f, stream + 1 + i, 1),
			       c->rcv_nxt + 1 + i);
	assert_int_equal(c->rx_mbufs, 1);
	tcp_ooo_free(&f->net, c);
	for (u32 i = 1000; i > 0; i--)
		tcp_ooo_insert(&f->net, c, fix_raw(f, stream + i, 1),
			       c->rcv_nxt + i);
	assert_int_equal(c->rx_mbufs, 1);
	tcp_rx_append(&f->net, c, fix_raw(f, stream, 1));
	tcp_ooo_drain(&f->net, c);
	assert_memory_equal(c->rx_head->next->data, stream + 1, 1000);
	tcp_release(&f->net, c);
}

static void room_is_kept_for_others(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = conn(f);
	struct mbuf *all[FIX_MBUFS];
	u32 n = 0;

	assert_true(tcp_rx_room(&f->net, c, 100, true));
	assert_true(tcp_rx_room(&f->net, c, 100, false));
	while (f->pool.nfree > FIX_MBUFS / 8)
		all[n++] = mbuf_alloc(&f->pool);
	assert_true(tcp_rx_room(&f->net, c, 100, true));
	assert_false(tcp_rx_room(&f->net, c, 100, false));
	c->rx_mbufs = 4;
	assert_false(tcp_rx_room(&f->net, c, 100, true));
	c->rx_mbufs = 0;
	while (n)
		mbuf_free(&f->pool, all[--n]);
	tcp_release(&f->net, c);
}

/* Windows and pools may be large. */
static void more_buffers_than_16_bits_count(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = conn(f);

	c->rx_mbufs = UINT16_MAX;
	tcp_rx_append(&f->net, c, fix_raw(f, "abc", 3));
	assert_int_equal(c->rx_mbufs, UINT16_MAX + 1);
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
	mbuf_trim(f->net.pool, m, 3);
	assert_memory_equal(m->next->data, "h", 1);
	assert_int_equal(mbuf_packet_len(m), 3);
	mbuf_trim(f->net.pool, m, 2);
	assert_null(m->next);
	assert_null(tcp_trim_front(&f->net, m, 2));
	assert_int_equal(f->pool.nfree, f->pool.total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(streams),
		TCP_TEST(coalescing_spares_buffers),
		TCP_TEST(work_is_bounded),
		TCP_TEST(few_buffers_for_many_segments),
		TCP_TEST(room_is_kept_for_others),
		TCP_TEST(more_buffers_than_16_bits_count),
		TCP_TEST(trims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

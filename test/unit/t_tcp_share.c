/* SPDX-License-Identifier: MIT */
/*
 * net/tcp_share.c: some take all they can of what connections share, and give
 * nothing back; the others must find what is their own, and as much of the
 * rest as those; and the former are reset once somebody goes short.
 */
#include "tcp_fixture.h"

enum {
	GREEDY = 12,
	PATIENCE_MS = 1000, /* the fixture's */
	ROUND_MS = 10,
	ANSWER = 100,
};

static u8 arena[1 << 20];
static u32 arena_at;

/* Both ends of a connection. */
struct link {
	struct tcp_conn *c;
	struct tcp_peer p;
};

static struct link open_link(struct fixture *f, u16 port, u16 wnd)
{
	struct link l = { .p = tcp_peer_new() };

	/* Who takes nothing is given up some time, but not so soon. */
	f->net.conf.tcp.retries = 255;
	tcp_output_all(&f->net, f->now);
	tcp_drain(f);
	l.p.port = port;
	l.c = tcp_accepted(f, &l.p);
	l.p.wnd = wnd;
	tcp_put(f, &l.p, TCP_ACK, NULL, 0);
	tcp_drain(f);
	return l;
}

/* Answers, each a range of its own, until none is taken; how many. */
static u32 send_all(struct fixture *f, struct tcp_conn *c, u32 most)
{
	u32 n = 0;

	while (n < most) {
		arena_at = (arena_at + ANSWER + 1) % (sizeof(arena) - ANSWER);
		if (tcp_send(&f->net, c, arena + arena_at, ANSWER) < ANSWER)
			break;
		n++;
	}
	return n;
}

/* The peer takes @bytes more of what was sent. */
static void take(struct fixture *f, struct link *l, u32 bytes)
{
	l->p.ack += min(bytes, l->c->snd_max - l->p.ack);
	tcp_put(f, &l->p, TCP_ACK, NULL, 0);
}

static void open_greedy(struct fixture *f, struct link *greedy, u32 n, u16 wnd)
{
	for (u32 i = 0; i < n; i++)
		greedy[i] = open_link(f, (u16)(5000 + i), wnd);
	/* In turn, and until nobody gets any more. */
	for (u32 got = 1; got;) {
		got = 0;
		for (u32 i = 0; i < n; i++)
			got += send_all(f, greedy[i].c, 1);
	}
}

/* One round: the honest one sends what it can, and its peer takes it; the
 * greedy ones' peers say that they live, and take @bytes. */
static u32 one_round(struct fixture *f, struct link *honest,
		     struct link *greedy, u32 n, u32 bytes, u32 most)
{
	u32 sent = send_all(f, honest->c, most);

	tcp_output_all(&f->net, f->now);
	tcp_drain(f);
	take(f, honest, UINT32_MAX);
	for (u32 i = 0; i < n; i++) {
		if (greedy[i].c->state == TCP_ESTABLISHED)
			take(f, &greedy[i], bytes);
	}
	tcp_pass(f, ROUND_MS * FIX_MS);
	tcp_drain(f);
	return sent;
}

static void rounds(struct fixture *f, struct link *honest, struct link *greedy,
		   u32 n, u32 ms, u32 most)
{
	for (u32 t = 0; t < ms; t += ROUND_MS)
		one_round(f, honest, greedy, n, 0, most);
}

static void everybody_has_his_own(void **state)
{
	struct fixture *f = *state;
	struct link greedy[GREEDY], late;

	open_greedy(f, greedy, GREEDY, PEER_WND);
	late = open_link(f, PEER_PORT, PEER_WND);
	assert_true(send_all(f, late.c, UINT32_MAX) >= TCP_OWN_RANGES);
	/* Down to where nothing is left that is shared. */
	f->net.tcp.ranges_left = 0;
	late = open_link(f, PEER_PORT + 1, PEER_WND);
	assert_int_equal(send_all(f, late.c, UINT32_MAX), TCP_OWN_RANGES);
}

static void the_rest_is_shared_alike(void **state)
{
	struct fixture *f = *state;
	struct link greedy[GREEDY], late;
	u32 least = UINT32_MAX, most = 0;

	open_greedy(f, greedy, GREEDY, PEER_WND);
	for (u32 i = 0; i < GREEDY; i++) {
		least = min(least, (u32)greedy[i].c->sndq_ranges);
		most = max(most, (u32)greedy[i].c->sndq_ranges);
	}
	assert_true(most - least <= 1);
	assert_true(most > TCP_OWN_RANGES);
	/* Whoever comes late gets half of the same, and the others' next. */
	late = open_link(f, PEER_PORT, PEER_WND);
	assert_true(2 * send_all(f, late.c, UINT32_MAX) >= most);
}

static void half_is_not_for_who_cannot_go_on(void **state)
{
	struct fixture *f = *state;
	struct link greedy[GREEDY], late;
	u32 all = f->net.conf.tcp.max_ranges;

	open_greedy(f, greedy, GREEDY, 0);
	assert_in_range(f->net.tcp.ranges_left, all / 2, all / 2 + GREEDY);
	late = open_link(f, PEER_PORT, PEER_WND);
	assert_true(send_all(f, late.c, UINT32_MAX) > TCP_OWN_RANGES + all / 4);
}

static void what_is_given_back_is_there_again(void **state)
{
	struct fixture *f = *state;
	struct link l[3];
	u32 all = f->net.tcp.ranges_left;

	assert_int_equal(all, f->net.conf.tcp.max_ranges);
	for (u32 i = 0; i < 3; i++) {
		l[i] = open_link(f, (u16)(5000 + i), PEER_WND);
		send_all(f, l[i].c, UINT32_MAX);
		assert_true(l[i].c->sndq_ranges > TCP_OWN_RANGES);
	}
	assert_true(f->net.tcp.ranges_left < all);
	tcp_release(&f->net, l[0].c);
	tcp_output_all(&f->net, f->now);
	tcp_drain(f);
	take(f, &l[1], 550);
	take(f, &l[1], UINT32_MAX);
	while (l[2].c->sndq_bytes) {
		tcp_output_all(&f->net, f->now);
		tcp_drain(f);
		take(f, &l[2], ANSWER / 2);
		take(f, &l[1], UINT32_MAX);
	}
	assert_int_equal(f->net.tcp.ranges_left, all);
}

static void who_takes_nothing_is_reset(void **state)
{
	struct fixture *f = *state;
	struct link greedy[GREEDY], honest;
	u32 before, after, left = 0, cut = 0;

	open_greedy(f, greedy, GREEDY, PEER_WND);
	honest = open_link(f, PEER_PORT, PEER_WND);
	before = one_round(f, &honest, greedy, GREEDY, 0, 24);
	assert_true(before < 24);
	assert_int_not_equal(f->stat.tcp_range_short, 0);
	rounds(f, &honest, greedy, GREEDY, 2 * PATIENCE_MS, 24);
	for (u32 i = 0; i < GREEDY; i++) {
		if (greedy[i].c->state == TCP_CLOSED) {
			cut++;
			assert_int_equal(greedy[i].c->error, ENOBUFS);
		} else {
			left = max(left, (u32)greedy[i].c->sndq_ranges);
		}
	}
	assert_int_equal(f->stat.tcp_cut_send, cut);
	assert_true(cut > 0);
	/* No more of them than it takes for him to have as much as they. */
	assert_true(cut < GREEDY);
	after = one_round(f, &honest, greedy, GREEDY, 0, 24);
	assert_true(after > before && after >= left);
	assert_int_equal(honest.c->state, TCP_ESTABLISHED);
}

static void nobody_is_reset_unless_another_goes_short(void **state)
{
	struct fixture *f = *state;
	struct link greedy[GREEDY], honest;

	open_greedy(f, greedy, GREEDY, 0);
	honest = open_link(f, PEER_PORT, PEER_WND);
	rounds(f, &honest, greedy, GREEDY, 5 * PATIENCE_MS, TCP_OWN_RANGES);
	assert_int_equal(f->stat.tcp_cut_send, 0);
	assert_false(timer_is_set(&f->net.tcp.watch));
	/* Nor because they would like more themselves. */
	for (u32 i = 0; i < GREEDY; i++)
		send_all(f, greedy[i].c, 1);
	assert_false(timer_is_set(&f->net.tcp.watch));
}

/* Nor because of what was never wanted, or long ago, when ticks come round to
 * where that ended. */
static void a_want_does_not_come_round(void **state)
{
	const u64 round = 1ull << (32 + TICK_SHIFT);
	struct fixture *f = *state;
	struct link greedy[GREEDY], honest;

	while (f->now < round - 3 * PATIENCE_MS * FIX_MS)
		tcp_pass(f, min(round / 4,
				round - f->now - 2 * PATIENCE_MS * FIX_MS));
	open_greedy(f, greedy, GREEDY, 0);
	honest = open_link(f, PEER_PORT, PEER_WND);
	tcp_short(&f->net, TCP_POOL_MBUFS, UINT32_MAX);
	rounds(f, &honest, greedy, GREEDY, 3 * PATIENCE_MS, TCP_OWN_RANGES);
	assert_true(f->now > round);
	assert_int_equal(f->stat.tcp_cut_send, 0);
}

static void who_goes_on_is_not_reset(void **state)
{
	struct fixture *f = *state;
	struct link slow[GREEDY], honest;

	/* A segment in every 0.8 s. */
	open_greedy(f, slow, GREEDY, PEER_WND);
	honest = open_link(f, PEER_PORT, PEER_WND);
	for (u32 i = 0; i < GREEDY; i++)
		slow[i].p.wnd = 1460;
	for (u32 t = 0; t < 4 * PATIENCE_MS; t += ROUND_MS) {
		bool now = t % (PATIENCE_MS * 8 / 10) == 0;

		one_round(f, &honest, slow, GREEDY, now ? 1460 : 0, 24);
		for (u32 i = 0; now && i < GREEDY; i++)
			send_all(f, slow[i].c, 32);
	}
	assert_int_equal(f->stat.tcp_cut_send, 0);
}

static void a_byte_now_and_then_is_not_going_on(void **state)
{
	struct fixture *f = *state;
	struct link slow[GREEDY], honest;

	open_greedy(f, slow, GREEDY, PEER_WND);
	honest = open_link(f, PEER_PORT, PEER_WND);
	for (u32 i = 0; i < GREEDY; i++)
		slow[i].p.wnd = 1;
	for (u32 t = 0; t < 4 * PATIENCE_MS; t += ROUND_MS)
		one_round(f, &honest, slow, GREEDY, t % 100 == 0, 24);
	assert_true(f->stat.tcp_cut_send > 0);
}

static void who_has_but_his_own_is_not_reset(void **state)
{
	struct fixture *f = *state;
	struct link greedy[GREEDY], honest, poor;

	poor = open_link(f, 6000, 0);
	assert_int_equal(send_all(f, poor.c, TCP_OWN_RANGES), TCP_OWN_RANGES);
	open_greedy(f, greedy, GREEDY, PEER_WND);
	honest = open_link(f, PEER_PORT, PEER_WND);
	for (u32 t = 0; t < 3 * PATIENCE_MS; t += ROUND_MS) {
		one_round(f, &honest, greedy, GREEDY, 0, 32);
		take(f, &poor, 0);
	}
	assert_true(f->stat.tcp_cut_send > 0);
	assert_int_equal(poor.c->state, TCP_ESTABLISHED);
}

/* ---- packet buffers */

static u8 payload[1400];

/* A full segment from the peer; was it taken? */
static bool put_segment(struct fixture *f, struct link *l)
{
	u32 before = l->c->rcv_nxt;

	tcp_put(f, &l->p, TCP_ACK, payload, sizeof(payload));
	l->p.seq = l->c->rcv_nxt;
	tcp_drain(f);
	return l->c->rcv_nxt != before;
}

static u32 out_of_order(const struct link *l)
{
	u32 bytes = 0;

	for (const struct mbuf *m = l->c->ooo; m; m = m->next)
		bytes += m->len;
	return bytes;
}

/* Behind a hole of one segment. */
static bool put_ahead(struct fixture *f, struct link *l, u32 ahead)
{
	u32 before = out_of_order(l);

	tcp_put_at(f, &l->p, l->p.seq + ahead * sizeof(payload), TCP_ACK,
		   payload, sizeof(payload));
	tcp_drain(f);
	return out_of_order(l) != before;
}

static void read_all(struct fixture *f, struct link *l)
{
	static u8 buf[1 << 16];

	tcp_read(f, l->c, buf, sizeof(buf));
	assert_int_equal(tcp_recv_done(&f->net, l->c, l->c->rx_told), 0);
}

/* Peers that send, in turn, as long as anything is kept; nobody reads. */
static void open_unread(struct fixture *f, struct link *l, u32 n)
{
	for (u32 i = 0; i < n; i++)
		l[i] = open_link(f, (u16)(5000 + i), PEER_WND);
	for (u32 got = 1; got;) {
		got = 0;
		for (u32 i = 0; i < n; i++)
			got += put_segment(f, &l[i]);
	}
}

/* Buffers that something else holds. */
static u32 hold(struct fixture *f, struct mbuf **held, u32 leave)
{
	u32 n = 0;

	while (f->pool.nfree > leave)
		held[n++] = mbuf_alloc(&f->pool);
	return n;
}

static void let_go(struct fixture *f, struct mbuf **held, u32 n)
{
	while (n)
		mbuf_free(&f->pool, held[--n]);
}

static void unread_data_is_shared_alike(void **state)
{
	struct fixture *f = *state;
	struct link l[GREEDY], late;
	u32 n = 0;

	open_unread(f, l, GREEDY);
	for (u32 i = 1; i < GREEDY; i++)
		assert_in_range(l[i].c->rx_mbufs, l[0].c->rx_mbufs - 1,
				l[0].c->rx_mbufs);
	assert_true(l[0].c->rx_mbufs > MBUF_OWN);
	/* Not even then does anybody go short who reads. */
	late = open_link(f, PEER_PORT, PEER_WND);
	for (u32 i = 0; i < 100; i++) {
		for (u32 k = 0; k < MBUF_OWN; k++)
			n += put_segment(f, &late);
		read_all(f, &late);
	}
	assert_int_equal(n, 100 * MBUF_OWN);
	tcp_pass(f, 5 * PATIENCE_MS * FIX_MS);
	tcp_drain(f);
	assert_int_equal(f->stat.tcp_cut_recv, 0);
}

static void data_out_of_order_gets_a_quarter(void **state)
{
	struct fixture *f = *state;
	struct link l = open_link(f, PEER_PORT, PEER_WND);
	struct mbuf *held[FIX_MBUFS];
	u32 left = 64, n = hold(f, held, FIX_MBUFS / 2 + left), k = 1;

	while (put_ahead(f, &l, k))
		k++;
	assert_in_range(l.c->rx_mbufs, left / 5, left / 5 + 1);
	tcp_release(&f->net, l.c);
	let_go(f, held, n);
}

static void few_buffers_are_everybodys_own(void **state)
{
	struct fixture *f = *state;
	struct link l[4];
	struct mbuf *held[FIX_MBUFS];
	u32 n;

	for (u32 i = 0; i < 4; i++)
		l[i] = open_link(f, (u16)(5000 + i), PEER_WND);
	n = hold(f, held, FIX_MBUFS / 8 + 1);
	for (u32 i = 0; i < 8; i++)
		put_segment(f, &l[0]);
	assert_int_equal(l[0].c->rx_mbufs, MBUF_OWN);
	/* The shorter they are, the fewer; one at last. */
	n += hold(f, held + n, FIX_MBUFS / 16 + 3);
	for (u32 i = 0; i < 8; i++)
		put_segment(f, &l[1]);
	assert_int_equal(l[1].c->rx_mbufs, 1);
	n += hold(f, held + n, FIX_MBUFS / 16);
	assert_false(put_segment(f, &l[2]));
	assert_true(timer_is_set(&f->net.tcp.watch));
	let_go(f, held, n);
}

/* @l[0] is read; what the others sent is not. @away: the application is. */
static void starve(struct fixture *f, struct link *l, u32 n, u32 ms, bool away)
{
	for (u32 t = 0; t < ms; t += ROUND_MS) {
		put_segment(f, &l[0]);
		if (!away)
			read_all(f, &l[0]);
		for (u32 i = 1; i < n; i++) {
			if (l[i].c->state == TCP_ESTABLISHED)
				tcp_put(f, &l[i].p, TCP_ACK, NULL, 0);
		}
		if (away)
			tcp_app_away(&f->net.tcp, f->now);
		tcp_pass(f, ROUND_MS * FIX_MS);
		if (!away)
			tcp_news(f, NULL);
		tcp_drain(f);
	}
}

static void who_is_not_read_is_reset(void **state)
{
	struct fixture *f = *state;
	struct link l[4];
	struct mbuf *held[FIX_MBUFS];
	u32 n;

	for (u32 i = 0; i < 4; i++)
		l[i] = open_link(f, (u16)(5000 + i), PEER_WND);
	for (u32 i = 0; i < 12; i++)
		put_segment(f, &l[2]);
	put_segment(f, &l[3]);
	n = hold(f, held, FIX_MBUFS / 16);
	starve(f, l, 4, PATIENCE_MS / 2, false);
	assert_int_equal(f->stat.tcp_cut_recv, 0);
	starve(f, l, 4, PATIENCE_MS, false);
	/* The worst, and no more than it takes. */
	assert_int_equal(f->stat.tcp_cut_recv, 1);
	assert_int_equal(l[2].c->state, TCP_CLOSED);
	assert_int_equal(l[2].c->error, ENOBUFS);
	assert_true(put_segment(f, &l[0]));
	assert_int_equal(l[3].c->state, TCP_ESTABLISHED);
	let_go(f, held, n);
}

/* One that is read is refused more than the few that are its own: of those
 * not read, that one goes whose peer takes no answers. */
static void who_neither_takes_nor_is_read_is_reset(void **state)
{
	struct fixture *f = *state;
	struct link l[3];
	struct mbuf *held[FIX_MBUFS];
	u32 n;

	for (u32 i = 0; i < 3; i++)
		l[i] = open_link(f, (u16)(5000 + i), PEER_WND);
	for (u32 i = 0; i < 12; i++) {
		put_segment(f, &l[1]);
		put_segment(f, &l[2]);
	}
	send_all(f, l[1].c, 1);
	n = hold(f, held, FIX_MBUFS / 8 + 2 * MBUF_OWN);
	for (u32 t = 0; t < 3 * PATIENCE_MS; t += ROUND_MS) {
		for (u32 i = 0; i < 2 * MBUF_OWN; i++)
			put_segment(f, &l[0]);
		starve(f, l, 3, ROUND_MS, false);
	}
	assert_int_equal(f->stat.tcp_cut_recv, 1);
	assert_int_equal(l[1].c->state, TCP_CLOSED);
	assert_int_equal(l[2].c->state, TCP_ESTABLISHED);
	assert_int_equal(l[0].c->state, TCP_ESTABLISHED);
	let_go(f, held, n);
}

static void small_segments_need_no_buffer(void **state)
{
	struct fixture *f = *state;
	struct link l = open_link(f, PEER_PORT, PEER_WND);
	struct mbuf *held[FIX_MBUFS];
	u32 n, i;

	for (i = 0; i < 12; i++)
		put_segment(f, &l);
	n = hold(f, held, FIX_MBUFS / 8);
	assert_false(put_segment(f, &l));
	for (i = 0; i < 100; i++) {
		tcp_put(f, &l.p, TCP_ACK, payload, 1);
		l.p.seq++;
	}
	assert_int_equal(l.c->rcv_nxt, l.p.seq);
	assert_int_equal(l.c->rx_mbufs, 12);
	tcp_drain(f);
	let_go(f, held, n);
}

static void who_is_read_is_not_reset(void **state)
{
	struct fixture *f = *state;
	struct link l[2];
	struct mbuf *held[FIX_MBUFS];
	u32 n;

	for (u32 i = 0; i < 2; i++)
		l[i] = open_link(f, (u16)(5000 + i), PEER_WND);
	for (u32 i = 0; i < 12; i++)
		put_segment(f, &l[1]);
	for (u32 i = 0; i < 5; i++) {
		const u8 *data;
		u32 len = 0;

		n = hold(f, held, FIX_MBUFS / 16);
		starve(f, l, 2, PATIENCE_MS * 8 / 10, false);
		let_go(f, held, n);
		assert_true(tcp_next_rx(l[1].c, &data, &len));
		assert_int_equal(tcp_recv_done(&f->net, l[1].c, len), 0);
	}
	assert_int_equal(f->stat.tcp_cut_recv, 0);
	assert_int_equal(l[1].c->state, TCP_ESTABLISHED);
}

/* One that is stopped, or works for long, finds everything in place. */
static void nobody_is_reset_while_the_application_is_away(void **state)
{
	struct fixture *f = *state;
	struct link l[3];
	struct mbuf *held[FIX_MBUFS];
	u32 n;

	for (u32 i = 0; i < 3; i++)
		l[i] = open_link(f, (u16)(5000 + i), PEER_WND);
	for (u32 i = 0; i < 12; i++)
		put_segment(f, &l[1]);
	n = hold(f, held, FIX_MBUFS / 16);
	starve(f, l, 3, 5 * PATIENCE_MS, true);
	for (u32 i = 0; i < 3; i++)
		read_all(f, &l[i]);
	starve(f, l, 3, PATIENCE_MS, false);
	assert_int_equal(f->stat.tcp_cut_recv, 0);
	let_go(f, held, n);
}

/* The peer still has it, and loses nothing but time. */
static void data_out_of_order_goes_first(void **state)
{
	struct fixture *f = *state;
	struct link l[2];
	struct mbuf *held[FIX_MBUFS];
	u32 n;

	for (u32 i = 0; i < 2; i++)
		l[i] = open_link(f, (u16)(5000 + i), PEER_WND);
	for (u32 i = 1; i < 12; i++)
		put_ahead(f, &l[1], i);
	assert_int_equal(l[1].c->rx_mbufs, 11);
	n = hold(f, held, FIX_MBUFS / 16);
	starve(f, l, 2, 2 * PATIENCE_MS, false);
	assert_int_equal(f->stat.tcp_cut_ooo, 1);
	assert_int_equal(f->stat.tcp_cut_recv, 0);
	assert_int_equal(l[1].c->rx_mbufs, 0);
	assert_true(put_segment(f, &l[1]));
	let_go(f, held, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(everybody_has_his_own),
		TCP_TEST(the_rest_is_shared_alike),
		TCP_TEST(half_is_not_for_who_cannot_go_on),
		TCP_TEST(what_is_given_back_is_there_again),
		TCP_TEST(who_takes_nothing_is_reset),
		TCP_TEST(nobody_is_reset_unless_another_goes_short),
		TCP_TEST(a_want_does_not_come_round),
		TCP_TEST(who_goes_on_is_not_reset),
		TCP_TEST(a_byte_now_and_then_is_not_going_on),
		TCP_TEST(who_has_but_his_own_is_not_reset),
		TCP_TEST(unread_data_is_shared_alike),
		TCP_TEST(data_out_of_order_gets_a_quarter),
		TCP_TEST(few_buffers_are_everybodys_own),
		TCP_TEST(who_is_not_read_is_reset),
		TCP_TEST(who_neither_takes_nor_is_read_is_reset),
		TCP_TEST(small_segments_need_no_buffer),
		TCP_TEST(who_is_read_is_not_reset),
		TCP_TEST(nobody_is_reset_while_the_application_is_away),
		TCP_TEST(data_out_of_order_goes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* net/tcp_sack.c, tcp_rack.c, tcp_prr.c: pure functions. Sequence numbers
 * begin where they wrap. */
#include "test.h"

#include "net/tcp_int.h"
#include "net/tcp_loss.h"

enum { ISS = 0xfffff000, MSS = 1000, RTT = 400, NOW = 5000 };

static struct tcp_board board(void)
{
	struct tcp_board b;

	tcp_board_init(&b, (u32)ISS);
	return b;
}

/* Segments from @first to before @end. */
static struct tcp_arrived sack(struct tcp_board *b, u32 first, u32 end, u32 now)
{
	struct tcp_arrived a = { 0 };

	assert_true(
		tcp_board_sack(b, ISS + first * MSS, ISS + end * MSS, now, &a));
	return a;
}

static void want_span(const struct tcp_board *b, u32 i, u32 end,
		      enum tcp_span_state state)
{
	assert_true(i < b->n);
	assert_int_equal(b->span[i].end, ISS + end * MSS);
	assert_int_equal(b->span[i].state, state);
}

/* Two holes; blocks that overlap, touch, repeat, and fill. */
static void blocks(void **state)
{
	struct tcp_board b = board();

	(void)state;
	assert_int_equal(sack(&b, 2, 4, NOW).bytes, 2 * MSS);
	assert_int_equal(sack(&b, 6, 7, NOW).bytes, MSS);
	assert_int_equal(b.n, 4);
	want_span(&b, 0, 2, SPAN_PASSED);
	want_span(&b, 1, 4, SPAN_SACKED);
	want_span(&b, 2, 6, SPAN_PASSED);
	want_span(&b, 3, 7, SPAN_SACKED);
	assert_int_equal(sack(&b, 2, 4, NOW).bytes, 0);	      /* again */
	assert_int_equal(sack(&b, 3, 5, NOW).bytes, MSS);     /* overlaps */
	assert_int_equal(sack(&b, 7, 9, NOW).bytes, 2 * MSS); /* touches */
	assert_int_equal(b.n, 4);
	want_span(&b, 3, 9, SPAN_SACKED);
	assert_int_equal(tcp_board_sacked(&b), 6 * MSS);
	assert_int_equal(tcp_board_pipe(&b, ISS + 10 * MSS), 4 * MSS);
	assert_int_equal(sack(&b, 1, 10, NOW).bytes, 3 * MSS); /* covers all */
	assert_int_equal(b.n, 2);
	want_span(&b, 1, 10, SPAN_SACKED);
	assert_int_equal(sack(&b, 0, 1, NOW).bytes, MSS);
	assert_int_equal(b.n, 1);
}

/* A block inside of a hole, and one that reaches below una. */
static void inside(void **state)
{
	struct tcp_board b = board();

	(void)state;
	sack(&b, 8, 9, NOW);
	sack(&b, 3, 4, NOW);
	assert_int_equal(b.n, 4);
	want_span(&b, 0, 3, SPAN_PASSED);
	want_span(&b, 1, 4, SPAN_SACKED);
	want_span(&b, 2, 8, SPAN_PASSED);
	assert_int_equal(sack(&b, -5u, 1, NOW).bytes, MSS);
	want_span(&b, 0, 1, SPAN_SACKED);
	assert_int_equal(sack(&b, -5u, -1u, NOW).bytes, 0);
}

static void cumulative(void **state)
{
	struct tcp_arrived a = { 0 };
	struct tcp_board b = board();

	(void)state;
	sack(&b, 2, 4, NOW);
	sack(&b, 6, 7, NOW);
	assert_false(tcp_board_ack(&b, ISS + MSS, &a));
	assert_int_equal(a.bytes, MSS);
	assert_int_equal(b.n, 4);
	assert_false(tcp_board_ack(&b, ISS + 4 * MSS, &a));
	assert_int_equal(a.bytes, 2 * MSS); /* SACKed ones count once */
	want_span(&b, 0, 6, SPAN_PASSED);
	assert_false(tcp_board_ack(&b, ISS + 9 * MSS, &a));
	assert_int_equal(a.bytes, 6 * MSS);
	assert_int_equal(b.n, 0);
	assert_int_equal(b.una, ISS + 9 * MSS);
	assert_true(a.once);
	assert_int_equal(a.top, ISS + 9 * MSS);
	assert_int_equal(a.lowest, ISS + MSS);
}

/* An ACK that stops where the peer once had more: it reneged. */
static void reneged(void **state)
{
	struct tcp_arrived a = { 0 };
	struct tcp_board b = board();

	(void)state;
	sack(&b, 2, 4, NOW);
	assert_true(tcp_board_ack(&b, ISS + 2 * MSS, &a));
	tcp_board_lose(&b, ISS + 6 * MSS, true);
	assert_int_equal(b.n, 1);
	want_span(&b, 0, 6, SPAN_LOST);
}

/* However many holes a peer tells of, and in whatever order. */
static void bounded(void **state)
{
	struct tcp_arrived a = { 0 };
	struct tcp_board b = board();
	u32 refused = 0;

	(void)state;
	for (u32 i = 0; i < 2000; i++) {
		u32 at = ISS + (i * 7919 % 4096) * 2;

		refused += !tcp_board_sack(&b, at, at + 1, NOW + i, &a);
		assert_true(b.n <= TCP_SPANS - TCP_SPANS_KEPT);
	}
	assert_true(refused > 1900);
	/* What is refused may be said again when there is room. */
	assert_true(tcp_board_sack(&b, ISS, ISS + 8192, NOW, &a));
	assert_int_equal(b.n, 1);
	assert_int_equal(a.bytes, 8192);
}

/* All is lost and sent again, one by one, with the board full: never out of
 * room, and each byte once. */
static void full_and_lost(void **state)
{
	struct tcp_arrived a = { 0 };
	struct tcp_board b = board();
	u32 seq, len, bytes = 0, next = ISS;

	(void)state;
	for (u32 i = 0; i < TCP_SPANS; i++)
		tcp_board_sack(&b, ISS + (4 * i + 3) * MSS,
			       ISS + (4 * i + 4) * MSS, NOW, &a);
	tcp_board_lose(&b, ISS + 200 * MSS, false);
	assert_int_equal(tcp_board_pipe(&b, ISS + 200 * MSS), 0);
	for (u32 i = 0; (len = tcp_board_lost(&b, MSS, &seq)); i++) {
		assert_true(seq_le(next, seq));
		next = seq + len;
		bytes += len;
		assert_true(tcp_board_resend(&b, seq, len, NOW + i, 0));
		assert_int_equal(tcp_board_pipe(&b, ISS + 200 * MSS), bytes);
	}
	assert_int_equal(bytes + tcp_board_sacked(&b), 200 * MSS);
}

/* Nothing was lost: what is above the last SACK counts as in flight again. */
static void undone(void **state)
{
	struct tcp_board b = board();

	(void)state;
	sack(&b, 2, 4, NOW);
	tcp_board_lose(&b, ISS + 9 * MSS, false);
	assert_int_equal(tcp_board_pipe(&b, ISS + 9 * MSS), 0);
	tcp_board_undo(&b, NOW + 9);
	assert_int_equal(b.n, 2);
	want_span(&b, 0, 2, SPAN_PASSED);
	assert_int_equal(tcp_board_pipe(&b, ISS + 9 * MSS), 7 * MSS);
}

/* ---- RACK */

static bool detect(const struct tcp_rack *r, struct tcp_board *b, u32 wnd,
		   u32 now, u32 *wait)
{
	return tcp_rack_detect(r, b, wnd, RTT, now, wait);
}

/* What has been passed is lost a window later, and nothing else is. */
static void passed(void **state)
{
	struct tcp_board b = board();
	struct tcp_arrived a;
	struct tcp_rack r;
	u32 wait, seq;

	(void)state;
	tcp_rack_init(&r, b.una, NOW, RTT);
	a = sack(&b, 2, 3, NOW);
	assert_false(tcp_rack_arrived(&r, &b, &a, NOW));
	assert_false(detect(&r, &b, 100, NOW, &wait));
	assert_int_equal(wait, 100);
	a = sack(&b, 3, 4, NOW + 60); /* does not put it off */
	tcp_rack_arrived(&r, &b, &a, NOW + 60);
	assert_false(detect(&r, &b, 100, NOW + 60, &wait));
	assert_int_equal(wait, 40);
	assert_true(detect(&r, &b, 100, NOW + 100, &wait));
	assert_int_equal(wait, 0);
	assert_int_equal(tcp_board_lost(&b, 9 * MSS, &seq), 2 * MSS);
	assert_int_equal(seq, (u32)ISS);
	assert_int_equal(tcp_board_pipe(&b, ISS + 6 * MSS), 2 * MSS);
}

/* A retransmission is lost when something sent after it arrives: another one,
 * or new data. Not before a round trip has passed. */
static void lost_again(void **state)
{
	struct tcp_board b = board();
	struct tcp_arrived a;
	struct tcp_rack r;
	u32 wait, seq;

	(void)state;
	tcp_rack_init(&r, b.una, NOW, RTT);
	a = sack(&b, 2, 4, NOW);
	tcp_rack_arrived(&r, &b, &a, NOW);
	assert_true(detect(&r, &b, 0, NOW, &wait));
	assert_true(tcp_board_resend(&b, ISS, MSS, NOW, ISS + 4 * MSS));
	assert_true(tcp_board_resend(&b, ISS + MSS, MSS, NOW, ISS + 4 * MSS));
	assert_false(detect(&r, &b, 0, NOW + 10 * RTT, &wait));
	/* the second of them, sent together with the first */
	a = sack(&b, 1, 2, NOW + RTT);
	assert_true(a.again);
	assert_false(tcp_rack_arrived(&r, &b, &a, NOW + RTT));
	assert_true(detect(&r, &b, 0, NOW + RTT, &wait));
	assert_int_equal(tcp_board_lost(&b, MSS, &seq), MSS);
	assert_int_equal(seq, (u32)ISS);
	/* once more: new data, sent after it */
	tcp_board_resend(&b, ISS, MSS, NOW + RTT, ISS + 4 * MSS);
	a = sack(&b, 4, 5, NOW + RTT + RTT / 2);
	tcp_rack_arrived(&r, &b, &a, NOW + RTT + RTT / 2);
	assert_false(detect(&r, &b, 0, NOW + RTT + RTT / 2, &wait));
	assert_int_equal(wait, RTT / 2);
	assert_true(detect(&r, &b, 0, NOW + 2 * RTT, &wait));
}

/* New data sent before the retransmission says nothing of it, nor does an
 * arrival sooner than a round trip: that was the first transmission. */
static void not_lost_again(void **state)
{
	struct tcp_board b = board();
	struct tcp_arrived a;
	struct tcp_rack r;
	u32 wait;

	(void)state;
	tcp_rack_init(&r, b.una, NOW, RTT);
	a = sack(&b, 2, 4, NOW);
	tcp_rack_arrived(&r, &b, &a, NOW);
	detect(&r, &b, 0, NOW, &wait);
	tcp_board_resend(&b, ISS, MSS, NOW, ISS + 6 * MSS);
	a = sack(&b, 4, 6, NOW + 2 * RTT);
	tcp_rack_arrived(&r, &b, &a, NOW + 2 * RTT);
	assert_false(detect(&r, &b, 0, NOW + 9 * RTT, &wait));
	tcp_board_resend(&b, ISS + MSS, MSS, NOW + 9 * RTT, ISS + 6 * MSS);
	a = sack(&b, 1, 2, NOW + 9 * RTT + RTT / 3);
	tcp_rack_arrived(&r, &b, &a, NOW + 9 * RTT + RTT / 3);
	assert_false(detect(&r, &b, 0, NOW + 19 * RTT, &wait));
	assert_int_equal(r.min_rtt, RTT);
}

/* What is sent again and arrives has passed what was in flight before it. */
static void passed_by_retransmission(void **state)
{
	struct tcp_board b = board();
	struct tcp_arrived a = { 0 };
	struct tcp_rack r;
	u32 wait;

	(void)state;
	tcp_rack_init(&r, b.una, NOW, RTT);
	tcp_board_lose(&b, ISS + MSS, false);
	tcp_board_resend(&b, ISS, MSS, NOW, ISS + 3 * MSS);
	tcp_board_ack(&b, ISS + MSS, &a);
	tcp_rack_arrived(&r, &b, &a, NOW + RTT);
	want_span(&b, 0, 3, SPAN_PASSED);
	assert_true(detect(&r, &b, 0, NOW + RTT, &wait));
}

static void reordering(void **state)
{
	struct tcp_board b = board();
	struct tcp_arrived a;
	struct tcp_rack r;

	(void)state;
	tcp_rack_init(&r, b.una, NOW, RTT);
	a = sack(&b, 1, 3, NOW);
	assert_false(tcp_rack_arrived(&r, &b, &a, NOW));
	a = (struct tcp_arrived){ 0 };
	tcp_board_ack(&b, ISS + 3 * MSS, &a);
	assert_true(tcp_rack_arrived(&r, &b, &a, NOW + 1));
	assert_int_equal(tcp_rack_window(&r, 0, true, RTT), 0);
	assert_int_equal(tcp_rack_window(&r, 0, false, RTT), RTT / 4);
	assert_int_equal(tcp_rack_window(&r, 1, true, RTT), RTT / 4);
	assert_int_equal(tcp_rack_window(&r, 3, true, RTT), 3 * RTT / 4);
	assert_int_equal(tcp_rack_window(&r, 15, true, RTT), RTT);
}

/* ---- PRR */

/* RFC 6937 section 3: a window of 20, to be 10: one for two, as long as more
 * than 10 are on their way. */
static void in_proportion(void **state)
{
	struct tcp_prr p = { .flight = 20 * MSS };
	u32 pipe = 19 * MSS, sent = 0;

	(void)state;
	for (int i = 1; i <= 17; i++) {
		u32 n = tcp_prr_take(&p, MSS, pipe, 10 * MSS, MSS);

		n = n / MSS * MSS;
		sent += n;
		p.out += n;
		pipe += n;
		pipe -= MSS;
		assert_int_equal(sent, i / 2 * MSS);
	}
	assert_int_equal(pipe, 10 * MSS);
}

/* More was lost than the window is reduced by: slow start up to ssthresh. */
static void slow_start_bound(void **state)
{
	struct tcp_prr p = { .flight = 20 * MSS };

	(void)state;
	assert_int_equal(tcp_prr_take(&p, MSS, 4 * MSS, 10 * MSS, MSS),
			 2 * MSS);
	p.out += 2 * MSS;
	assert_int_equal(tcp_prr_take(&p, 0, 6 * MSS, 10 * MSS, MSS), MSS);
	assert_int_equal(tcp_prr_take(&p, MSS, 9 * MSS + 500, 10 * MSS, MSS),
			 500);
	assert_int_equal(tcp_prr_take(&p, MSS, 10 * MSS, 10 * MSS, MSS), 0);
}

/* No overflow, and rounding up. */
static void large_windows(void **state)
{
	struct tcp_prr p = { .flight = 1u << 30 };

	(void)state;
	assert_int_equal(tcp_prr_take(&p, 1u << 29, 1u << 30, 700000000, MSS),
			 350000000);
	p = (struct tcp_prr){ .flight = 3 };
	assert_int_equal(tcp_prr_take(&p, 1, 3, 1, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks),
		cmocka_unit_test(inside),
		cmocka_unit_test(cumulative),
		cmocka_unit_test(reneged),
		cmocka_unit_test(bounded),
		cmocka_unit_test(full_and_lost),
		cmocka_unit_test(undone),
		cmocka_unit_test(passed),
		cmocka_unit_test(lost_again),
		cmocka_unit_test(not_lost_again),
		cmocka_unit_test(passed_by_retransmission),
		cmocka_unit_test(reordering),
		cmocka_unit_test(in_proportion),
		cmocka_unit_test(slow_start_bound),
		cmocka_unit_test(large_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

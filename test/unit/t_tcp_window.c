/* SPDX-License-Identifier: MIT */
/* net/tcp_share.c, tcp_tune_window(): what window is offered to whom. */
#include "tcp_fixture.h"

enum { BASE = 10000, MOST = 1 << 20, SCALE = 5, GRAIN = 1 << SCALE };

struct world {
	struct fixture *f;
	struct tcp_peer p;
	struct tcp_conn *c;
	u32 edge; /* offered last */
};

static struct world begin(struct fixture *f, u32 base, u32 most, bool scaled)
{
	struct world w = { .f = f, .p = tcp_peer_new() };
	const u8 opt[8] = {
		TCP_OPT_MSS, 4, PEER_MSS >> 8, PEER_MSS & 255, TCP_OPT_WSCALE,
		3,	     0, TCP_OPT_NOP
	};
	struct fix_seg s = {
		.src = w.p.ip,
		.sport = w.p.port,
		.dport = w.p.our_port,
		.seq = w.p.seq,
		.flags = TCP_SYN,
		.win = w.p.wnd,
		.opt = opt,
		.opt_len = scaled ? 8 : 4,
	};
	struct tcp_out out;

	f->net.conf.tcp.rcv_buf = base;
	f->net.conf.tcp.rcv_buf_max = most;
	f->net.conf.tcp.wscale = true;
	f->net.conf.tcp.delack_us = 0;
	tcpfix_renew(f);
	tcpfix_listen(f, 1);
	fix_in(f, fix_tcp(f, &s, NULL, 0));
	tcp_output_all(&f->net, f->now);
	out = tcp_want(f, TCP_SYN | TCP_ACK);
	w.p.seq++;
	w.p.ack = out.seq + 1;
	tcp_put(f, &w.p, TCP_ACK, NULL, 0);
	w.c = tcp_find(&f->net, flow_make(w.p.ip, FIX_IP, be16(w.p.port),
					  be16(w.p.our_port)));
	assert_non_null(w.c);
	tcp_news(f, w.c);
	assert_int_equal(tcp_accept(&f->net, w.c, 1), 0);
	return w;
}

/* The peer sends @n bytes, of which the application reads all, or nothing, and
 * then they are acknowledged. Returns the window that is offered. */
static u32 receive(struct world *w, u32 n, bool read)
{
	static u8 data[1000];
	struct fixture *f = w->f;
	struct tcp_out out;
	struct fix_seg s = { .src = w->p.ip,
			     .sport = w->p.port,
			     .dport = w->p.our_port,
			     .seq = w->p.seq,
			     .ack = w->p.ack,
			     .flags = TCP_ACK,
			     .win = w->p.wnd };
	u8 got[sizeof(data)];
	u32 edge;

	fix_in(f, fix_tcp(f, &s, data, n));
	w->p.seq += n;
	if (read) {
		assert_int_equal(tcp_read(f, w->c, got, n), n);
		assert_int_equal(tcp_recv_done(&f->net, w->c, n), 0);
	}
	tcp_output_all(&f->net, f->now);
	out = tcp_want(f, TCP_ACK);
	edge = out.ack + ((u32)out.wnd << w->c->wscale_rcv);
	/* Never back (RFC 9293 section 3.8.6), but for what scaling hides. */
	assert_true(!w->edge || (s32)(edge - w->edge) > -GRAIN);
	w->edge = edge;
	return edge - out.ack;
}

static u32 offered(const struct fixture *f)
{
	return (f->pool.nfree - f->pool.half) * (MBUF_SIZE / 4);
}

static void more_for_who_reads(void **state)
{
	struct fixture *f = *state;
	struct world w = begin(f, BASE, MOST, true);
	u32 wnd = receive(&w, 10, true);

	assert_int_equal(w.c->wscale_rcv, SCALE);
	assert_in_range(wnd, offered(f) - 2 * MBUF_SIZE, offered(f));
	assert_true(wnd > 5 * BASE);
}

static void bounded(void **state)
{
	struct fixture *f = *state;
	struct world w = begin(f, BASE, 2 * BASE, true);

	assert_in_range(receive(&w, 10, true), 2 * BASE - 4, 2 * BASE);
}

static void off(void **state)
{
	struct fixture *f = *state;
	struct world w = begin(f, BASE, 0, true);

	assert_in_range(receive(&w, 10, true), BASE - 4, BASE);
}

/* What has been offered stays, then it gets less, down to what is everybody's.
 */
static void less_when_short(void **state)
{
	struct fixture *f = *state;
	struct world w = begin(f, BASE, MOST, true);
	struct mbuf *taken[FIX_MBUFS];
	u32 n = 0, wnd = receive(&w, 10, true);

	while (f->pool.nfree > f->pool.half + 40)
		taken[n++] = mbuf_alloc(&f->pool);
	for (u32 i = 0; i < 80; i++)
		wnd = receive(&w, 1000, true);
	assert_in_range(wnd, 38 * 512 - GRAIN, 40 * 512);
	while (f->pool.nfree > f->pool.half - 40)
		taken[n++] = mbuf_alloc(&f->pool);
	for (u32 i = 0; i < 80; i++)
		wnd = receive(&w, 1000, true);
	assert_in_range(wnd, BASE - GRAIN, BASE);
	while (n)
		mbuf_free(&f->pool, taken[--n]);
}

/* Who has more than half of rcv_buf unread is offered no more than was. */
static void no_more_for_who_does_not(void **state)
{
	struct fixture *f = *state;
	struct world w = begin(f, BASE, MOST, true);
	struct mbuf *taken[60];
	u32 edge, n;

	for (n = 0; n < ARRAY_SIZE(taken); n++)
		taken[n] = mbuf_alloc(&f->pool);
	for (u32 i = 0; i < 5; i++)
		receive(&w, 1000, false);
	edge = w.edge;
	while (n)
		mbuf_free(&f->pool, taken[--n]);
	for (u32 i = 0; i < 20; i++) {
		receive(&w, 1000, false);
		assert_in_range(w.edge, edge - GRAIN, edge + GRAIN);
	}
	tcp_news(f, w.c);
}

/* What is told is what is believed, if the window is not scaled. */
static void not_scaled(void **state)
{
	struct fixture *f = *state;
	struct world w = begin(f, 256 << 10, MOST, false);

	assert_int_equal(receive(&w, 10, true), 65535);
	assert_int_equal(w.c->rcv_adv - w.c->rcv_nxt, 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(more_for_who_reads),
		TCP_TEST(bounded),
		TCP_TEST(off),
		TCP_TEST(less_when_short),
		TCP_TEST(no_more_for_who_does_not),
		TCP_TEST(not_scaled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

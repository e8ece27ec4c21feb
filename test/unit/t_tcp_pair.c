/* SPDX-License-Identifier: MIT */
/*
 * Two of our stacks against each other, over a line that loses, doubles,
 * delays and reorders by a seed. Whatever it does, both streams arrive whole,
 * both ends close, and no buffer is lost. Time is virtual.
 *
 *	end 0 (connects)  ---- line, both directions ----  end 1 (listens)
 */
#include <stdio.h>

#include "tcp_fixture.h"

enum {
	STREAM = 150000,
	LINE = 512,	 /* frames under way */
	MAX_MS = 600000, /* virtual, until it counts as hung */
};

struct frame {
	u64 at; /* arrives; 0: free */
	int to;
	u32 len;
	u8 bytes[1600];
};

struct end {
	void *world;
	struct fixture *f;
	struct tcp_conn *c;
	u32 queued, acked, read;
	bool closed, eof, dead;
};

static struct end ends[2];
static struct frame line[LINE];
static u8 stream[2][STREAM];
static u64 seed;
static u32 carried; /* frames that the line has taken */

/* What the line does, in 1/1000 of the frames. */
struct line_conf {
	u32 loss, dup, late;
	u64 delay; /* ns */
	u32 most;  /* bytes; longer frames are swallowed. 0: no limit */
};

static void put(int to, const struct fix_frame *t, u64 at)
{
	for (u32 i = 0; i < LINE; i++) {
		if (line[i].at)
			continue;
		line[i].at = at;
		line[i].to = to;
		line[i].len = t->len;
		memcpy(line[i].bytes, t->bytes, t->len);
		carried++;
		return;
	}
}

static bool chance(u32 permille)
{
	return test_random(&seed) % 1000 < permille;
}

static void transmit(int from, const struct line_conf *l)
{
	struct fix_frame *t;

	while ((t = fix_tx(ends[from].f))) {
		u64 at = ends[0].f->now + l->delay;

		if (chance(l->late))
			at += test_random(&seed) % (4 * l->delay);
		if (l->most && t->len > l->most)
			continue;
		if (!chance(l->loss))
			put(!from, t, at);
		if (chance(l->dup))
			put(!from, t, at + test_random(&seed) % l->delay);
	}
}

/* The earliest frame that has arrived by now; equal times in any order. */
static struct frame *arrived(void)
{
	struct frame *first = NULL;

	for (u32 i = 0; i < LINE; i++) {
		if (line[i].at && line[i].at <= ends[0].f->now &&
		    (!first || line[i].at < first->at))
			first = &line[i];
	}
	return first;
}

static void deliver(void)
{
	struct frame *fr;

	while ((fr = arrived())) {
		struct fixture *f = ends[fr->to].f;

		fix_in(f, fix_raw(f, fr->bytes, fr->len));
		fr->at = 0;
	}
}

/* ---- the applications: send one's stream, read the other's */

static void read_some(int me)
{
	struct end *e = &ends[me];
	const u8 *data;
	u32 len;

	while (tcp_next_rx(e->c, &data, &len)) {
		assert_true(e->read + len <= STREAM);
		assert_memory_equal(data, stream[!me] + e->read, len);
		e->read += len;
	}
	if (e->c->rx_told && e->c->state != TCP_CLOSED &&
	    test_random(&seed) % 4)
		tcp_recv_done(&e->f->net, e->c,
			      (u32)(test_random(&seed) % e->c->rx_told) + 1);
}

static void news(int me)
{
	struct end *e = &ends[me];
	struct tcp_conn *c;

	while ((c = tcp_next_ready(&e->f->net))) {
		if (c->events & TCP_EV_KNOCK) {
			c->events &= (u8)~TCP_EV_KNOCK;
			assert_int_equal(tcp_accept(&e->f->net, c, 1), 0);
			e->c = c;
		}
		if (c->events & TCP_EV_SENT)
			e->acked += c->acked;
		c->acked = 0;
		if (c->events & TCP_EV_RECV)
			read_some(me);
		e->eof |= c->events & TCP_EV_EOF;
		if (c->events & TCP_EV_DEAD) {
			assert_int_equal(c->error, 0);
			e->dead = true;
			tcp_dead_told(&e->f->net, c);
		}
		c->events = 0;
	}
	tcp_reap(&e->f->net);
}

static void run(int me)
{
	struct end *e = &ends[me];

	news(me);
	if (!e->c || e->dead || e->c->state < TCP_ESTABLISHED)
		return;
	read_some(me);
	while (e->queued < STREAM) {
		u32 len = 1 + (u32)(test_random(&seed) % 5000);
		s64 n = tcp_send(&e->f->net, e->c, stream[me] + e->queued,
				 min(len, STREAM - e->queued));

		assert_true(n >= 0);
		if (!n)
			break;
		e->queued += (u32)n;
	}
	if (e->queued == STREAM && !e->closed) {
		tcp_close(&e->f->net, e->c, false, e->f->now);
		e->closed = true;
	}
}

/* ---- */

static void start(int me, const struct tcp_conf *conf)
{
	struct end *e = &ends[me];

	*e = (struct end){ 0 };
	tcpfix_setup(&e->world);
	e->f = e->world;
	e->f->net.conf.tcp.timestamps = conf->timestamps;
	e->f->net.conf.tcp.wscale = conf->wscale;
	e->f->net.conf.tcp.sack = conf->sack;
	e->f->net.conf.tcp.rcv_buf = conf->rcv_buf;
	e->f->net.conf.tcp.rcv_mbufs = conf->rcv_mbufs;
	e->f->net.conf.tcp.retries = 15;
	e->f->net.conf.tcp.syn_retries = 15;
	/* The last ACK may be lost again and again, without a RST after it. */
	e->f->net.tcp.rto_max = ticks_of_us(1000000);
	e->f->net.tcp.time_wait_ticks = ticks_of_us(60000000);
	if (!me)
		return;
	e->f->net.conf.ip = FIX_PEER;
	memcpy(e->f->net.src.mac, fix_peer_mac, 6);
	assert_int_equal(neigh_add_static(&e->f->net, FIX_IP, fix_mac), 0);
	tcpfix_listen(e->f, 1);
}

static bool done(void)
{
	return ends[0].dead && ends[1].dead;
}

static u64 next_time(void)
{
	u64 at = ends[0].f->now + FIX_MS;

	for (int me = 0; me < 2; me++) {
		struct fixture *f = ends[me].f;
		u64 wait = wheel_next(&f->net.wheel, f->now);

		if (wait < FIX_MS)
			at = min(at, f->now + max(wait, 1000ull));
	}
	for (u32 i = 0; i < LINE; i++) {
		if (line[i].at)
			at = min(at, line[i].at);
	}
	return max(at, ends[0].f->now + 1);
}

/* To the next thing that happens. */
static void step(const struct line_conf *l)
{
	u64 now = next_time();

	ends[0].f->now = ends[1].f->now = now;
	deliver();
	for (int me = 0; me < 2; me++) {
		struct fixture *f = ends[me].f;

		wheel_run(&f->net.wheel, &f->net, now);
		run(me);
		tcp_output_all(&f->net, now);
		transmit(me, l);
	}
}

static void exchange(u64 s, const struct tcp_conf *conf,
		     const struct line_conf *l)
{
	u64 end;

	seed = s;
	memset(line, 0, sizeof(line));
	for (u32 i = 0; i < STREAM; i++) {
		stream[0][i] = (u8)test_random(&seed);
		stream[1][i] = (u8)test_random(&seed);
	}
	start(0, conf);
	start(1, conf);
	end = ends[0].f->now + MAX_MS * FIX_MS;
	assert_int_equal(tcp_connect(&ends[0].f->net, FIX_PEER, PORT, 1,
				     &ends[0].c, ends[0].f->now),
			 0);
	while (!done()) {
		step(l);
		if (ends[0].f->now > end)
			printf("seed %llu hangs\n", (unsigned long long)s);
		assert_true(ends[0].f->now <= end);
	}
	for (int me = 0; me < 2; me++) {
		assert_int_equal(ends[me].read, STREAM);
		assert_int_equal(ends[me].acked, STREAM);
		assert_true(ends[me].eof);
		tcp_abort_all(&ends[me].f->net, ends[me].f->now);
		while (fix_tx(ends[me].f))
			;
	}
}

static void finish(void)
{
	for (int me = 0; me < 2; me++)
		tcpfix_teardown(&ends[me].world);
}

/* Somebody has sent data to both ends in the name of the other: each says what
 * it has got, which the other one has never sent, and so on, but not for ever
 * as fast as the line carries it. */
static void ack_storm(void **state)
{
	const struct tcp_conf conf = { .rcv_buf = 60000, .rcv_mbufs = 64 };
	const struct line_conf l = { .delay = 100000 };
	u64 end;

	memset(line, 0, sizeof(line));
	for (int me = 0; me < 2; me++) {
		start(me, &conf);
		ends[me].f->net.conf.tcp.challenge_interval_ms = 500;
		ends[me].queued = STREAM; /* has nothing to say */
		ends[me].closed = true;
	}
	assert_int_equal(tcp_connect(&ends[0].f->net, FIX_PEER, PORT, 1,
				     &ends[0].c, ends[0].f->now),
			 0);
	while (!ends[1].c)
		step(&l);
	for (int me = 0; me < 2; me++)
		ends[me].c->rcv_nxt += 500;
	tcp_send_ack(&ends[0].f->net, ends[0].c, ends[0].f->now);
	carried = 0;
	for (end = ends[0].f->now + 10000 * FIX_MS; ends[0].f->now < end;)
		step(&l);
	assert_in_range(carried, 2, 2 * 10000 / 500 + 2);
	for (int me = 0; me < 2; me++) {
		tcp_abort_all(&ends[me].f->net, ends[me].f->now);
		while (fix_tx(ends[me].f))
			;
	}
	finish();
}

static void many(const struct line_conf *l, u64 seeds)
{
	for (u64 s = 1; s <= seeds; s++) {
		struct tcp_conf conf = {
			.timestamps = s & 1,
			.wscale = s & 2,
			.sack = s % 3,
			.rcv_buf = s & 4 ? 60000 : 5000,
			.rcv_mbufs = s & 8 ? 64 : 4,
		};

		exchange(s, &conf, l);
		finish();
	}
}

static void perfect(void **state)
{
	many(&(struct line_conf){ .delay = 50000 }, 16);
	many(&(struct line_conf){ .delay = 5000000 }, 4);
}

static void lossy(void **state)
{
	many(&(struct line_conf){ .loss = 10, .delay = 100000 }, 16);
	many(&(struct line_conf){ .loss = 200, .delay = 100000 }, 16);
}

/* Without a word: both ends have to find out (RFC 8899). */
static void swallows_large_ones(void **state)
{
	many(&(struct line_conf){ .delay = 100000, .most = 1300 }, 16);
	many(&(struct line_conf){ .delay = 100000, .most = 590 }, 16);
	many(&(struct line_conf){ .loss = 20, .delay = 100000, .most = 1300 },
	     16);
}

static void reordering(void **state)
{
	many(&(struct line_conf){ .late = 300, .delay = 100000 }, 16);
}

static void everything(void **state)
{
	many(
		&(struct line_conf){
			.loss = 50, .dup = 100, .late = 200, .delay = 500000 },
		32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(perfect),
		cmocka_unit_test(lossy),
		cmocka_unit_test(swallows_large_ones),
		cmocka_unit_test(reordering),
		cmocka_unit_test(everything),
		cmocka_unit_test(ack_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

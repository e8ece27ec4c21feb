/* SPDX-License-Identifier: MIT */
/*
 * What a bulk stream gets through a line that loses at random, in virtual time,
 * with SACK and without. What is lost is counted out, not drawn anew for each
 * run: both see the same line.
 *
 *	sender ---- rate, queue, loss, delay ----> receiver
 *	sender <----------------- delay ----------------
 */
#include <stdio.h>

#include "tcp_fixture.h"

enum {
	LINE = 2048, /* frames under way */
	QUEUE = 128, /* of them, those that wait to be sent on */
	BULK = 4 << 20,
	CHUNK = 64 << 10,
};

struct frame {
	u64 at; /* arrives */
	u32 len;
	u8 bytes[1600];
};

struct way {
	struct frame frames[LINE];
	u32 first, n;
	u64 free_at; /* the link is busy until then */
};

struct path {
	u64 rtt, ns_per_byte_16; /* in sixteenths */
	u32 loss;		 /* in 10000 */
	u64 seed;
};

static struct way ways[2]; /* to the receiver, to the sender */
static struct fixture *ends[2];
static u8 chunk[CHUNK];

static bool lost(struct path *p)
{
	return test_random(&p->seed) % 10000 < p->loss;
}

static void transmit(struct path *p, int from)
{
	struct way *w = &ways[!from];
	struct fix_frame *t;

	while ((t = fix_tx(ends[from]))) {
		u64 now = ends[0]->now, busy = max(w->free_at, now);
		u64 wire = t->len * p->ns_per_byte_16 / 16;
		struct frame *f = &w->frames[(w->first + w->n) % LINE];

		if (!from && (lost(p) || busy - now > QUEUE * wire))
			continue;
		w->free_at = busy + wire;
		assert_true(w->n < LINE);
		w->n++;
		f->at = w->free_at + p->rtt / 2;
		f->len = t->len;
		memcpy(f->bytes, t->bytes, t->len);
	}
}

static void deliver(int to)
{
	struct way *w = &ways[to];

	while (w->n && w->frames[w->first].at <= ends[to]->now) {
		struct frame *f = &w->frames[w->first];

		fix_in(ends[to], fix_raw(ends[to], f->bytes, f->len));
		w->first = (w->first + 1) % LINE;
		w->n--;
	}
}

static u64 next_time(void)
{
	u64 at = ends[0]->now + FIX_MS;

	for (int i = 0; i < 2; i++) {
		u64 wait = wheel_next(&ends[i]->net.wheel, ends[i]->now);

		at = min(at, ends[i]->now + max(min(wait, (u64)FIX_MS), 1ull));
		if (ways[i].n)
			at = min(at, ways[i].frames[ways[i].first].at);
	}
	return max(at, ends[0]->now + 1);
}

static void start(int i, bool sack)
{
	void *world;
	struct tcp_conf *conf;

	tcpfix_setup(&world);
	ends[i] = world;
	conf = &ends[i]->net.conf.tcp;
	conf->sack = sack;
	conf->timestamps = conf->wscale = true;
	conf->snd_buf = 1 << 20;
	conf->rcv_buf = 36000; /* 25 segments: there are few buffers */
	conf->rcv_mbufs = 200;
	conf->rto_min_us = 50000;
	conf->retries = 15;
	tcpfix_renew(ends[i]);
	if (i)
		return;
	ends[i]->net.conf.ip = FIX_PEER;
	memcpy(ends[i]->net.src.mac, fix_peer_mac, 6);
	assert_int_equal(neigh_add_static(&ends[i]->net, FIX_IP, fix_mac), 0);
}

/* The application at the receiving end takes all at once. */
static u32 take(struct tcp_conn **c)
{
	struct fixture *f = ends[1];
	struct tcp_conn *r;
	const u8 *data;
	u32 len, n = 0;

	while ((r = tcp_next_ready(&f->net))) {
		if (r->events & TCP_EV_KNOCK) {
			r->events &= (u8)~TCP_EV_KNOCK;
			assert_int_equal(tcp_accept(&f->net, r, 1), 0);
			*c = r;
		}
		r->events = 0;
	}
	while (*c && tcp_next_rx(*c, &data, &len))
		n += len;
	if (n)
		tcp_recv_done(&f->net, *c, n);
	return n;
}

static void push(struct tcp_conn *c)
{
	struct tcp_conn *r;

	while ((r = tcp_next_ready(&ends[0]->net)))
		r->events = 0;
	while (c->state == TCP_ESTABLISHED &&
	       tcp_send(&ends[0]->net, c, chunk, CHUNK) == CHUNK)
		;
}

static void step(struct path *p)
{
	u64 now = next_time();

	for (int i = 0; i < 2; i++)
		ends[i]->now = now;
	for (int i = 0; i < 2; i++) {
		deliver(i);
		wheel_run(&ends[i]->net.wheel, &ends[i]->net, now);
	}
	for (int i = 0; i < 2; i++) {
		tcp_output_all(&ends[i]->net, now);
		transmit(p, i);
	}
}

/* Microseconds that it took, and timeouts. */
static u64 bulk(struct path p, bool sack, u64 *timeouts)
{
	struct tcp_conn *c, *server = NULL;
	u32 got = 0;
	u64 begin;

	memset(ways, 0, sizeof(ways));
	start(0, sack);
	start(1, sack);
	tcpfix_listen(ends[1], 1);
	begin = ends[0]->now;
	assert_int_equal(tcp_connect(&ends[0]->net, FIX_IP, PORT, 1, &c, begin),
			 0);
	while (got < BULK) {
		push(c);
		step(&p);
		got += take(&server);
		assert_true(ends[0]->now - begin < 1000000 * FIX_MS);
	}
	begin = ends[0]->now - begin;
	*timeouts = ends[0]->stat.tcp_timeouts;
	for (int i = 0; i < 2; i++) {
		void *world = ends[i];

		tcp_abort_all(&ends[i]->net, ends[i]->now);
		while (fix_tx(ends[i]))
			;
		tcpfix_teardown(&world);
	}
	return begin / 1000;
}

static void compare(u64 rtt_us, u32 loss)
{
	u64 us[2] = { 0 }, timeouts[2] = { 0 };

	for (u64 seed = 1; seed <= 5; seed++) {
		struct path p = { .rtt = rtt_us * 1000,
				  .ns_per_byte_16 = 8 * 16, /* 1 Gbit/s */
				  .loss = loss,
				  .seed = seed };
		u64 n;

		for (int sack = 0; sack < 2; sack++) {
			us[sack] += bulk(p, sack, &n);
			timeouts[sack] += n;
		}
	}
	printf("%5llu us, %.1f %% lost: without SACK %.1f Mbit/s, %llu "
	       "timeouts; with %.1f, %llu; ratio %.2f\n",
	       (unsigned long long)rtt_us, loss / 100.0,
	       5 * 8.0 * BULK / (double)us[0], (unsigned long long)timeouts[0],
	       5 * 8.0 * BULK / (double)us[1], (unsigned long long)timeouts[1],
	       (double)us[0] / (double)us[1]);
	assert_true(us[1] <= us[0]);
	assert_true(timeouts[1] <= timeouts[0]);
}

static void data_centre(void **state)
{
	(void)state;
	compare(100, 10);
	compare(100, 100);
	compare(100, 300);
}

static void wide_area(void **state)
{
	(void)state;
	compare(10000, 10);
	compare(10000, 100);
	compare(10000, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_centre),
		cmocka_unit_test(wide_area),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

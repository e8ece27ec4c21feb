/* SPDX-License-Identifier: MIT */
/*
 * The load generator's connections and arrivals, over a server of our own in
 * virtual time: it answers after a fixed time, and may stall.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ixload/load.h"

enum { STEP = 1000, MS = 1000000, SEC = 1000000000 };

/* The virtual server: bytes on their way back, per connection. */
struct fake_conn {
	struct load_conn load;
	uint64_t due[64]; /* of the messages in flight */
	uint32_t head, tail;
	uint8_t data[4096];
	uint32_t len;
	int closes;
};

static struct {
	uint64_t service; /* ns */
	uint64_t stall_from, stall_to;
	uint64_t sends, resets, fins;
	uint32_t take; /* bytes that send() takes at most, 0: all */
	uint8_t flip;  /* spoils an answer */
	int dial_errors;
} server;

static struct load_thread thread;
static struct load_ctl ctl;
static struct load_opts opts;

static int fake_init(struct load_opts *o)
{
	return 0;
}

static int fake_dial(struct load_conn *c)
{
	if (server.dial_errors) {
		server.dial_errors--;
		return -ECONNREFUSED;
	}
	((struct fake_conn *)c)->len = 0;
	((struct fake_conn *)c)->head = ((struct fake_conn *)c)->tail = 0;
	load_opened(c);
	return 0;
}

static uint64_t answer_time(uint64_t now)
{
	uint64_t at = now + server.service;

	if (at >= server.stall_from && at < server.stall_to)
		return server.stall_to;
	return at;
}

static int64_t fake_send(struct load_conn *load, const void *buf, uint32_t len,
			 bool stable)
{
	struct fake_conn *c = (struct fake_conn *)load;

	if (server.take && len > server.take)
		len = server.take;
	assert_true(c->len + len <= sizeof(c->data));
	memcpy(c->data + c->len, buf, len);
	c->len += len;
	c->due[c->tail++ % 64] = answer_time(load->t->now);
	server.sends++;
	return len;
}

static void fake_close(struct load_conn *load, bool reset)
{
	struct fake_conn *c = (struct fake_conn *)load;

	c->len = 0;
	c->head = c->tail;
	if (reset)
		server.resets++;
	else
		server.fins++;
	load_released(load);
}

static const struct load_backend fake = {
	.name = "fake",
	.conn_bytes = sizeof(struct fake_conn),
	.init = fake_init,
	.alloc = malloc,
	.dial = fake_dial,
	.send = fake_send,
	.close = fake_close,
};

static void deliver_datagrams(struct fake_conn *c, uint64_t now)
{
	while (c->head != c->tail && c->due[c->head % 64] <= now) {
		uint8_t data[64];

		memcpy(data, c->data, sizeof(data));
		c->len -= sizeof(data);
		memmove(c->data, c->data + sizeof(data), c->len);
		c->head++;
		load_input(&c->load, data, sizeof(data));
	}
}

/* Delivers what is due: everything sent up to now, as one piece. */
static void deliver(struct fake_conn *c, uint64_t now)
{
	uint8_t data[sizeof(c->data)];
	uint32_t len = c->len;

	if (c->head == c->tail || c->due[c->head % 64] > now)
		return;
	while (c->head != c->tail && c->due[c->head % 64] <= now)
		c->head++;
	memcpy(data, c->data, len);
	data[0] ^= server.flip;
	c->len = 0;
	c->head = c->tail;
	load_input(&c->load, data, len);
	if (server.take && c->load.state == CONN_OPEN)
		load_writable(&c->load);
}

static void give(struct fake_conn *c, uint64_t now)
{
	if (opts.udp)
		deliver_datagrams(c, now);
	else
		deliver(c, now);
}

static void setup(uint32_t conns, double rate)
{
	memset(&thread, 0, sizeof(thread));
	memset(&server, 0, sizeof(server));
	memset(&ctl, 0, sizeof(ctl));
	opts = (struct load_opts){ .conns = conns,
				   .ports = 1,
				   .threads = 1,
				   .size = 64,
				   .pipeline = 1,
				   .ramp = 128,
				   .rate = rate,
				   .timeout = 5ull * SEC,
				   .get_ratio = -1,
				   .records = 1,
				   .backend = &fake,
				   .proto = &proto_echo };
	server.service = 10000;
}

/* Runs for @ns of virtual time, measuring all of it; then drains. */
static void run(uint64_t ns)
{
	uint64_t now = SEC;

	assert_int_equal(opts.proto->init(&opts), 0);
	assert_int_equal(load_thread_init(&thread, &ctl, &opts, 0), 0);
	load_step(&thread, now);
	ctl.from = now;
	ctl.to = now + ns;
	ctl.phase = LOAD_RUN;
	while (load_step(&thread, now) != LOAD_END) {
		now += STEP;
		thread.now = now;
		for (uint32_t i = 0; i < opts.conns; i++)
			give((struct fake_conn *)load_conn_at(&thread, i), now);
	}
	assert_int_equal(thread.done, LOAD_OPEN + 1);
}

static void teardown(void)
{
	load_thread_free(&thread);
}

static void near(double got, double want, double part)
{
	if (fabs(got - want) > want * part)
		fail_msg("%g, wanted %g", got, want);
}

static void closed_loop(void **state)
{
	setup(4, 0);
	run(SEC / 10);
	/* Four at a time, one every 10 us, made at the time of the answer. */
	near((double)thread.count.answered, 4 * 10000, 0.01);
	near((double)hist_quantile(&thread.hist, 0.5), 10000, 0.02);
	assert_int_equal(thread.count.wrong, 0);
	assert_int_equal(thread.count.unanswered, 0);
	teardown();
}

static void pipelined(void **state)
{
	setup(1, 0);
	opts.pipeline = 7;
	run(SEC / 100);
	near((double)thread.count.answered, 7 * 1000, 0.02);
	assert_true(server.sends <= 1002);
	teardown();
}

/* Poisson arrivals: the rate is right, and so is the spread. */
static void open_rate(void **state)
{
	double mean, dev;

	setup(64, 100000);
	run(SEC);
	mean = (double)thread.count.answered;
	dev = fabs(mean - 100000) / sqrt(100000);
	assert_true(dev < 4);
	near((double)hist_quantile(&thread.hist, 0.5), 10500, 0.1);
	teardown();
}

/* A stall of 100 ms in one second, at 10000 requests a second: the thousand
 * requests that were due meanwhile waited for 50 ms on average. A generator
 * that stopped its own clock would see one slow request per connection. */
static void no_coordinated_omission(void **state)
{
	setup(1, 10000);
	server.service = 2000;
	server.stall_from = SEC + 300ull * MS;
	server.stall_to = SEC + 400ull * MS;
	run(SEC);
	assert_true(hist_quantile(&thread.hist, 0.85) < MS);
	near((double)hist_quantile(&thread.hist, 0.95), 50.0 * MS, 0.15);
	near((double)hist_quantile(&thread.hist, 0.999), 99.0 * MS, 0.05);
	near((double)thread.hist.n, 10000, 0.05);
	teardown();
}

/* Ten times as many in the second half, of which each part is told apart; a
 * stall is seen in the parts that it delayed. */
static void a_step_in_parts(void **state)
{
	uint64_t stalled = 80, calm = 20, early = 0, late = 0;

	setup(8, 10000);
	opts.duration = SEC;
	opts.each = 10 * MS;
	opts.step = 10;
	server.stall_from = SEC + (stalled * 10 + 1) * MS;
	server.stall_to = SEC + (stalled * 10 + 8) * MS;
	run(SEC);
	for (uint32_t i = 0; i < 50; i++)
		early += thread.part[i].n;
	for (uint32_t i = 50; i < load_parts(&opts); i++)
		late += thread.part[i].n;
	assert_int_equal(load_parts(&opts), 100);
	near((double)early, 5000, 0.1);
	near((double)late, 50000, 0.05);
	assert_int_equal(early + late, thread.hist.n);
	assert_true(hist_quantile(&thread.part[calm], 0.99) < MS);
	assert_true(hist_quantile(&thread.part[stalled], 0.99) > 5 * MS);
	teardown();
}

/* The server never answers again: what waits counts with its age. */
static void unanswered(void **state)
{
	setup(2, 1000);
	server.stall_from = SEC + SEC / 2;
	server.stall_to = UINT64_MAX;
	run(SEC);
	near((double)thread.count.unanswered, 500, 0.2);
	near((double)thread.hist.n, 1000, 0.15);
	assert_true(thread.hist.max > 1400ull * MS);
	teardown();
}

static void churn(void **state)
{
	setup(2, 0);
	opts.msgs_per_conn = 3;
	run(SEC / 100);
	near((double)thread.count.opened, (double)thread.count.answered / 3,
	     0.01);
	assert_int_equal(server.fins, thread.count.closed);
	assert_int_equal(thread.count.wrong, 0);
	teardown();

	setup(2, 5000);
	opts.msgs_per_conn = 1;
	opts.rst = true;
	run(SEC / 10);
	near((double)thread.count.answered, 500, 0.2);
	assert_int_equal(server.resets, thread.count.answered);
	teardown();
}

static void partial_sends(void **state)
{
	setup(2, 0);
	opts.size = 1000;
	server.take = 300;
	run(SEC / 100);
	assert_true(thread.count.answered > 100);
	assert_int_equal(thread.count.wrong, 0);
	teardown();
}

static void wrong_bytes(void **state)
{
	setup(2, 0);
	server.flip = 1;
	run(SEC / 100);
	assert_true(thread.count.wrong > 0);
	assert_int_equal(thread.count.answered, 0);
	teardown();
}

static void overdue(void **state)
{
	setup(2, 0);
	opts.timeout = 20 * MS;
	server.service = SEC;
	run(SEC / 2);
	assert_true(thread.count.timeouts >= 2 * 15);
	assert_int_equal(thread.first_errno, ETIMEDOUT);
	teardown();
}

static void refused_first(void **state)
{
	setup(1, 0);
	server.dial_errors = 1;
	opts.ramp = 1;
	assert_int_equal(opts.proto->init(&opts), 0);
	assert_int_equal(load_thread_init(&thread, &ctl, &opts, 0), 0);
	load_step(&thread, SEC);
	assert_int_equal(thread.open, 0);
	load_step(&thread, SEC + 10 * MS);
	assert_int_equal(thread.open, 0); /* not at once */
	load_step(&thread, SEC + 60 * MS);
	assert_int_equal(thread.open, 1);
	assert_int_equal(thread.count.open_failed, 1);
	teardown();
}

static void lost_datagrams(void **state)
{
	setup(1, 0);
	opts.proto = &proto_udp;
	opts.udp = true;
	opts.timeout = 10 * MS;
	opts.pipeline = 1;
	server.stall_from = SEC + 20ull * MS;
	server.stall_to = SEC + 35ull * MS;
	run(SEC / 10);
	assert_int_equal(thread.count.timeouts, 1);
	assert_int_equal(thread.count.late, 1);
	assert_int_equal(thread.count.wrong, 0);
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_loop),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(open_rate),
		cmocka_unit_test(no_coordinated_omission),
		cmocka_unit_test(a_step_in_parts),
		cmocka_unit_test(unanswered),
		cmocka_unit_test(churn),
		cmocka_unit_test(partial_sends),
		cmocka_unit_test(wrong_bytes),
		cmocka_unit_test(overdue),
		cmocka_unit_test(refused_first),
		cmocka_unit_test(lost_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

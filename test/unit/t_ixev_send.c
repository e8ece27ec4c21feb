/* SPDX-License-Identifier: MIT */
/* ixev: sending, back-pressure, zero copy. */
#include "ixev_fixture.h"

static void pattern(char *buf, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf[i] = (char)(i * 7 + i / 251);
}

/* The hot path: one event, one call, one range. */
static void echoes(void **state)
{
	struct conn *c = open_conn();
	uint32_t before = f->nlog;

	on_event = echo;
	recv_data(c, "ping");
	recv_data(c, "pong");
	ixev_wait();
	ixev_wait();
	assert_int_equal(f->nlog, before + 1);
	assert_int_equal(f->log[before].op, IX_SENDV);
	assert_int_equal(f->log[before].nsgs, 1); /* coalesced */
	assert_int_equal(f->log[before].done, 8);
	assert_memory_equal(f->stream[1], "pingpong", 8);
}

static void answer(struct conn *c, unsigned int reason)
{
	size_t len;
	const void *data = ixev_recv_peek(&c->ctx, &len);

	if (data)
		assert_int_equal(ixev_answer(&c->ctx, data, len, len), len);
}

/* The call is written at once, and nothing is left to be done for it; a second
 * answer of the same batch waits for the result of the first. */
static void answers(void **state)
{
	struct conn *c = open_conn(), *d = open_conn();
	uint32_t before = f->nlog, flushes = f->flushes;

	on_event = answer;
	recv_data(c, "ping");
	recv_data(d, "pong");
	ixev_wait();
	ixev_wait();
	assert_int_equal(f->nlog, before + 2);
	assert_int_equal(f->log[before].op, IX_SENDV);
	assert_int_equal(f->log[before].done, 4);
	assert_memory_equal(f->stream[1], "ping", 4);
	assert_memory_equal(f->stream[2], "pong", 4);
	recv_data(c, "a");
	recv_data(c, "b");
	ixev_wait();
	ixev_wait();
	assert_memory_equal(f->stream[1], "pingab", 6);
	assert_int_equal(f->flushes, flushes + 1);
	assert_int_equal(f->rx_out[1], 0);
	assert_true(f->in_order);
}

/* ... which may be short. */
static void short_answers(void **state)
{
	struct conn *c = open_conn();

	on_event = answer;
	f->room = 3;
	recv_data(c, "ping");
	ixev_wait();
	ixev_wait();
	assert_int_equal(f->taken[1], 3);
	f->room = 100;
	fake_sent(f, 1, c, 3, 100);
	recv_data(c, "pong");
	ixev_wait();
	ixev_wait();
	assert_memory_equal(f->stream[1], "pingpong", 8);
	assert_int_equal(f->rx_out[1], 0);
	assert_true(f->in_order);
}

/* Nor does a FIN overtake it. */
static void answers_and_closes(void **state)
{
	struct conn *c = open_conn();

	f->room = 3;
	recv_data(c, "ping");
	ixev_wait();
	answer(c, 0);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(f->taken[1], 3);
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 0);
	f->room = 100;
	fake_sent(f, 1, c, 3, 100);
	ixev_wait();
	ixev_wait();
	assert_memory_equal(f->stream[1], "ping", 4);
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
}

/* Takes 3 bytes at a time; the stream stays whole and in order. */
static void short_sends(void **state)
{
	struct conn *c = open_conn();
	static char buf[40000];
	uint32_t done = 0;
	int round;

	pattern(buf, sizeof(buf));
	f->room = 3;
	assert_int_equal(ixev_send(&c->ctx, buf, 100), 100);
	ixev_wait();
	assert_int_equal(f->taken[1], 3);
	f->room = 0;
	assert_int_equal(ixev_send(&c->ctx, buf + 100, 39900), 39900);
	ixev_wait();
	assert_int_equal(f->taken[1], 3);
	for (round = 0; f->taken[1] < 40000; round++) {
		f->room = round % 7 ? 1777 : 1;
		fake_sent(f, 1, c, f->taken[1] - done, 1777);
		done = f->taken[1];
		ixev_wait();
		ixev_wait();
		assert_true(round < 100);
	}
	assert_memory_equal(f->stream[1], buf, 40000);
	fake_sent(f, 1, c, 40000 - done, 99999);
	ixev_wait();
	assert_int_equal(ixev_send_room(&c->ctx), 256 * 1024);
}

/* Nothing taken and nothing in flight: no sent will come, so it is tried
 * again at each crossing. */
static void starved(void **state)
{
	struct conn *c = open_conn();
	int i;

	f->room = 0;
	ixev_send(&c->ctx, "abc", 3);
	for (i = 0; i < 3; i++)
		ixev_wait();
	assert_int_equal(fake_count(f, IX_SENDV, 1), 3);
	f->answer[IX_SENDV] = -ENOBUFS;
	ixev_wait();
	f->answer[IX_SENDV] = 0;
	f->room = 100;
	ixev_send(&c->ctx, "def", 3);
	ixev_wait();
	assert_memory_equal(f->stream[1], "abcdef", 6);
	i = fake_count(f, IX_SENDV, 1);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_SENDV, 1), i);
}

static void send_late(struct conn *c, unsigned int reason)
{
	if (reason & IXEVOUT && ixev_send(&c->ctx, "late", 4) == 4)
		ixev_set_handler(&c->ctx, 0, conn_handler);
}

/* Others have all transmit memory; with nothing of one's own in flight no sent
 * tells when there is some again. */
static void no_memory(void **state)
{
	enum { PIECES = 64 };
	const size_t piece = FAKE_ARENA / PIECES;
	struct conn *other = open_conn(), *c = open_conn();
	static char buf[100000];
	void *held[PIECES];
	int n = 0;

	while (n < PIECES && (held[n] = ix_alloc_pages(piece)))
		n++;
	while (ixev_send(&other->ctx, buf, sizeof(buf)) > 0)
		;
	on_event = send_late;
	ixev_set_handler(&c->ctx, IXEVOUT, conn_handler);
	assert_int_equal(ixev_send(&c->ctx, "late", 4), -EAGAIN);
	ixev_wait();
	ixev_wait();
	assert_int_equal(fake_count(f, IX_SENDV, 2), 0);
	while (n)
		ix_free_pages(held[--n], piece);
	ixev_wait();
	ixev_wait();
	assert_memory_equal(f->stream[2], "late", 4);
	assert_int_equal(fake_count(f, IX_SENDV, 2), 1);
}

static void limit(void **state)
{
	struct conn *c = open_conn();
	static char buf[5000];

	ixev_set_send_limit(4096);
	ixev_set_handler(&c->ctx, IXEVOUT, conn_handler);
	assert_int_equal(ixev_send(&c->ctx, buf, 5000), 4096);
	assert_int_equal(ixev_send(&c->ctx, buf, 1), -EAGAIN);
	assert_int_equal(ixev_send_zc(&c->ctx, f->arena, 1), -EAGAIN);
	assert_int_equal(ixev_send_room(&c->ctx), 0);
	ixev_wait();
	assert_int_equal(c->calls, 0);
	fake_sent(f, 1, c, 1000, 99);
	ixev_wait();
	assert_int_equal(c->reasons, IXEVOUT);
	assert_int_equal(ixev_send(&c->ctx, buf, 5000), 1000);
	assert_int_equal(ixev_send(&c->ctx, buf, 0), -EAGAIN);
}

/* More ranges than fit one call: several crossings, one wait. */
static void many_sends(void **state)
{
	struct conn *c = open_conn();
	static char expect[200 * 10];
	int i;

	for (i = 0; i < 200; i++) { /* never adjacent */
		memset(f->arena + 4 * 1024 * 1024 + i * 16, i, 10);
		memset(expect + i * 10, i, 10);
		ixev_send_zc(&c->ctx, f->arena + 4 * 1024 * 1024 + i * 16, 10);
	}
	ixev_wait();
	assert_int_equal(fake_count(f, IX_SENDV, 1), 4);
	assert_int_equal(f->taken[1], 2000);
	assert_memory_equal(f->stream[1], expect, 2000);
}

static void zero_copy(void **state)
{
	struct conn *c = open_conn();
	char *mem = ix_alloc_pages(8192);
	char stack[8] = "onstack";

	memcpy(mem, "in place", 8);
	assert_int_equal(ixev_send_zc(&c->ctx, mem, 8), 8);
	memcpy(mem, "IN", 2); /* its own fault */
	assert_int_equal(ixev_send_zc(&c->ctx, stack, 7), 7);
	memset(stack, 0, 8);
	assert_int_equal(ixev_send_zc(&c->ctx, (void *)(uintptr_t)-9, 0), 0);
	ixev_wait();
	assert_memory_equal(f->stream[1], "IN placeonstack", 15);
	ix_free_pages(mem, 8192);
}

/* ... but for what begins in the arena and ends beyond it. */
static void not_in_place(void **state)
{
	struct conn *c = open_conn();
	size_t room = ixev_send_room(&c->ctx);
	char *at = f->arena + 4 * 1024 * 1024;

	memcpy(at, "a copy", 6);
	assert_int_equal(ixev_send_zc(&c->ctx, at, SIZE_MAX - 7), room);
	memcpy(at, "IN", 2);
	ixev_wait();
	assert_memory_equal(f->stream[1], "a copy", 6);
}

/* ---- what is read while the batch is being written is given back, too */

static void read_first(struct conn *c, unsigned int reason)
{
	char buf[16];

	if (c == &conns[1])
		assert_int_equal(ixev_recv(&conns[0].ctx, buf, 16), 5);
}

static void read_during_push(void **state)
{
	struct conn *a = open_conn(), *b = open_conn();

	ixev_set_handler(&b->ctx, 0, conn_handler);
	recv_data(b, "x");
	ixev_set_handler(&a->ctx, 0, conn_handler);
	recv_data(a, "hello");
	ixev_wait();
	on_event = read_first;
	ixev_send(&a->ctx, "one", 3);
	ixev_set_handler(&b->ctx, IXEVIN, conn_handler);
	for (int i = 0; i < 3; i++)
		ixev_wait();
	fake_sent(f, 1, a, 3, 100);
	ixev_wait();
	ixev_wait();
	assert_int_equal(f->rx_out[1], 0);
}

static int rounds;

static void one_at_a_time(struct conn *c, unsigned int reason)
{
	char buf[5];

	if (ixev_recv(&c->ctx, buf, 5) != 5)
		return;
	if (!rounds++)
		ixev_send(&c->ctx, "ok", 2);
	ixev_set_handler(&c->ctx, 0, conn_handler);
	ixev_set_handler(&c->ctx, IXEVIN, conn_handler);
}

static void read_piece_by_piece(void **state)
{
	struct conn *a = open_conn();

	rounds = 0;
	ixev_set_handler(&a->ctx, 0, conn_handler);
	recv_data(a, "helloworld");
	ixev_wait();
	on_event = one_at_a_time;
	ixev_set_handler(&a->ctx, IXEVIN, conn_handler);
	ixev_wait();
	ixev_wait();
	fake_sent(f, 1, a, 2, 100);
	ixev_wait();
	ixev_wait();
	assert_int_equal(f->rx_out[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(echoes),
		T(answers),
		T(short_answers),
		T(answers_and_closes),
		T(read_during_push),
		T(read_piece_by_piece),
		T(short_sends),
		T(starved),
		T(limit),
		T(no_memory),
		T(many_sends),
		T(zero_copy),
		T(not_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* libix: what a connection is to send, and the loop around crossings. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_domain.h"
#include "ix/sendq.h"

enum { HANDLE = 3, PAGE = 4096, STREAM = 900000 };

static struct fake *f;
static struct ix_thread *t;
static struct ix_sendq q;
static char data[STREAM];

static int setup(void **state)
{
	f = fake_open(1);
	f->room = INT64_MAX;
	t = ix_attach(-1);
	memset(&q, 0, sizeof(q));
	srand(1);
	for (int i = 0; i < STREAM; i++)
		data[i] = (char)rand();
	return t ? 0 : -1;
}

static int teardown(void **state)
{
	ix_sendq_free(&q);
	ix_detach(t);
	assert_int_equal(fake_close(f), 0);
	return 0;
}

/* Crosses, and tells the queue what was not taken. */
static void flush(void)
{
	assert_int_equal(ix_flush(t), 0);
	for (uint32_t i = 0; i < t->nresults; i++) {
		const struct ix_call *c = &t->port.down->calls[i];

		if (c->op == IX_SENDV)
			ix_sendq_not_taken(
				&q, (uint32_t)(ix_asked(t, c) -
					       (uint64_t)ix_result(t, (int)i)));
	}
}

/* Puts of all lengths, several SENDVs a batch, of which any takes what it
 * likes, and acknowledgements that end anywhere: the stream is what was put. */
static void stream(void **state)
{
	uint32_t put = 0, acked = 0, n;

	while (acked < STREAM) {
		for (int k = rand() % 4; k && put < STREAM; k--) {
			n = (uint32_t)rand() % (rand() % 8 ? 3000 : 30000);
			n = n < STREAM - put ? n : STREAM - put;
			assert_int_equal(ix_sendq_put(&q, data + put, n), n);
			put += n;
			assert_int_equal(ix_sendq_send(t, &q, HANDLE, 5, 0), 0);
		}
		f->room = rand() % 3 ? rand() % 20000 : 0;
		assert_int_equal(ix_sendq_send(t, &q, HANDLE, 5, 0), 0);
		flush();
		assert_int_equal(acked + q.asked, f->taken[HANDLE]);
		assert_int_equal(acked + q.queued, put);
		n = q.asked ? (uint32_t)rand() % (q.asked + 1) : 0;
		ix_sendq_acked(&q, n);
		acked += n;
	}
	assert_memory_equal(f->stream[HANDLE], data, STREAM);
	assert_int_equal(fake_last(f, IX_SENDV, HANDLE)->cookie, 5);
	assert_null(q.first);
}

/* What is given back goes with what is sent, or alone, or there is no call. */
static void done(void **state)
{
	assert_int_equal(ix_sendq_send(t, &q, HANDLE, 5, 0), 0);
	assert_int_equal(t->ncalls, 0);
	f->rx_out[HANDLE] = 100;
	assert_int_equal(ix_sendq_send(t, &q, HANDLE, 5, 60), 0);
	ix_sendq_put(&q, data, 10);
	assert_int_equal(ix_sendq_send(t, &q, HANDLE, 5, 40), 0);
	flush();
	assert_int_equal(f->nlog, 2);
	assert_int_equal(fake_last(f, IX_RECV_DONE, HANDLE)->bytes, 60);
	assert_int_equal(fake_last(f, IX_SENDV, HANDLE)->done, 40);
	assert_int_equal(f->rx_out[HANDLE], 0);
}

/* Short messages share a page, one behind the other. */
static void pages(void **state)
{
	size_t before = ix_free_bytes();

	for (int i = 0; i < 40; i++)
		ix_sendq_put(&q, data, 100);
	assert_int_equal(ix_free_bytes(), before - PAGE);
	ix_sendq_send(t, &q, HANDLE, 5, 0);
	flush();
	assert_int_equal(fake_last(f, IX_SENDV, HANDLE)->nsgs, 1);
	assert_int_equal(f->taken[HANDLE], 4000);
	ix_sendq_acked(&q, 4000);
	assert_int_equal(ix_free_bytes(), before);
}

/* More than a call holds; a full batch; and the arena used up. */
static void limits(void **state)
{
	uint32_t put = ix_sendq_put(&q, data, STREAM), more;

	assert_int_equal(put, STREAM);
	ix_sendq_send(t, &q, HANDLE, 5, 0);
	flush();
	assert_int_equal(fake_last(f, IX_SENDV, HANDLE)->nsgs,
			 IX_MAX_SG_PER_CALL);
	while (q.asked < q.queued)
		ix_sendq_send(t, &q, HANDLE, 5, 0);
	flush();
	assert_memory_equal(f->stream[HANDLE], data, STREAM);

	while (ix_accept(t, 1, 1) >= 0)
		;
	ix_sendq_put(&q, data, 10);
	assert_int_equal(ix_sendq_send(t, &q, HANDLE, 5, 0), -EAGAIN);
	assert_int_equal(q.queued - q.asked, 10);
	assert_int_equal(ix_flush(t), 0);

	while ((more = ix_sendq_put(&q, data, STREAM)) == STREAM)
		put += more;
	assert_int_equal(q.queued, put + more + 10);
	assert_in_range(ix_free_bytes(), 0, PAGE - 1);
	assert_int_equal(ix_sendq_put(&q, data, 1), 0);
}

/* ---- the loop */

static uint64_t told[(2 + IX_LOOP_CALLS) * IX_MAX_EVENTS], shorts;
static uint32_t ntold;

/* As many calls as it may append. */
static void on_event(struct ix_thread *thread, const struct ix_event *e)
{
	assert_ptr_equal(thread, t);
	told[ntold++] = e->cookie;
	for (int i = 0; i < IX_LOOP_CALLS; i++)
		assert_in_range(ix_accept(t, 1, e->cookie), 0, IX_MAX_CALLS);
	if (e->cookie == IX_MAX_EVENTS)
		f->run_io_error = -ESHUTDOWN;
}

static void on_short(struct ix_thread *thread, const struct ix_call *c,
		     int64_t result)
{
	assert_int_equal(result, c->op == IX_SENDV ? 7 : -EBADF);
	told[ntold++] = c->cookie;
	shorts++;
}

/* A short SENDV and a call that failed, and not those in between, are told
 * before the events; those in their order, with room for calls. */
static void loop(void **state)
{
	ntold = 0;
	ix_with_cookie(t, ix_send(t, HANDLE, f->arena, 10), 2000);
	ix_with_cookie(t, ix_send(t, HANDLE, f->arena, 10), 2001);
	ix_accept(t, 9, 2002);
	ix_with_cookie(t, ix_abort(t, 9), 2003);
	f->room = 17;
	f->answer[IX_ABORT] = -EBADF;
	for (uint64_t i = 1; i <= IX_MAX_EVENTS; i++)
		fake_event(f, IX_EV_SENT, HANDLE, i);
	assert_int_equal(ix_loop(t, on_event, on_short), 0);
	assert_int_equal(ntold, IX_MAX_EVENTS + 2);
	assert_int_equal(told[0], 2001);
	assert_int_equal(told[1], 2003);
	for (uint64_t i = 1; i <= IX_MAX_EVENTS; i++)
		assert_int_equal(told[i + 1], i);
	/* all but those of the batch that met the end */
	assert_int_equal(fake_count(f, IX_ACCEPT, 1),
			 IX_LOOP_CALLS * IX_MAX_EVENTS - IX_MAX_CALLS);
}

/* Answers to a flush on the way are looked at, too; and another error than that
 * of the end is the caller's. */
static void loop_flush(void **state)
{
	ntold = 0;
	shorts = 0;
	f->answer[IX_ACCEPT] = -EBADF;
	for (uint64_t i = 1; i < IX_MAX_EVENTS; i++)
		fake_event(f, IX_EV_SENT, HANDLE, i);
	fake_event(f, IX_EV_SENT, HANDLE, IX_MAX_EVENTS);
	assert_int_equal(ix_loop(t, on_event, on_short), 0);
	assert_int_equal(shorts, fake_count(f, IX_ACCEPT, 1));
	f->run_io_error = -EBUSY;
	assert_int_equal(ix_loop(t, on_event, on_short), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stream, setup, teardown),
		cmocka_unit_test_setup_teardown(done, setup, teardown),
		cmocka_unit_test_setup_teardown(pages, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(loop, setup, teardown),
		cmocka_unit_test_setup_teardown(loop_flush, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

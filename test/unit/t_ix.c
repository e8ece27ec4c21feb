/* SPDX-License-Identifier: MIT */
/* libix: writers, full batches, attaching, addresses. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_domain.h"

static struct fake *f;
static struct ix_thread *t;

static int setup(void **state)
{
	f = fake_open(2);
	t = ix_attach(-1);
	return t ? 0 : -1;
}

static int teardown(void **state)
{
	ix_detach(t);
	assert_int_equal(fake_close(f), 0);
	return 0;
}

static void init(void **state)
{
	struct ix_domain other = { .name = "x", .abi_version = 99 };

	unsetenv(IX_ENV_DOMAIN);
	assert_int_equal(ix_nthreads(), 0);
	assert_int_equal(ix_init(), -ENODEV);
	setenv(IX_ENV_DOMAIN, "no-such-domain", 1);
	assert_int_equal(ix_init(), -ENOENT);
	assert_int_equal(ix_init_domain(&other), -EPROTO);
	errno = 0;
	assert_null(ix_attach(-1));
	assert_int_equal(errno, ENODEV);
}

static void attach(void **state)
{
	struct ix_thread *b = ix_attach(-1);

	assert_int_equal(ix_nthreads(), 2);
	assert_ptr_equal(ix_domain(), &f->domain);
	assert_int_equal(ix_init_domain(&f->domain), -EBUSY);
	assert_int_equal(ix_init(), 0);
	assert_int_equal(t->port.thread, 0);
	assert_int_equal(b->port.thread, 1);
	assert_null(ix_attach(-1));
	assert_int_equal(errno, EBUSY);
	assert_null(ix_attach(1));
	assert_null(ix_attach(2));
	assert_int_equal(errno, EINVAL);
	ix_detach(b);
	b = ix_attach(1);
	assert_non_null(b);
	ix_detach(b);
}

/* A crossing takes what has been released, once; and detaching does. */
static void release(void **state)
{
	struct ix_thread *b = ix_attach(-1);

	assert_int_equal(ix_run_io(t), 0);
	assert_int_equal(f->taken_ports, 0);
	assert_int_equal(ix_release(t), 0);
	assert_int_equal(ix_release(t), -EBUSY);
	assert_int_equal(f->released, 1);
	assert_int_equal(ix_run_io(b), 0); /* it is another one's */
	assert_int_equal(f->taken_ports, 0);
	assert_int_equal(ix_accept(t, 1, 2), 0);
	assert_int_equal(ix_flush(t), 0);
	assert_int_equal(fake_count(f, IX_ACCEPT, 1), 1);
	assert_int_equal(f->taken_ports, 1);
	assert_int_equal(ix_poll_io(t), 0);
	assert_int_equal(f->taken_ports, 1);
	assert_int_equal(ix_release(b), 0);
	ix_detach(b);
	assert_int_equal(f->taken_ports, 2);
}

/* The domain says that it is another thread's: nothing has changed. */
static void not_mine(void **state)
{
	f->pass_error = -EBUSY;
	assert_int_equal(ix_release(t), -EBUSY);
	assert_int_equal(ix_detach(t), -EBUSY);
	assert_null(ix_attach(0));
	assert_int_equal(errno, EBUSY);
	f->pass_error = 0;
	assert_int_equal(ix_release(t), 0);
	f->pass_error = -EBUSY;
	assert_int_equal(ix_run_io(t), -EBUSY);
	assert_int_equal(ix_detach(t), -EBUSY);
	assert_int_equal(f->crossings, 0);
	f->pass_error = 0;
	assert_int_equal(ix_run_io(t), 0);
	assert_int_equal(f->crossings, 1);
}

/* Each writer: the descriptor that the dataplane sees. */
static void writers(void **state)
{
	struct ix_addr ip = ix_addr_v4(0x0a000001);
	struct ix_sg sg[2] = { { .addr = (uintptr_t)f->arena, .len = 3 },
			       { .addr = (uintptr_t)f->arena + 8, .len = 4 } };
	struct ix_call *c = f->log;

	memcpy(f->arena, "abcdefghijkl", 12);
	assert_int_equal(ix_connect(t, 1, &ip, 80), 0);
	assert_int_equal(ix_listen(t, NULL, 81, 5), 1);
	assert_int_equal(ix_unlisten(t, &ip, 81), 2);
	assert_int_equal(ix_accept(t, 10, 11), 3);
	assert_int_equal(ix_reject(t, 12), 4);
	assert_int_equal(ix_sendv(t, 13, sg, 2), 5);
	assert_int_equal(ix_send(t, 14, f->arena + 4, 5), 6);
	assert_int_equal(ix_recv_done(t, 15, 0), 7);
	assert_int_equal(ix_close(t, 16, IX_CLOSE_WRITE), 8);
	assert_int_equal(ix_abort(t, 17), 9);
	assert_int_equal(ix_udp_bind(t, 18, NULL, 53), 10);
	assert_int_equal(ix_udp_unbind(t, 19), 11);
	assert_int_equal(ix_udp_sendv(t, 20, &ip, 54, sg, 1, 21), 12);
	assert_int_equal(ix_udp_recv_done(t, 22, 0x1234), 13);
	assert_int_equal(ix_timer_set(t, 23, 1000), 14);
	assert_int_equal(ix_timer_cancel(t, 24), 15);
	assert_int_equal(ix_run_io(t), 0);

	assert_int_equal(f->nlog, 16);
	assert_int_equal(c[0].op, IX_CONNECT);
	assert_int_equal(c[0].cookie, 1);
	assert_int_equal(c[0].port, 80);
	assert_memory_equal(&c[0].ip, &ip, sizeof(ip));
	assert_int_equal(c[1].n, 5);
	assert_int_equal(c[1].ip.q[0] | c[1].ip.q[1], 0);
	assert_int_equal(c[3].handle, 10);
	assert_int_equal(c[3].cookie, 11);
	assert_int_equal(c[4].handle, 12);
	assert_memory_equal(f->stream[13], "abcijkl", 7);
	assert_memory_equal(f->stream[14], "efghi", 5);
	assert_int_equal(ix_result(t, 5), 7);
	assert_int_equal(ix_result(t, 6), 5);
	assert_int_equal(c[8].n, IX_CLOSE_WRITE);
	assert_int_equal(c[10].port, 53);
	assert_int_equal(c[12].cookie, 21);
	assert_int_equal(ix_result(t, 12), 3);
	assert_int_equal(c[13].arg, 0x1234);
	assert_int_equal(c[14].arg, 1000);
	assert_int_equal(c[15].handle, 24);
	assert_int_equal(t->nresults, 16);
}

/* A full batch says so, and takes nothing; after a flush there is room. */
static void full(void **state)
{
	struct ix_sg sg[2] = { { .addr = (uintptr_t)f->arena, .len = 1 },
			       { .addr = (uintptr_t)f->arena, .len = 1 } };
	int i;

	for (i = 0; i < IX_MAX_SGS / 2; i++)
		assert_int_equal(ix_sendv(t, 1, sg, 2), i);
	assert_int_equal(ix_send(t, 1, f->arena, 1), IX_EAGAIN);
	assert_int_equal(t->ncalls, IX_MAX_CALLS);
	assert_int_equal(ix_accept(t, 1, 1), IX_EAGAIN);
	assert_int_equal(ix_listen(t, NULL, 1, 1), IX_EAGAIN);
	assert_int_equal(ix_timer_set(t, 1, 1), IX_EAGAIN);
	assert_int_equal(ix_udp_recv_done(t, 1, 1), IX_EAGAIN);
	assert_int_equal(ix_flush(t), 0);
	assert_int_equal(f->nlog, IX_MAX_CALLS);
	assert_int_equal(ix_accept(t, 1, 1), 0);
	assert_int_equal(IX_EAGAIN, -EAGAIN);
}

/* A flush brings no events and leaves those at hand alone. */
static void flush(void **state)
{
	fake_dead(f, 1, NULL, 5);
	assert_int_equal(ix_run_io(t), 0);
	assert_int_equal(ix_nevents(t), 1);
	fake_dead(f, 2, NULL, 6);
	ix_reject(t, 3);
	assert_int_equal(ix_flush(t), 0);
	assert_int_equal(ix_nevents(t), 1);
	assert_int_equal(ix_event(t, 0)->handle, 1);
	assert_int_equal(ix_run_io(t), 0);
	assert_int_equal(ix_event(t, 0)->handle, 2);
	assert_int_equal(ix_now(t), 2);
	f->run_io_error = -ESHUTDOWN;
	ix_reject(t, 3);
	assert_int_equal(ix_run_io(t), -ESHUTDOWN);
	assert_int_equal(t->nresults, 0);
}

static void addresses(void **state)
{
	char buf[IX_ADDR_STRLEN];
	struct ix_addr a, any = { .q = { 0, 0 } };

	a = ix_addr_v4(0x0a010203);
	assert_string_equal(ix_addr_format(&a, buf), "10.1.2.3");
	assert_int_equal(ix_addr_to_v4(&a), 0x0a010203);
	assert_false(ix_addr_is_v4(&any));
	assert_int_equal(ix_addr_parse(&a, "192.168.0.255"), 0);
	assert_int_equal(ix_addr_to_v4(&a), 0xc0a800ff);
	assert_int_equal(ix_addr_parse(&a, "fe80::1"), 0);
	assert_int_equal(ix_addr_to_v4(&a), 0);
	assert_string_equal(ix_addr_format(&a, buf), "fe80::1");
	assert_int_equal(ix_addr_parse(&a, "::ffff:10.0.0.1"), 0);
	assert_string_equal(ix_addr_format(&a, buf), "10.0.0.1");
	assert_int_equal(ix_addr_parse(&a, "10.0.0"), -EINVAL);
	assert_int_equal(ix_addr_parse(&a, ""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init),
		cmocka_unit_test_setup_teardown(attach, setup, teardown),
		cmocka_unit_test_setup_teardown(release, setup, teardown),
		cmocka_unit_test_setup_teardown(not_mine, setup, teardown),
		cmocka_unit_test_setup_teardown(writers, setup, teardown),
		cmocka_unit_test_setup_teardown(full, setup, teardown),
		cmocka_unit_test_setup_teardown(flush, setup, teardown),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

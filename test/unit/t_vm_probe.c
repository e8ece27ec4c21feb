/* SPDX-License-Identifier: MIT */
/* A /dev/kvm whose guest never comes back: the probe says so in time, whatever
 * signals whoever has started us has blocked. And one without nested page
 * tables. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake_kvm.h"

enum { HANGS_S = 6, IN_TIME_S = 4 };

/* Without a signal it would be for ever. */
static int run(void)
{
	const struct timespec hangs = { .tv_sec = HANGS_S };

	return nanosleep(&hangs, NULL);
}

static void probe_in_time(void)
{
	struct timespec a, b;
	char why[256];

	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(vm_probe(why, sizeof(why)), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(b.tv_sec - a.tv_sec < IN_TIME_S);
	assert_non_null(strstr(why, "did not answer in time"));
}

static void test_in_time(void **state)
{
	probe_in_time();
}

static void test_blocked(void **state)
{
	sigset_t all, old, after;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	probe_in_time();
	sigprocmask(SIG_SETMASK, &old, &after);
	assert_true(sigismember(&after, SIGUSR2));
}

/* A KVM that would not see our changes of the guest's page tables. */
static void test_shadow(void **state)
{
	char why[256];

	kvm.npt = "N";
	assert_int_equal(vm_probe(why, sizeof(why)), -ENOSYS);
	assert_non_null(strstr(why, "nested page tables"));
	kvm.npt = "Y";
	assert_int_equal(vm_probe(why, sizeof(why)), -ETIMEDOUT);
	kvm.npt = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_time),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_shadow),
	};

	kvm.run = run;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* A /dev/kvm whose guest never comes back: the probe says so in time, whatever
 * signals whoever has started us has blocked. And one without nested page
 * tables. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/vm/vm.h"

enum { RUN_LEN = 3 * VM_PAGE, HANGS_S = 6, IN_TIME_S = 4 };

static int new_fd(void)
{
	int fd = memfd_create("kvm", MFD_CLOEXEC);

	return ftruncate(fd, RUN_LEN) ? -1 : fd;
}

static const char *setting; /* of nested page tables; NULL: no such file */

int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	int fd;

	if (!strcmp(path, "/dev/kvm"))
		return new_fd();
	if (!setting || strcmp(path, "/sys/module/kvm_amd/parameters/npt"))
		return -1;
	fd = new_fd();
	assert_int_equal(pwrite(fd, setting, 1, 0), 1);
	return fd;
}

/* Without a signal it would be for ever. */
static int run(void)
{
	const struct timespec hangs = { .tv_sec = HANGS_S };

	return nanosleep(&hangs, NULL);
}

static struct kvm_sregs sregs;

int __wrap_ioctl(int fd, unsigned long what, void *arg);
int __wrap_ioctl(int fd, unsigned long what, void *arg)
{
	switch (what) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CHECK_EXTENSION:
	case KVM_SET_MSRS:
		return 1;
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_LEN;
	case KVM_CREATE_VM:
	case KVM_CREATE_VCPU:
		return new_fd();
	case KVM_RUN:
		return run();
	case KVM_SET_SREGS:
		memcpy(&sregs, arg, sizeof(sregs));
		break;
	case KVM_GET_SREGS:
		memcpy(arg, &sregs, sizeof(sregs));
		break;
	}
	return 0;
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

	setting = "N";
	assert_int_equal(vm_probe(why, sizeof(why)), -ENOSYS);
	assert_non_null(strstr(why, "nested page tables"));
	setting = "Y";
	assert_int_equal(vm_probe(why, sizeof(why)), -ETIMEDOUT);
	setting = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_time),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_shadow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* dom/process/deny.c: calls that an application may make, but not so. */
#include "test.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dom/process/process.h"

enum { LEN = 2 << 20 };

/* By the filter: the kernel has other reasons. */
static bool denied(long got)
{
	return got == -1 && errno == EPERM;
}

static bool can_map(int flags)
{
	return mmap(NULL, LEN, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0) != MAP_FAILED;
}

/* How many of these go wrong. */
static int huge_pages(void)
{
	int wrong = 0;

	wrong += can_map(MAP_HUGETLB) || errno != EPERM;
	wrong += can_map(MAP_HUGETLB | 21 << 26 /* 2 MB */) || errno != EPERM;
	wrong += !denied(memfd_create("huge", MFD_HUGETLB));
	wrong += !denied(memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB));
	wrong += !denied(
		syscall(SYS_memfd_create, "huge", MFD_HUGETLB | 1ull << 32));
	/* To who is not root the kernel says the same, unless it has none. */
	wrong += !denied(shmget(IPC_PRIVATE, 0, SHM_HUGETLB | IPC_CREAT));
	/* Others. */
	wrong += !can_map(0);
	wrong += memfd_create("small", MFD_CLOEXEC) < 0;
	return wrong;
}

/* In a process that has the conditions. */
static int conditions(int (*tries)(void))
{
	static struct host host;
	struct proc p = { .host = &host, .fence = { .namespaces = true } };
	char why[256];
	int status;
	pid_t pid;

	assert_int_equal(proc_seccomp_build(&p, why, sizeof(why)), 0);
	pid = fork();
	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p.filters[1]))
			_exit(100);
		_exit(tries());
	}
	proc_seccomp_free(&p);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void no_huge_pages(void **state)
{
	assert_int_equal(conditions(huge_pages), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_huge_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* base/pid_libc.h: whose a process is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pid_libc.h"

enum { REAL = 4242, EFFECTIVE = 4343, SAVED = 4444 };

static void one_of_its_own(void **state)
{
	struct pid_users users;

	assert_true(pid_users(getpid(), &users));
	assert_int_equal(users.real, getuid());
	assert_int_equal(users.effective, geteuid());
}

/* Says when it is so, and waits to be killed. */
static void be_several(int told)
{
	char so = !setresuid(REAL, EFFECTIVE, SAVED);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(told, &so, 1) == 1)
		pause();
	_exit(1);
}

static void real_and_effective(void **state)
{
	struct pid_users users;
	int told[2];
	pid_t pid;
	char so;

	if (geteuid())
		skip();
	assert_int_equal(pipe(told), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		be_several(told[1]);
	assert_int_equal(read(told[0], &so, 1), 1);
	assert_true(so);
	assert_true(pid_users(pid, &users));
	assert_int_equal(users.real, REAL);
	assert_int_equal(users.effective, EFFECTIVE);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(pid_users(pid, &users));
	close(told[0]);
	close(told[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_its_own),
		cmocka_unit_test(real_and_effective),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* nic/linux_life.c: a process is not another one that has its number. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "nic/linux.h"

enum {
	TICKS_US = 30000, /* the kernel counts 100 in a second */
	ROUNDS = 300,
	CLAIMANTS = 4,
};

static struct shared {
	u64 life, place;
	u32 ready, round, won, done;
} * shared;

/* Waits to be killed. @pid: its number; 0: any. */
static pid_t begin(pid_t pid)
{
	struct clone_args a = {
		.exit_signal = SIGCHLD,
		.set_tid = pid ? (u64)(uintptr_t)&pid : 0,
		.set_tid_size = pid ? 1 : 0,
	};
	pid_t child = (pid_t)syscall(SYS_clone3, &a, sizeof(a));

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	store_release(&shared->life, linux_life());
	for (;;)
		pause();
}

static u64 life_of(pid_t pid)
{
	assert_true(pid > 0);
	while (!load_acquire(&shared->life))
		usleep(1000);
	assert_int_equal(linux_life_pid(shared->life), pid);
	return __atomic_exchange_n(&shared->life, 0, __ATOMIC_SEQ_CST);
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_lives(void **state)
{
	pid_t pid = begin(0);
	u64 life = life_of(pid);
	siginfo_t si;

	assert_int_equal(linux_life_pid(linux_life()), getpid());
	assert_true(linux_lives(linux_life()));
	assert_true(linux_lives(life));
	assert_true(linux_lives((u64)pid)); /* which could not say more */
	assert_false(linux_lives(0));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	assert_int_equal(kill(pid, 0), 0); /* has a number still */
	assert_false(linux_lives(life));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(linux_lives(life));
	assert_false(linux_lives((u64)pid));
}

static void test_number_again(void **state)
{
	pid_t pid = begin(0);
	u64 first = life_of(pid), second;

	end(pid);
	usleep(TICKS_US);
	if (begin(pid) != pid) {
		print_message(
			"not tested: may not choose a process's number\n");
		return;
	}
	second = life_of(pid);
	assert_false(linux_lives(first));
	assert_true(linux_lives(second));
	end(pid);
}

static void claim_often(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (u32 round = 1; round <= ROUNDS; round++) {
		__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
		while (load_acquire(&shared->round) < round)
			;
		if (linux_claim(&shared->place))
			__atomic_fetch_add(&shared->won, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&shared->done, 1, __ATOMIC_SEQ_CST);
	}
	for (;;)
		pause();
}

static void all_in(const u32 *count, u32 round)
{
	while (load_acquire(count) < round * CLAIMANTS)
		sched_yield();
}

/* Of those who want it at a time one gets it, also where somebody dead has
 * it. */
static void test_claim(void **state)
{
	pid_t dead = begin(0), pid[CLAIMANTS];
	u64 life = life_of(dead);

	end(dead);
	for (u32 i = 0; i < CLAIMANTS; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (!pid[i])
			claim_often();
	}
	for (u32 round = 1; round <= ROUNDS; round++) {
		all_in(&shared->ready, round);
		shared->place = round % 2 ? life : 0;
		store_release(&shared->round, round);
		all_in(&shared->done, round);
		assert_int_equal(shared->won, round);
		assert_true(shared->place != life && shared->place);
	}
	for (u32 i = 0; i < CLAIMANTS; i++)
		end(pid[i]);
	assert_true(linux_claim(&shared->place));
	assert_true(shared->place == linux_life());
	assert_false(linux_claim(&shared->place));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_number_again),
		cmocka_unit_test(test_claim),
	};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

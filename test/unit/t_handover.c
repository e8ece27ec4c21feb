/* SPDX-License-Identifier: MIT */
/* The hand-over: a message travels with every turn, in plain memory, so that
 * the thread sanitizer checks the order, and a lost wake-up hangs the test. */
#include "dom/handover.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static u32 rounds = 300000;

struct link {
	struct handover_side d, a;
	u64 down[4], up[4]; /* the message of a turn, and its answer */
	u32 pin;	    /* core + 1 of both, or 0 */
	u64 limit;	    /* how long D waits at a time */
	u32 last;
};

static void pin(u32 core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Answers the sum; a timeout only makes it wait again, as an overrun does. */
static void *dataplane(void *arg)
{
	struct link *l = arg;
	u32 turn = 0;

	if (l->pin)
		pin(l->pin - 1);
	while (turn != l->last) {
		if (handover_wait(&l->d, &l->a, turn, l->limit, &turn))
			continue;
		l->up[0] = l->down[0] + l->down[1] + l->down[2] + l->down[3];
		handover_pass(&l->d, &l->a, turn);
	}
	return NULL;
}

static bool application(struct link *l)
{
	u32 theirs;
	bool ok = true;

	if (l->pin)
		pin(l->pin - 1);
	for (u32 turn = 1; turn <= l->last; turn++) {
		for (int i = 0; i < 4; i++)
			l->down[i] = turn + (u64)i;
		handover_pass(&l->a, &l->d, turn);
		while (handover_wait(&l->a, &l->d, turn - 1, UINT64_MAX,
				     &theirs))
			;
		ok &= theirs == turn && l->up[0] == 4 * (u64)turn + 6;
		if (turn % 64 == 0)
			sched_yield();
	}
	return ok;
}

static void threads(u32 core, u64 limit)
{
	static struct link l;
	cpu_set_t before;
	pthread_t id;

	sched_getaffinity(0, sizeof(before), &before);
	l = (struct link){ .pin = core, .limit = limit, .last = rounds };
	assert_int_equal(pthread_create(&id, NULL, dataplane, &l), 0);
	assert_true(application(&l));
	pthread_join(id, NULL);
	sched_setaffinity(0, sizeof(before), &before);
}

static void on_one_core(void **state)
{
	threads((u32)sched_getcpu() + 1, UINT64_MAX);
}

static void on_two_cores(void **state)
{
	threads(0, UINT64_MAX);
}

/* Timeouts so short that they often hit the moment of a hand-over. */
static void with_timeouts(void **state)
{
	threads((u32)sched_getcpu() + 1, 3000);
	threads(0, 1000);
}

static void between_processes(void **state)
{
	struct link *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	assert_ptr_not_equal(l, MAP_FAILED);
	l->limit = 10000000;
	l->last = rounds;
	pid = fork();
	if (!pid) {
		dataplane(l);
		_exit(0);
	}
	assert_true(application(l));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap(l, sizeof(*l));
}

static void timeout_and_change(void **state)
{
	struct link l = { .a.turn = 7 };
	u32 turn;

	assert_int_equal(handover_wait(&l.d, &l.a, 7, 1000000, &turn),
			 -ETIMEDOUT);
	assert_int_equal(l.d.asleep, 0);
	assert_int_equal(handover_wait(&l.d, &l.a, 6, 1000000, &turn), 0);
	assert_int_equal(turn, 7);
}

/* Both wait on memory that they can only read. */
static void through_read_only_mappings(void **state)
{
	int fd = memfd_create("t", 0);
	struct handover_side *rw, *ro;
	u32 turn;

	assert_int_equal(ftruncate(fd, 4096), 0);
	rw = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ro = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (!fork()) {
		struct handover_side mine = { .turn = 0 };

		while (handover_wait(&rw[1], ro, 0, UINT64_MAX, &turn))
			;
		handover_pass(&mine, ro, 1);
		_exit(turn == 5 ? 0 : 1);
	}
	usleep(20000);
	handover_pass(&rw[0], &ro[1], 5);
	assert_int_equal(wait((int *)&turn) > 0, 1);
	assert_int_equal(turn, 0);
	munmap(rw, 4096);
	munmap(ro, 4096);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeout_and_change),
		cmocka_unit_test(through_read_only_mappings),
		cmocka_unit_test(on_one_core),
		cmocka_unit_test(on_two_cores),
		cmocka_unit_test(with_timeouts),
		cmocka_unit_test(between_processes),
	};

	if (argc > 1)
		rounds = (u32)atoi(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

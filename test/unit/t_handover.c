/* SPDX-License-Identifier: MIT */
/*
 * The hand-over: a message travels with every turn, in plain memory, so that
 * the thread sanitizer checks the order, and a lost wake-up hangs the test.
 *
 * Who waits may find the turn there already, find that it has come when it was
 * about to sleep, sleep, or give up. Each case is run until all the ways that
 * it is about have been taken, and often: tally.
 */
#include "dom/process/handover.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include <cmocka.h>

enum {
	LOOKS = 30,  /* about as long as it takes to fall asleep */
	MORE = 10,   /* times the rounds, where not everyone sleeps */
	STALL = 400, /* pauses */
	STALL_EVERY_NS = 211000,
	MAX_MS = 5000,	    /* of a case, when the machine is busy */
	CHECK_EVERY = 1024, /* rounds, for the time */
};

static u32 rounds = 20000;

struct link {
	struct handover_side d, a;
	u64 down[4], up[4];    /* the message of a turn, and its answer */
	bool end;	       /* ... part of the message: the last one */
	u32 core_d, core_a;    /* + 1, or 0 */
	u32 looks;	       /* at most, for the turn before waiting for it */
	bool stall_d, stall_a; /* signals interrupt it for a while */
	bool rouses;	       /* D does, before it works */
	u64 limit;	       /* how long D waits at a time */
	u32 last;	       /* turn, at most */
};

/* What became of calls to the kernel; in processes, of the application's. */
static struct {
	u32 woken, changed, late, wakes, roused;
	u64 began; /* ms */
} tally;

int __real_handover_futex_wait(const u32 *word, u32 value, u64 until);
int __wrap_handover_futex_wait(const u32 *word, u32 value, u64 until);
int __real_handover_futex_wake(const u32 *word);
int __wrap_handover_futex_wake(const u32 *word);

static void count(u32 *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

int __wrap_handover_futex_wait(const u32 *word, u32 value, u64 until)
{
	int err = __real_handover_futex_wait(word, value, until);

	count(!err	       ? &tally.woken
	      : err == -EAGAIN ? &tally.changed
			       : &tally.late);
	return err;
}

int __wrap_handover_futex_wake(const u32 *word)
{
	count(&tally.wakes);
	return __real_handover_futex_wake(word);
}

static u32 below(u32 n, u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return n ? *seed % n : 0;
}

/* A while of work, in which the other side may fall asleep. */
static void work(const struct link *l, u32 *seed)
{
	for (u32 n = below(l->looks, seed); n; n--)
		_mm_pause();
}

/* Looks for the turn for a while before it waits for it. */
static void look(const struct link *l, const struct handover_side *theirs,
		 u32 last, u32 *seed)
{
	for (u32 n = below(l->looks * 16, seed); n; n--) {
		if (load_acquire(&theirs->turn) != last)
			return;
		_mm_pause();
	}
}

static void pin(u32 core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void stall(int sig)
{
	(void)sig;
	for (int i = 0; i < STALL; i++)
		_mm_pause();
}

/* Between any two instructions of the calling thread the other one may have
 * the time to fall asleep. */
static timer_t start_stalls(void)
{
	struct sigaction a = { .sa_handler = stall };
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID,
			      .sigev_signo = SIGUSR2 };
	struct itimerspec often = { { 0, STALL_EVERY_NS },
				    { 0, STALL_EVERY_NS } };
	timer_t t;

	e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	sigaction(SIGUSR2, &a, NULL);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &e, &t), 0);
	timer_settime(t, 0, &often, NULL);
	return t;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static u64 now_ms(void)
{
	return now_ns() / 1000000;
}

/* When a wait of @ns ends, or never. */
static u64 after(u64 ns)
{
	return ns == UINT64_MAX ? ns : now_ns() + ns;
}

/* Whoever sleeps has a moment to find no turn, and to sleep again. */
static u32 rouse(const struct link *l, u32 *seed)
{
	u32 roused = l->rouses ? handover_rouse(&l->d, &l->a) : 0;

	if (roused) {
		count(&tally.roused);
		work(l, seed);
	}
	return roused;
}

/* Answers the sum; a timeout only makes it wait again, as an overrun does. */
static void *dataplane(void *arg)
{
	struct link *l = arg;
	u32 turn = 0, seed = 1, roused;
	timer_t stalls = 0;

	if (l->core_d)
		pin(l->core_d - 1);
	if (l->stall_d)
		stalls = start_stalls();
	for (bool end = false; !end;) {
		look(l, &l->a, turn, &seed);
		if (handover_wait(&l->d, &l->a, turn, after(l->limit), &turn))
			continue;
		work(l, &seed);
		roused = rouse(l, &seed);
		l->up[0] = l->down[0] + l->down[1] + l->down[2] + l->down[3];
		end = l->end;
		handover_pass_on(&l->d, &l->a, turn, roused);
	}
	if (l->stall_d)
		timer_delete(stalls);
	return NULL;
}

static bool ask(struct link *l, u32 turn, u32 *seed)
{
	u32 theirs;

	for (int i = 0; i < 4; i++)
		l->down[i] = turn + (u64)i;
	work(l, seed);
	handover_pass(&l->a, &l->d, turn);
	look(l, &l->d, turn - 1, seed);
	while (handover_wait(&l->a, &l->d, turn - 1, UINT64_MAX, &theirs))
		;
	return theirs == turn && l->up[0] == 4 * (u64)turn + 6;
}

static bool application(struct link *l)
{
	u64 until = now_ms() + MAX_MS;
	u32 turn = 1, seed = 2;
	timer_t stalls = 0;
	bool ok = true;

	if (l->core_a)
		pin(l->core_a - 1);
	if (l->stall_a)
		stalls = start_stalls();
	for (; !l->end; turn++) {
		l->end = turn == l->last ||
			 (turn % CHECK_EVERY == 0 && now_ms() > until);
		ok &= ask(l, turn, &seed);
		if (turn % 64 == 0)
			sched_yield();
	}
	if (l->stall_a)
		timer_delete(stalls);
	l->last = turn - 1;
	return ok;
}

static void begin_tally(void)
{
	memset(&tally, 0, sizeof(tally));
	tally.began = now_ms();
}

static void said(const struct link *l, const char *where)
{
	printf("%s: %u rounds in %llu ms, %u sleeps, %u too late for one, "
	       "%u given up, %u wakes\n",
	       where, l->last, (unsigned long long)(now_ms() - tally.began),
	       tally.woken, tally.changed, tally.late, tally.wakes);
}

static void threads(const char *where, const struct link *how)
{
	static struct link l;
	cpu_set_t before;
	pthread_t id;

	sched_getaffinity(0, sizeof(before), &before);
	l = *how;
	begin_tally();
	assert_int_equal(pthread_create(&id, NULL, dataplane, &l), 0);
	assert_true(application(&l));
	pthread_join(id, NULL);
	sched_setaffinity(0, sizeof(before), &before);
	said(&l, where);
}

static u32 here(void)
{
	return (u32)sched_getcpu() + 1;
}

/* The first core that may be used and is not here; else 0. */
static u32 there(void)
{
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
	for (u32 cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && cpu + 1 != here())
			return cpu + 1;
	return 0;
}

/* Which ways were gone is up to the scheduler: more rounds until a timeout hit
 * a hand-over, but no failure if none does. */
static void until_given_up(const char *where, const struct link *l)
{
	for (int i = 0; i < 5; i++) {
		threads(where, l);
		if (tally.late)
			return;
	}
	printf("%s: no wait was given up\n", where);
}

/* Each turn is slept for. */
static void on_one_core(void **state)
{
	struct link l = { .limit = UINT64_MAX, .last = MORE * rounds };

	l.core_d = l.core_a = here();
	threads("one core", &l);
	assert_true(tally.woken > 0);
}

static void on_two_cores(void **state)
{
	struct link l = { .limit = UINT64_MAX, .last = rounds };

	threads("two cores", &l);
	assert_true(tally.wakes > 0);
}

/* Whether one sleeps or not is a matter of nanoseconds. */
static void looking_first(void **state)
{
	struct link l = { .looks = LOOKS, .limit = UINT64_MAX };

	l.last = MORE * rounds;
	l.core_d = there();
	l.core_a = l.core_d ? here() : 0;
	threads("looking first", &l);
	l.limit = 1000;
	until_given_up("looking first, timeouts", &l);
}

/* One side only: a signal would also wake who sleeps for ever. The thread
 * sanitizer delivers signals when it sees fit: this is for the program without
 * it. */
static void interrupted(void **state)
{
	struct link l = { .looks = LOOKS, .limit = UINT64_MAX };

	l.last = MORE * rounds;
	l.core_d = there();
	l.core_a = l.core_d ? here() : 0;
	l.stall_a = true;
	threads("A interrupted", &l);
	l.stall_a = false;
	l.stall_d = true;
	threads("D interrupted", &l);
}

/* Timeouts so short that they often hit the moment of a hand-over. */
static void with_timeouts(void **state)
{
	struct link l = { .limit = 1000, .last = rounds };

	threads("two cores, timeouts", &l);
	l.limit = 3000;
	l.core_d = l.core_a = here();
	until_given_up("one core, timeouts", &l);
}

static void processes(const char *where, const struct link *how)
{
	cpu_set_t before;
	struct link *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	assert_ptr_not_equal(l, MAP_FAILED);
	sched_getaffinity(0, sizeof(before), &before);
	*l = *how;
	begin_tally();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dataplane(l);
		_exit(0);
	}
	assert_true(application(l));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	sched_setaffinity(0, sizeof(before), &before);
	said(l, where);
	munmap(l, sizeof(*l));
}

static void between_processes(void **state)
{
	struct link l = { .limit = 10000000, .last = rounds };

	processes("processes", &l);
	l.looks = LOOKS;
	l.last = MORE * rounds;
	l.core_d = there();
	l.core_a = l.core_d ? here() : 0;
	processes("processes, looking first", &l);
}

/* A sleep that has been ended early needs no wake; the next one does. */
static void roused_early(void **state)
{
	struct link l = { .looks = LOOKS, .limit = UINT64_MAX, .rouses = true };

	l.last = MORE * rounds;
	l.core_d = there();
	l.core_a = l.core_d ? here() : 0;
	threads("roused, two cores", &l);
	l.core_d = l.core_a = here();
	threads("roused, one core", &l);
	assert_true(tally.roused > 0);
	l.limit = 10000000;
	l.last = rounds;
	processes("roused, processes on one core", &l);
}

static void which_sleep(void **state)
{
	struct link l = { .a.sleeps = UINT32_MAX };
	u32 turn;

	begin_tally();
	assert_int_equal(handover_rouse(&l.d, &l.a), 0); /* it is awake */
	assert_int_equal(tally.wakes, 0);
	l.a.asleep = 3;
	assert_int_equal(handover_rouse(&l.d, &l.a), 0); /* not yet */
	assert_int_equal(tally.wakes, 1);
	handover_pass_on(&l.d, &l.a, 1, 3);
	assert_int_equal(tally.wakes, 1);
	handover_pass_on(&l.d, &l.a, 2, 2);
	assert_int_equal(tally.wakes, 2);
	handover_pass(&l.d, &l.a, 3);
	assert_int_equal(tally.wakes, 3);
	assert_int_equal(l.d.turn, 3);
	handover_wait(&l.a, &l.d, 3, 0, &turn);
	assert_int_equal(l.a.sleeps, 1); /* 0 is none */
}

static void timeout_and_change(void **state)
{
	struct link l = { .a.turn = 7 };
	u32 turn;

	assert_int_equal(handover_wait(&l.d, &l.a, 7, after(1000000), &turn),
			 -ETIMEDOUT);
	assert_int_equal(l.d.asleep, 0);
	assert_int_equal(handover_wait(&l.d, &l.a, 6, after(1000000), &turn),
			 0);
	assert_int_equal(turn, 7);
}

/* Absolute: what is past has ended. */
static void past(void **state)
{
	struct link l = { .a.turn = 7 };
	u32 turn;

	assert_int_equal(handover_wait(&l.d, &l.a, 7, now_ns() - 1000, &turn),
			 -ETIMEDOUT);
	assert_int_equal(handover_wait(&l.d, &l.a, 7, 0, &turn), -ETIMEDOUT);
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
		cmocka_unit_test(past),
		cmocka_unit_test(through_read_only_mappings),
		cmocka_unit_test(on_one_core),
		cmocka_unit_test(on_two_cores),
		cmocka_unit_test(looking_first),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(with_timeouts),
		cmocka_unit_test(between_processes),
		cmocka_unit_test(which_sleep),
		cmocka_unit_test(roused_early),
	};

	if (argc > 1)
		rounds = (u32)atoi(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * An elastic thread of D looks after the network, whatever A does with its
 * turn. This program is both: D's thread is the true one, on a wire to nobody,
 * and A is played here. dp_overrun() is counted.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/process/process.h"

enum {
	LOOKS = 5,	/* at the network, that each case waits for */
	MAX_MS = 10000, /* ... so long: ten times what it takes */
	EVERY_US = 300,
};

static char dir[] = "/tmp/t_proc_turn.XXXXXX";
static struct proc p;
static struct proc_down *down; /* as A maps it */
static u32 looks;

u32 __real_dp_overrun(struct dp *dp, u64 now);
u32 __wrap_dp_overrun(struct dp *dp, u64 now);

/* One of the dataplane's that is always due in a tick, if wanted. */
static struct timer tick;
static bool ticks;

static void nothing(void *arg, struct timer *t, u64 now)
{
}

u32 __wrap_dp_overrun(struct dp *dp, u64 now)
{
	u32 n;

	__atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED);
	dp->net.wheel.fire[WHEEL_KINDS - 1] = nothing;
	n = __real_dp_overrun(dp, now);
	if (!__atomic_load_n(&ticks, __ATOMIC_RELAXED))
		timer_cancel(&dp->net.wheel, &tick);
	else
		timer_set(&dp->net.wheel, &tick, tick_of(now) + 2);
	return n;
}

/* D has had LOOKS more looks, in time. */
static bool looks_around(void)
{
	u32 before = __atomic_load_n(&looks, __ATOMIC_RELAXED);

	for (int ms = 0; ms < MAX_MS; ms++) {
		if (__atomic_load_n(&looks, __ATOMIC_RELAXED) - before >= LOOKS)
			return true;
		usleep(1000);
	}
	return false;
}

/* ---- A */

static struct proc_turns *words(void)
{
	return &p.turns[0];
}

/* Crosses once, with calls: D's answer. */
static int cross_with(u32 ncalls, enum proc_op op, u32 flags)
{
	u32 turn = words()->a.turn + 1, theirs;

	down->op = op;
	down->down.ncalls = ncalls;
	down->down.flags = flags;
	handover_pass(&words()->a, &words()->d, turn);
	while ((theirs = load_acquire(&words()->d.turn)) != turn)
		handover_wait(&words()->a, &words()->d, theirs, UINT64_MAX,
			      &theirs);
	return p.threads[0].up->status;
}

static int cross(enum proc_op op, u32 flags)
{
	return cross_with(0, op, flags);
}

typedef void trick(void);

static struct {
	trick *play;
	bool stop;
	pthread_t id;
} child;

static void *play(void *arg)
{
	while (!__atomic_load_n(&child.stop, __ATOMIC_RELAXED))
		child.play();
	return NULL;
}

/* ... again and again, by another thread of A. */
static void begin(trick *t)
{
	child.play = t;
	child.stop = false;
	assert_int_equal(pthread_create(&child.id, NULL, play, NULL), 0);
}

static void end(void)
{
	__atomic_store_n(&child.stop, true, __ATOMIC_RELAXED);
	pthread_join(child.id, NULL);
}

static long futex(u32 *word, int op, u32 value, u64 value2, u32 *word2,
		  u32 value3)
{
	return syscall(SYS_futex, word, op, value, value2, word2, value3);
}

/* ---- from start to end */

static void set(struct conf *c, const char *name, const char *text)
{
	struct conf_err e;

	if (conf_set(c, name, text, &e))
		fail_msg("%s", e.text);
}

/* So long that a busy machine leaves none of our threads out for it: else a
 * deadline that is put off again and again would be kept. */
static const char *app_timeout = "200ms";

static void settings(struct conf *c)
{
	char nic[64];

	snprintf(nic, sizeof(nic), "wire:%s/wire", dir);
	conf_init(c);
	set(c, "nic", nic);
	set(c, "ip", "10.0.0.1/24");
	set(c, "arena", "2M");
	set(c, "mbufs", "1024");
	set(c, "tcp.max_conns", "64");
	set(c, "name", "t_proc_turn");
	set(c, "app_timeout", app_timeout);
	set(c, "stat_dir", dir);
}

static const struct proc_guest *guest;

static int setup(void **state)
{
	static const struct host_domain domain = { "test", "none", true };
	struct conf c;
	char why[256];
	u8 *at;

	settings(&c);
	p = (struct proc){ .program = "test", .guest = guest };
	proc_threads_signal();
	assert_int_equal(proc_reports_open(&p), 0);
	if (host_open(&p.host, &c, &domain, why, sizeof(why)))
		fail_msg("%s", why);
	p.host->kick_signal = SIGUSR1;
	assert_int_equal(proc_confine_build(&p), 0);
	assert_int_equal(proc_shm_open(&p), 0);
	at = mmap(NULL, proc_down_bytes(1), PROT_READ | PROT_WRITE, MAP_SHARED,
		  p.down_fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	down = (void *)(at + PROC_TURNS);
	assert_int_equal(proc_threads_start(&p), 0);
	return 0;
}

static int teardown(void **state)
{
	proc_threads_stop(&p);
	host_renew(p.host);
	munmap((u8 *)down - PROC_TURNS, proc_down_bytes(1));
	proc_shm_close(&p);
	host_close(p.host);
	proc_confine_free(&p);
	proc_reports_close(&p);
	return 0;
}

/* ---- nobody is attached */

static void never_attached(void **state)
{
	assert_true(looks_around());
	assert_int_equal(cross(PROC_RUN, 0), -ESHUTDOWN);
	assert_int_equal(cross(77, 0), -ENOSYS);
	assert_true(looks_around());
}

static void detached(void **state)
{
	assert_int_equal(cross(PROC_ATTACH, 0), 0);
	assert_int_equal(cross(PROC_DETACH, 0), 0);
	assert_true(looks_around());
	assert_int_equal(cross(PROC_ATTACH, 0), -EBUSY);
	assert_int_equal(cross(PROC_RUN, 0), -ESHUTDOWN);
	assert_true(looks_around());
}

/* Who is not there costs a wake-up every 20 ms. */
static void vacant_is_cheap(void **state)
{
	u64 from;
	u32 before;

	usleep(300000);
	before = __atomic_load_n(&looks, __ATOMIC_RELAXED);
	from = host_clock_os();
	usleep(300000);
	assert_true(__atomic_load_n(&looks, __ATOMIC_RELAXED) - before <=
		    5 + (host_clock_os() - from) / 10000000);
}

/* ---- A has the turn */

static int attached(void **state)
{
	setup(state);
	assert_int_equal(cross(PROC_ATTACH, 0), 0);
	return 0;
}

/* What a thread of D has asked for; 0: this Linux has none (before 6.12). */
static u64 slice_of(pid_t tid)
{
	struct {
		u32 size, policy;
		u64 flags;
		s32 nice;
		u32 priority;
		u64 runtime, deadline, period;
	} attr = { 0 };

	assert_int_equal(
		syscall(SYS_sched_getattr, tid, &attr, sizeof(attr), 0), 0);
	return attr.runtime;
}

static void keeps_it(void **state)
{
	static const struct sched_param none;
	pid_t tid = load_acquire(&p.threads[0].tid);
	u64 slice = slice_of(tid);

	/* As if D had waited for packets, and let others go on: A no more. */
	assert_int_equal(sched_setscheduler(tid, SCHED_BATCH, &none), 0);
	WRITE_ONCE(p.host->threads[0].patient, true);
	assert_true(looks_around());
	assert_int_equal(sched_getscheduler(tid), SCHED_OTHER);
	assert_int_equal(slice_of(tid), slice);
	assert_int_equal(cross(PROC_RUN, IX_RUN_FLUSH), 0);
}

static void flush(void)
{
	cross(PROC_RUN, IX_RUN_FLUSH);
}

static void unknown(void)
{
	cross(77, 0);
}

static void attach_again(void)
{
	cross(PROC_ATTACH, 0);
}

static void turns(void)
{
	words()->a.turn++;
}

/* ... crosses all the time, with nothing that receives, or does not cross, but
 * for D it looks as if. */
static void never_receives(void **state)
{
	static trick *const tricks[] = { flush, unknown, attach_again, turns };

	for (size_t i = 0; i < ARRAY_SIZE(tricks); i++) {
		begin(tricks[i]);
		assert_true(looks_around());
		end();
	}
}

/* Meanwhile what is due by a timer is done in time: SOON looks take a hundredth
 * of what they would take once a limit. */
static void timers_are_kept(void **state)
{
	enum { SOON = 50, MAX_US = 2500000 }; /* a quarter of SOON limits */
	static trick *const tricks[] = { flush, unknown };

	for (size_t i = 0; i < ARRAY_SIZE(tricks); i++) {
		u32 before = __atomic_load_n(&looks, __ATOMIC_RELAXED), n = 0;
		u64 from = host_clock_os();

		__atomic_store_n(&ticks, true, __ATOMIC_RELAXED);
		begin(tricks[i]);
		while (n < SOON && host_clock_os() - from < MAX_US * 1000ull) {
			usleep(1000);
			n = __atomic_load_n(&looks, __ATOMIC_RELAXED) - before;
		}
		end();
		__atomic_store_n(&ticks, false, __ATOMIC_RELAXED);
		assert_true(n >= SOON);
		assert_int_equal(cross(PROC_RUN, IX_RUN_FLUSH), 0);
	}
	assert_true(looks_around());
}

/* D, who spins, ends A's sleep once; A finds no turn, sleeps again, and is not
 * forgotten when there is one. Whether somebody else wants the core, so that D
 * leaves A alone, is not up to us. */
static void roused(void **state)
{
	enum { TRIES = 5000 };
	u32 sleeps = 0;

	for (int i = 0; i < TRIES && sleeps < 2; i++) {
		/* A core that nobody is known to share. */
		p.host->threads[0].spin =
			(struct host_spin){ .limit_ns = 1000000000 };
		sleeps = words()->a.sleeps;
		down->down.calls[0] = (struct ix_call){ .op = IX_TIMER_SET,
							.delay = 1000000 };
		assert_int_equal(cross_with(1, PROC_RUN, 0), 0);
		sleeps = words()->a.sleeps - sleeps;
	}
	assert_true(sleeps >= 2);
}

static int entered(void **state)
{
	static const struct proc_guest vm;

	guest = &vm;
	return attached(state);
}

static int left(void **state)
{
	guest = NULL;
	return teardown(state);
}

/* Events are for ring 0: who would be woken for them is not the one. */
static void guests_persona_sleeps(void **state)
{
	assert_null(p.host->threads[0].rouse);
}

static void wake(void)
{
	futex(&words()->a.turn, FUTEX_WAKE, INT_MAX, 0, NULL, 0);
	usleep(EVERY_US);
}

/* D's sleep goes on, on a word where nobody wakes it. */
static void requeue(void)
{
	futex(&words()->a.turn, FUTEX_REQUEUE, 0, INT_MAX, &down->pad, 0);
	usleep(EVERY_US);
}

static void wake_and_requeue(void)
{
	futex(&words()->a.turn, FUTEX_CMP_REQUEUE, 1, INT_MAX, &down->pad,
	      words()->a.turn);
	usleep(EVERY_US);
}

static void wake_op(void)
{
	futex(&down->pad, FUTEX_WAKE_OP, INT_MAX, INT_MAX, &words()->a.turn,
	      FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, words()->a.turn));
	usleep(EVERY_US);
}

/* What D sleeps on is nobody's, for the kernel's priority inheritance. */
static void lock(void)
{
	futex(&words()->a.turn, FUTEX_TRYLOCK_PI, 0, 0, NULL, 0);
	futex(&words()->a.turn, FUTEX_UNLOCK_PI, 0, 0, NULL, 0);
	futex(&words()->a.turn, FUTEX_CMP_REQUEUE_PI, 1, INT_MAX, &down->pad,
	      words()->a.turn);
	usleep(EVERY_US);
}

/* Neither sleeps that end nor sleeps that do not put the look off. */
static void disturbed(void **state)
{
	static trick *const tricks[] = { wake, requeue, wake_and_requeue,
					 wake_op, lock };

	for (size_t i = 0; i < ARRAY_SIZE(tricks); i++) {
		begin(tricks[i]);
		assert_true(looks_around());
		end();
		assert_int_equal(cross(PROC_RUN, IX_RUN_FLUSH), 0);
	}
}

/* ---- host_call() */

static void note(struct dp *dp, void *arg, u64 now)
{
	*(pthread_t *)arg = pthread_self();
}

static void call(u32 times)
{
	pthread_t by;

	for (u32 i = 0; i < times; i++) {
		by = pthread_self();
		assert_int_equal(host_call(&p.host->threads[0], note, &by), 0);
		assert_true(pthread_equal(by, p.threads[0].id));
	}
}

static int patient(void **state)
{
	app_timeout = "10s";
	return setup(state);
}

static int impatient(void **state)
{
	app_timeout = "200ms";
	return teardown(state);
}

/* A keeps the core, longer than host_call() waits, and is not blamed for what
 * D did meanwhile. */
static void calls(void **state)
{
	const struct ix_stat *stat = &p.host->threads[0].stat.page->stat;

	call(20);
	assert_int_equal(cross(PROC_ATTACH, 0), 0);
	call(20);
	assert_int_equal(cross(PROC_RUN, IX_RUN_FLUSH), 0);
	call(20);
	assert_int_equal(stat->app_overruns, 0);
	begin(flush);
	call(200);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(never_attached, setup,
						teardown),
		cmocka_unit_test_setup_teardown(detached, setup, teardown),
		cmocka_unit_test_setup_teardown(vacant_is_cheap, setup,
						teardown),
		cmocka_unit_test_setup_teardown(keeps_it, attached, teardown),
		cmocka_unit_test_setup_teardown(roused, attached, teardown),
		cmocka_unit_test_setup_teardown(guests_persona_sleeps, entered,
						left),
		cmocka_unit_test_setup_teardown(never_receives, attached,
						teardown),
		cmocka_unit_test_setup_teardown(timers_are_kept, attached,
						teardown),
		cmocka_unit_test_setup_teardown(disturbed, attached, teardown),
		cmocka_unit_test_setup_teardown(calls, patient, impatient),
	};
	char path[64];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	timer_init(&tick, WHEEL_KINDS - 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(path, sizeof(path), "%s/wire", dir);
	unlink(path);
	rmdir(dir);
	return failed;
}

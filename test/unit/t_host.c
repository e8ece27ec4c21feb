/* SPDX-License-Identifier: MIT */
/* dom/host/: two dataplanes on the two ends of a wire, from settings to
 * events, idling, and the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom/host/host.h"
#include "nic/wire.h"

static const struct host_domain domain = { "test", "none", false };
static char dir[] = "/tmp/t_host.XXXXXX";
static char why[256];

/* One side: a host, and the batch that its only thread uses. */
struct side {
	struct host *host;
	struct ix_down down;
	struct ix_up up;
	char stat_dir[64];
};

static struct side *a, *b;

static void set(struct conf *c, const char *name, const char *text)
{
	struct conf_err e;

	if (conf_set(c, name, text, &e))
		fail_msg("%s", e.text);
}

static void settings(struct conf *c, const char *ip, const char *stat_dir)
{
	char nic[64];

	snprintf(nic, sizeof(nic), "wire:%s/wire", dir);
	conf_init(c);
	set(c, "nic", nic);
	set(c, "ip", ip);
	set(c, "arena", "2M");
	set(c, "mbufs", "1024");
	set(c, "tcp.max_conns", "64");
	set(c, "name", "t_host");
	set(c, "stat_dir", stat_dir);
}

static struct side *open_side(const char *ip)
{
	struct side *s = calloc(1, sizeof(*s));
	struct conf c;

	snprintf(s->stat_dir, sizeof(s->stat_dir), "%s/%.*s", dir,
		 (int)strcspn(ip, "/"), ip);
	settings(&c, ip, s->stat_dir);
	if (host_open(&s->host, &c, &domain, why, sizeof(why)))
		fail_msg("%s", why);
	return s;
}

static void close_side(struct side *s)
{
	host_close(s->host);
	rmdir(s->stat_dir);
	free(s);
}

static int setup(void **state)
{
	a = open_side("10.0.0.1/24");
	b = open_side("10.0.0.2/24");
	return 0;
}

static int teardown(void **state)
{
	close_side(a);
	close_side(b);
	return 0;
}

static void attach(struct side *s)
{
	assert_int_equal(host_attach(s->host, 0, &s->down, &s->up), 0);
}

static int run(struct side *s, u32 ncalls, u32 flags)
{
	s->down.ncalls = ncalls;
	s->down.flags = flags;
	return host_run_io(&s->host->threads[0]);
}

/* Runs until an event of @type: index of it, or -errno. */
static int wait_for(struct side *s, u32 ncalls, int type)
{
	for (;;) {
		int err = run(s, ncalls, 0);

		if (err)
			return err;
		for (u32 i = 0; i < s->up.nevents; i++)
			if (s->up.events[i].type == type)
				return (int)i;
		ncalls = 0;
	}
}

/* ---- what is refused */

static void refuse(const char *name, const char *text, const char *words)
{
	struct host *h;
	struct conf c;

	settings(&c, "10.0.0.3/24", dir);
	set(&c, name, text);
	assert_true(host_open(&h, &c, &domain, why, sizeof(why)) < 0);
	if (!strstr(why, words))
		fail_msg("%s = %s: \"%s\"", name, text, why);
}

static void refusals(void **state)
{
	refuse("cores", "1023",
	       "there is no core 1023 here, or we may not use "
	       "it; there are 0");
	refuse("arena", "900G", "no 921");
	refuse("mtu", "9000", "mtu: 9000 is above the link's, 1");
	refuse("nic", "wire:/nonexistent/w", "/nonexistent/w");
	refuse("nic", "tunnel:x", "tunnel");
	refuse("stat_dir", "/nonexistent/d", "counter page /nonexistent/d/");
	refuse("arp.static", "10.0.1.1=02:00:00:00:00:01",
	       "10.0.1.1 is not on our link");
}

/* A signal that waits for its turn ends the preparations. */
static void interrupted(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };
	sigset_t set, old;
	int sig;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		sigemptyset(&set);
		sigaddset(&set, signals[i]);
		sigprocmask(SIG_BLOCK, &set, &old);
		raise(signals[i]);
		refuse("mbufs", "1024", "preparing memory: Interrupted");
		sigwait(&set, &sig);
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
}

/* ---- a host at rest */

static void opened(void **state)
{
	struct statfile_found found[2];

	assert_non_null(strstr(a->host->about, "domain test (wall 2: none)"));
	assert_non_null(strstr(a->host->about, "address 10.0.0.1/24"));
	assert_non_null(strstr(a->host->about, "pages "));
	assert_int_equal(statfile_list(a->stat_dir, found, 2), 1);
	assert_string_equal(found[0].page.name, "t_host");
	assert_string_equal(found[0].page.about, a->host->about);
	assert_int_equal(found[0].page.stat.mbufs_total, 1024);

	assert_int_equal(host_attach(a->host, 1, &a->down, &a->up), -EINVAL);
	attach(a);
	assert_int_equal(host_attach(a->host, 0, &a->down, &a->up), -EBUSY);
	host_detach(&a->host->threads[0]);
	host_detach(&a->host->threads[0]);
	assert_int_equal(run(a, 0, 0), -ESHUTDOWN);
	assert_int_equal(host_attach(a->host, 0, &a->down, &a->up), -EBUSY);
}

/* Sleeps for a timer, and no longer; a flush does not wait at all. */
static void timer(void **state)
{
	struct host_thread *t = &a->host->threads[0];
	u64 before;

	attach(a);
	a->down.calls[0] = (struct ix_call){ .op = IX_TIMER_SET,
					     .cookie = 5,
					     .delay = 20000000 };
	assert_int_equal(run(a, 1, IX_RUN_FLUSH), 0);
	assert_true(a->up.results[0] > 0);
	before = host_clock_os();
	assert_int_equal(wait_for(a, 0, IX_EV_TIMER), 0);
	assert_true(host_clock_os() - before > 15000000);
	assert_int_equal(a->up.events[0].cookie, 5);
	assert_true(t->stat.page->stat.sleeps > 0);
	assert_true(t->stat.page->stat.idle_ns > 15000000);
}

/* ---- who is handed the core is woken early */

enum { SLEEP = 7, TRIES = 5000 };

static u32 count_rouse(void *arg)
{
	++*(u32 *)arg;
	return SLEEP;
}

/* Idle for a moment, on a core that nobody is known to share. */
static void idle_once(struct host_thread *t)
{
	t->spin = (struct host_spin){ .limit_ns = 1000000000 };
	a->down.calls[0] =
		(struct ix_call){ .op = IX_TIMER_SET, .delay = 1000000 };
	assert_int_equal(wait_for(a, 1, IX_EV_TIMER), 0);
}

/* Once, while there is nothing else to do. When there were no events for him
 * until the core is offered again, he has been left to sleep on, and is left
 * alone in the next spin. Whether an offer is refused is not up to us. */
static void roused(void **state)
{
	struct host_thread *t = &a->host->threads[0];
	u32 n = 0, before;

	attach(a);
	t->rouse = count_rouse;
	t->rouse_arg = &n;
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < TRIES && !t->roused; i++)
			idle_once(t);
		assert_int_equal(t->roused, SLEEP);
		before = n;
		for (int i = 0; i < TRIES && t->roused; i++)
			idle_once(t);
		assert_int_equal(t->roused, 0);
		idle_once(t);
		assert_int_equal(n, before);
	}
}

/* ---- two of them */

static sem_t accepted;

static void *listener(void *arg)
{
	struct side *s = arg;
	int i;

	attach(s);
	s->down.calls[0] =
		(struct ix_call){ .op = IX_LISTEN, .port = 7, .backlog = 8 };
	i = wait_for(s, 1, IX_EV_KNOCK);
	if (i < 0)
		return NULL;
	s->down.calls[0] = (struct ix_call){ .op = IX_ACCEPT,
					     .handle = s->up.events[i].handle,
					     .cookie = 9 };
	run(s, 1, IX_RUN_FLUSH);
	sem_post(&accepted);
	/* The other side ends: its reset is the last thing we hear. */
	i = wait_for(s, 0, IX_EV_DEAD);
	return i < 0 ? NULL : (void *)(uintptr_t)s->up.events[i].error;
}

static void connection(void **state)
{
	pthread_t thread;
	void *reason;
	int i;

	sem_init(&accepted, 0, 0);
	pthread_create(&thread, NULL, listener, a);
	attach(b);
	do {
		b->down.calls[0] = (struct ix_call){
			.op = IX_CONNECT,
			.port = 7,
			.cookie = 3,
			.ip.b = { [10] = 0xff, 0xff, 10, 0, 0, 1 }
		};
		i = wait_for(b, 1, IX_EV_CONNECTED);
		assert_true(i >= 0);
	} while (b->up.events[i].error == ECONNREFUSED); /* not yet listening */
	assert_int_equal(b->up.events[i].error, 0);
	run(b, 0, IX_RUN_FLUSH); /* the handshake's last ACK */
	sem_wait(&accepted);
	host_detach(&b->host->threads[0]);
	pthread_join(thread, &reason);
	assert_int_equal((uintptr_t)reason, ECONNRESET);
}

/* ---- crossings */

/* Bits that mean nothing yet, with and without those that do. */
static void flags(void **state)
{
	const struct ix_stat *stat = &a->host->threads[0].stat.page->stat;
	u64 calls;

	attach(a);
	calls = stat->calls;
	for (u32 known = 0; known <= IX_RUN_FLAGS; known++) {
		for (u32 bit = IX_RUN_FLAGS + 1; bit; bit <<= 1)
			assert_int_equal(run(a, 1, known | bit), -EINVAL);
	}
	assert_int_equal(stat->calls, calls);
	assert_int_equal(run(a, 0, IX_RUN_FLUSH), 0);
	assert_int_equal(run(a, 0, IX_RUN_FLUSH | IX_RUN_MOVES), 0);
	assert_int_equal(run(a, 0, IX_RUN_POLL | IX_RUN_MOVES), 0);
	host_detach(&a->host->threads[0]);
}

/* What is counted beside a NIC's rings is told once a second. */
static void counted(void **state)
{
	const struct ix_stat *stat = &a->host->threads[0].stat.page->stat;
	struct nicq *q = a->host->nic->q[0];
	struct wire_queue *w = container_of(q, struct wire_queue, q);

	q->nr_late = 3;
	q->nr_tx_lost = 4;
	q->nr_tx_bad = 5;
	w->rx[0].lies = 2;
	w->rx[1].lies = 4;
	attach(a);
	assert_int_equal(run(a, 0, IX_RUN_POLL), 0);
	assert_int_equal(stat->drop_late, 3);
	assert_int_equal(stat->drop_link, 4);
	assert_int_equal(stat->drop_nic, 5);
	assert_int_equal(stat->ring_lies, 6);
	host_detach(&a->host->threads[0]);
}

/* As if a packet in place were unread, until asked so often. */
static u32 asked, reads_at;

static void reclaim_late(struct nicq *q)
{
	q->in_place[0].done += ++asked == reads_at;
}

static void detach_unread(u32 at)
{
	struct nicq *q = a->host->nic->q[0];
	const struct nicq_ops *was = q->ops;
	struct nicq_ops ops = *was;

	asked = 0;
	reads_at = at;
	ops.reclaim = reclaim_late;
	attach(a);
	q->ops = &ops;
	q->in_place[0].put++;
	host_detach(&a->host->threads[0]);
	q->ops = was;
}

/* A thread ends when the NIC has read what it has sent in place, */
static void reads_late(void **state)
{
	detach_unread(20);
	assert_int_equal(asked, 20);
}

/* ... or does not. */
static void reads_nothing(void **state)
{
	detach_unread(0);
	assert_in_range(asked, 2, 10000); /* others may want the core */
}

/* What waits for the NIC has room, each connection's: where it may be long. */
static void room_to_wait(void **state)
{
	static const char *const gather[] = { "off", "auto", "on" };

	for (u32 i = 0; i < ARRAY_SIZE(gather); i++) {
		struct host *h;
		struct conf c;

		settings(&c, "10.0.0.3/24", dir);
		set(&c, "tcp.max_conns", "2048");
		set(&c, "xdp_gather", gather[i]);
		if (host_open(&h, &c, &domain, why, sizeof(why)))
			fail_msg("%s", why);
		assert_int_equal(h->threads[0].dp->late.size, i ? 4096 : 1024);
		host_close(h);
	}
}

/* ---- host_call() */

static void note(struct dp *dp, void *arg, u64 now)
{
	struct side *s = a;

	assert_ptr_equal(dp, s->host->threads[0].dp);
	assert_true(now >= dp->now);
	*(pthread_t *)arg = pthread_self();
}

/* Who keeps the thread busy, in his own way, until told to end. */
struct elastic {
	pthread_t id;
	void (*round)(struct host_thread *t);
	bool stop, ended;
};

static void *elastic(void *arg)
{
	struct elastic *e = arg;

	attach(a);
	while (!__atomic_load_n(&e->stop, __ATOMIC_RELAXED))
		e->round(&a->host->threads[0]);
	__atomic_store_n(&e->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static void idles(struct host_thread *t)
{
	a->down.calls[0] =
		(struct ix_call){ .op = IX_TIMER_SET, .delay = 1000000000 };
	run(a, 1, 0);
}

static void flushes(struct host_thread *t)
{
	run(a, 0, IX_RUN_FLUSH);
}

static void serves(struct host_thread *t)
{
	host_serve(t, UINT64_MAX);
}

static void overruns(struct host_thread *t)
{
	host_overrun(t);
}

/* By the elastic thread, whatever it is at; sleeps do not end by themselves. */
static void calls(void **state)
{
	static void (*const rounds[])(struct host_thread *
				      t) = { idles, flushes, serves, overruns };
	struct host_thread *t = &a->host->threads[0];

	t->max_sleep = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(rounds); i++) {
		struct elastic e = { .round = rounds[i] };
		pthread_t by;

		t->attached = false;
		pthread_create(&e.id, NULL, elastic, &e);
		for (int n = 0; n < 20; n++) {
			by = pthread_self();
			assert_int_equal(host_call(t, note, &by), 0);
			assert_true(pthread_equal(by, e.id));
		}
		__atomic_store_n(&e.stop, true, __ATOMIC_RELAXED);
		while (!__atomic_load_n(&e.ended, __ATOMIC_ACQUIRE))
			host_call(t, note, &by);
		pthread_join(e.id, NULL);
	}
}

/* A thread that sleeps has said how long it was busy; and the sleep was idle
 * time, with an application and without. */
static void sleeps_are_idle(void **state)
{
	static void (*const rounds[])(struct host_thread * t) = { idles,
								  serves };
	struct host_thread *t = &a->host->threads[0];
	struct ix_stat *stat = &t->stat.page->stat;
	const struct timespec pause = { .tv_nsec = 30000000 };
	const u64 ns = (u64)pause.tv_nsec;

	t->max_sleep = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(rounds); i++) {
		struct elastic e = { .round = rounds[i] };
		u64 busy, idle, began;
		pthread_t by;

		t->attached = false;
		began = host_clock_os();
		idle = stat->idle_ns;
		busy = stat->busy_ns;
		pthread_create(&e.id, NULL, elastic, &e);
		while (!READ_ONCE(stat->asleep))
			usleep(100);
		nanosleep(&pause, NULL);
		__atomic_store_n(&e.stop, true, __ATOMIC_RELAXED);
		while (!__atomic_load_n(&e.ended, __ATOMIC_ACQUIRE))
			host_call(t, note, &by);
		pthread_join(e.id, NULL);
		assert_false(stat->asleep);
		assert_true(stat->idle_ns - idle >= ns / 10 * 9);
		assert_true(stat->busy_ns >= busy);
		assert_true(stat->busy_ns - busy + ns / 10 * 9 <=
			    host_clock_os() - began);
	}
}

/* Nobody runs the thread: it is said, and nothing happens later. */
static void nobody_to_call(void **state)
{
	struct host_thread *t = &a->host->threads[0];
	pthread_t by = 0;

	assert_int_equal(host_call(t, note, &by), -ETIMEDOUT);
	attach(a);
	host_overrun(t);
	assert_int_equal(by, 0);
}

/* Last: a stop is for good. */
static void *stopper(void *arg)
{
	usleep(20000);
	host_stop();
	return NULL;
}

static void stop(void **state)
{
	pthread_t thread;

	attach(a);
	pthread_create(&thread, NULL, stopper, NULL);
	assert_int_equal(run(a, 0, 0), -ESHUTDOWN);
	pthread_join(thread, NULL);
	assert_true(host_stopping());
	host_end_threads(a->host);
	assert_int_equal(host_attach(a->host, 0, &a->down, &a->up), -ESHUTDOWN);

	/* Nobody has come in time. */
	host_end_threads(b->host);
	assert_int_equal(host_attach(b->host, 0, &b->down, &b->up), -ESHUTDOWN);
	assert_int_equal(run(b, 0, 0), -ESHUTDOWN);
}

static int cleanup(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/wire", dir);
	unlink(path);
	rmdir(dir);
	return 0;
}

/* Groups that share an entry of a NIC's table are not parted. */
static void groups_of_a_small_table(void **state)
{
	struct nic *nic = a->host->nic;
	struct dp_groups g;

	nic->apart = RSS_TABLE / 2;
	memset(nic->group_owner, 0, RSS_TABLE);
	g = host_groups_of(a->host, 0, RSS_TABLE / 2);
	for (u32 i = 0; i < RSS_TABLE; i++)
		assert_int_equal(dp_group_in(&g, i),
				 i % nic->apart < RSS_TABLE / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),
		cmocka_unit_test(interrupted),
		cmocka_unit_test_setup_teardown(opened, setup, teardown),
		cmocka_unit_test_setup_teardown(timer, setup, teardown),
		cmocka_unit_test_setup_teardown(roused, setup, teardown),
		cmocka_unit_test_setup_teardown(connection, setup, teardown),
		cmocka_unit_test_setup_teardown(flags, setup, teardown),
		cmocka_unit_test_setup_teardown(counted, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_late, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_nothing, setup, teardown),
		cmocka_unit_test(room_to_wait),
		cmocka_unit_test_setup_teardown(calls, setup, teardown),
		cmocka_unit_test_setup_teardown(sleeps_are_idle, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nobody_to_call, setup,
						teardown),
		cmocka_unit_test_setup_teardown(groups_of_a_small_table, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stop, setup, teardown),
	};

	if (!mkdtemp(dir))
		return 1;
	return cmocka_run_group_tests(tests, NULL, cleanup);
}

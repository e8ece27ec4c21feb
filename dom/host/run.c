/* SPDX-License-Identifier: MIT */
/*
 * The loop around dp_step(): one call is one crossing.
 *
 *   work ---> dp_step() until there are event conditions
 *    ^           | none, nothing to do
 *    |           v
 *    +-------- spin, since the last work less than spin.limit_ns, if that
 *    |         pays, and nobody else wants the core: spin.h
 *    |           |
 *    |           v
 *    +-------- block in nic->wait() until a packet, a timer, max_sleep,
 *              a packet that another thread forwards: host_wake_others(), or
 *              host_call()
 */
#include "dom/host/host.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	END_MS = 600,	      /* longer than any sleep in idle(), and leave() */
	LEAVE_NS = 200000000, /* to close connections properly */
	READ_NS = 100000000,  /* for the NIC: its link may be down */
	READ_STEP_NS = 100000,
	CHORES_NS = 1000000000,
	MAX_ROUNDS = 64, /* of host_overrun() */
	LINGER_STEP_NS = 1000000,
	CALL_NS = 500000000,   /* until host_call() gives up */
	WORKED_NS = 500000000, /* a life that long was one */
};

#define HUSH_NS 5000000000ull /* for the next one to listen */

/* Of the process: signals are. Threads only read it. */
static volatile sig_atomic_t stop;

void host_stop(void)
{
	stop = 1;
}

bool host_stopping(void)
{
	return stop;
}

static void on_signal(int sig)
{
	(void)sig;
	host_stop();
}

void host_catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct sigaction old, ours = { .sa_handler = on_signal,
				       .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler == SIG_DFL)
			sigaction(signals[i], &ours, NULL);
}

int host_attach(struct host *h, u32 index, const struct ix_down *down,
		struct ix_up *up)
{
	struct host_thread *t;
	int err;

	if (index >= h->nthreads)
		return -EINVAL;
	t = &h->threads[index];
	if (t->ended && stop)
		return -ESHUTDOWN;
	if (t->attached || t->ended)
		return -EBUSY;
	err = host_pin(t->core);
	if (err)
		return err;
	t->dp->down = down;
	t->dp->up = up;
	t->life_at = t->worked_at = host_now(&t->clock);
	/* Nobody was busy while nobody had attached. */
	t->born = t->worked_at - t->dp->stat->idle_ns - t->dp->stat->busy_ns;
	store_release(&t->caller, pthread_self());
	WRITE_ONCE(t->tid, (pid_t)syscall(SYS_gettid));
	t->attached = true;
	t->patient = false;
	prctl(PR_SET_TIMERSLACK, 1000); /* ns that a sleep may be late */
	return 0;
}

static bool claim(struct host_thread *t)
{
	pthread_t nobody = 0;

	return __atomic_compare_exchange_n(&t->caller, &nobody, pthread_self(),
					   false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* Not of a thread to which somebody has given another policy. Its nice value
 * and its slice stay: by this call Linux changes neither. */
static void set_policy(struct host_thread *t)
{
	static const struct sched_param none;
	int is = sched_getscheduler(0);

	t->patient = !t->patient;
	if (is == SCHED_OTHER || is == SCHED_BATCH)
		sched_setscheduler(0, t->patient ? SCHED_BATCH : SCHED_OTHER,
				   &none);
}

void host_impatient(struct host_thread *t)
{
	if (t->patient)
		set_policy(t);
}

void host_hasten(struct host_thread *t, u64 now)
{
	t->spin.haste_till = max(t->spin.haste_till, now + SPIN_HASTE_NS);
	host_impatient(t);
}

void host_release(struct host_thread *t)
{
	host_impatient(t);
	store_release(&t->caller, 0);
}

int host_take(struct host_thread *t)
{
	if (claim(t))
		return 0;
	return stop ? -ESHUTDOWN : -EBUSY;
}

/* What has worked is begun again: whoever asks for it meanwhile is to ask once
 * more. */
static void hush(struct host_thread *t, u64 now)
{
	bool worked = t->life_at && now - t->life_at > WORKED_NS;

	t->dp->net.tcp.hush_until =
		t->host->conf.restart && worked ? now + HUSH_NS : 0;
}

/* What the application lent is its again: the NIC is to have read it, if it
 * does at all. */
static void await_nic(struct host_thread *t)
{
	u64 until = host_now(&t->clock) + READ_NS;
	struct nicq *nic = t->dp->nic;

	while (dp_unread(t->dp) && host_now(&t->clock) < until)
		nic->ops->wait(nic, READ_STEP_NS);
}

void host_detach(struct host_thread *t)
{
	u64 now = host_now(&t->clock);

	if (__atomic_exchange_n(&t->ended, true, __ATOMIC_ACQ_REL))
		return;
	hush(t, now);
	dp_shutdown(t->dp, now);
	await_nic(t);
	t->attached = false;
}

/* Is some other thread perhaps inside host_run_io()? Those that nobody drives
 * are ours from now on. */
static bool busy_elsewhere(struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++) {
		struct host_thread *t = &h->threads[i];

		if (READ_ONCE(t->attached) && !claim(t) &&
		    load_acquire(&t->caller) != pthread_self())
			return true;
	}
	return false;
}

void host_end_threads(struct host *h)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	host_stop();
	for (int i = 0; i < END_MS && busy_elsewhere(h); i++)
		nanosleep(&ms, NULL);
	for (u32 i = 0; i < h->nthreads; i++)
		host_detach(&h->threads[i]);
}

/*
 * With several threads: first time says that we are going to sleep, and looks
 * for work once more. Either that look sees what another thread forwards, or
 * that thread sees our flag after publishing it (both pass a full barrier).
 */
static bool sleep_announced(struct host_thread *t)
{
	if (t->host->nthreads == 1 || t->sleeping)
		return true;
	__atomic_exchange_n(&t->sleeping, 1, __ATOMIC_SEQ_CST);
	return false;
}

static void awake(struct host_thread *t)
{
	WRITE_ONCE(t->sleeping, 0);
	t->dp->polled_at = host_now(&t->clock);
}

static void notify(int fd)
{
	u64 one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* the eventfd is full: it is readable anyway */
}

static void wake(const struct host_thread *t)
{
	struct nic *nic = t->host->nic;

	if (nic->wake)
		nic->wake(nic, t->index);
	else
		notify(t->wake_fd);
}

/* This iteration has left packets or flow groups to others, or a move to who
 * drives it: to whom does not matter, few sleep while others have work. */
void host_wake_others(struct host_thread *t)
{
	struct host *h = t->host;

	t->forwarded = t->dp->passed;
	host_move_got_on(t);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i < h->nthreads; i++) {
		struct host_thread *other = &h->threads[i];

		if (READ_ONCE(other->sleeping) && other != t)
			wake(other);
	}
}

/* A yield may have let another process run, for however long. Whom we have
 * roused and given no events takes it to sleep on, and is not one who wants the
 * core; nor is he roused again before a spin has ended with work. */
static void offer_core(struct host_thread *t, u64 now)
{
	bool hope = t->hope;
	u64 after;

	sched_yield();
	after = host_now(&t->clock);
	t->hope = !t->roused;
	if (unlikely(t->roused)) {
		t->roused = 0;
		return;
	}
	host_spin_offered(&t->spin, after - now, after);
	if (t->rouse && hope && after - now < SPIN_TAKEN_NS)
		t->roused = t->rouse(t->rouse_arg);
}

/* Counters are not updated during a sleep: busy_ns is brought up to date before
 * it, and asleep says that time since then is idle. */
static void block(struct host_thread *t, u64 ns, u64 now)
{
	struct ix_stat *stat = t->dp->stat;

	t->hope = false;
	stat->sleeps++;
	stat->busy_ns = now - t->born - stat->idle_ns;
	WRITE_ONCE(stat->asleep, 1);
	t->dp->nic->ops->wait(t->dp->nic, ns);
	WRITE_ONCE(stat->asleep, 0);
}

/* A parcel takes less time than to be woken for it, also on a core that others
 * want; unless the other thread has lost its own. */
static enum spin_what whether_spin(struct host_thread *t, u64 now)
{
	if (unlikely(dp_parcel_due(t->dp, now)))
		return SPIN_ON;
	return t->parked ? SPIN_BLOCK : host_spin(&t->spin, t->worked_at, now);
}

/* Without work at @now: spins or blocks for a moment. */
static void idle(struct host_thread *t, u64 now)
{
	struct dp *dp = t->dp;
	u64 ns;

	if (unlikely(t->patient !=
		     (!t->parked && host_spin_patient(&t->spin, now))))
		set_policy(t);
	switch (whether_spin(t, now)) {
	case SPIN_ON:
		_mm_pause();
		return;
	case SPIN_OFFER:
		offer_core(t, now);
		return;
	case SPIN_BLOCK:
		break;
	}
	dp->stat->spins_cut += now < t->spin.shared_till;
	ns = min(dp_next_deadline(dp, now), t->max_sleep);
	if (!ns || !sleep_announced(t))
		return;
	block(t, ns, now);
	awake(t);
	host_spin_slept(&t->spin, t->worked_at, t->dp->polled_at);
}

static int step(struct host_thread *t, bool calls, u64 now)
{
	int n;

	host_answer(t, now);
	n = dp_step(t->dp, calls, now);
	if (unlikely(t->dp->passed != t->forwarded))
		host_wake_others(t);
	if (unlikely(t->sleeping) && n != -EAGAIN)
		WRITE_ONCE(t->sleeping, 0);
	return n;
}

void host_shared_text(const struct host_thread *t, char *line, size_t len)
{
	snprintf(line, len,
		 "ix: thread %u: others run on core %u, too: it blocks instead "
		 "of spinning while they do\n",
		 t->index, t->core);
}

/* Whoever runs an application inline has nobody else to hear of it. */
static void say(struct host *h, const char *text)
{
	log_add(&h->log, text);
	fputs(text, stderr);
}

/* Once. */
static void tell_shared(struct host_thread *t)
{
	char line[HOST_LINE];

	t->spin_told = true;
	if (t->host->report_fd) {
		notify(t->host->report_fd);
		return;
	}
	host_shared_text(t, line, sizeof(line));
	say(t->host, line);
}

static void look_at_link(struct host *h)
{
	const char *news = host_link_news(h);

	if (!news)
		return;
	say(h, news);
	if (h->link.state == NIC_GONE)
		host_stop();
}

/* A predecessor may leave new connections to us. */
static void tell_serves(struct host_thread *t)
{
	t->serves = t->serves || tcp_listens(&t->dp->net);
	if (t->serves)
		t->host->nic->serves(t->host->nic, t->index);
}

/* What another thread may add up. */
static void publish_nic(struct ix_stat *stat, const struct nicq *q)
{
	stat->drop_late = READ_ONCE(q->nr_late);
	stat->drop_link = READ_ONCE(q->nr_tx_lost);
	stat->drop_nic = READ_ONCE(q->nr_tx_bad);
	stat->ring_lies = READ_ONCE(q->nr_lies);
}

/* Once a second: what costs a system call. */
static void chores(struct host_thread *t, u64 now)
{
	struct nic *nic = t->host->nic;

	t->chores_at = now + CHORES_NS;
	if (t->spin.met && !t->spin_told)
		tell_shared(t);
	if (nic->flows && !t->serves)
		tell_serves(t);
	if (t->index == 0) {
		if (nic->update_drops)
			nic->update_drops(nic);
		host_publish_groups(t);
		t->dp->stat->link_downs = READ_ONCE(t->host->link.downs);
	}
	publish_nic(t->dp->stat, nic->q[t->index]);
	if (!t->host->neighbours.apart) {
		host_read_neighbours(t->host);
		if (t->index == 0)
			look_at_link(t->host);
	}
	host_follow_neighbours(t, now);
}

/* Until event conditions or stop, or once; @now: of the first iteration. A
 * batch with a failed call is answered at once, without waiting for events.
 * False: stopped, and there are no more event conditions. */
static bool step_until_events(struct host_thread *t, u64 now, bool once)
{
	struct dp *dp = t->dp;
	u64 failed = dp->stat->calls_failed;
	int n = step(t, true, now);
	u64 idle_since = now;

	once |= dp->stat->calls_failed != failed;
	while (n <= 0 && !stop && !once) {
		if (n == -EAGAIN) {
			idle(t, now);
			now = host_now(&t->clock);
			dp->stat->idle_ns += now - idle_since;
			if (unlikely(now >= t->chores_at))
				chores(t, now);
		} else {
			now = host_now(&t->clock);
			t->worked_at = now;
		}
		idle_since = now;
		n = step(t, false, now);
	}
	t->worked_at = now;
	if (unlikely(now >= t->chores_at))
		chores(t, now);
	return n > 0 || (once && !stop);
}

static int leave(struct host_thread *t)
{
	if (!t->lingers) {
		host_linger(t, LEAVE_NS);
		host_detach(t);
	}
	return -ESHUTDOWN;
}

/* What is not plain: the bits that mean nothing yet are refused, and then
 * nothing is done. */
static int flush(struct host_thread *t, u32 flags, u64 now)
{
	if (flags & ~(u32)IX_RUN_FLAGS)
		return -EINVAL;
	host_answer(t, now);
	dp_flush(t->dp, now);
	return 0;
}

int host_run_io(struct host_thread *t)
{
	struct dp *dp = t->dp;
	u64 now = host_now(&t->clock);
	u32 flags;

	/* Who comes when all has ended has no batch. */
	if (unlikely(stop || t->ended))
		return leave(t);
	flags = READ_ONCE(dp->down->flags);
	if (flags & ~(u32)(IX_RUN_POLL | IX_RUN_MOVES))
		return flush(t, flags, now);
	/* Events that came with the stop are still handed over. */
	if (step_until_events(t, now, flags & IX_RUN_POLL))
		return 0;
	return leave(t);
}

int host_run_on(struct host_thread *t, const u32 *end)
{
	u64 now = host_now(&t->clock), before;
	int n;

	while (!stop && !t->ended && !READ_ONCE(*end)) {
		n = step(t, false, now);
		if (n != -EAGAIN)
			t->worked_at = now;
		else
			idle(t, now);
		if (unlikely(now >= t->chores_at))
			chores(t, now);
		if (n > 0)
			return 0;
		before = now;
		now = host_now(&t->clock);
		if (n == -EAGAIN)
			t->dp->stat->idle_ns += now - before;
	}
	return leave(t);
}

u64 host_overrun(struct host_thread *t)
{
	struct dp *dp = t->dp;
	u32 rounds = 0;
	u64 now;

	do {
		now = host_now(&t->clock);
		host_answer(t, now);
	} while (dp_overrun(dp, now) && ++rounds < MAX_ROUNDS);
	if (unlikely(dp->passed != t->forwarded))
		host_wake_others(t);
	if (now >= t->chores_at)
		chores(t, now);
	if (rounds == MAX_ROUNDS || dp->net.ntx || dp->net.tcp.out_head ||
	    dp_moving(dp))
		return 0;
	return wheel_next(&dp->net.wheel, now);
}

/* The flag is set before the look: a thread that forwards later sees it, and
 * wakes us. */
void host_serve(struct host_thread *t, u64 most)
{
	u64 ns;

	__atomic_exchange_n(&t->sleeping, 1, __ATOMIC_SEQ_CST);
	ns = min(host_overrun(t), min(most, t->max_sleep));
	t->worked_at = host_now(&t->clock);
	if (ns)
		block(t, ns, t->worked_at);
	awake(t);
	t->dp->stat->idle_ns += t->dp->polled_at - t->worked_at;
}

void host_linger(struct host_thread *t, u64 ns)
{
	struct dp *dp = t->dp;
	u64 now = host_now(&t->clock), until = now + ns;

	if (t->ended || !ns)
		return;
	while (tcp_close_all(&dp->net, now) && now < until) {
		host_answer(t, now);
		dp_overrun(dp, now);
		dp->nic->ops->wait(dp->nic, LINGER_STEP_NS);
		now = host_now(&t->clock);
	}
}

/* ---- what others ask */

static void kick(void *kicked)
{
	struct host_thread *t = kicked;

	wake(t);
	if (t->host->kick_signal)
		syscall(SYS_tgkill, getpid(), READ_ONCE(t->tid),
			t->host->kick_signal);
}

int host_call(struct host_thread *t, host_call_fn *fn, void *arg)
{
	return host_ask_call(&t->ask, fn, arg, kick, t,
			     host_clock_os() + CALL_NS);
}

int host_renew(struct host *h)
{
	int err;

	host_end_moves(h);
	for (u32 i = 0; i < h->nthreads; i++) {
		dp_renew(h->threads[i].dp);
		h->threads[i].attached = h->threads[i].ended = false;
	}
	err = host_renew_memory(h);
	stop = 0;
	return err;
}

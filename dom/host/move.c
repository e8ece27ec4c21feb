/* SPDX-License-Identifier: MIT */
/*
 * Flow groups from one elastic thread to another: what drives dp/move.h. It
 * asks the threads by host_call(), and rewrites the table, the NIC's too, when
 * the one that gives is ready. A NIC whose table cannot be rewritten goes on
 * steering as it did: its packets then go from thread to thread, counted.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dom/host/host.h"
#include "dp/dp.h"

enum {
	LOOK_NS = 20000000,    /* between two looks at a move: nobody tells
				* of one whose thread has ended */
	CROSS_NS = 1000000000, /* for the application to cross */
	END_NS = 2000000000,   /* for the rest: else it is waited for */
	END_ROUNDS = 100000,
};

/* What is asked of the thread that gives, and what it answers. */
struct step {
	u32 to;
	const struct dp_groups *groups;
	int result;
	bool ready;
};

static void begin(struct dp *dp, void *arg, u64 now)
{
	struct step *s = arg;

	s->result = dp_leave_begin(dp, s->to, s->groups, now);
}

static void look(struct dp *dp, void *arg, u64 now)
{
	struct step *s = arg;

	s->ready = dp_leave_ready(dp);
	s->result = dp_leave_result(dp);
}

static void go(struct dp *dp, void *arg, u64 now)
{
	struct step *s = arg;

	s->result = dp_leave_go(dp, now);
}

static void cancel(struct dp *dp, void *arg, u64 now)
{
	dp_leave_cancel(dp, now);
}

/* The thread looks after it sees that it is awaited: what comes later, it tells
 * of. To look again and again would take a core from the threads that move. */
static int look_again(struct host_thread *from, struct step *s)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	int err;

	WRITE_ONCE(from->awaited, 1);
	err = host_call(from, look, s);
	if (!err && s->result == -EINPROGRESS && !s->ready)
		syscall(SYS_futex, &from->awaited, FUTEX_WAIT_PRIVATE, 1,
			&pause, NULL, 0);
	WRITE_ONCE(from->awaited, 0);
	return err;
}

void host_move_got_on(struct host_thread *t)
{
	if (!READ_ONCE(t->awaited) || !dp_leave_waits(t->dp))
		return;
	WRITE_ONCE(t->awaited, 0);
	syscall(SYS_futex, &t->awaited, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Until it is ready, or over. */
static int await_ready(struct host_thread *from, struct step *s)
{
	u64 until = host_clock_os() + CROSS_NS;
	int err = 0;

	s->ready = false;
	s->result = -EINPROGRESS;
	while (!err && !s->ready && s->result == -EINPROGRESS) {
		if (host_clock_os() > until)
			return -ETIMEDOUT;
		err = look_again(from, s);
	}
	if (err)
		return err;
	return s->ready ? 0 : s->result;
}

static int await_end(struct host_thread *from, struct step *s)
{
	u64 until = host_clock_os() + END_NS;
	int err = 0;

	s->result = -EINPROGRESS;
	while (!err && s->result == -EINPROGRESS && host_clock_os() < until)
		err = look_again(from, s);
	return err ? err : s->result;
}

static void set_owner(u8 *table, const struct dp_groups *g, u32 owner)
{
	for (u32 i = 0; i < RSS_TABLE; i++) {
		if (dp_group_in(g, i))
			__atomic_store_n(&table[i], (u8)owner,
					 __ATOMIC_RELAXED);
	}
}

/* The table is the NIC's before it is ours: else what it still steers to the
 * old thread would be forwarded while that drains. */
static int rewrite(struct host *h, u32 from, u32 to, const struct dp_groups *g)
{
	struct nic *nic = h->nic;
	int err;

	set_owner(nic->group_owner, g, to);
	err = nic->set_groups ? nic->set_groups(nic) : 0;
	if (err) {
		set_owner(nic->group_owner, g, from);
		nic->set_groups(nic);
		return err;
	}
	set_owner(h->groups->owner, g, to);
	return 0;
}

static int give_up(struct host_thread *from, struct step *s, int err)
{
	if (host_call(from, cancel, NULL))
		return err;
	await_end(from, s);
	return err;
}

u32 host_count_groups(const struct host *h, u32 thread)
{
	u32 n = 0;

	for (u32 i = 0; i < RSS_TABLE; i++)
		n += h->nic->group_owner[i] == thread;
	return n;
}

/* With those that cannot go elsewhere. */
static struct dp_groups whole(const struct nic *nic, const struct dp_groups *g)
{
	struct dp_groups all = *g;

	for (u32 i = 0; i < RSS_TABLE; i++) {
		for (u32 k = i % nic->apart; dp_group_in(g, i) && k < RSS_TABLE;
		     k += nic->apart)
			dp_group_add(&all, k);
	}
	return all;
}

static int move(struct host *h, u32 from, u32 to, const struct dp_groups *g)
{
	struct host_thread *a = &h->threads[from];
	struct step s = { .to = to, .groups = g };
	int err = host_call(a, begin, &s);

	if (err || s.result)
		return err ? err : s.result;
	err = await_ready(a, &s);
	if (err == -ENOBUFS)
		return err;
	if (!err)
		err = rewrite(h, from, to, g);
	if (err)
		return give_up(a, &s, err);
	err = host_call(a, go, &s);
	if (!err)
		err = s.result;
	if (err) { /* the application has ended meanwhile */
		rewrite(h, to, from, g);
		return give_up(a, &s, err);
	}
	return await_end(a, &s);
}

int host_move(struct host *h, u32 from, u32 to, const struct dp_groups *g)
{
	struct dp_groups all = whole(h->nic, g);
	int err;

	if (!h->shared)
		return -EOPNOTSUPP;
	if (from >= h->nthreads || to >= h->nthreads || from == to)
		return -EINVAL;
	pthread_mutex_lock(&h->moving);
	WRITE_ONCE(h->threads[to].parked, false);
	err = move(h, from, to, &all);
	WRITE_ONCE(h->threads[from].parked, !host_count_groups(h, from));
	WRITE_ONCE(h->threads[to].parked, !host_count_groups(h, to));
	pthread_mutex_unlock(&h->moving);
	return err;
}

/* ---- threads with and without flow groups */

/* How many of all groups the @k-th of @n threads should have. */
static u32 share_of(const struct host *h, u32 k, u32 n)
{
	u32 apart = h->nic->apart;

	return (apart / n + (k < apart % n)) * (RSS_TABLE / apart);
}

struct dp_groups host_groups_of(const struct host *h, u32 thread, u32 most)
{
	struct dp_groups g = { 0 };

	for (u32 i = 0; i < h->nic->apart && most; i++) {
		if (h->nic->group_owner[i] != thread)
			continue;
		dp_group_add(&g, i);
		most -= min(most, RSS_TABLE / h->nic->apart);
	}
	return whole(h->nic, &g);
}

/* What @from has too much of goes to those who have too little. @want: groups
 * by thread. */
static int even_out(struct host *h, u32 from, const u32 *want)
{
	int err = 0;

	for (u32 to = 0; to < h->nthreads && !err; to++) {
		u32 have = host_count_groups(h, from);
		u32 there = host_count_groups(h, to);
		struct dp_groups g;
		u32 n;

		if (to == from || have <= want[from] || there >= want[to])
			continue;
		n = min(have - want[from], want[to] - there);
		g = host_groups_of(h, from, n);
		err = host_move(h, from, to, &g);
	}
	return err;
}

static int share_out(struct host *h, const u32 *want)
{
	int err = 0;

	for (u32 i = 0; i < h->nthreads && !err; i++)
		err = even_out(h, i, want);
	return err;
}

int host_cores(struct host *h, u32 n)
{
	u32 want[IX_MAX_THREADS] = { 0 };

	if (!h->shared)
		return -EOPNOTSUPP;
	if (!n || n > h->nthreads)
		return -EINVAL;
	for (u32 i = 0; i < n; i++)
		want[i] = share_of(h, i, n);
	return share_out(h, want);
}

int host_park(struct host *h, u32 thread, bool parked)
{
	u32 want[IX_MAX_THREADS] = { 0 }, n = 0, k = 0;

	if (!h->shared)
		return -EOPNOTSUPP;
	if (thread >= h->nthreads)
		return -EINVAL;
	for (u32 i = 0; i < h->nthreads; i++)
		n += i == thread ? !parked : !!host_count_groups(h, i);
	if (!n)
		return -EBUSY; /* the last one */
	for (u32 i = 0; i < h->nthreads; i++) {
		if (i == thread ? !parked : !!host_count_groups(h, i))
			want[i] = share_of(h, k++, n);
	}
	return share_out(h, want);
}

/* ---- between two lives */

static bool any_moves(const struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++) {
		if (dp_moving(h->threads[i].dp))
			return true;
	}
	return false;
}

/* No connection is left that could be in the way. */
void host_end_moves(struct host *h)
{
	for (u32 n = 0; n < END_ROUNDS && any_moves(h); n++) {
		for (u32 i = 0; i < h->nthreads; i++) {
			struct host_thread *t = &h->threads[i];
			u64 now = host_now(&t->clock);

			dp_leave_cancel(t->dp, now);
			dp_move_run(t->dp, false, now);
		}
	}
}

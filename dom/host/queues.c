/* SPDX-License-Identifier: MIT */
#include "dom/host/queues.h"

#include <string.h>

enum {
	MS = 1000000, /* ns */
	LOOK_MS = 1000,
	LATER_MS = 60000, /* after a move that has failed */
	RESTS = 10,	  /* looks */
	/* Of packets counted in a look. Of a group fewer say nothing: of one
	 * that comes by either queue 12 in 16 come by the wrong one in every
	 * 26th look. */
	LEAST = 16,
	MOSTLY = 4,  /* all but one in so many */
	GAIN = 20,   /* one in so many of all packets, or it is not worth it */
	UNEVEN = 16, /* one in so many may be a thread's too much */
};

/* ---- what to do */

static u64 packets_of(u32 (*came)[RSS_TABLE], u32 n, u32 group)
{
	u64 sum = 0;

	for (u32 i = 0; i < n; i++)
		sum += came[i][group];
	return sum;
}

void queues_look(struct queues *q, u32 (*came)[RSS_TABLE], u32 n)
{
	for (u32 i = 0; i < n; i++) {
		for (u32 g = 0; g < RSS_TABLE; g++) {
			u32 now = came[i][g];

			came[i][g] = now - q->seen[i][g];
			q->seen[i][g] = now;
		}
	}
	for (u32 g = 0; g < RSS_TABLE; g++)
		q->rests[g] -= q->rests[g] > 0;
}

/* What two threads may exchange. */
struct pair {
	struct queues_swap swap;
	s64 ahead;  /* packets of the first more than of the second */
	u32 has[2]; /* groups */
	u32 next[2];
};

/* The next group of the pair's thread @side that mostly comes by the other's
 * queue goes there; false: there is none. */
static bool take(const struct queues *q, struct pair *p, u32 side,
		 u32 (*came)[RSS_TABLE], u32 n, const u8 *owner)
{
	const u32 *thread = p->swap.thread;

	if (p->swap.n[side] + 1 >= p->has[side]) /* or it would be parked */
		return false;
	for (u32 g; (g = p->next[side]) < RSS_TABLE;) {
		u64 all = packets_of(came, n, g);
		u64 there = came[thread[!side]][g];

		p->next[side]++;
		if (owner[g] != thread[side] || q->rests[g] || all < LEAST ||
		    (all - there) * MOSTLY > all)
			continue;
		dp_group_add(&p->swap.goes[side], g);
		p->swap.n[side]++;
		p->swap.packets += there;
		p->ahead += side ? (s64)(2 * all) : -(s64)(2 * all);
		return true;
	}
	return false;
}

static u32 groups_of(const u8 *owner, u32 thread)
{
	u32 n = 0;

	for (u32 g = 0; g < RSS_TABLE; g++)
		n += owner[g] == thread;
	return n;
}

static u64 load_of(u32 (*came)[RSS_TABLE], u32 n, const u8 *owner, u32 thread)
{
	u64 sum = 0;

	for (u32 g = 0; g < RSS_TABLE; g++)
		sum += owner[g] == thread ? packets_of(came, n, g) : 0;
	return sum;
}

/* Who has more gives, in turn; up to the last time that they were about even,
 * or as even as they are. */
static struct queues_swap exchange(const struct queues *q, u32 a, u32 b,
				   u32 (*came)[RSS_TABLE], u32 n,
				   const u8 *owner)
{
	s64 la = (s64)load_of(came, n, owner, a);
	s64 lb = (s64)load_of(came, n, owner, b);
	struct pair p = { .swap.thread = { a, b },
			  .ahead = la - lb,
			  .has = { groups_of(owner, a), groups_of(owner, b) } };
	s64 most = max(la > lb ? la - lb : lb - la, (la + lb) / UNEVEN);
	struct queues_swap even = p.swap;

	while (take(q, &p, p.ahead < 0, came, n, owner)) {
		if (p.ahead <= most && -p.ahead <= most)
			even = p.swap;
	}
	return even;
}

static void let_rest(struct queues *q, const struct queues_swap *s)
{
	for (u32 g = 0; g < RSS_TABLE; g++) {
		if (dp_group_in(&s->goes[0], g) || dp_group_in(&s->goes[1], g))
			q->rests[g] = RESTS;
	}
}

bool queues_plan(struct queues *q, u32 (*came)[RSS_TABLE], u32 n,
		 const u8 owner[RSS_TABLE], struct queues_swap *swap)
{
	u64 all = 0;

	*swap = (struct queues_swap){ 0 };
	for (u32 g = 0; g < RSS_TABLE; g++)
		all += packets_of(came, n, g);
	for (u32 a = 0; a < n; a++) {
		for (u32 b = a + 1; b < n; b++) {
			struct queues_swap s;

			/* Who is parked stays so. */
			if (!groups_of(owner, a) || !groups_of(owner, b))
				continue;
			s = exchange(q, a, b, came, n, owner);
			if (s.packets > swap->packets)
				*swap = s;
		}
	}
	if (!swap->packets || swap->packets * GAIN < all)
		return false;
	let_rest(q, swap);
	return true;
}

/* ---- doing it */

void queues_begin(struct queues *q, const struct host *h, u64 now)
{
	if (h->shared && !h->nic->rss_control)
		q->due = now + LOOK_MS * (u64)MS;
}

int queues_wait(const struct queues *q, u64 now)
{
	if (!q->due)
		return -1;
	return now < q->due ? (int)((q->due - now + MS - 1) / MS) : 0;
}

static int swap_groups(struct host *h, const struct queues_swap *s)
{
	int err = 0;

	for (u32 i = 0; i < 2 && !err; i++) {
		if (s->n[i])
			err = host_move(h, s->thread[i], s->thread[!i],
					&s->goes[i]);
	}
	return err;
}

void queues_step(struct queues *q, struct host *h, u64 now)
{
	u32 came[IX_MAX_THREADS][RSS_TABLE];
	struct queues_swap swap;

	if (queues_wait(q, now))
		return;
	q->due = now + LOOK_MS * (u64)MS;
	for (u32 i = 0; i < h->nthreads; i++) {
		for (u32 g = 0; g < RSS_TABLE; g++)
			came[i][g] = READ_ONCE(h->threads[i].dp->came[g]);
	}
	queues_look(q, came, h->nthreads);
	if (h->conf.follow_queues &&
	    queues_plan(q, came, h->nthreads, h->nic->group_owner, &swap) &&
	    swap_groups(h, &swap))
		q->due = now + LATER_MS * (u64)MS;
}

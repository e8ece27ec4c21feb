/* SPDX-License-Identifier: MIT */
/* Flow groups go from one elastic thread to another: what both sides share, and
 * when one has something to do. See move.h. */
#include "dp/move.h"

#include "base/carve.h"

enum { DUE_NS = 200000 }; /* several times what a parcel takes: it is late */

/* ---- what all threads have in common */

static size_t seats_bytes(u32 nthreads)
{
	return sizeof(struct dp_seat) * (size_t)nthreads * nthreads;
}

size_t dp_shared_bytes(const struct dp_conf *conf, u32 nthreads)
{
	size_t n = nthreads;

	return align_line(sizeof(struct dp_shared)) +
	       align_line(n * tcp_slot_bytes(&conf->net.tcp)) +
	       align_line(n * conf->mbufs * sizeof(struct mbuf)) +
	       align_line(n * sizeof(struct dp_mover)) +
	       align_line(seats_bytes(nthreads)) + align_line(n * CACHE_LINE) +
	       align_line(dp_forward_bytes(nthreads));
}

void dp_shared_init(struct dp_shared *s, const struct dp_conf *conf,
		    u32 nthreads)
{
	u8 *mem = (u8 *)s;
	size_t n = nthreads;
	struct dp_seat *seats;
	u32 *bells;

	carve(&mem, sizeof(*s));
	s->conns = carve(&mem, n * tcp_slot_bytes(&conf->net.tcp));
	s->mbufs = carve(&mem, n * conf->mbufs * sizeof(struct mbuf));
	s->movers = carve(&mem, n * sizeof(struct dp_mover));
	seats = carve(&mem, seats_bytes(nthreads));
	bells = carve(&mem, n * CACHE_LINE);
	s->forward = carve(&mem, dp_forward_bytes(nthreads));
	for (u32 i = 0; i < nthreads; i++) {
		s->movers[i].seats = seats;
		s->movers[i].bells = bells;
	}
	dp_forward_init(s->forward, nthreads);
}

void dp_ring(struct dp *dp, u32 other)
{
	store_release(&dp->mover->bells[other * BELL], 1);
	dp->passed++;
}

void dp_seat_pass(struct dp *dp, struct dp_seat *s, enum seat_turn turn,
		  enum seat_word word, u32 other)
{
	s->word = word;
	store_release(&s->turn, turn);
	dp_ring(dp, other);
}

/* Is there something to do without being rung for? */
static bool goes_on(const struct dp *dp)
{
	const struct dp_mover *mv = dp->mover;

	switch (mv->leave.state) {
	case LEAVE_NOT:
	case LEAVE_ASK:
	case LEAVE_END:
		return mv->arrive.all;
	case LEAVE_GIVE:
		return mv->arrive.all || dp_leave_our_turn(dp);
	default:
		return true;
	}
}

void dp_move_run(struct dp *dp, bool busy, u64 now)
{
	struct dp_mover *mv = dp->mover;
	u32 *bell = &mv->bells[dp->net.thread * BELL];

	/* An exchange: what was written before the bell was rung is seen. */
	if (__atomic_load_n(bell, __ATOMIC_RELAXED))
		__atomic_exchange_n(bell, 0, __ATOMIC_ACQ_REL);
	else if (likely(!mv->active))
		return;
	dp_leave_run(dp, busy, now);
	dp_arrive_run(dp, now);
	mv->active = goes_on(dp);
}

/* ... the NIC, now and then: dp_next_deadline(). */
static bool asks_only(const struct dp *dp)
{
	return dp_leave_reads(dp) && !dp->mover->arrive.all;
}

bool dp_move_waits(const struct dp *dp)
{
	const struct dp_mover *mv = dp->mover;

	return mv && ((mv->active && !asks_only(dp)) ||
		      __atomic_load_n(&mv->bells[dp->net.thread * BELL],
				      __ATOMIC_RELAXED));
}

bool dp_parcel_due(const struct dp *dp, u64 now)
{
	const struct dp_mover *mv = dp->mover;

	if (!mv)
		return false;
	return (mv->leave.state == LEAVE_GIVE &&
		now - mv->leave.since < DUE_NS) ||
	       (mv->arrive.active && now - mv->arrive.heard_at < DUE_NS);
}

bool dp_moving(const struct dp *dp)
{
	return dp_move_waits(dp) ||
	       (dp->mover && (dp->mover->leave.state != LEAVE_NOT ||
			      dp->mover->arrive.active));
}

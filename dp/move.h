/* SPDX-License-Identifier: MIT */
/*
 * Flow groups go from one elastic thread to another, while packets come and
 * the application runs. Nothing is lost, and no packet of a connection
 * overtakes another. Between each two threads is a seat, which each of them
 * touches only when it is its turn. By file:
 *
 *   move.c        what both sides share; is there something to do?
 *   leave.c       who gives, until the table may be rewritten
 *   give.c        ... and after that
 *   leave_back.c  ... and how it takes it back
 *   arrive.c      who takes
 *
 *   who gives                        seat         who takes
 *
 *   counts what the groups hold ---- ASK ------>  sets as much aside; packets
 *                                  <-- YES, NO -- of the groups wait from now
 *   waits until the NIC has read what is   on
 *   sent in place, tells the application
 *   MOVED, waits until it has crossed again
 *   -> dp_leave_ready(): whoever drives this now has the table of flow groups
 *      rewritten, and tells: dp_leave_go()
 *   empties its queue of what is still on its way
 *   ------------------------------- rings ----->  is awake
 *   connections off everything ----- ASK ------>  room for them
 *   and into that room ------------- GIVE ----->  their timers, lists
 *     ... a parcel at a time, until none is left; meanwhile the next one
 *         comes off everything
 *   ------------------------------- LAST ------>  group by group: the table,
 *                                                 ARRIVED, the packets that
 *   <------------------------------ DONE -------  waited
 *
 * What an application does not cross for, or has no room for, can be taken back
 * until the table is rewritten: dp_leave_cancel(); it is if nobody has that
 * done. No step of an iteration takes longer than a parcel does, or than a
 * small part of the iteration before. Memory that both threads see: slots of
 * connections, packet buffers, seats, and a bell for each thread.
 */
#ifndef DP_MOVE_H
#define DP_MOVE_H

#include "dp/dp.h"
#include "net/tcp_move.h"

enum seat_turn { SEAT_GIVES, SEAT_TAKES };

enum seat_word {
	SEAT_ASK,    /* room for need, from a thread that has not begun */
	SEAT_GIVE,   /* conns; and room for need */
	SEAT_LAST,   /* conns; they are all */
	SEAT_CANCEL, /* nothing comes */
	SEAT_YES,
	SEAT_NO,
	SEAT_DONE, /* all that came is told */
};

/* From one thread to another one. */
struct dp_seat {
	u32 turn; /* enum seat_turn: who may touch what follows */
	u32 word; /* enum seat_word: what the other one has said */
	struct dp_groups groups;
	struct tcp_need need;
	struct tcp_room room;
	struct tcp_conn *conns[TCP_PARCEL];
	u32 nconns;
	bool lore_new;
	struct tcp_lore lore; /* with the first of them */
} ALIGNED(CACHE_LINE);

enum leave_state {
	LEAVE_NOT,
	LEAVE_COUNT,  /* what is held */
	LEAVE_ASK,    /* is there room for so much? */
	LEAVE_READ,   /* the NIC has not read what they have sent in place */
	LEAVE_TELL,   /* to whom MOVED is to be told */
	LEAVE_CROSS,  /* the application has not crossed since */
	LEAVE_CHECK,  /* has it got any more meanwhile? */
	LEAVE_READY,  /* for the table */
	LEAVE_DRAIN,  /* what is on its way */
	LEAVE_GIVE,   /* connections */
	LEAVE_END,    /* the other one tells the application */
	LEAVE_CANCEL, /* the other one sends back what came */
};

/* What a thread gives. */
struct dp_leave {
	enum leave_state state;
	u32 to;
	struct dp_groups groups;
	int result; /* of the last one: 0 or -errno */
	/* the pass over the table, from its end on: places not seen yet,
	 * whether all have been seen as they should be, and none has slipped
	 * through */
	u32 left, wraps;
	bool again, told_lore, full;
	bool each;     /* what it holds is looked for */
	bool told;     /* MOVED, to the application */
	bool knocked;  /* some have, and it has not answered */
	bool unwanted; /* taken back before the other one has answered */
	struct tcp_need need;
	/* have left: the next parcel, which room is asked for, and the one
	 * after it */
	struct tcp_conn *out[2 * TCP_PARCEL];
	u32 nout, nasked;
	struct tcp_conn *kept; /* MOVED was told, more is to be told there */
	u64 crossings;	       /* when MOVED was told last */
	u32 looks;	       /* places that this iteration may see */
	u64 ran_at;	       /* the one before */
	u64 began, since;
	u64 went; /* when the table was rewritten */
};

/* What a thread takes: of one other at a time. */
struct dp_arrive {
	bool active, all; /* all: of them are here */
	u32 from;
	struct dp_groups groups;
	u64 heard_at;	    /* from who gives, last */
	u32 group;	    /* that is to appear next */
	u32 ranges;	    /* set aside, of ranges_left, */
	struct mbuf *spare; /* and buffers */
	struct tcp_conn *conns[RSS_TABLE], **tail[RSS_TABLE];
	/* packets that wait, through tx.next */
	struct mbuf *early[RSS_TABLE], **early_tail[RSS_TABLE];
	u32 nearly;
};

struct dp_mover {
	bool active; /* something is to be done in each iteration */
	struct dp_leave leave;
	struct dp_arrive arrive;
	struct dp_seat *seats; /* [from * nthreads + to] */
	u32 *bells;	       /* one for each thread, a line apart */
} ALIGNED(CACHE_LINE);

enum { BELL = CACHE_LINE / sizeof(u32) }; /* distance of bells */

static inline struct dp_seat *dp_seat(const struct dp *dp, u32 from, u32 to)
{
	return &dp->mover->seats[from * dp->nthreads + to];
}

/* @other is to look at its seats. */
void dp_ring(struct dp *dp, u32 other);
/* ... the turn is its. */
void dp_seat_pass(struct dp *dp, struct dp_seat *s, enum seat_turn turn,
		  enum seat_word word, u32 other);

/* ---- who gives: leave.c, give.c, leave_back.c */

static inline struct dp_seat *dp_leave_seat(const struct dp *dp)
{
	return dp_seat(dp, dp->net.thread, dp->mover->leave.to);
}

/* Has the other one answered? */
static inline bool dp_leave_our_turn(const struct dp *dp)
{
	return load_acquire(&dp_leave_seat(dp)->turn) == SEAT_GIVES;
}

/* leave.c */
void dp_leave_run(struct dp *dp, bool busy, u64 now);
/* A pass over the table: @see() all connections of the groups, some at a time,
 * of which it touches @lines (enum tcp_lines). True: that was all. */
bool dp_leave_pass(struct dp *dp,
		   void (*see)(struct dp *dp, struct tcp_conn *c), u32 lines);
/* May it go? Not before the application has been told, and not what it may
 * still read though it was told that it is dead. */
bool dp_leave_may_go(struct dp *dp, struct tcp_conn *c);
void dp_leave_set_groups(struct dp *dp, enum group_state state, u32 slots);
void dp_leave_ask(struct dp *dp, enum seat_word word);
/* ... the answer to the last question, after which there is no move. */
void dp_leave_ended(struct dp *dp, int result, u64 now);
void dp_leave_finish(struct dp *dp, int result, u64 now);

static inline void dp_leave_begin_pass(struct dp *dp)
{
	struct dp_leave *l = &dp->mover->leave;

	l->left = dp->net.tcp.table_mask + 1;
	l->again = l->full = false;
	l->wraps = dp->net.tcp.nwraps;
}

/* It is over. A gap that closes moves entries towards the table's beginning,
 * where the pass comes yet; none has gone the other way? */
static inline bool dp_leave_complete(const struct dp *dp)
{
	const struct dp_leave *l = &dp->mover->leave;

	return !l->again && l->wraps == dp->net.tcp.nwraps;
}

/* give.c: what was on its way when the table was rewritten comes; parcels. */
void dp_give_drain(struct dp *dp, bool busy, u64 now);
void dp_give(struct dp *dp, u64 now);

/* leave_back.c */
void dp_leave_cancelling(struct dp *dp, u64 now);
/* The thread shuts down: connections that have left are aborted with the
 * others. */
void dp_leave_shut(struct dp *dp, u64 now);

/* ---- arrive.c */
void dp_arrive_run(struct dp *dp, u64 now);
void dp_arrive_shut(struct dp *dp, u64 now);

#endif

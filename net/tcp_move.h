/* SPDX-License-Identifier: MIT */
/*
 * A connection goes from one elastic thread to another:
 *
 *   the one that gives                  the one that takes
 *   tcp_need_add(): what it holds
 *                                       tcp_room_make(): as much of ours
 *   tcp_leave(): off table, timers, lists
 *   tcp_pack(): what is kept elsewhere, into that room
 *                                       tcp_room_put(): what is left of it
 *                                       tcp_join(): timers, lists
 *                                       tcp_appear(): the table
 *
 * Its slot and its buffers stay where they are, since the application knows
 * them by number and address; as many free ones come back for them, so that
 * no thread ever has fewer. Send ranges and states are copied. Nothing that
 * the connection stands for is kept anywhere else meanwhile.
 */
#ifndef NET_TCP_MOVE_H
#define NET_TCP_MOVE_H

#include "net/tcp_int.h"

enum { TCP_PARCEL = 128 }; /* connections that go together */

/* Lines of a connection's memory, see struct tcp_conn. */
enum tcp_lines {
	TCP_LINE_FOUND = 1,
	TCP_LINE_RECEIVE = 2,
	TCP_LINE_SEND = 4,
	TCP_LINE_TIMING = 8,
	TCP_LINE_LINKS = 16,
	TCP_LINES = 31,
	/* what tcp_need_add() looks at */
	TCP_LINES_NEED = TCP_LINE_FOUND | TCP_LINE_RECEIVE | TCP_LINE_SEND,
	/* what telling an event, and being ready for that, looks at */
	TCP_LINES_TELL = TCP_LINE_FOUND | TCP_LINE_LINKS,
};
_Static_assert(sizeof(struct tcp_conn) == 5 * CACHE_LINE, "enum tcp_lines");

/* What connections hold. */
struct tcp_need {
	u32 conns, mbufs, ranges;
	u32 shared; /* of the ranges: those beyond TCP_OWN_RANGES */
	u32 ccs, losses;
};

/* Room for so much: written by who takes, used up by who gives. */
struct tcp_room {
	u32 nslots, slots[TCP_PARCEL];
	struct mbuf *mbufs;	  /* free, a chain */
	struct ref32 ranges, ccs; /* chains */
	struct ref16 losses;
	u32 shared;		 /* of the ranges: as in struct tcp_need */
	struct tcp_range *range; /* tables of the one who takes */
	struct tcp_cc_state *cc;
	struct tcp_loss *loss;
};

/* What a thread knows of ways and has promised by cookies. */
struct tcp_lore {
	u32 cookie_period; /* the latest, + 1 */
	u32 npaths;
	struct {
		struct ix_addr ip;
		struct tcp_path path;
	} paths[TCP_PATHS];
};

void tcp_need_add(struct tcp_need *n, const struct tcp_conn *c);

/* @lines (enum tcp_lines) come to us, which is not waited for. */
static inline void tcp_conn_fetch(const struct tcp_conn *c, u32 lines)
{
	for (u32 i = 0; lines; i++, lines >>= 1)
		if (lines & 1)
			prefetch_own((const u8 *)c + i * CACHE_LINE);
}

/* False: there is not so much, and nothing was taken. States may be fewer.
 * @spare: free buffers that were set aside before, taken first. */
bool tcp_room_make(struct net *net, const struct tcp_need *n,
		   struct tcp_room *r, struct mbuf **spare, u64 now);

/* Takes @c off everything, but for the lists of those that are ready or have
 * output: tcp_sweep(). */
void tcp_leave(struct net *net, struct tcp_conn *c);
/* Takes those that have left off these lists. */
void tcp_sweep(struct net *net);
bool tcp_has_left(const struct tcp_conn *c);

void tcp_pack(struct net *net, struct tcp_conn *c, struct tcp_room *r);
/* What came in return for those that were packed. */
void tcp_room_take(struct net *net, struct tcp_room *r);

/* What was not used up comes back to who has made it: a thread that shuts down
 * gives less than it has asked for. */
void tcp_room_put(struct net *net, struct tcp_room *r);

/* All but tcp_appear(). Its events wait. */
void tcp_join(struct net *net, struct tcp_conn *c, u64 now);
/* The same for one that has left and was not packed: it stays. */
void tcp_rejoin(struct net *net, struct tcp_conn *c, u64 now);
/* From now on its segments find it, and its events are told. */
void tcp_appear(struct net *net, struct tcp_conn *c);

/* It stays, or has come: ARRIVED, if MOVED was told; else that need not be. */
static inline void tcp_is_here(struct tcp_conn *c)
{
	if (c->events & TCP_EV_AWAY)
		c->events |= TCP_EV_ARRIVED;
	else
		c->events &= (u8)~TCP_EV_LEAVES;
}

/* It comes off a list of those that are ready. False: nobody has a name for it
 * any more, and it is free. */
static inline bool tcp_off_ready(struct net *net, struct tcp_conn *c)
{
	c->flags &= ~(u32)TCP_F_ON_READY;
	if (!(c->flags & TCP_F_RELEASED))
		return true;
	tcp_conn_put(net, c);
	return false;
}

void tcp_lore_tell(const struct net *net, struct tcp_lore *l);
void tcp_lore_learn(struct net *net, const struct tcp_lore *l);

#endif

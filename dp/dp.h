/* SPDX-License-Identifier: MIT */
/*
 * The dataplane: all state of one elastic thread. Nothing is shared between
 * threads but what struct dp_shared has. Functions by file, in packet order:
 *
 *   loop.c        dp_step: START HERE
 *   rx.c          dp_rx: NIC -> net_rx
 *   forward.c     packets that came to the wrong thread
 *   move.c        flow groups that go to another thread: see move.h
 *   leave.c       ... who gives, give.c, leave_back.c
 *   arrive.c      ... who takes
 *   event.c       dp_events: what TCP and UDP have to say -> ix_up
 *   late.c        ... when the NIC has read the memory that it gives back
 *   syscall.c     dp_dispatch: ix_down -> TCP and UDP
 *   gate.h        what it checks with: names, memory
 *   user_timer.c  the application's timers
 *   tx.c          dp_tx: txq -> NIC
 *   capture.c     copies of packets, for who looks at them
 *   init.c        dp_init, dp_shutdown
 */
#ifndef DP_DP_H
#define DP_DP_H

#include "base/ref.h"
#include "ix/abi.h"
#include "ix/capture.h"
#include "net/net.h"
#include "nic/nic.h"

struct dp_conf {
	struct net_conf net;
	u32 batch;	/* B: packets per iteration, 1..DP_MAX_BATCH */
	u32 max_timers; /* user timers per thread */
	u32 mbufs;	/* packet buffers of the thread */
	bool gathers;	/* perhaps: NIC_GATHER */
};

enum { DP_MAX_BATCH = 256 };

/* The application's registered memory, as both sides see it. */
struct dp_arena {
	u64 app_base;	/* address in the application */
	const u8 *base; /* the same byte here */
	u64 len;
};

enum user_timer_state {
	USER_TIMER_FREE,
	USER_TIMER_SET, /* on the wheel */
	USER_TIMER_DUE, /* on dp->timers_due: ran, the application not told */
};

struct user_timer {
	struct timer timer;
	u64 cookie;
	u32 gen;	   /* of the handle; 23 bits used */
	struct ref32 next; /* free list */
	u32 state;	   /* enum user_timer_state */
};

/* A ring of copies, see include/ix/capture.h; its state is ours, nothing in the
 * ring is read back. */
struct capture {
	struct ix_capture *ring; /* NULL: nobody looks */
	u8 *data;
	u64 size, head, packets;
	u32 snap;
	u32 waiting; /* in front of txq: these are in the ring already */
};

/* What the elastic threads of a dataplane have in common. */
struct dp_shared {
	struct tcp_conn *conns; /* slots of connections, */
	struct mbuf *mbufs;	/* and packet buffers, by thread at first */
	struct dp_mover *movers;
	struct dp_forward *forward;
};

/* What waits to be told, see late.h. */
struct dp_held {
	u64 handle;
	u32 acked;   /* bytes */
	u32 mark[2]; /* of nicq.in_place[].done, that it waits for */
	bool dead;
};

struct dp_late {
	bool active;  /* something waits here, or may have to */
	bool now;     /* what is to be told now has to, */
	bool refused; /* ... and found no room: it stays with its connection */
	bool full;    /* nothing else is to be told */
	u32 mark[2];  /* what to wait for now, and is it read? */
	bool read[2];
	struct dp_held *ring;
	u32 size, first, n;
	u64 kicked; /* when the NIC was last reminded */
	u64 txed;   /* with so many packets sent ... */
	u32 copies; /* ... txq had so many, none of them in place */
};

struct dp {
	struct net net;
	struct dp_conf conf;
	struct nicq *nic;
	struct ix_stat *stat;
	struct capture capture;
	struct dp_arena arena;
	const struct ix_down *down; /* NULL until the application attached */
	struct ix_up *up;	    /* written only, never read back */
	u64 now;
	u64 polled_at; /* when the NIC was asked last, or the thread woke up */
	u64 marked_at; /* net.tcp.unread is of what had come by then */
	u64 flushes;   /* crossings that brought no events */
	u64 passed;    /* times that something was left to others */
	u32 nevents;   /* in up->events */
	bool full;     /* up->events is: the rest waits */
	bool shut;     /* dp_shutdown(), until dp_renew() */

	/* By the kind of its handle: slots that may hold a connection of that
	 * flow group; 0: it is another thread's, see find_conn(). */
	u32 slots_of[256];

	/* user timers */
	struct user_timer *timers;
	struct ref32 timer_free;
	struct list timers_due;

	/* UDP sends done, not yet told, oldest first: through mbuf.tx.next */
	struct mbuf *udp_sent, **udp_sent_tail;

	struct dp_late late;

	struct dp_forward *forward; /* rings to and from the other threads */
	struct dp_mover *mover;	    /* NULL: connections stay where they are */
	u32 nthreads;
	struct mbuf_pool pool;

	/* Of the packets that come by this thread's queue, whosever they are,
	 * some are counted by flow group, where who steers knows none; the
	 * control thread reads it. */
	bool samples;
	u32 until, sampled; /* packets before the next one; so far */
	u32 came[RSS_TABLE];
};

/* Memory that dp_init() wants besides frames, bytes: of a thread that shares
 * nothing; and of one that has a struct dp_shared. */
size_t dp_bytes(const struct dp_conf *conf);
size_t dp_own_bytes(const struct dp_conf *conf);

/* What threads have in common: so many bytes, zeroed, cache line aligned. */
size_t dp_shared_bytes(const struct dp_conf *conf, u32 nthreads);
void dp_shared_init(struct dp_shared *shared, const struct dp_conf *conf,
		    u32 nthreads);

struct dp_setup {
	const struct dp_conf *conf;
	struct nicq *nic;
	struct ix_stat *stat;
	/* NULL: nothing. Else frames are those of all threads, and the NIC must
	 * take any of them. */
	struct dp_shared *shared;
	void *mem;	/* dp_bytes() or dp_own_bytes(), zeroed, line aligned */
	u8 *frames;	/* conf->mbufs * MBUF_SIZE, MBUF_SIZE aligned */
	u64 app_frames; /* their address in the application */
	struct dp_arena arena;
	const struct ix_down *down;
	struct ix_up *up;
	u32 thread, nthreads;
	const u8 *group_owner; /* RSS_TABLE entries, shared by the threads */
	const u8 *rss_key;
	u64 secret[2]; /* with shared: the same in all threads */
};

/* Returns 0 or -EINVAL. */
int dp_init(struct dp *dp, const struct dp_setup *setup, u64 now);

/* Where this copy of the core has its code: the pointers to functions in @dp,
 * but for the NIC's. dp_init() does it; again a copy of the core that
 * goes on with what another copy began. */
void dp_bind(struct dp *dp);

/* Live settings in dp->conf or dp->net.conf have changed. */
void dp_configured(struct dp *dp);

/* One iteration at time @now (ns), see loop.c. @calls: dispatch the batch in
 * dp->down first (true exactly once per crossing). Returns the number of
 * event conditions now in dp->up, or -EAGAIN when there was no work at all:
 * the caller may then idle until dp_next_deadline(). */
int dp_step(struct dp *dp, bool calls, u64 now);

/* ns from @now until a timer is due; 0 when work is already waiting;
 * UINT64_MAX: nothing but a packet can wake us. */
u64 dp_next_deadline(const struct dp *dp, u64 now);

/* IX_RUN_FLUSH: dispatches the batch in dp->down and transmits. No reception;
 * the event conditions in dp->up stay as they are. */
void dp_flush(struct dp *dp, u64 now);

/* While the application keeps the core too long, or there is none: timers,
 * reception and transmission go on; dp->down and dp->up are not touched.
 * Returns how many packets were received. */
u32 dp_overrun(struct dp *dp, u64 now);

/* Ends the thread's life: aborts all connections with RST, takes back what the
 * application holds, transmits, and gives all buffers back to the pool except
 * those that the NIC still holds (close it next). Only dp_overrun(),
 * dp_init() and dp_renew() may follow. */
void dp_shutdown(struct dp *dp, u64 now);

/* late.c: after dp_shutdown(): does the NIC, which is asked to go on, still
 * read what was the application's? */
bool dp_unread(struct dp *dp);

/* After dp_shutdown(), and whatever the network brought since then: ready for
 * another application. The neighbours' addresses stay, and the NIC with its
 * buffers; all others are the pool's. */
void dp_renew(struct dp *dp);

/* rx.c: takes at most B packets from the NIC (and B from other threads)
 * to the protocols; returns how many. */
u32 dp_rx(struct dp *dp, u64 now);

/* One packet, as any other. */
void dp_rx_one(struct dp *dp, struct mbuf *m, u64 now);

/* late.c: before reception, with dp->late.active. Where what is to be told has
 * to wait, dp_events() does it all. */
void dp_late_begin(struct dp *dp);

/* event.c: fills dp->up->events anew; what does not fit waits. From begin to
 * end the array is ours, and reception writes events, too. */
static inline void dp_events_begin(struct dp *dp)
{
	dp->nevents = 0;
	dp->full = false;
	if (likely(dp->up)) {
		dp->net.event = dp->up->events;
		dp->net.event_end = dp->up->events + IX_MAX_EVENTS;
		if (unlikely(dp->late.active))
			dp_late_begin(dp);
	}
}

void dp_events(struct dp *dp, u64 now);
bool dp_events_waiting(const struct dp *dp);
void dp_events_drop(struct dp *dp); /* forgets what is not yet told */

/* user_timer.c. Delays in ns. */
void dp_user_timers_init(struct dp *dp);
/* A handle, -EINVAL (more than 9 hours) or -ENOBUFS. */
s64 dp_user_timer_set(struct dp *dp, u64 cookie, u64 delay, u64 now);
int dp_user_timer_cancel(struct dp *dp, u64 handle); /* 0 or -EBADF */
void dp_user_timers_cancel(struct dp *dp);	     /* all of them */
void dp_user_timer_fire(void *net, struct timer *t, u64 now);
/* The next one that is due, and free again now; false: none. */
bool dp_user_timer_due(struct dp *dp, u64 *cookie, u64 *handle);

/* syscall.c: executes the batch in dp->down, results to dp->up. */
void dp_dispatch(struct dp *dp, u64 now);

/* Before the batch is dispatched: may it be answered in the NIC's ring? Who
 * captures sees what is in txq. */
static inline void dp_tx_begin(struct dp *dp)
{
	dp->net.direct = likely(!dp->capture.ring) ? dp->nic->direct : NULL;
}

/* tx.c: hands net.txq to the NIC and collects what it has sent; returns how
 * many packets it took. What it does not take waits in order. */
u32 dp_tx(struct dp *dp, u64 now);

/* capture.c: begins, if @c is a dp->capture, until c->ring is NULL. @ring:
 * IX_CAPTURE_DATA + @size bytes; @size: a power of two; @snap: bytes kept of a
 * packet. 0 or -EINVAL. */
int capture_init(struct capture *c, struct ix_capture *ring, u64 size,
		 u32 thread, u32 snap);
void capture_rx(struct capture *c, struct mbuf *const *pkts, u32 n, u64 now);
void capture_tx(struct capture *c, struct mbuf *const *pkts, u32 n, u64 now);

/* forward.c */
size_t dp_forward_bytes(u32 nthreads);
void dp_forward_init(struct dp_forward *f, u32 nthreads);
void dp_forward_push(struct dp *dp, u32 owner, const struct mbuf *m);
u32 dp_forward_rx(struct dp *dp, u64 now);

/* move.c, leave.c, give.c, leave_back.c, arrive.c: see move.h. */

/* Flow groups, a bit each. */
struct dp_groups {
	u64 bits[RSS_TABLE / 64];
};

static inline bool dp_group_in(const struct dp_groups *g, u32 group)
{
	return g->bits[group / 64] >> group % 64 & 1;
}

static inline void dp_group_add(struct dp_groups *g, u32 group)
{
	g->bits[group / 64] |= 1ull << group % 64;
}

/* Flow @groups are to go to thread @to. 0, -EINVAL (they are not all this
 * thread's, or @to is none), -EBUSY (others are going), -EOPNOTSUPP (there is
 * one thread, or the application does not follow: IX_RUN_MOVES). */
int dp_leave_begin(struct dp *dp, u32 to, const struct dp_groups *groups,
		   u64 now);
/* It is time to rewrite the table of flow groups. */
bool dp_leave_ready(const struct dp *dp);
/* ... or does it wait for the NIC? */
bool dp_leave_reads(const struct dp *dp);
/* ... or is it over? Until then whoever drives it has nothing to do. */
bool dp_leave_waits(const struct dp *dp);
/* That has been done: there is no way back. 0 or -EINVAL. */
int dp_leave_go(struct dp *dp, u64 now);
/* Not done, and not to be done: all stays as it was. */
void dp_leave_cancel(struct dp *dp, u64 now);
/* What became of it: 0, -EINPROGRESS, -ENOBUFS (no room there), -ECANCELED. */
int dp_leave_result(const struct dp *dp);

/* An iteration's part of it. @busy: there may be more in the NIC. */
void dp_move_run(struct dp *dp, bool busy, u64 now);
/* The application is told that a connection goes. */
void dp_leave_told(struct dp *dp);
/* Something of @c is to be told to the application where it goes. */
void dp_leave_keep(struct dp *dp, struct tcp_conn *c);
/* Is there a move from here that has not been taken back? */
bool dp_leave_goes_on(const struct dp *dp);
/* A packet of a group whose connections are not here yet. */
void dp_arrive_hold(struct dp *dp, u32 group, struct mbuf *m);
/* Connections go or come, a parcel at a time: is the next one to be expected at
 * once? */
bool dp_parcel_due(const struct dp *dp, u64 now);
/* Is anything moving here? Is it this thread's turn? */
bool dp_moving(const struct dp *dp);
bool dp_move_waits(const struct dp *dp);

#endif

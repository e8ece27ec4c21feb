/* SPDX-License-Identifier: MIT */
/*
 * Whole dataplanes on bad paths, in virtual time:
 *
 *    app.c                                                        app.c
 *      | calls, events                                              |
 *    host 0: dp == NIC ==+-- trunk, shared --+-- path 1 -- NIC == dp: host 1
 *    (server)            |   rate, queue, CE |-- path 2 -- NIC == dp: host 2
 *                        +-------------------+-- ...
 *
 * Everything comes from one seed: settings, faults and what the applications
 * do. Functions by file:
 *
 *   main.c     options; many seeds in several processes
 *   shrink.c   what of a seed that fails can be left out
 *   plan.c     what one seed is: hosts, settings, faults
 *   world.c    the clock of one seed, and the checks at its end
 *   trouble.c  what befalls paths and hosts in the course of time
 *   path.c     NICs, paths, and the router between them
 *   narrow.c   ... which tells who sends too much
 *   trace.c    frames in words
 *   host.c     one dataplane and its crossing, in one or more threads
 *   moves.c    flow groups go from one thread to another
 *   app.c      one application: many connections with various manners
 *   app_event.c  what it is told
 *   links.c    who is connected to whom, and what they must have got
 *   stream.c   the bytes that a stream must have
 *   check.c    what must hold of a connection at any time
 *   recovery.c ... and of its recovery from losses
 *   pools.c    what must hold of a dataplane
 */
#ifndef TEST_SIM_H
#define TEST_SIM_H

#include "test/lab/lab.h"

enum {
	SIM_HOSTS = 41,
	SIM_THREADS = 3, /* of a host, at most */
	SIM_NOBODY = SIM_THREADS,
	SIM_LATE = 64,	      /* packets that a NIC has not read */
	SIM_CONNS = 96,	      /* per application */
	SIM_LINKS = 192,      /* connections of one seed */
	SIM_TROUBLES = 64,    /* of one seed */
	SIM_SLOT = 128 << 10, /* bytes unacknowledged per connection */
	SIM_ARENA = SIM_CONNS * SIM_SLOT * 2,
	SIM_PORT = 80,
	SIM_ROUTER = 253,  /* its number, as that of a host */
	SIM_HANGS_S = 300, /* of real time, for one seed */
	STREAM_HEAD = 12,
};

#define SIM_MS 1000000ull
#define SIM_S 1000000000ull

/* ---- what a seed is */

/* What may go wrong: each is in play by chance, if it is allowed. */
#define SIM_FAULTS(X)                                            \
	X(LOSS, "loss", 50)                                      \
	X(BURST, "burst", 15)                                    \
	X(DUP, "dup", 40)                                        \
	X(CORRUPT, "corrupt", 40)                                \
	X(REORDER, "reorder", 40)                                \
	X(JITTER, "jitter", 50)                                  \
	X(QUEUE, "queue", 50)	      /* of the trunk: short */  \
	X(MARK, "mark", 30)	      /* ... sets CE */          \
	X(FLAP, "flap", 20)	      /* a path is cut */        \
	X(BLACKHOLE, "hole", 20)      /* ... one way */          \
	X(MTU, "mtu", 15)	      /* ... gets narrow */      \
	X(STARVE, "starve", 10)	      /* pools are small */      \
	X(CLOCK, "clock", 15)	      /* jumps forward */        \
	X(STALL, "stall", 25)	      /* of an application */    \
	X(CRASH, "crash", 12)	      /* ... */                  \
	X(REBOOT, "reboot", 10)	      /* of a host */            \
	X(WRAP, "wrap", 30)	      /* of sequence numbers */  \
	X(FEW_PORTS, "ports", 20)     /* soon used again */      \
	X(IMPATIENT, "impatient", 10) /* few retries */          \
	X(PAUSE, "pause", 60)	      /* slow readers */         \
	X(SLEEP, "sleep", 25)	      /* say nothing for long */ \
	X(HASTY, "hasty", 60)	      /* close early */          \
	X(ABORT, "abort", 60)                                    \
	X(MOVE, "move", 40) /* between threads */                \
	X(NO_TS, "ts", 100) /* peers without */                  \
	X(NO_WSCALE, "wscale", 100)                              \
	X(NO_ECN, "ecn", 100)                                    \
	X(NO_COOKIES, "cookies", 100)                            \
	X(NO_SACK, "sack", 100)                                  \
	X(ANY_CC, "cc", 100) /* not the default */               \
	X(IP6, "ip6", 60)    /* not all speak IPv4 only */

#define SIM_FAULT_NUMBER(name, word, percent) FAULT_##name,
enum sim_fault { SIM_FAULTS(SIM_FAULT_NUMBER) NR_FAULTS };
#undef SIM_FAULT_NUMBER

/* What a host speaks. */
enum { FAMILY_4 = 1, FAMILY_6 = 2 };

/* A seed, and what of it is left out. */
struct plan {
	u64 seed;
	u64 allowed;  /* faults, a bit each */
	u64 troubles; /* ... by number, a bit each */
	u32 max_hosts, max_links;
	u64 first, last; /* frames that may be lost, late, ... */
	bool verbose, trace;
	bool broken; /* who reads in pauses loses a byte */
};

/* ---- what a stream says: its seed, length and link, then noise */

struct stream {
	u32 seed, total, link;
};

void stream_fill(const struct stream *s, u32 off, u8 *to, u32 len);

/* Checks @len bytes that came at @off; learns @s from the head. */
bool stream_check(struct stream *s, u32 off, const u8 *data, u32 len);

/* ---- a connection as the application sees it */

enum manner {
	GRACEFUL, /* sends all, reads all */
	HASTY,	  /* closes when it has sent all, whatever the peer does */
	ABORTER,
};

struct conn {
	bool used, opener, connected, asleep;
	bool eof, fin, closed, aborted, call_pending;
	u16 gen;
	u8 thread; /* whose it is; SIM_NOBODY: on its way */
	enum manner manner;
	u32 link;
	u64 handle;
	struct stream out, in;
	u32 queued, acked;  /* bytes of out */
	u32 filled;	    /* ... that lie in the arena */
	u32 received, held; /* bytes of in; told but not given back */
	u32 abort_at;	    /* ABORTER: when so much was moved */
	u64 read_pause;	    /* ns before bytes are given back, 0: at once */
	u64 wake;
	u64 sleeps; /* ns, before it does anything; 0: it does not */
};

/* One end of a link. */
struct side {
	u32 host;
	enum manner manner;
	bool there; /* connecting, or accepted */
	bool ended; /* its application was told, or has ended it */
	bool got;   /* ... and had got all */
};

struct link {
	struct side opener, accepter;
	bool ip6;
	u16 port; /* the opener's, and its initial sequence number */
	u32 iss;
	bool refused;
	bool may_die; /* something befell it that it need not survive */
	u64 moved_at; /* when something last happened to it */
};

struct app {
	struct conn conns[SIM_CONNS];
	u64 busy[(SIM_CONNS + 63) / 64]; /* conns with something to do */
	u64 wake;			 /* the earliest of conns' */
	u64 rng;
	u32 backlog;
	u32 to_open; /* links that it still has to open */
	u64 open_at;
};

struct world;

struct sim_nic {
	struct nicq q;
	struct host *host;
	struct transit *in; /* frames that wait to be received */
	u32 tx_most;	    /* packets that tx() takes at once; 0: any */
	u32 rx_room;	    /* bytes in a buffer; 0: a whole frame */
	/* Reads what it sends when it gets to it: so many wait at most, or 0.
	 * What they were when it took them, they must be then. */
	u32 late, nunread;
	struct mbuf *unread[SIM_LATE];
	u64 was[SIM_LATE]; /* sums */
	u64 rng;
};

/* One way between a host and the router. */
struct path {
	struct impair impair;
	struct impair_conf bad, clean;
	int cut;   /* by so many */
	u16 mtu;   /* 0: any */
	bool mute; /* does not tell who sends more */
};

/* An elastic thread, and what its application has asked for. */
struct thread {
	struct lab_node node;
	struct sim_nic nic;
	u32 nsgs;
	bool told; /* something, when it crossed last */
	struct {
		u16 conn, op, gen;
	} calls[IX_MAX_CALLS]; /* who made down.calls[i] */
	u64 began, go_at;      /* a move: begun; to go on, 0: not yet */
};

struct host {
	struct world *world;
	u32 nr;
	struct thread threads[SIM_THREADS];
	u32 nthreads;
	struct thread *t; /* that runs */
	struct lab_share share;
	u64 move_rng, move_at; /* the next move */
	u32 astray;	       /* frames that come to any thread, percent */
	struct dp_conf conf;
	u32 families;	    /* FAMILY_* */
	u64 family_rng;	    /* by which of them it opens a link */
	struct sim_nic nic; /* as those of all threads are to be */
	struct transit *in; /* frames on their way to it */
	struct path to, from;
	struct app app;
	u64 rng;	   /* how long it computes */
	u64 skew;	   /* its clock is ahead so much, */
	u64 skew_first;	   /* and was in the beginning */
	u64 stalled_until; /* the application does not cross */
	u64 down_until;	   /* there is none; rebooting: nothing is there */
	bool rebooting;
	bool idle; /* nothing happened at its last step, */
	u32 waits; /* ... nor at so many, which only waited for a move */
	u64 next;  /* when it must run */
	u32 steps;
};

struct trouble {
	enum sim_fault fault;
	u32 host;
	u64 at, until;
	u32 value;
	u8 state; /* not yet, begun, over */
};

/* Connections that went to another thread: how many in each state, while what
 * was lost was being repaired, and with holes in what they had received. */
struct moved {
	u64 in[TCP_NR_STATES], repairing, holes;
};

struct world {
	struct plan plan;
	u64 rng, now, steps;
	u32 nhosts;
	struct host *hosts[SIM_HOSTS];
	struct path trunk[2]; /* to the server, and from it */
	struct link links[SIM_LINKS];
	u32 nlinks;
	u32 families; /* that the server speaks */
	u64 faults;   /* in play */
	struct trouble troubles[SIM_TROUBLES];
	u32 ntroubles;
	u64 heal_at; /* when all faults end; UINT64_MAX: never */
	bool healed;
	bool impaired; /* now: see plan.first */
	bool may_die;  /* all links */
	u64 frames, bytes;
	struct moved moved;
	u64 watched_at;
	u64 epoch; /* start, for WRAP */
};

/* ---- plan.c */
u32 sim_random(u64 *rng, u32 below);
bool sim_chance(u64 *rng, u32 percent);
static inline bool sim_in_play(const struct world *w, enum sim_fault f)
{
	return w->faults >> f & 1;
}
extern const char *const sim_fault_names[NR_FAULTS];
/* Addresses end with the number of their host, + 1. */
static inline struct be32 sim_ip4(u32 nr)
{
	return be32(0x0a000001 + nr);
}
static inline struct be128 sim_ip6(u32 nr)
{
	return (struct be128){ .b = { 0xfd, [15] = (u8)(nr + 1) } };
}
/* The hosts, not yet opened, with paths and settings; troubles. */
void plan_world(struct world *w);

/* ---- world.c */
struct sim_result {
	struct moved moved;
	u64 bytes, frames, steps, virtual_ns;
	u32 links, hosts;
	u64 faults;
	u32 ntroubles;
};
void sim_run(const struct plan *plan, struct sim_result *result);
__attribute__((noreturn, format(printf, 2, 3))) void sim_fail(
	const struct world *w, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void sim_say(const struct world *w,
						   const char *fmt, ...);

/* ---- shrink.c */
void shrink(struct plan p);
void shrink_print(const struct plan *p);

/* ---- trouble.c */
void trouble_plan(struct world *w, u64 *rng);
/* What is due happens. */
void trouble_run(struct world *w);
u64 trouble_next(const struct world *w);

/* ---- path.c */
void path_open(struct host *h);
/* A frame comes to @to. */
void path_deliver(struct host *to, const u8 *frame, u32 len, u64 due);
void path_close(struct host *h);
/* What NICs have not read yet they read, or forget. */
void path_read_all(struct host *h);
void path_forget(struct host *h);
/* Switches the faults of all paths on or off. */
void path_impair(struct world *w, bool on);

/* ---- narrow.c */
/* Is it more than @p takes? */
bool narrow(const struct path *p, const u8 *frame, u32 len);
/* @to, which sent @frame, is told so. */
void narrow_tell(struct host *to, const u8 *frame, u32 len, u16 mtu);

/* ---- trace.c */
void trace_frame(const struct world *w, u32 from, const u8 *frame, u32 len,
		 const char *fate);

/* ---- host.c */
void host_open(struct host *h);
void host_close(struct host *h);
void host_run(struct host *h);
static inline u64 host_clock(const struct host *h)
{
	return h->world->now + h->skew;
}
/* Something for it happens at @at. */
static inline void host_wake(struct host *h, u64 at)
{
	h->next = min(h->next, at);
}
/* The application dies and comes back at @until; the host, with @reboot. */
void host_crash(struct host *h, bool reboot, u64 until);
struct ix_call *host_call(struct host *h, u32 conn, u16 op);
/* Room for another connection's calls? */
bool host_room(const struct host *h);

/* A counter of all threads. */
#define HOST_SUM(h, field)                                        \
	({                                                        \
		u64 _sum = 0;                                     \
		for (u32 _i = 0; _i < (h)->nthreads; _i++)        \
			_sum += (h)->threads[_i].node.stat.field; \
		_sum;                                             \
	})

/* ---- moves.c */
/* Frames that are due go to the thread that the table says. */
void moves_steer(struct host *h);
/* Begins moves and goes on with them. */
void moves_run(struct host *h);
/* When that is to be called next. */
u64 moves_next(const struct host *h);
bool moves_any(const struct host *h);
/* Brings them to an end, while all applications are gone. */
void moves_end(struct host *h);

/* ---- app.c */
u32 app_conn_nr(const struct host *h, const struct conn *c);
u64 app_cookie(const struct host *h, const struct conn *c);
/* NULL: there are as many as there may be. */
struct conn *app_conn_new(struct host *h);
/* The application has done with it, or was told of an end. */
void app_conn_end(struct host *h, struct conn *c, s64 error);
/* There is something to do for it. */
void app_busy(struct host *h, struct conn *c);
void app_start(struct host *h);
/* Makes calls for what is due. */
void app_run(struct host *h);
/* All that it was to do is done. */
bool app_idle(const struct host *h);
u64 app_next(const struct host *h);
/* It is gone, with all its connections. */
void app_die(struct host *h);

/* ---- app_event.c */
void app_event(struct host *h, const struct ix_event *e);
void app_result(struct host *h, u32 i, s64 result);

/* ---- links.c */
/* From host @from to @to; SIM_LINKS: no more. */
u32 link_new(struct world *w, u32 from, u32 to, bool ip6, enum manner manner);
/* Who knocks at @host: a link, or SIM_LINKS. */
u32 link_find(const struct world *w, u32 host, const struct link *who);
void link_moves(struct world *w, u32 link);
void link_may_die(struct world *w, u32 host);
/* Nobody stands still while he could go on. */
void links_watch(struct world *w);
void links_check(const struct world *w);

#define CHECK(h, c, cond)                                                 \
	do {                                                              \
		if (unlikely(!(cond)))                                    \
			sim_fail((h)->world,                              \
				 "host %u: %s:%d: connection %u, state "  \
				 "%u: not so: %s",                        \
				 (h)->nr, __FILE__, __LINE__,             \
				 tcp_index(&(h)->t->node.dp->net.tcp, c), \
				 (c)->state, #cond);                      \
	} while (0)

/* ---- check.c */
/* Of h->t. */
void check_conn(struct host *h, const struct tcp_conn *c);

/* ---- recovery.c */
void check_recovery(struct host *h, const struct tcp_conn *c);

/* ---- pools.c */
/* After a step: the connections, unless it only waited for a move; every now
 * and then all. */
void check_host(struct host *h);
void check_all(struct host *h);
/* Nothing is left of what was. */
void check_empty(struct host *h);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Two whole dataplanes on a bad wire, in virtual time:
 *
 *   app.c                                                  app.c
 *     | calls, events                                        |
 *   node 0: dp ---- wire end a ==== wire end b ---- dp : node 1
 *
 * Everything random comes from one seed: the wire's faults, the settings and
 * what the applications do. Functions by file:
 *
 *   sim.c    the world of one seed: settings, clock, final checks, main()
 *   node.c   one dataplane and its crossing
 *   app.c    one application: many connections with various manners
 *   stream.c the bytes that a stream must have
 */
#ifndef TEST_SIM_H
#define TEST_SIM_H

#include "dp/dp.h"
#include "nic/wire.h"

enum {
	SIM_CONNS = 48,	     /* per application */
	SIM_LINKS = 64,	     /* connections of one seed */
	SIM_SLOT = 32 << 10, /* bytes unacknowledged per connection */
	SIM_ARENA = SIM_CONNS * SIM_SLOT,
	SIM_PORT = 80,
	STREAM_HEAD = 12,
};

#define SIM_MS 1000000ull
#define SIM_S 1000000000ull

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
	NR_MANNERS,
};

struct conn {
	bool used, opener, connected, dirty;
	bool eof, fin, closed, call_pending;
	u16 gen;
	u32 link; /* opener: which; else SIM_LINKS until the head came */
	enum manner manner;
	u64 handle;
	struct stream out, in;
	u32 queued, acked;  /* bytes of out */
	u32 received, held; /* bytes of in; told but not given back */
	u32 abort_at;	    /* ABORTER: when so much was moved */
	u64 read_pause;	    /* ns before bytes are given back, 0: at once */
	u64 wake;
};

struct link {
	enum manner opener, accepter;
	bool started, accepter_known;
	bool opener_done, accepter_done; /* all received, ended well */
	bool opener_ended;
};

struct sim;

struct node {
	struct sim *sim;
	u32 nr;
	struct dp *dp;
	struct dp_conf conf;
	struct ix_stat stat;
	struct ix_down down;
	struct ix_up up;
	u8 *mem, *frames, *arena;
	struct nicq *nic;
	struct conn conns[SIM_CONNS];
	struct {
		u16 conn, op;
	} calls[IX_MAX_CALLS]; /* who made down.calls[i] */
	u32 nsgs;
	u32 backlog;
	u32 to_open; /* links this node still has to open */
	u64 open_at;
};

struct sim {
	u64 seed, rng, now;
	bool verbose;
	struct wire_link ends[2];
	struct node nodes[2];
	struct link links[SIM_LINKS];
	u32 nlinks;
	u64 bytes, steps;
	u8 group_owner[RSS_TABLE];
};

/* sim.c */
u32 sim_random(struct sim *s, u32 below);
bool sim_chance(struct sim *s, u32 percent);
__attribute__((noreturn, format(printf, 2, 3))) void sim_fail(
	const struct sim *s, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void sim_say(const struct sim *s,
						   const char *fmt, ...);

/* node.c */
void node_open(struct node *n, struct nicq *nic);
void node_close(struct node *n);
/* One crossing. False: nothing happened. */
bool node_step(struct node *n);
/* When it must run again, ns. */
u64 node_next(struct node *n);
struct ix_call *node_call(struct node *n, u32 conn, u16 op);
/* Room for another connection's calls? */
bool node_room(const struct node *n);

/* app.c */
void app_start(struct node *n);
/* Makes calls for what is due. */
void app_run(struct node *n);
void app_event(struct node *n, const struct ix_event *e);
void app_result(struct node *n, u32 conn, u16 op, s64 result);
bool app_idle(const struct node *n);
u64 app_next(const struct node *n);

#endif

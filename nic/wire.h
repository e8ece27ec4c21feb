/* SPDX-License-Identifier: MIT */
/*
 * The wire: a link of two ends in shared memory, each with up to
 * WIRE_MAX_QUEUES queues. Bench of the stack alone, and the test bed.
 *
 *   end a                              end b
 *   queue 0 ==ring a0b0==============> queue 0      one SPSC ring for each
 *           ==ring a0b1============+             (from queue, to queue) and
 *   queue 1 ==ring a1b0==========  +=> queue 1   direction
 *
 * A frame goes to the queue that the receiver's indirection table names for
 * the Toeplitz hash of its 4-tuple, as a NIC with RSS does it.
 *
 * Impairments (impair.h) act where a frame is sent: with a virtual clock every
 * run of one seed is the same.
 */
#ifndef NIC_WIRE_H
#define NIC_WIRE_H

#include "base/hash.h"
#include "base/ring.h"
#include "nic/impair.h"
#include "nic/nic.h"

enum {
	WIRE_MAX_QUEUES = 16, /* per end */
	WIRE_GRAINS = 8192,   /* per ring: 128 KB */
	WIRE_MAGIC = 0x65726977,
	WIRE_VERSION = 1,
	WIRE_PATIENCE_NS = 10000000, /* with an end that does not read */
	WIRE_TUPLE_MAX = 36,	     /* addresses and ports of IPv6, bytes */
};

enum wire_end { WIRE_A, WIRE_B };

/* What an end tells the other one. Read mostly. */
struct wire_end_info {
	u32 open;    /* 0: nobody there, frames to it are lost */
	u32 nqueues; /* that it reads */
	u32 rss_gen; /* changes with rss_key */
	u8 rss_key[RSS_KEY_LEN];
	u8 rss_table[RSS_TABLE]; /* queue; rewritten while it runs */
} ALIGNED(CACHE_LINE);

/* How a sleeping queue is woken. */
struct wire_door {
	u32 seq;     /* futex word: changes with every wake-up */
	u32 waiting; /* set by the sleeper, cleared by who wakes it */
} ALIGNED(CACHE_LINE);

/* The shared memory: this, then the rings, see wire_ring_at(). */
struct wire_shared {
	u32 magic, version;
	struct wire_end_info ends[2];
	struct wire_door doors[2][WIRE_MAX_QUEUES];
};

struct wire_impairer {
	struct impair path;
	struct transit transit;
};

struct wire_queue;

/* System calls, kept apart from the fast path. */
struct wire_exits {
	void (*wake)(struct wire_door *door);
	void (*wait)(struct wire_queue *w, u64 ns);
};

struct wire_queue {
	struct nicq q;
	struct wire_shared *shared;
	const struct wire_exits *exits; /* wire_bind() */
	u8 end;
	u8 queue;
	u16 rx_turn;	/* source queue that is served first */
	u32 dirty;	/* destination queues to wake, a bit each */
	u32 rss_gen;	/* that rss_nibble is for */
	u32 woken;	/* our door's seq when wait() returned last */
	u64 now;	/* last seen */
	u64 full_since; /* since when the other end has taken nothing; 0: it
			   does */
	struct wire_impairer *impairer;	    /* NULL: none */
	struct ring_rx rx[WIRE_MAX_QUEUES]; /* by source queue */
	struct ring_tx tx[WIRE_MAX_QUEUES]; /* by destination queue */
	/* Toeplitz by table: hash ^= rss_nibble[position][4 input bits] */
	u32 rss_nibble[2 * WIRE_TUPLE_MAX][16];
};

/* A queue lies in pages of its own: see nic.parts. */
enum {
	WIRE_PAGE = 4096,
	WIRE_QUEUE_BYTES = (sizeof(struct wire_queue) + WIRE_PAGE - 1) /
			   WIRE_PAGE * WIRE_PAGE,
};

/* Where the ring from queue @from of end @end to queue @to of the other end
 * lies, bytes from the start; the total length of the memory. */
size_t wire_ring_at(u32 end, u32 from, u32 to);
size_t wire_bytes(void);

/* Fills in one queue on shared memory that is set up. @impairer: zeroed,
 * path.conf filled in, or NULL. */
void wire_queue_init(struct wire_queue *w, struct wire_shared *shared,
		     enum wire_end end, u32 queue,
		     struct wire_impairer *impairer);

/* Where this copy of the code lies, and what waits and wakes for it; NULL:
 * never sleeps. wire_queue_init() does it with NULL. */
void wire_bind(struct wire_queue *w, const struct wire_exits *exits);

/* Writes the indirection table that steers to this end. */
void wire_set_rss(struct wire_shared *shared, enum wire_end end,
		  const u8 table[RSS_TABLE]);

/* Moves what is due at @now on to the other end; tx() and rx() do it too. */
void wire_advance(struct wire_queue *w, u64 now);

/* When the next delayed frame is due, ns; UINT64_MAX: none is on its way. */
u64 wire_next_due(const struct wire_queue *w);

/* Has something arrived? */
bool wire_pending(const struct wire_queue *w);

/* wire_link.c: the memory and the two ends */

struct wire_conf {
	const char *path; /* file to share */
	int end;	  /* WIRE_A, WIRE_B, or -1: the one that is free */
	u32 nqueues;	  /* 0: 1 */
	u16 mtu;	  /* 0: 1500 */
	struct impair_conf impair;
};

/* One opened end. */
struct wire_link {
	struct wire_shared *shared;
	int fd; /* holds the end's lock; -1: anonymous memory */
	enum wire_end end;
	u32 nqueues;
	struct wire_queue *queues[WIRE_MAX_QUEUES];
};

/* Opens an end of conf->path: 0, or -errno with one line for the user in
 * @why. An end belongs to whoever holds its file lock, so it is free again
 * when its holder has died. */
int wire_link_open(struct wire_link *l, const struct wire_conf *conf, char *why,
		   size_t why_len);

/* Both ends in anonymous memory, for tests: no system calls afterwards. 0 or
 * -ENOMEM. Close b first: a owns the memory. */
int wire_link_pair(struct wire_link *a, const struct wire_conf *conf_a,
		   struct wire_link *b, const struct wire_conf *conf_b);

void wire_link_close(struct wire_link *l);

/* Ends the wait of our queue @i, or the next one if it is in none; from any
 * thread. */
void wire_link_wake(const struct wire_link *l, u32 i);

/* wire_open.c */

/* "PATH,loss=0.01,delay=1ms,seed=7,...": the options into @conf, the length
 * of PATH. -EINVAL with @why. */
int wire_parse(struct wire_conf *conf, const char *spec, char *why,
	       size_t why_len);

struct nic;
struct nic_config;

/* Back end of nic_open(). */
int wire_open(const struct nic_config *cfg, const char *arg, struct nic **out,
	      char *why, size_t why_len);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * ixload inside: who calls whom.
 *
 *	ixload.c       phases, threads, watchdog
 *	  backend      the loop of one thread: waits, delivers, asks load_step()
 *	    load_*     one connection's life (load_conn.c), arrivals
 *	               (load_open.c), once-per-iteration work (load_step.c)
 *	      proto    what is sent, and whether the answer is right
 *
 * A back end calls load_opened(), load_input(), ... up; load_* calls the
 * back end's ops down. Nothing here is shared between threads but struct
 * load_ctl. Times are ns of CLOCK_MONOTONIC, read once per batch by the back
 * end (load_thread.now).
 */
#ifndef BENCH_IXLOAD_LOAD_H
#define BENCH_IXLOAD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bench/hist.h"
#include "ix/abi.h"

struct load_conn;
struct load_thread;
struct load_opts;

/* ---- the two sets of ops */

struct load_backend {
	const char *name;
	size_t conn_bytes; /* of its connection; struct load_conn comes first */

	/* Once per process. 0 or -errno; says why on stderr. May change
	 * opts->threads where 0 means "as many as there are". */
	int (*init)(struct load_opts *o);
	/* Memory that send(stable) may refer to; never freed. */
	void *(*alloc)(size_t bytes);
	/* On the thread itself. 0 or -errno. */
	int (*thread_init)(struct load_thread *t);
	/* Runs the thread until load_step() says LOAD_END. */
	void (*loop)(struct load_thread *t);

	/* Begins to open; load_opened() or load_open_failed() follows, not
	 * from inside. 0, or -errno: nothing follows. */
	int (*dial)(struct load_conn *c);
	/* Takes up to @len bytes; how many, or -errno (then load_closed()
	 * follows). Short: load_writable() follows. @stable: the bytes stay
	 * as they are for good, so no copy is needed. */
	int64_t (*send)(struct load_conn *c, const void *buf, uint32_t len,
			bool stable);
	/* Ends it: by FIN, or by RST. load_released() follows, perhaps from
	 * inside; nothing else does. */
	void (*close)(struct load_conn *c, bool reset);
};

struct load_proto {
	const char *name;
	const char *help;
	/* Once per process, after backend->init. 0 or -errno. */
	int (*init)(struct load_opts *o);
	/* Per thread; optional. */
	int (*thread_init)(struct load_thread *t);
	void (*thread_exit)(struct load_thread *t);
	/* A fresh connection: stream positions back to the start. */
	void (*reset)(struct load_conn *c);
	/* Appends the request of reqs[@slot]. False: nothing left to ask
	 * (preload done). */
	bool (*make)(struct load_conn *c, uint32_t slot);
	/* Hands what make() appended to the back end, as far as it goes. */
	void (*flush)(struct load_conn *c);
	/* Takes all @len bytes; calls load_answer() for each answer. False:
	 * the answer is wrong, the connection is of no more use. */
	bool (*input)(struct load_conn *c, const uint8_t *data, uint32_t len);
	bool preload; /* make() serves LOAD_PRELOAD too */
};

extern const struct load_backend backend_linux, backend_ix, backend_ix_udp;
extern const struct load_proto proto_echo, proto_udp;
extern const struct load_proto proto_etc, proto_usr, proto_get;

/* ---- options */

struct load_opts {
	struct ix_addr ip;
	uint16_t port;
	struct sockaddr_storage to; /* the same, for Linux */
	socklen_t to_len;
	uint32_t conns, threads;
	uint32_t size;
	uint32_t msgs_per_conn; /* 0: a connection lives for the whole run */
	uint32_t pipeline;
	uint32_t ports;	 /* connections go to so many, from port on */
	uint32_t active; /* requests under way in all, at random; 0: no limit */
	uint32_t ramp;	 /* connections being opened at a time, per thread */
	uint32_t records; /* memcached: keys in use */
	uint32_t busy_poll_us;
	double rate;	  /* messages per second in all; 0: closed loop */
	double step;	  /* times as many in duration's 2nd half; 0: 1 */
	double get_ratio; /* below 0: the mix's own */
	uint64_t duration, warmup, timeout, connect_timeout; /* ns */
	uint64_t nap;  /* ns: that back end ix sleeps between two looks */
	uint64_t each; /* ns: parts of duration that are told apart; 0: none */
	uint64_t seed;
	bool udp, rst, redis, json, quiet, verbose;
	const struct load_backend *backend;
	const struct load_proto *proto;
};

/* 0: go on; 1: done (help shown); 2: usage error (told). */
int load_parse(struct load_opts *o, int argc, char **argv);

/* ---- shared by all threads */

enum load_phase { LOAD_OPEN, LOAD_PRELOAD, LOAD_RUN, LOAD_DRAIN, LOAD_STOP };

struct load_ctl {
	uint32_t phase;	   /* enum load_phase up to RUN, STOP to give up */
	uint64_t from, to; /* what is measured; set before RUN */
};

/* ---- one connection */

enum load_conn_state {
	CONN_CLOSED, /* may be dialed */
	CONN_DIALING,
	CONN_OPEN,
	CONN_CLOSING, /* load_released() awaited */
};

struct load_req {
	uint64_t t;    /* when it was, or should have been, sent */
	uint32_t what; /* the protocol's */
	uint32_t done; /* UDP: answered, while older ones are not */
};

struct load_conn {
	struct load_thread *t;
	struct load_conn *next; /* on t->dial or t->idle */
	struct load_req *reqs;	/* t->slots of them, oldest at head */
	void *priv;		/* the protocol's */
	uint64_t since;		/* last progress, or start of dialing */
	uint32_t head;
	uint32_t out;		 /* requests made and not answered */
	uint32_t left;		 /* requests still to make on this connection */
	uint32_t tx_pos, rx_pos; /* in the pattern (echo) */
	uint32_t tx_left;	 /* bytes to send (echo) */
	uint32_t rx_left;	 /* bytes until the current answer is whole */
	uint16_t port;		 /* at the server */
	uint8_t state;		 /* enum load_conn_state */
	bool listed;		 /* on t->idle */
	bool dead;		 /* the peer ended it inside a call from here */
};

struct load_fifo {
	struct load_conn *head, *tail;
};

/* ---- one thread */

struct load_count {
	uint64_t answered, sent, bytes;
	uint64_t opened, open_failed, closed; /* connections */
	uint64_t peer_closed;		      /* ended by the other side */
	uint64_t timeouts;	  /* connections given up; UDP: messages lost */
	uint64_t wrong;		  /* answers with a wrong byte */
	uint64_t misses, refused; /* memcached: not found; error lines */
	uint64_t late;		  /* UDP: answers after their timeout */
	uint64_t overflow;	  /* arrivals beyond what the queue holds */
	uint64_t unanswered;	  /* of the measured time, at the end */
};

struct load_thread {
	/* hot */
	const struct load_opts *opts;
	const struct load_backend *backend;
	const struct load_proto *proto;
	uint64_t now;
	bool fresh;	     /* back end ix: now was read in this batch */
	uint64_t from, span; /* requests of this time go into hist */
	uint32_t slot_mask;
	uint32_t pipeline;
	uint32_t churn; /* all ones when connections are used up */
	bool sending;	/* new requests may be made */
	bool open_loop;
	uint8_t phase;	       /* enum load_phase, own view */
	struct load_fifo idle; /* open loop: connections with room */
	struct load_fifo dial;
	uint32_t dialing, open;
	uint32_t active; /* requests under way at most; 0: no limit */
	uint32_t out;	 /* requests under way, of all connections */
	struct load_count count;
	uint64_t rng;

	/* open loop: intended times waiting for a connection */
	uint64_t *arrivals;
	uint32_t arr_head, arr_tail;
	double next_arrival, gap; /* ns; mean distance */

	/* once in a while */
	uint64_t tick_at;
	uint32_t scan; /* next connection to look at for timeouts */
	uint32_t nconns;
	uint32_t preload_next, preload_end;
	int first_errno;
	uint64_t retry_at;

	/* measured */
	uint64_t began, ended; /* true limits of the measured time */
	uint64_t answered_began, answered_ended;
	uint64_t opened_began, opened_ended;
	uint64_t bytes_began, bytes_ended;

	/* setup */
	struct load_ctl *ctl;
	uint32_t index;
	uint32_t done; /* read by main: enum load_phase completed + 1 */
	uint8_t *conns;
	struct load_req *reqs;
	void *backend_priv, *proto_priv;
	struct hist hist;
	struct hist *part; /* of each opts->each of the measured time */
};

enum { LOAD_ARRIVALS = 1 << 20 };

static inline struct load_conn *load_conn_at(struct load_thread *t, uint32_t i)
{
	return (struct load_conn *)(t->conns + i * t->backend->conn_bytes);
}

/* ---- load_step.c */

#define LOAD_END UINT64_MAX

/* Allocates connections. 0 or -ENOMEM. */
int load_thread_init(struct load_thread *t, struct load_ctl *ctl,
		     const struct load_opts *o, uint32_t index);

/* Frees what load_thread_init() and the protocol allocated. */
void load_thread_free(struct load_thread *t);

/* Once per iteration, before waiting, at time @now (becomes t->now). Returns
 * ns that the back end may wait at most, or LOAD_END: leave the loop. */
uint64_t load_step(struct load_thread *t, uint64_t now);

/* Opens connections from t->dial, as many as may be under way. */
void load_dial(struct load_thread *t);

/* ---- load_conn.c: called by back ends */

void load_opened(struct load_conn *c);
void load_open_failed(struct load_conn *c, int err); /* errno */
void load_input(struct load_conn *c, const uint8_t *data, uint32_t len);
void load_writable(struct load_conn *c);
/* The peer ended it: 0 (FIN) or an errno. The back end still has it until
 * backend->close(). */
void load_closed(struct load_conn *c, int err);
void load_released(struct load_conn *c);

/* ---- load_conn.c: called by load_*.c and protocols */

/* Makes as many requests as fit, and sends. */
void load_fill(struct load_conn *c);
/* With --active: as many as may be under way, each on a connection at random.
 */
void load_spread(struct load_thread *t);
void load_end(struct load_conn *c, bool reset);
/* Forgets the requests that are out; they count with the age reached. */
void load_abandon(struct load_conn *c);
/* Gives up on a connection whose answer is overdue. */
void load_overdue(struct load_conn *c);

/* Makes one request with start time @when. False: nothing left. */
static inline bool load_make(struct load_conn *c, uint64_t when)
{
	struct load_thread *t = c->t;
	uint32_t slot = (c->head + c->out) & t->slot_mask;

	c->reqs[slot].t = when;
	c->reqs[slot].done = 0;
	if (!t->proto->make(c, slot))
		return false;
	if (!c->out++)
		c->since = t->now;
	t->out++;
	c->left -= 1 & t->churn;
	t->count.sent++;
	return true;
}

/* How long a request of time @when has waited until now, if it is of the
 * measured time: is it? */
static inline bool load_waited(struct load_thread *t, uint64_t when)
{
	uint64_t waited = t->now > when ? t->now - when : 0;

	if (when - t->from >= t->span)
		return false;
	hist_add(&t->hist, waited);
	if (t->part)
		hist_add(&t->part[(when - t->from) / t->opts->each], waited);
	return true;
}

static inline void load_answered(struct load_thread *t, uint64_t when)
{
	t->count.answered++;
	load_waited(t, when);
}

/* The oldest request of @c has its answer. */
static inline void load_answer(struct load_conn *c)
{
	load_answered(c->t, c->reqs[c->head++ & c->t->slot_mask].t);
	c->out--;
	c->t->out--;
}

static inline void fifo_push(struct load_fifo *f, struct load_conn *c)
{
	c->next = NULL;
	if (f->head)
		f->tail->next = c;
	else
		f->head = c;
	f->tail = c;
}

static inline struct load_conn *fifo_pop(struct load_fifo *f)
{
	struct load_conn *c = f->head;

	if (c)
		f->head = c->next;
	return c;
}

/* ---- load_open.c */

int load_arrivals_init(struct load_thread *t);
void load_arrivals_start(struct load_thread *t);
/* Lets intended times come due and gives them to idle connections; ns until
 * the next one. */
uint64_t load_arrivals(struct load_thread *t);
/* Serves waiting intended times on a connection that has room, else lists it
 * as idle. True if requests were made (flush!). */
bool load_arrivals_take(struct load_conn *c);
/* At the end: intended times that never found a connection. */
void load_arrivals_left(struct load_thread *t);

/* ---- report.c */

struct load_result {
	struct load_count count;
	struct hist hist;
	struct hist *part; /* load_parts() of them */
	uint64_t from;	   /* when the measured time began */
	double seconds;
	double msgs, conns, bytes; /* per second, in the measured time */
	int first_errno;
	uint32_t open;
};

/* Of opts->each in the measured time; the last one may be shorter. */
static inline uint32_t load_parts(const struct load_opts *o)
{
	return o->each ? (uint32_t)((o->duration - 1) / o->each + 1) : 0;
}

/* 0 or -ENOMEM. */
int load_collect(struct load_result *r, struct load_thread *const *t,
		 uint32_t n);
/* Exit status: 0, or 1 when something was wrong or nothing worked. */
int load_report(const struct load_result *r, const struct load_opts *o,
		uint32_t threads);
void load_progress(struct load_thread *const *t, uint32_t n, uint64_t now);

#endif

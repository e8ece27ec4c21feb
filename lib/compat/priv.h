/* SPDX-License-Identifier: MIT */
/*
 * The original's libix over ours. Functions by file:
 *
 *   libix.c  START HERE: ix_init(), ix_poll(), ix_handle_events()
 *   bsys.c   a batch of the original's calls -> calls of the ABI
 *   result.c the ABI's results -> its descriptors
 *   usys.c   events of the ABI -> the original's
 *   conn.c   handles of connections
 *   send.c   memory to send: in place, else copied; when it is free again
 *   udp.c    ports, datagrams lent and sent
 *   timer.c  timers
 *   buf.c    buffers for copies, and <buf.h>
 *
 * A handle of the original's is a name of ours (index, generation), so that
 * one which the dataplane has done with is still good for tcp_close().
 */
#ifndef LIB_COMPAT_PRIV_H
#define LIB_COMPAT_PRIV_H

#include <errno.h>
#include <limits.h>

#include "compat/buf.h"
#include "compat/ix/libix.h"
#include "ix/ix.h"

enum {
	CONNS_PER_CHUNK = 256,
	MAX_CHUNKS = 1 << 16,
	MAX_DUES = 1024,  /* tcp_dead told at a time beside those of events */
	MAX_KNOCKS = 256, /* unanswered; then the oldest is rejected */
	DGRAM_BUCKETS = 256,
	FRAME_SHIFT = 11, /* a datagram lies in one aligned frame of 2 KB */
};

/* The result comes with the dataplane's. */
#define PENDING LONG_MIN

enum {
	CONN_USED = 1,
	CONN_TOLD = 2,	   /* tcp_dead */
	CONN_GONE = 4,	   /* the dataplane has done with it */
	CONN_CLOSED = 8,   /* the program has */
	CONN_DUE = 16,	   /* tcp_dead is to be told without an event */
	CONN_KNOCKED = 32, /* neither accepted nor rejected */
};

struct conn {
	uint64_t handle; /* the dataplane's */
	unsigned long cookie;
	hid_t hid;
	uint32_t flags;
	uint32_t send_flush;  /* the flush that ends the batch of its SENDV */
	uint32_t short_batch; /* the batch in which one was short */
	struct ip_tuple id;
	uint64_t taken, acked; /* bytes of the stream, by the dataplane */
	/* Copies not yet acknowledged, oldest first, through ref.next; due
	 * when acked reaches ref.send_pos. */
	struct ixev_buf *copies, *last_copy;
	struct conn *next; /* free, or due */
};

/* A call of the ABI batch. */
struct pending {
	uint16_t op;
	struct bsys_desc *desc; /* for the result; NULL: nobody asks */
	struct conn *conn;
	union {
		struct {
			struct ixev_buf *copies;
			uint64_t asked;
		};
		struct udp_tx *tx;
		struct timer *timer;
	};
};

struct udp_tx {
	struct udp_tx *next;
	unsigned long cookie;
	struct ixev_buf *copies;
};

struct dgram {
	struct dgram *next;
	struct ip_tuple id;
	uint64_t handle;
	uint64_t addr;
};

/* One that came in parts, put together. The dataplane has its memory back. */
struct whole {
	struct whole *next;
	struct ip_tuple id;
	size_t len;
	char data[65536];
};

struct udp_port {
	struct udp_port *next;
	uint64_t handle;
	uint16_t port;
};

struct timer {
	unsigned long cookie;
	uint64_t handle;
	uint32_t gen;
	bool set;
};

struct compat {
	struct ix_thread *ix;
	bool gone;
	bool gone_told;
	uintptr_t arena;
	size_t arena_len;
	uint32_t flushes, batches; /* from 1 on */
	struct pending pending[IX_MAX_CALLS];

	struct conn *chunks[MAX_CHUNKS];
	uint32_t nchunks;
	struct conn *free_conns;
	struct conn *due;
	hid_t knocks[MAX_KNOCKS]; /* the latest */
	uint32_t nknocks;

	struct udp_port *ports;
	struct udp_tx *free_txs;
	struct dgram *dgrams[DGRAM_BUCKETS];
	struct dgram *free_dgrams;
	struct whole *wholes; /* lent to the program */
	struct whole *parts;  /* being put together */
	bool parts_lost;

	struct timer *timers;
	uint32_t ntimers;
	struct bsys_arr *events;
};

/* libix.c: the calling thread's, attached when there is none; or NULL. */
struct compat *compat_self(void);
int compat_attach(void);

/* ---- bsys.c */
void compat_calls(struct compat *t, struct bsys_desc *d, unsigned int nr);
void compat_reject(struct compat *t, struct bsys_desc *d, struct conn *c);

/* ---- result.c */

/* Room for one call with @nsgs ranges: may flush. */
void compat_room(struct compat *t, uint32_t nsgs);

/* Notes who gets the result of call @index. */
struct pending *compat_pend(struct compat *t, int index, uint16_t op,
			    struct bsys_desc *d, struct conn *c);

/* Makes what is in the ABI batch; 0 or -errno: the dataplane is gone. */
int compat_flush(struct compat *t);
void compat_results(struct compat *t);

/* 0 or -errno to 0 or -RET_*. */
long compat_ret(int64_t result);
void compat_answer(struct bsys_desc *d, unsigned long cookie, long ret);

/* ---- usys.c: what the crossing brought, into t->events. */
void compat_events(struct compat *t);
void compat_tell(struct compat *t, uint64_t sysnr, uint64_t a, uint64_t b,
		 uint64_t c, uint64_t d);

/* ---- conn.c */
struct conn *conn_new(struct compat *t);
struct conn *conn_find(struct compat *t, hid_t hid);
void conn_free(struct compat *t, struct conn *c);
/* tcp_dead in the next array of events. */
void conn_due(struct compat *t, struct conn *c);

/* ---- send.c */

/* The ranges of @ents for the ABI, at most IX_MAX_SG_PER_CALL: as they are if
 * all lie in the arena, else copied as far as there is memory for it. The
 * number of ranges, *bytes in all. */
uint32_t send_ranges(struct compat *t, const struct sg_entry *ents, uint32_t n,
		     struct ix_sg *sg, struct ixev_buf **copies,
		     uint64_t *bytes);
void send_free(struct ixev_buf *copies);
long send_tcp(struct compat *t, struct bsys_desc *d, struct conn *c,
	      const struct sg_entry *ents, uint32_t n);
void send_taken(struct compat *t, struct pending *p, uint64_t taken);
void send_acked(struct conn *c, uint64_t bytes);

/* ---- udp.c */
int udp_bind_all(struct compat *t, const uint16_t *port);
long udp_send(struct compat *t, struct bsys_desc *d,
	      const struct sg_entry *ents, uint64_t n);
long udp_recv_done(struct compat *t, uint64_t addr);
void udp_sent(struct compat *t, struct udp_tx *tx);
void udp_part(struct compat *t, const struct ix_event *ev);
void udp_recv(struct compat *t, const struct ix_event *ev);

/* ---- timer.c */
void timer_result(struct timer *timer, int64_t result);
void timer_expired(struct compat *t, uint64_t cookie);

#endif

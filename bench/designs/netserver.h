/* SPDX-License-Identifier: MIT */
/* Inside the network server. */
#ifndef BENCH_DESIGNS_NETSERVER_H
#define BENCH_DESIGNS_NETSERVER_H

#include "bench/designs/ipc.h"
#include "test/lab/lab.h"

enum {
	CONNS = 1024,
	MBUFS = 16384, /* and as many pieces at most */
	/* TCP leaves a 16th of the buffers when it holds what it receives. */
	MAX_SENT = MBUFS / 32,
	NONE = -1,
};

struct conn {
	u64 handle; /* 0: it has ended */
	u32 name;   /* index + CONNS * how often it was used */
	u32 acked;  /* bytes of the oldest of sent */
	struct mbuf *sent, **sent_end; /* until acknowledged, oldest first */
};

/* Received, of which the application does not know yet. */
struct piece {
	u32 conn, len; /* len 0: the peer has sent its FIN */
	const void *data;
};

struct netserver {
	const struct mailboxes *box;
	struct lab_node node;
	struct nicq nic;
	struct mbuf *arrived; /* the frame that rx() is to return */
	struct conn conns[CONNS];
	struct piece pieces[MBUFS];
	u32 first, end; /* of pieces, free running */
	u32 nsent;	/* buffers in all conns' sent */
	/* The application's call, while it waits for its answer. */
	struct message call;
	bool called;
	struct mbuf *unsent; /* of APP_SEND: TCP has not taken all of it */
	u32 taken;	     /* bytes of it that it has */
	bool room;	     /* it may take more now */
	s32 sendv;	     /* index of its call in the batch, or NONE */
};

/* netserver_calls.c: of TCP. */
void take_event(struct netserver *s, const struct ix_event *e);

/* ... and of the application: its call begins, @m has what it sends; what came
 * of a SENDV; whether the call is answered now. */
void begin_call(struct netserver *s, struct mbuf *m);
void sent(struct netserver *s, s64 result);
void go_on(struct netserver *s);

#endif

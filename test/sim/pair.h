/* SPDX-License-Identifier: MIT */
/*
 * One stream between two whole dataplanes, in virtual time:
 *
 *    sender: dp == NIC -- way[0]: queue, rate, delay, losses --> NIC == dp
 *                      <-- way[1]: ...                       --
 *
 * The connection is opened first; time counts from there until all bytes have
 * come. Both applications do what they can at once.
 */
#ifndef TEST_SIM_PAIR_H
#define TEST_SIM_PAIR_H

#include "nic/impair.h"
#include "test/lab/lab.h"

/* A segment on its way. */
struct pair_seg {
	int from; /* 0: the sender */
	u32 seq, len, ack;
	u64 now;
	u64 late;    /* ns that it waits on the way, beyond the delay */
	bool marked; /* on the way or before: CE */
};

struct pair_conf {
	u32 bytes;
	bool ip6;	     /* else IPv4 */
	struct tcp_conf tcp; /* of both: see pair_tcp */
	struct impair_conf way[2];
	/* Is it lost, besides what the ways lose? May be NULL. */
	bool (*lose)(void *arg, const struct pair_seg *s);
	/* It arrives, or is lost, and why. May be NULL. */
	void (*watch)(void *arg, const struct pair_seg *s, const char *fate);
	/* After each iteration of the sender's. May be NULL. */
	void (*look)(void *arg, const struct net *net, const struct tcp_conn *c,
		     u64 now);
	void *arg;
};

/* As in conf.def, but for newreno and delayed ACKs. */
extern const struct tcp_conf pair_tcp;

struct pair_result {
	u64 ns;
	u32 received; /* bytes */
	bool dead;
	u64 frames[2];
	struct ix_stat sender;
};

/* False: the connection died, or it took longer than @limit_ns. */
bool pair_run(const struct pair_conf *conf, u64 limit_ns,
	      struct pair_result *result);

/* What a program of streams is to do: [-v] [-n COUNT] FIRST. */
struct pair_seeds {
	u64 first, count;
	bool verbose;
};

/* False: that is not what @argv says. */
bool pair_seeds(struct pair_seeds *s, int argc, char **argv);

#endif

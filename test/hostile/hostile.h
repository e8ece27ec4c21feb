/* SPDX-License-Identifier: MIT */
/*
 * A hostile application: it serves an echo on one port as it should, for
 * bystanders who must never notice anything, and between two crossings tries
 * one lie after the other.
 *
 *   hostile.c    the echo, and the list of lies
 *   lie_mem.c    writing what is not ours
 *   lie_call.c   bad descriptors
 *   lie_flood.c  using up what is limited
 *   lie_race.c   descriptors that change while they are read
 *   lie_futex.c  the words that the dataplane sleeps on
 *   lie_sys.c    other processes and the kernel
 */
#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ix/ix.h"

enum { ECHO_PORT = 7, OWN_PORT = 8, HOARD_PORT = 9 };

/* What came to HOARD_PORT. */
enum { SLOTS = 256 };

struct hoarded {
	uint32_t n;
	uint64_t handle[SLOTS], bytes;
};

extern struct hoarded hoarded;

struct rogue {
	struct ix_thread *t;
	uint64_t own;	   /* handle of a connection to OWN_PORT */
	uint64_t stale;	   /* of one that is closed */
	uint64_t knocked;  /* a knock not yet answered */
	uint64_t received; /* an address in a receive buffer */
	uint32_t got;	   /* bytes there, none given back */
	uint64_t other;	   /* an address of a bystander's data */
	bool hoards;	   /* keeps what comes to HOARD_PORT */
	char *mem;	   /* 64 KB of the arena */
	int fds[5];	   /* up down frames arena pipe, kept open */
	pid_t dataplane;   /* in its own pid namespace */
};

/* Returns false and prints if the lie was believed. */
typedef bool lie_fn(struct rogue *r);

struct lie {
	const char *name;
	lie_fn *tell;
};

extern const struct lie lies_mem[], lies_call[], lies_flood[], lies_race[],
	lies_futex[], lies_sys[]; /* each ends with an empty name */

/* Crosses with what has been appended: the result of the last call. */
int64_t result(struct rogue *r);

/* Serves the echo for a while. False: the dataplane is gone. */
bool serve(struct rogue *r, int ms);

/* Is it the name of a connection that we have? */
bool is_true(struct rogue *r, uint64_t handle);

/* Stops the terminal that is our stderr, and the dataplane's, or fills the
 * pipe: who writes there now waits for ever. */
void shut_stderr(void);

bool refused(const char *what, int64_t got);

uint64_t now_ns(void);

#endif

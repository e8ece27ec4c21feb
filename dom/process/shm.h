/* SPDX-License-Identifier: MIT */
/*
 * What dataplane D and application A of a process domain both map. Four
 * sealed memfds, whose fds A finds in $IX_PROCESS:
 *
 *	           D             A        sealed against
 *	up         read/write    read     resizing, new writable mappings
 *	down       read          write    resizing
 *	 turns     read/write    write
 *	frames     read/write    read     resizing, new writable mappings
 *	arena      read          write    resizing
 *
 *	up:    | info | thread 0's proc_up | thread 1's | ...
 *	down: | turns | thread 0's proc_down | thread 1's | ...
 *
 * The turns are the futex words that the two sides sleep on. Both sides map
 * both of them writable, since futex(2) takes a slower path for read-only
 * mappings. D trusts nothing there: all that it reads is whether A's turn has
 * changed and whether A says that it sleeps. An A that overwrites D's word only
 * makes its own waiting wrong.
 *
 * A also inherits a pipe whose other end only D holds: its hang-up tells A that
 * D died.
 */
#ifndef DOM_PROCESS_SHM_H
#define DOM_PROCESS_SHM_H

#include "dom/process/handover.h"
#include "ix/abi.h"

#define PROC_ENV "IX_PROCESS" /* fds: up down frames arena pipe */

enum {
	PROC_VERSION = 1,
	PROC_PAGE = 4096,
	PROC_MAX_PORTS = 32,
};

struct proc_turns {
	struct handover_side d, a; /* D's and A's turns */
};

enum { PROC_TURNS = IX_MAX_THREADS * sizeof(struct proc_turns) };

enum proc_op { PROC_RUN, PROC_ATTACH, PROC_DETACH };

/* First page of up. */
struct proc_info {
	u32 version; /* PROC_VERSION */
	u32 abi_version;
	u32 nthreads;
	u32 pid; /* of D */
	u64 frames_len, arena_len, page_size;
	u16 ports[PROC_MAX_PORTS]; /* zero-terminated */
	u16 core[IX_MAX_THREADS];
};

struct proc_up {
	s32 status; /* of the crossing: 0 or -errno */
	u32 pad[15];
	struct ix_up up;
} ALIGNED(PROC_PAGE);

struct proc_down {
	u32 op; /* enum proc_op */
	u32 pad;
	u64 frames, arena; /* PROC_ATTACH: where A has mapped them */
	u64 pad2[5];
	struct ix_down down;
} ALIGNED(PROC_PAGE);

_Static_assert(PROC_TURNS % PROC_PAGE == 0, "pages of their own");
_Static_assert(sizeof(struct proc_info) <= PROC_PAGE, "one page");
_Static_assert(offsetof(struct proc_up, up) == 64, "cache lines");
_Static_assert(offsetof(struct proc_down, down) == 64, "cache lines");

static inline size_t proc_up_bytes(u32 nthreads)
{
	return PROC_PAGE + nthreads * sizeof(struct proc_up);
}

static inline size_t proc_down_bytes(u32 nthreads)
{
	return PROC_TURNS + nthreads * sizeof(struct proc_down);
}

#endif

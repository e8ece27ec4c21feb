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
 *	down: | turns | thread 0's proc_down | thread 1's | ... | proc_rights
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

#define PROC_ENV "IX_PROCESS" /* fds: up down frames arena pipe, vm: app */

enum {
	PROC_VERSION = 3,
	PROC_PAGE = 4096,
	PROC_MAX_PORTS = 32,
};

struct proc_turns {
	struct handover_side d, a; /* D's and A's turns */
};

enum { PROC_TURNS = IX_MAX_THREADS * sizeof(struct proc_turns) };

enum proc_op {
	PROC_RUN,
	PROC_ATTACH,
	PROC_DETACH,
	/* domain vm, attached: the caller's thread goes on in ring 3 ... */
	PROC_ENTER,  /* at rip, rsp, fs */
	PROC_ANSWER, /* ... with the answer to the call that it asked for */
};

/* What an attached thread's persona hears when ring 3 has stopped. */
enum proc_want {
	PROC_WANT_NOTHING,
	PROC_WANT_CALL,	 /* Linux's, number and arguments in call[]; `state` if
			  * it makes a thread, which begins there */
	PROC_WANT_AWAY,	 /* it has left, and goes on with rsp = call[0] */
	PROC_WANT_FAULT, /* an exception: it goes on as `state` says, and will
			  * meet it again */
};

enum { PROC_CALL = 7, PROC_XSAVE = 4096 };

/* Of ring 3, in the order in which a signal's context has them. */
struct proc_state {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	u64 features;	      /* that xsave has, as XCR0; 0: as FXSAVE */
	u64 xsave_len;	      /* bytes in use */
	u8 xsave[PROC_XSAVE]; /* as XSAVE writes it */
};

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
	u32 want;   /* enum proc_want */
	u64 call[PROC_CALL];
	struct ix_up up;
	struct proc_state state;
} ALIGNED(PROC_PAGE);

struct proc_down {
	u32 op;		   /* enum proc_op */
	u32 end;	   /* domain vm: run_io is to return -ESHUTDOWN */
	u64 frames, arena; /* PROC_ATTACH: where A has mapped them */
	u64 rip, rsp, fs;
	s64 answer;
	u32 pad, pad2;
	struct ix_down down;
} ALIGNED(PROC_PAGE);

/* Domain vm: what page rights A's own memory is to have in the guest. A request
 * is a turn, handed over as those of elastic threads are. */
struct proc_rights {
	struct proc_turns turns;
	u64 at, len; /* whole pages */
	u32 rights;  /* PROT_* of mmap(2) */
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
	return PROC_TURNS + nthreads * sizeof(struct proc_down) +
	       sizeof(struct proc_rights);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The persona of a thread in ring 3: its Linux thread, which waits in the
 * process and executes the system calls of ring 3 there. It does not use libc,
 * whose errno and other thread-local variables are ring 3's at the same time.
 */
#include "lib/vm/persona.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

#include "dom/vm/guest/layout.h"
#include "lib/process/app.h"

enum {
	USER_CS = 0x33,
	USER_SS = 0x2b,
	RED_ZONE = 128,
	DEAD = 1, /* exit status: D has died */
	NS_PER_S = 1000000000,
	LOOK_NS = 100000000,
};

static s64 call_linux(const u64 c[PROC_CALL])
{
	register u64 r10 __asm__("r10") = c[4];
	register u64 r8 __asm__("r8") = c[5];
	register u64 r9 __asm__("r9") = c[6];
	s64 ret = (s64)c[0];

	__asm__ volatile("syscall"
			 : "+a"(ret)
			 : "D"(c[1]), "S"(c[2]), "d"(c[3]), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* ---- ring 3's state as a signal frame */

struct frame {
	ucontext_t uc;
	union {
		struct _libc_fpstate legacy;
		u8 bytes[PROC_XSAVE + sizeof(u32)]; /* and a second magic */
	} fp ALIGNED(64);
};

/* What is used of it. */
static size_t frame_len(const struct proc_state *s)
{
	return offsetof(struct frame, fp) + s->xsave_len + sizeof(u32);
}

/* x87 and vector registers. Without these words Linux would restore no more
 * than FXSAVE has. */
static void fill_extended(struct frame *f, const struct proc_state *s)
{
	const u32 end = FP_XSTATE_MAGIC2;
	const struct _fpx_sw_bytes words = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = (u32)(s->xsave_len + sizeof(end)),
		.xstate_bv = s->features,
		.xstate_size = (u32)s->xsave_len,
	};
	u32 *reserved = f->fp.legacy.__glibc_reserved1;

	memcpy(f->fp.bytes, s->xsave, s->xsave_len);
	memcpy(f->fp.bytes + s->xsave_len, &end, sizeof(end));
	memset(reserved, 0, sizeof(f->fp.legacy.__glibc_reserved1));
	if (s->features)
		memcpy(f->fp.bytes + sizeof(f->fp.legacy) - sizeof(words),
		       &words, sizeof(words));
}

static void fill(struct frame *f, const struct proc_state *s)
{
	greg_t *g = f->uc.uc_mcontext.gregs;
	const u64 mask[PROC_CALL] = { SYS_rt_sigprocmask, SIG_BLOCK, 0,
				      (u64)&f->uc.uc_sigmask, 8 };

	memset(&f->uc, 0, sizeof(f->uc));
	fill_extended(f, s);
	memcpy(g, s, sizeof(u64) * (REG_EFL + 1));
	g[REG_CSGSFS] = USER_CS | (greg_t)USER_SS << 48;
	f->uc.uc_mcontext.fpregs = &f->fp.legacy;
	call_linux(mask);
}

/* clone(), fork(), vfork(): the child begins in the process, with ring 3's
 * state. Its signal frame lies below its stack pointer and is consumed at once.
 */
static s64 make_thread(const u64 c[PROC_CALL], const struct proc_state *s)
{
	struct proc_state child = *s;
	struct frame *f;

	child.rax = 0;
	if (c[0] == SYS_clone && c[2])
		child.rsp = c[2];
	f = (struct frame *)((child.rsp - RED_ZONE - frame_len(s)) & ~63ull);
	fill(f, &child);
	return vm_clone(c, f);
}

/* arch_prctl() and rt_sigreturn() would act on the persona's own state. */
static s64 answer(const struct proc_up *up)
{
	switch (up->call[0]) {
	case SYS_clone:
	case SYS_fork:
	case SYS_vfork:
		return make_thread(up->call, &up->state);
	case SYS_arch_prctl:
	case SYS_rt_sigreturn:
		return -ENOSYS;
	}
	return call_linux(up->call);
}

static _Noreturn void repeat(const struct proc_state *s)
{
	struct frame f;

	fill(&f, s);
	vm_repeat(&f.uc);
}

/* ---- crossings */

/* Ring 3's state cannot be had any more. */
static void give_up(void)
{
	const u64 end[PROC_CALL] = { SYS_exit_group, DEAD };

	call_linux(end);
}

/* The deadline of a sleep: others can requeue the sleeper (handover.h). */
static u64 soon(void)
{
	u64 ts[2] = { 0 };
	const u64 time[PROC_CALL] = { SYS_clock_gettime, CLOCK_MONOTONIC,
				      (u64)ts };

	call_linux(time);
	return ts[0] * NS_PER_S + ts[1] + LOOK_NS;
}

/* As lib/process/app.c, but `end` does not stop it: ring 3 still runs. */
static int cross(u32 thread, enum proc_op op)
{
	struct proc_turns *b = &proc_dom.turns[thread];
	u32 turn = ++proc_dom.turn[thread], theirs;

	proc_dom.down[thread].op = op;
	handover_pass(&b->a, &b->d, turn);
	theirs = load_acquire(&b->d.turn);
	while (theirs != turn) {
		if (unlikely(READ_ONCE(proc_dom.end) == ENETDOWN))
			give_up();
		handover_wait(&b->a, &b->d, theirs, soon(), &theirs);
	}
	return proc_dom.up[thread].status;
}

void vm_persona_run(struct vm_persona *p, u64 rsp)
{
	struct proc_down *down = &proc_dom.down[p->thread];
	const struct proc_up *up = &proc_dom.up[p->thread];
	enum proc_op op = PROC_ENTER;

	down->rip = (u64)vm_resume;
	down->rsp = rsp;
	down->fs = p->fs;
	for (;;) {
		WRITE_ONCE(p->waits, true);
		p->err = cross(p->thread, op);
		WRITE_ONCE(p->waits, false);
		if (p->err && op == PROC_ENTER)
			vm_go_on(rsp);
		if (p->err)
			give_up();
		switch (up->want) {
		case PROC_WANT_CALL:
			down->answer = answer(up);
			op = PROC_ANSWER;
			break;
		case PROC_WANT_AWAY:
			vm_go_on(up->call[0]);
		case PROC_WANT_FAULT:
			repeat(&up->state);
		}
	}
}

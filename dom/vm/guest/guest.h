/* SPDX-License-Identifier: MIT */
/*
 * The guest kernel: the freestanding core and its entry points from ring 3.
 * Files in the order of execution:
 *
 *   layout.h  addresses, numbers
 *   entry.S   boot, SYSCALL, exceptions: START HERE
 *   main.c    run_io: the loop around dp_step()
 *   hosted.c  a NIC whose fast path runs in D
 *   call.c    other system calls, and requests to D
 *   trap.c    exceptions
 *   link.ld   the image
 *
 * Each vCPU has a struct vm_cpu, shared by D and ring 0. D starts it in long
 * mode (dom/vm/boot.c).
 */
#ifndef DOM_VM_GUEST_H
#define DOM_VM_GUEST_H

#include "dom/vm/guest/layout.h"
#include "dp/dp.h"

struct vm_regs {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss; /* as the processor pushes them */
};

/* Ring 0's requests to D. */
enum vm_want {
	VM_WANT_START,	/* where to enter ring 3 */
	VM_WANT_EVENTS, /* idle, or a chore is due: continue run_io in D; the
			 * answer is its result */
	VM_WANT_SEND,	/* xdp: start transmission */
	VM_WANT_RECV,	/* xdp: have the driver take up the fill ring */
	VM_WANT_DOOR,	/* wire: wake the sleeper at this wire_door */
	VM_WANT_RX,	/* hosted NIC: rx() of struct vm_burst; the count */
	VM_WANT_TX,	/* hosted NIC: tx() and kick() */
	VM_WANT_LOOK,	/* serve the network: it is late */
	VM_WANT_OTHERS, /* wake the threads that packets were forwarded to */
	VM_WANT_LINUX,	/* the Linux system call in regs; its result */
	VM_WANT_AWAY,	/* ring 3 has left by VM_LEAVE; then as START */
	VM_WANT_FAULT,	/* an exception of ring 3, in regs; then as START */
	VM_WANT_PANIC,	/* abort; arg: the text */
	VM_WANT_GRAVE,	/* abort: an exception of ring 0, in regs */
};

/* Arguments of nicq_ops.rx() and tx(), on ring 0's stack, which D maps, too. */
struct vm_burst {
	struct mbuf **pkts;
	int n;
	u64 now;
};

/* Written by D while the vCPU is stopped, unless said otherwise. */
struct vm_cpu {
	/* offsets known to entry.S */
	struct vm_cpu *self;
	u64 stack;	     /* top of ring 0's stack */
	u64 user_rsp;	     /* written by entry.S */
	u64 run_io;	     /* its number */
	struct vm_regs regs; /* of ring 3; by ring 0. Exceptions push to its
			      * end, which must be a multiple of 16 */
	struct {
		u64 rip, rsp;
	} enter;
	u64 cr2; /* of an exception; by ring 0 */

	/* a request, by ring 0, and the answer */
	u32 want; /* enum vm_want */
	u64 arg;
	s64 answer;
	bool anew; /* VM_WANT_LINUX: no answer; enter ring 3 at `enter` */

	/* the dataplane; NULL in probe.c */
	struct dp *dp;
	struct wire_queue *wire; /* one of these, or none: hosted */
	struct xdp_q *xdp;
	bool stop; /* make a request; set at any time */
	bool late; /* make a VM_WANT_LOOK request; set at any time */
	bool call; /* the same, as soon as may be: for host_call() */
	u64 tsc0, ns0, ns_per_tsc; /* the clock: dom/host/clock.h */
	s64 real_offset;	   /* CLOCK_REALTIME's to it, ns */
	u64 spin_ns, chores_at;
	u64 worked_at;	   /* by ring 0, too: when there was work last */
	u64 forwarded;	   /* ... dp->passed when the others were woken */
	u64 app_alias;	   /* VM_APP's memory in ring 0 */
	const u64 *tables; /* page tables; and their guest physical address */
	u64 tables_gpa;
};

#define VM_AT(type, field, at) _Static_assert(offsetof(type, field) == (at), "")
VM_AT(struct vm_cpu, self, VM_CPU_SELF);
VM_AT(struct vm_cpu, stack, VM_CPU_STACK);
VM_AT(struct vm_cpu, user_rsp, VM_CPU_USER_RSP);
VM_AT(struct vm_cpu, run_io, VM_CPU_RUN_IO);
VM_AT(struct vm_cpu, regs, VM_CPU_REGS);
_Static_assert(VM_CPU_ENTER_RIP % 16 == 0, "the end of regs");
VM_AT(struct vm_cpu, enter.rip, VM_CPU_ENTER_RIP);
VM_AT(struct vm_cpu, enter.rsp, VM_CPU_ENTER_RSP);
VM_AT(struct vm_regs, vector, VM_VECTOR);
VM_AT(struct vm_regs, cs, VM_CS);
VM_AT(struct vm_regs, rsp, VM_RSP);
#undef VM_AT

/* The image's header: its entry points, for D. */
struct vm_image {
	u64 magic;
	u64 boot, syscall, vectors, forget;
};

/* entry.S */
extern const u8 guest_boot[], guest_syscall[], guest_vectors[], guest_forget[];
/* To ring 3 at cpu->enter; discards ring 0's stack. */
_Noreturn void guest_enter(struct vm_cpu *cpu);

/* main.c, called by entry.S */
_Noreturn void guest_main(struct vm_cpu *cpu);
s64 guest_run_io(struct vm_cpu *cpu);

/* hosted.c */
extern const struct nicq_ops guest_hosted_ops;

/* call.c; guest_call() is entry.S's. */
void guest_call(struct vm_cpu *cpu);
s64 guest_ask(struct vm_cpu *cpu, enum vm_want want, u64 arg);

/* A program that makes such calls all the time is mostly stopped in ring 0,
 * where D cannot take struct dp. */
static inline void guest_look(struct vm_cpu *cpu)
{
	if (unlikely(READ_ONCE(cpu->late) || READ_ONCE(cpu->call)))
		guest_ask(cpu, VM_WANT_LOOK, 0);
}

static inline u64 guest_now(const struct vm_cpu *cpu)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return cpu->ns0 +
	       (u64)((unsigned __int128)(((u64)high << 32 | low) - cpu->tsc0) *
			     cpu->ns_per_tsc >>
		     32);
}

/* trap.c, called by entry.S */
_Noreturn void guest_trap(struct vm_cpu *cpu, const struct vm_regs *regs);

/* The current vCPU. */
static inline struct vm_cpu *guest_cpu(void)
{
	struct vm_cpu *cpu;

	__asm__("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

#endif

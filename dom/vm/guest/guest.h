/* SPDX-License-Identifier: MIT */
/*
 * The guest's ring 0: the freestanding core, with what it takes to be entered
 * from ring 3. Files in the order in which a processor meets them:
 *
 *   layout.h  addresses, numbers
 *   entry.S   boot, SYSCALL, exceptions: START HERE
 *   main.c    run_io: the loop around dp_step()
 *   hosted.c  a NIC whose fast path runs in D
 *   call.c    Linux's calls, and what D is asked
 *   trap.c    exceptions
 *   link.ld   the image
 *
 * One struct vm_cpu for each vCPU, in memory of both D and ring 0. D has set up
 * everything that a processor needs to be in long mode (dom/vm/boot.c).
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

/* What ring 0 wants of D. */
enum vm_want {
	VM_WANT_START,	/* a place in ring 3 to go to: enter */
	VM_WANT_EVENTS, /* nothing to do for a while, or a chore: run_io's
			 * answer, when there are event conditions */
	VM_WANT_SEND,	/* xdp: the kernel is to send, or */
	VM_WANT_RECV,	/* ... to take up the fill ring */
	VM_WANT_DOOR,	/* wake the peer at this wire_door */
	VM_WANT_RX,	/* a hosted NIC's rx(): struct vm_burst; the answer */
	VM_WANT_TX,	/* ... tx() and kick() */
	VM_WANT_LOOK,	/* late: D is to look after the network */
	VM_WANT_OTHERS, /* packets were forwarded: wake the threads */
	VM_WANT_LINUX,	/* a call of Linux's in regs: its answer */
	VM_WANT_AWAY,	/* ring 3 has left, VM_LEAVE: as START */
	VM_WANT_FAULT,	/* an exception in ring 3, in regs: as START */
	VM_WANT_PANIC,	/* never comes back; arg: the text */
	VM_WANT_GRAVE,	/* ... an exception in ring 0, in regs */
};

/* Arguments of nicq_ops.rx() and tx(); on ring 0's stack, which D sees. */
struct vm_burst {
	struct mbuf **pkts;
	int n;
	u64 now;
};

/* Written by D before it lets ring 0 go on, unless said otherwise. */
struct vm_cpu {
	/* entry.S knows these */
	struct vm_cpu *self;
	u64 stack;	     /* the highest address of ring 0's */
	u64 user_rsp;	     /* by SYSCALL, until it is on the stack */
	u64 cr2;	     /* by ring 0, of an exception */
	struct vm_regs regs; /* by ring 0. Its end is where ring 3's exceptions
			      * are pushed: a multiple of 16 */
	struct {
		u64 rip, rsp;
	} enter;

	/* from ring 0 to D, and the answer */
	u32 want; /* enum vm_want */
	u64 arg;
	s64 answer;
	bool anew; /* VM_WANT_LINUX: no answer, but a place to enter */

	/* the dataplane; NULL in a probe */
	struct dp *dp;
	struct wire_queue *wire; /* its NIC is one of these, or hosted */
	struct xdp_q *xdp;
	bool stop; /* ask D, whatever there is to do. Any time */
	bool late; /* ... at the next crossing: VM_WANT_LOOK */
	u64 tsc0, ns0, ns_per_tsc; /* the clock: dom/host/clock.h */
	s64 real_offset;	   /* CLOCK_REALTIME's to it, ns */
	u64 spin_ns, chores_at;
	u64 worked_at;	   /* by ring 0, too: when there was work last */
	u64 forwarded;	   /* ... stat->forwarded when the others were woken */
	u64 app_alias;	   /* VM_APP's memory, here */
	const u64 *tables; /* page tables, here; and where they really are */
	u64 tables_gpa;
};

#define VM_AT(type, field, at) _Static_assert(offsetof(type, field) == (at), "")
VM_AT(struct vm_cpu, self, VM_CPU_SELF);
VM_AT(struct vm_cpu, stack, VM_CPU_STACK);
VM_AT(struct vm_cpu, user_rsp, VM_CPU_USER_RSP);
VM_AT(struct vm_cpu, regs, VM_CPU_REGS);
_Static_assert(VM_CPU_ENTER_RIP % 16 == 0, "the end of regs");
VM_AT(struct vm_cpu, enter.rip, VM_CPU_ENTER_RIP);
VM_AT(struct vm_cpu, enter.rsp, VM_CPU_ENTER_RSP);
VM_AT(struct vm_regs, vector, VM_VECTOR);
VM_AT(struct vm_regs, cs, VM_CS);
VM_AT(struct vm_regs, rsp, VM_RSP);
#undef VM_AT

/* The image begins with this: where D finds the rest. */
struct vm_image {
	u64 magic;
	u64 boot, syscall, vectors, forget;
};

/* entry.S */
extern const u8 guest_boot[], guest_syscall[], guest_vectors[], guest_forget[];
/* To ring 3 at cpu->enter; the stack begins anew. */
_Noreturn void guest_enter(struct vm_cpu *cpu);

/* main.c, called by entry.S */
_Noreturn void guest_main(struct vm_cpu *cpu);
s64 guest_run_io(struct vm_cpu *cpu);

/* hosted.c */
extern const struct nicq_ops guest_hosted_ops;

/* call.c; guest_call() is entry.S's. */
void guest_call(struct vm_cpu *cpu);
s64 guest_ask(struct vm_cpu *cpu, enum vm_want want, u64 arg);

/* Who makes such calls all the time is mostly stopped in ring 0, where D cannot
 * have the dataplane. */
static inline void guest_look(struct vm_cpu *cpu)
{
	if (unlikely(READ_ONCE(cpu->late)))
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

/* The vCPU that runs this. */
static inline struct vm_cpu *guest_cpu(void)
{
	struct vm_cpu *cpu;

	__asm__("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

#endif

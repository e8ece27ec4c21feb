/* SPDX-License-Identifier: MIT */
/*
 * Domain vm inside the application. The loader (lib/vm/load/) has mapped all
 * memory at the addresses of dom/vm/guest/layout.h before the program began.
 *
 *   app.c      opening; attaching and detaching
 *   persona.c  the Linux thread while ring 3 runs: executes its system calls
 *   move.S     switching between the two
 *
 * A thread that attaches continues in ring 3 with its stack, registers and
 * thread-local memory. The persona, on a stack of its own, stays in the
 * process. A thread that releases its port comes back; who takes the port goes
 * to ring 3 when it crosses.
 */
#ifndef LIB_VM_PERSONA_H
#define LIB_VM_PERSONA_H

#include <pthread.h>

#include "dom/process/shm.h"
#include "ix/dom.h"

enum { VM_PERSONA_STACK = 64 * 1024 };

/* Of one port, and of the thread that drives it. */
struct vm_persona {
	u32 thread;
	pthread_t owner; /* 0: nobody */
	u64 fs;
	void *stack; /* VM_PERSONA_STACK bytes */
	int err;     /* why it is not in ring 3 */
	bool waits;  /* ring 3 runs */
};

/* move.S: to ring 3, where it returns. @top: of the persona's stack. */
void vm_to_ring3(struct vm_persona *p, void *top);
/* Back to the process, where it returns. */
void vm_from_ring3(void);
/* run_io in ring 3, by the number in @port->priv; -ENOSYS: we are in the
 * process, or in ring 3 of another vCPU. */
int vm_run_io(const struct ix_port *port);
/* From the persona's stack to the thread's, @rsp, where vm_from_ring3() has
 * saved its registers. */
_Noreturn void vm_go_on(u64 rsp);
/* ... with the registers in @frame, by rt_sigreturn(2). */
_Noreturn void vm_repeat(void *frame);

/* clone() and its kind; the child begins with @frame. */
s64 vm_clone(const u64 call[PROC_CALL], void *frame);

/* persona.c, called by move.S: @rsp as for vm_go_on(). */
_Noreturn void vm_persona_run(struct vm_persona *p, u64 rsp);

extern const u8 vm_resume[];

#endif

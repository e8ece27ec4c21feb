/* SPDX-License-Identifier: MIT */
/*
 * Domain vm inside the application. Memory has been laid out before the program
 * began, at the addresses of dom/vm/guest/layout.h: lib/vm/load/.
 *
 *   app.c      opening; how a thread goes to ring 3 and comes back
 *   persona.c  what it does meanwhile: Linux's calls for ring 3
 *   move.S     ... the moments in between
 *
 * A thread that attaches goes on in ring 3 with its stack, its registers and
 * its thread-local memory. Its persona, on another stack, stays in the process.
 */
#ifndef LIB_VM_PERSONA_H
#define LIB_VM_PERSONA_H

#include "dom/process/shm.h"

enum { VM_PERSONA_STACK = 64 * 1024 };

/* One attached thread: in its process. */
struct vm_persona {
	u32 thread;
	u64 fs;
	void *stack; /* VM_PERSONA_STACK bytes */
	int err;     /* why it is not in ring 3 */
};

/* move.S: to ring 3. Returns there. @top: of the persona's stack. */
void vm_to_ring3(struct vm_persona *p, void *top);
/* ... back. Returns in the process. */
void vm_from_ring3(void);
/* ... run_io in ring 3; -ENOSYS: we are not there. */
int vm_run_io(void);
/* The persona leaves, and the thread goes on where vm_from_ring3() has put what
 * it needs: at @rsp. */
_Noreturn void vm_go_on(u64 rsp);
/* ... at an instruction that faulted; @frame: of rt_sigreturn(2). */
_Noreturn void vm_repeat(void *frame);

/* A call that makes a thread, and that thread's first @frame. */
s64 vm_clone(const u64 call[PROC_CALL], void *frame);

/* persona.c, called by move.S: @rsp as for vm_go_on(). */
_Noreturn void vm_persona_run(struct vm_persona *p, u64 rsp);

extern const u8 vm_resume[];

#endif

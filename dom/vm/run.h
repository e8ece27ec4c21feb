/* SPDX-License-Identifier: MIT */
/* An elastic thread in a guest: what run.c (the vCPU) and want.c (what ring 0
 * asks of D) share. */
#ifndef DOM_VM_RUN_H
#define DOM_VM_RUN_H

#include "dom/process/process.h"
#include "dom/vm/vm.h"

/* One thread's parts. */
struct guest {
	struct proc_thread *t;
	struct host_thread *host;
	struct vm_thread *state;
	struct vm_vcpu *vcpu;
	struct vm_cpu *cpu;
	struct proc_up *up;
	u64 due; /* when the network must be served next */
};

/* want.c: makes struct dp usable for D, when the vCPU has stopped; and for ring
 * 0 again. */
void vm_take(struct guest *g);
void vm_give(struct guest *g);
/* Serves the network if it is due. The vCPU is in ring 3, or in ring 0 outside
 * of the core. */
void vm_look(struct guest *g);
struct vm_code vm_read_code(const struct vm_cpu *cpu);

/* Serves ring 0's request. True: done, resume it. False: the persona must serve
 * it, as g->up says. */
bool vm_serve(struct guest *g);

/* A broken invariant, or a guest that KVM cannot run: D aborts, as on a bug of
 * its own. */
_Noreturn void vm_grave(const struct guest *g, const char *what);

#endif

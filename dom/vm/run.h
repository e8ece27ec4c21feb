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
	u64 due; /* the next look at the network */
};

/* want.c. The dataplane to D, the vCPU has stopped; to ring 0. */
void vm_take(struct guest *g);
void vm_give(struct guest *g);
/* The network is looked after, if it is time to: ring 3 has the core, or ring 0
 * is between two calls of the core's. */
void vm_look(struct guest *g);
struct vm_code vm_read_code(const struct vm_cpu *cpu);

/* What ring 0 wants. True: it goes on; else what the persona is wanted for, in
 * g->up. */
bool vm_serve(struct guest *g);

/* A broken invariant, or a guest that KVM cannot run: D ends, as it does when
 * its own code is wrong. */
_Noreturn void vm_grave(const struct guest *g, const char *what);

#endif

/* SPDX-License-Identifier: MIT */
/* Exceptions. In ring 3: its state moves back to process A, where the
 * instruction is repeated and Linux delivers the signal. In ring 0: a bug, D
 * aborts. Vector registers still hold ring 3's values here. */
#include "dom/vm/guest/guest.h"

void guest_trap(struct vm_cpu *cpu, const struct vm_regs *regs)
{
	__asm__ volatile("mov %%cr2, %0" : "=r"(cpu->cr2));
	if (!(regs->cs & 3)) {
		cpu->regs = *regs;
		guest_ask(cpu, VM_WANT_GRAVE, 0);
		__builtin_unreachable();
	}
	guest_ask(cpu, VM_WANT_FAULT, 0);
	guest_enter(cpu);
}

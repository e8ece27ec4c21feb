/* SPDX-License-Identifier: MIT */
/* Exceptions. Vector registers are ring 3's here. Of ring 3: its state moves
 * back to the process, which repeats the instruction, and hears of it from
 * Linux. Of ring 0: a bug, the end. */
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

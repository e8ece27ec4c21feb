/* SPDX-License-Identifier: MIT */
/* System calls of ring 3 other than run_io: the time, Linux's, leaving.
 * Compiled without vector registers, which still hold ring 3's values. */
#include "dom/vm/guest/guest.h"

enum {
	SYS_GETTIMEOFDAY = 96,
	SYS_TIME = 201,
	SYS_CLOCK_GETTIME = 228,
	CLOCK_REALTIME = 0,
	CLOCK_MONOTONIC = 1,
	NS_PER_S = 1000000000,

	/* page tables: dom/vm/memory.c */
	PAGE_SHIFT = 12,
	LEVEL_BITS = 9,
	TOP_SHIFT = 39,
	ENTRIES = 512,
	PTE_PRESENT = 1,
	PTE_WRITE = 2,
	PTE_LARGE = 128,
};

#define PTE_ADDRESS 0x000ffffffffff000ull

struct linux_time {
	u64 s, part; /* ns or us */
};

s64 guest_ask(struct vm_cpu *cpu, enum vm_want want, u64 arg)
{
	cpu->want = want;
	cpu->arg = arg;
	__asm__ volatile("outb %%al, %0" : : "N"(VM_PORT) : "memory");
	return cpu->answer;
}

/* May ring 3 write this page? Walks the page tables. */
static bool may_write(const struct vm_cpu *cpu, u64 at)
{
	const u64 *table = cpu->tables;
	u64 entry;

	for (int shift = TOP_SHIFT;; shift -= LEVEL_BITS) {
		entry = READ_ONCE(table[at >> shift & (ENTRIES - 1)]);
		if (!(entry & PTE_PRESENT))
			return false;
		if (shift == PAGE_SHIFT || entry & PTE_LARGE)
			return entry & PTE_WRITE;
		table = cpu->tables +
			((entry & PTE_ADDRESS) - cpu->tables_gpa) / sizeof(u64);
	}
}

/* Ring 0's address of ring 3's @addr; NULL if ring 3 may not write there: Linux
 * answers then. */
static void *writable(const struct vm_cpu *cpu, u64 addr, u64 len)
{
	u64 at = addr - VM_APP;

	if (at > VM_APP_BYTES - len || !may_write(cpu, addr) ||
	    !may_write(cpu, addr + len - 1))
		return NULL;
	return (void *)(cpu->app_alias + at);
}

static u64 real_now(const struct vm_cpu *cpu)
{
	return guest_now(cpu) + (u64)cpu->real_offset;
}

static bool tell_time(const struct vm_cpu *cpu, u64 addr, u64 ns, u64 unit)
{
	struct linux_time *t = writable(cpu, addr, sizeof(*t));

	if (!t)
		return false;
	t->s = ns / NS_PER_S;
	t->part = ns % NS_PER_S / unit;
	return true;
}

/* Calls answered without an exit. */
static bool answer(struct vm_cpu *cpu, struct vm_regs *r)
{
	switch (r->rax) {
	case VM_NOTHING:
		break;
	case SYS_CLOCK_GETTIME:
		if (!(r->rdi == CLOCK_MONOTONIC &&
		      tell_time(cpu, r->rsi, guest_now(cpu), 1)) &&
		    !(r->rdi == CLOCK_REALTIME &&
		      tell_time(cpu, r->rsi, real_now(cpu), 1)))
			return false;
		break;
	case SYS_GETTIMEOFDAY:
		if (r->rsi || !tell_time(cpu, r->rdi, real_now(cpu), 1000))
			return false;
		break;
	default:
		return false;
	}
	r->rax = 0;
	return true;
}

void guest_call(struct vm_cpu *cpu)
{
	struct vm_regs *r = &cpu->regs;

	guest_look(cpu);
	if (cpu->dp && answer(cpu, r))
		return;
	if (r->rax == VM_NOTHING) {
		r->rax = 0;
		return;
	}
	if (r->rax == VM_LEAVE) {
		guest_ask(cpu, VM_WANT_AWAY, 0);
		guest_enter(cpu);
	}
	r->rax = (u64)guest_ask(cpu, VM_WANT_LINUX, 0);
	if (cpu->anew)
		guest_enter(cpu);
}

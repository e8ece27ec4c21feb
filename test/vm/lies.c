/* SPDX-License-Identifier: MIT */
/* What ring 3 must not do, one after the other. After each the dataplane serves
 * us as before. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trial.h"

#define LIE(name, code, want)                                                \
	static void name(void)                                               \
	{                                                                    \
		__asm__ volatile(code                                        \
				 :                                           \
				 :                                           \
				 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", \
				   "r8", "r9", "r10", "r11", "memory");      \
	}
#define LIES(X)                                                                \
	X(cli, "cli", SIGSEGV)                                                 \
	X(sti, "sti", SIGSEGV)                                                 \
	X(hlt, "hlt", SIGSEGV)                                                 \
	X(port_in, "in $0x60, %%al", SIGSEGV)                                  \
	X(port_out, "out %%al, $0x1f", SIGSEGV)                                \
	X(port_outs, "lea -64(%%rsp), %%rsi; mov $0x1f, %%edx; outsb",         \
	  SIGSEGV)                                                             \
	X(rdmsr, "mov $0xc0000082, %%ecx; rdmsr", SIGSEGV)                     \
	X(wrmsr, "mov $0xc0000082, %%ecx; wrmsr", SIGSEGV)                     \
	X(read_cr3, "mov %%cr3, %%rax", SIGSEGV)                               \
	X(write_cr3, "xor %%eax, %%eax; mov %%rax, %%cr3", SIGSEGV)            \
	X(write_cr0, "xor %%eax, %%eax; mov %%rax, %%cr0", SIGSEGV)            \
	X(write_cr4, "xor %%eax, %%eax; mov %%rax, %%cr4", SIGSEGV)            \
	X(write_dr7, "mov $0x401, %%eax; mov %%rax, %%dr7", SIGSEGV)           \
	X(read_dr0, "mov %%dr0, %%rax", SIGSEGV)                               \
	X(write_dr0, "mov %%rsp, %%dr0", SIGSEGV)                              \
	X(write_cr8, "xor %%eax, %%eax; mov %%rax, %%cr8", SIGSEGV)            \
	X(own_tables,                                                          \
	  "lea -64(%%rsp), %%rax; and $-4096, %%rax; "                         \
	  "mov %%rax, %%cr3",                                                  \
	  SIGSEGV)                                                             \
	X(xsetbv, "xor %%ecx, %%ecx; xor %%edx, %%edx; mov $1, %%eax; xsetbv", \
	  SIGSEGV)                                                             \
	X(rdpmc, "xor %%ecx, %%ecx; rdpmc", SIGSEGV)                           \
	X(lmsw, "xor %%eax, %%eax; lmsw %%ax", SIGSEGV)                        \
	X(lldt, "mov $0x10, %%eax; lldt %%ax", SIGSEGV)                        \
	X(invd, "invd", SIGSEGV)                                               \
	X(port_ins, "lea -64(%%rsp), %%rdi; mov $0x1f, %%edx; insb", SIGSEGV)  \
	X(port_dx, "mov $0x80, %%edx; out %%eax, %%dx", SIGSEGV)               \
	X(monitor,                                                             \
	  "mov %%rsp, %%rax; xor %%ecx, %%ecx; xor %%edx, %%edx; "             \
	  "monitor",                                                           \
	  SIGILL)                                                              \
	X(rsm, "rsm", SIGILL)                                                  \
	X(vmcall, "mov $-1, %%eax; vmcall", 0)                                 \
	X(sysexit, "mov %%rsp, %%rcx; sysexit", 0)                             \
	X(ring0_write, "mov $0xffffffff80000000, %%rax; movb $1, (%%rax)",     \
	  SIGSEGV)                                                             \
	X(ring0_alias, "mov $0xffff800000000000, %%rax; mov (%%rax), %%rax",   \
	  SIGSEGV)                                                             \
	X(overflow, "int $4", SIGSEGV)                                         \
	X(forget, "int $0x20", SIGSEGV)                                        \
	X(lgdt, "lgdt -64(%%rsp)", SIGSEGV)                                    \
	X(lidt, "lidt -64(%%rsp)", SIGSEGV)                                    \
	X(ltr, "mov $0x30, %%eax; ltr %%ax", SIGSEGV)                          \
	X(invlpg, "invlpg (%%rsp)", SIGSEGV)                                   \
	X(clts, "clts", SIGSEGV)                                               \
	X(wbinvd, "wbinvd", SIGSEGV)                                           \
	X(swapgs, "swapgs", SIGSEGV)                                           \
	X(sysret, "sysretq", SIGSEGV)                                          \
	X(vmrun, "mov $0, %%eax; vmrun", 0)                                    \
	X(clgi, "clgi", 0)                                                     \
	X(ring0_text, "mov $0xffffffff80001000, %%rax; call *%%rax", SIGSEGV)  \
	X(ring0_read, "mov $0xffffffff80000000, %%rax; mov (%%rax), %%rax",    \
	  SIGSEGV)                                                             \
	X(frames_write, "mov $0x300000000000, %%rax; movb $1, (%%rax)",        \
	  SIGSEGV)                                                             \
	X(events_write, "mov $0x400000001000, %%rax; movb $1, (%%rax)",        \
	  SIGSEGV)                                                             \
	X(non_canonical, "mov $0x800000000000, %%rax; mov (%%rax), %%rax",     \
	  SIGSEGV)                                                             \
	X(jump_away, "mov $0x800000000000, %%rax; jmp *%%rax", SIGSEGV)        \
	X(nowhere, "xor %%eax, %%eax; mov (%%rax), %%rax", SIGSEGV)            \
	X(undefined, "ud2", SIGILL)                                            \
	X(with_flags, "pushf; orl $0x4400, (%%rsp); popf; ud2", SIGILL)        \
	X(divide, "xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx", SIGFPE) \
	X(breakpoint, "int3", SIGTRAP)                                         \
	X(load_ss, "mov $0x10, %%eax; mov %%ax, %%ss", SIGSEGV)

LIES(LIE)

static const struct lie {
	const char *name;
	void (*tell)(void);
	int want; /* 0: any */
} all[] = {
#define ENTRY(name, code, want) { #name, name, want },
	LIES(ENTRY)
};

static void fault(const char *name, void (*tell)(void), int want)
{
	int got = signal_of(tell);

	check(got && (!want || got == want), "%s: signal %d", name, got);
	check(served(), "... and the dataplane serves");
}

/* INT n: of the kernel's own none is for programs but 3, 4 and 128: those in
 * `all`, and in odd.c. */
static void interrupts(void)
{
	const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;
	unsigned char *code =
		mmap(NULL, 4096, rwx, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*run)(void);
	int wrong = 0;

	for (int n = 0; n < 256; n++) {
		if (n == 3 || n == 4 || n == 128)
			continue;
		memcpy(code, "\xcd\x00\xc3", 3);
		code[1] = (unsigned char)n;
		*(void **)&run = code;
		wrong += signal_of(run) != SIGSEGV;
	}
	check(!wrong, "INT of every vector: %d were let through", wrong);
	check(served(), "... and the dataplane serves");
}

/* SYSCALL with what a stack pointer and flags must not be. */
static void syscalls(void)
{
	static const uint64_t stacks[] = {
		0,	    1,	   0x7ffffffffff8,
		1ull << 47, ~0ull, 0xffffffff80000000,
		VM_FRAMES,  VM_UP
	};
	static const uint32_t flags[] = { 1 << 10, 1 << 14, 1 << 18 };
	int wrong = 0;

	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
		long ret = VM_RUN_IO;

		thread->port.down->ncalls = 0;
		thread->port.down->flags = IX_RUN_POLL;
		__asm__ volatile("mov %%rsp, %%rbx\n\tmov %1, %%rsp\n\t"
				 "syscall\n\tmov %%rbx, %%rsp"
				 : "+a"(ret)
				 : "r"(stacks[i])
				 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8",
				   "r9", "r10", "r11", "memory");
		wrong += ret != 0;
	}
	check(!wrong && served(), "SYSCALL on bad stacks");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		long ret = VM_NOTHING;

		__asm__ volatile("pushf\n\tor %1, (%%rsp)\n\tpopf\n\t"
				 "syscall\n\t"
				 "pushf\n\tandl $0xfffbbaff, (%%rsp)\n\tpopf"
				 : "+a"(ret)
				 : "r"((uint64_t)flags[i])
				 : "rcx", "r11", "memory", "cc");
		wrong += ret != 0;
	}
	check(!wrong && served(), "SYSCALL with bad flags");
}

/* Single-stepping over SYSCALL must not reach ring 0. */
static void step_over(void)
{
	__asm__ volatile("pushf; orl $0x100, (%%rsp); popf\n\t"
			 "mov $0x100002, %%eax; syscall"
			 :
			 :
			 : "rax", "rcx", "r11", "memory", "cc");
}

static volatile char *volatile target;

static void read_target(void)
{
	(void)*target;
}

static void write_target(void)
{
	*target = 1;
}

struct tried {
	int n, found;
};

/* False: the dataplane is gone. */
static bool try_address(struct tried *t, uint64_t at)
{
	target = (volatile char *)at;
	t->found += signal_of(read_target) != SIGSEGV;
	if (!served())
		return false;
	t->found += signal_of(write_target) != SIGSEGV;
	t->n++;
	return served();
}

/* D's addresses are ring 0's: not one page of them is to be had. */
static void scan(void)
{
	struct tried t = { 0 };

	for (uint64_t at = 0x7f0000000000; at < 0x800000000000;
	     at += 0x400000000)
		if (!try_address(&t, at))
			break;
	check(!t.found && t.n == 64, "%d addresses of D's", t.n);
}

/* Mapped in the process, too, where a fault is met again? */
static bool is_ours(uint64_t at)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%lx-%lx", &from, &to) == 2 &&
			at >= from && at < to;
	if (f)
		fclose(f);
	return found;
}

/* When whoever looks on has found them. */
static FILE *open_soon(const char *path)
{
	enum { TRIES = 300, TRY_US = 100000 };

	for (int i = 0; i < TRIES; i++) {
		FILE *f = fopen(path, "re");

		if (f)
			return f;
		usleep(TRY_US);
	}
	return NULL;
}

/* D's mappings, where there is something: what ring 0 has of them, and what is
 * not in the guest at all. */
static void mappings(const char *path)
{
	FILE *f = open_soon(path);
	struct tried t = { 0 };
	unsigned long at;

	check(f, "D's mappings are known");
	while (f && fscanf(f, "%lx", &at) == 1)
		if (!is_ours(at) && !try_address(&t, at))
			break;
	if (f)
		fclose(f);
	check(!t.found && t.n > 50 && served(),
	      "%d addresses that D has mapped: %d are ours", t.n, t.found);
}

/* A crossing of our own making, in the process: what D says to it. */
static int cross(uint32_t op, uint64_t rip, uint64_t rsp, uint64_t fs)
{
	struct proc_turns *t = (struct proc_turns *)VM_DOWN;
	struct proc_down *d = (struct proc_down *)(VM_DOWN + PROC_TURNS);
	const struct proc_up *up = (const struct proc_up *)(VM_UP + PROC_PAGE);
	uint32_t turn = t->a.turn + 1;

	d->op = op;
	d->rip = rip;
	d->rsp = rsp;
	d->fs = fs;
	d->down.ncalls = 0;
	d->down.flags = IX_RUN_POLL;
	handover_pass(&t->a, &t->d, turn);
	while (READ_ONCE(t->d.turn) != turn)
		sched_yield();
	return READ_ONCE(up->status);
}

/* What the persona may not say of ring 3. */
static void personas(void)
{
	static const struct {
		const char *name;
		uint32_t op;
		uint64_t rip, rsp, fs;
		int want;
	} cases[] = {
		{ "a RIP that is not canonical", PROC_ENTER, 1ull << 47, VM_APP,
		  0, -EINVAL },
		{ "a RIP of ring 0", PROC_ENTER, VM_TEXT + 4096, VM_APP, 0,
		  -EINVAL },
		{ "a RIP of D's", PROC_ENTER, 0x7f0000000000, VM_APP, 0,
		  -EINVAL },
		{ "a RSP that is not canonical", PROC_ENTER, VM_APP, 1ull << 63,
		  0, -EINVAL },
		{ "a FS that is not canonical", PROC_ENTER, VM_APP, VM_APP,
		  1ull << 47, -EINVAL },
		{ "an answer to nothing", PROC_ANSWER, 0, 0, 0, -EINVAL },
		{ "a crossing that does not exist", 99, 0, 0, 0, -ENOSYS },
		{ "a crossing without ring 3", PROC_RUN, 0, 0, 0, 0 },
	};

	check(signal_of(undefined) == SIGILL && !in_ring3(), "in the process");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int got = cross(cases[i].op, cases[i].rip, cases[i].rsp,
				cases[i].fs);

		check(got == cases[i].want, "%s: %d", cases[i].name, got);
	}
	check(served(), "... and the dataplane serves");
}

void lies(const char *addresses)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		fault(all[i].name, all[i].tell, all[i].want);
	fault("single step", step_over, SIGTRAP);
	syscalls();
	interrupts();
	scan();
	if (addresses)
		mappings(addresses);
	personas();
}

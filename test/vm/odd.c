/* SPDX-License-Identifier: MIT */
/*
 * What a processor may do in ring 3, or may not, as it likes: the dataplane
 * must not notice. And vector and x87 state, by value: nothing of ring 0's
 * comes to ring 3, nor a bad state of ring 3's to ring 0.
 */
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "trial.h"

/* ---- exceptions that a program switches on */

static char lines[128] __attribute__((aligned(64)));

static void alignment(void)
{
	__asm__ volatile("pushf; orl $0x40000, (%%rsp); popf\n\t"
			 "mov 1(%0), %%eax\n\t"
			 "pushf; andl $~0x40000, (%%rsp); popf"
			 :
			 : "r"(lines)
			 : "rax", "memory", "cc");
}

/* Across two lines: some machines fault (#AC), some are slow. */
static void split_lock(void)
{
	__asm__ volatile("lock addl $1, 62(%0)" : : "r"(lines) : "memory");
}

static void sse_divide(void)
{
	const uint32_t all_on = 0x1f80 & ~(0x3fu << 7);
	volatile double zero = 0;

	__asm__ volatile("ldmxcsr %0" : : "m"(all_on));
	zero = 1 / zero;
}

static void x87_divide(void)
{
	const uint16_t all_on = 0x0340;

	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait"
			 :
			 : "m"(all_on));
}

static void normal(void)
{
	const uint32_t mxcsr = 0x1f80;

	__asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}

/* QEMU's emulation knows neither #AC nor #XM. */
static void exceptions(void)
{
	int sig = signal_of(alignment);

	check((!sig || sig == SIGBUS) && served(), "alignment check: signal %d",
	      sig);
	sig = signal_of(split_lock);
	check((!sig || sig == SIGBUS) && served(), "split lock: signal %d",
	      sig);
	sig = signal_of(sse_divide);
	normal();
	check((!sig || sig == SIGFPE) && served(), "SSE exception: signal %d",
	      sig);
	sig = signal_of(x87_divide);
	normal();
	check(sig == SIGFPE && served(), "x87 exception: signal %d", sig);
}

/* ---- run_io with any state */

static long cross(void)
{
	long ret = VM_RUN_IO;

	thread->port.down->ncalls = 0;
	thread->port.down->flags = IX_RUN_POLL;
	__asm__ volatile("syscall"
			 : "+a"(ret)
			 :
			 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "memory");
	return ret;
}

/* Every exception on, the x87 stack full, an exception pending: ring 0 uses
 * neither, but must not be stopped by it either. */
static void bad_state(void)
{
	const uint32_t all_on = 0x3f; /* on, and raised */
	const uint16_t x87_on = 0x0340;
	uint32_t after = 0;
	long ret;

	__asm__ volatile("ldmxcsr %0\n\tfninit\n\tfldcw %1\n\t"
			 "fld1\n\tfld1\n\tfld1\n\tfld1\n\tfld1\n\tfldz\n\t"
			 "fdivrp"
			 :
			 : "m"(all_on), "m"(x87_on));
	ret = cross();
	__asm__ volatile("stmxcsr %0\n\tfnclex" : "=m"(after));
	normal();
	check(!ret && after == all_on, "run_io with exceptions on: MXCSR %x",
	      after);
	check(served(), "... and the dataplane serves");
}

/* Upper halves and x87 registers: what was there, or nothing; never anything
 * else. */
static bool only(const uint64_t *got, size_t n, uint64_t was)
{
	for (size_t i = 0; i < n; i++)
		if (got[i] && got[i] != was)
			return false;
	return true;
}

#define LOAD(n) "vmovups " #n "*32(%2), %%ymm" #n "\n\t"
#define SAVE(n) "vmovups %%ymm" #n ", " #n "*32(%1)\n\t"
#define ALL(X) \
	X(0)   \
	X(1)   \
	X(2)   \
	X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define VECTORS                                                              \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",      \
		"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", \
		"xmm15"

__attribute__((target("avx"))) static void uppers(void)
{
	const uint64_t mark = 0x5eed5eed5eed5eed;
	uint64_t in[16][4], out[16][4];
	bool clean = true, low = true;
	long ret = VM_RUN_IO;

	thread->port.down->ncalls = 0;
	thread->port.down->flags = IX_RUN_POLL;
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 4; k++)
			in[i][k] = mark;
	__asm__ volatile(ALL(LOAD) "syscall\n\t" ALL(SAVE) "vzeroupper"
			 : "+a"(ret)
			 : "r"(out), "r"(in)
			 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
			   "r11", "memory", VECTORS);
	for (int i = 0; i < 16; i++) {
		low &= !out[i][0] && !out[i][1];
		clean &= only(&out[i][2], 2, mark);
	}
	check(!ret && low && clean, "AVX: run_io leaves nothing of ring 0");
}

/* ---- a thread's state moves to the process, all of it */

/* Behind the instruction, of two bytes. */
static void skip(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)sig;
	(void)info;
	c->uc_mcontext.gregs[REG_RIP] += 2;
}

static void fill(uint64_t in[16][4])
{
	for (uint64_t i = 0; i < 16; i++)
		for (uint64_t k = 0; k < 4; k++)
			in[i][k] = 0x1111111111111111 * (i + 1) + k;
}

__attribute__((target("avx"))) static void avx_exception(void)
{
	const struct sigaction a = { .sa_sigaction = skip,
				     .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction old;
	uint64_t in[16][4], out[16][4] = { 0 };
	bool before = served();

	fill(in);
	sigaction(SIGILL, &a, &old);
	__asm__ volatile(ALL(LOAD) "ud2\n\t" ALL(SAVE) "vzeroupper"
			 : "=m"(out)
			 : "r"(out), "r"(in)
			 : "memory", VECTORS);
	sigaction(SIGILL, &old, NULL);
	check(before && !in_ring3() && !memcmp(in, out, sizeof(in)),
	      "AVX: all of it is there after an exception: %llx %llx",
	      (unsigned long long)out[3][1], (unsigned long long)out[3][3]);
}

__attribute__((target("avx"))) static void avx_fork(void)
{
	uint64_t in[16][4], out[16][4] = { 0 };
	bool before = served();
	long pid = SYS_fork;
	int status = -1;

	fill(in);
	__asm__ volatile(ALL(LOAD) "syscall\n\t" ALL(SAVE) "vzeroupper"
			 : "+a"(pid)
			 : "r"(out), "r"(in)
			 : "rcx", "r11", "memory", VECTORS);
	if (!pid)
		_exit(memcmp(in, out, sizeof(in)) ? 1 : 33);
	waitpid((pid_t)pid, &status, 0);
	check(before && WIFEXITED(status) && WEXITSTATUS(status) == 33 &&
		      !memcmp(in, out, sizeof(in)),
	      "AVX: a child has it, and its parent: status %x",
	      (unsigned)status);
}

/* What an exception has left in the x87 unit, it does not meet again. */
static void x87_anew(void)
{
	uint16_t status = 1;
	int sig = signal_of(x87_divide);
	bool again;

	normal();
	again = served();
	__asm__ volatile("fnstsw %0" : "=m"(status));
	check(sig == SIGFPE && again && !status,
	      "in ring 3 again, with an x87 unit of its own: %x", status);
}

static void x87(void)
{
	double in = 1234.5, out[8];
	bool same = true;

	for (int i = 0; i < 8; i++)
		__asm__ volatile("fldl %0" : : "m"(in));
	same &= !cross();
	for (int i = 0; i < 8; i++) {
		__asm__ volatile("fstpl %0" : "=m"(out[i]));
		same &= out[i] == in;
	}
	normal();
	check(same, "x87 registers stay as they were");
}

/* ---- instructions that exit to KVM */

static void cpuid(void)
{
	unsigned int a = 0, b, c, d;
	bool told = true;

	for (unsigned int leaf = 0; leaf < 32; leaf++)
		__cpuid_count(leaf, 0, a, b, c, d);
	told &= __get_cpuid(0, &a, &b, &c, &d) && a;
	for (unsigned int leaf = 0x40000000; leaf < 0x40000010; leaf++)
		__cpuid_count(leaf, 0, a, b, c, d);
	check(told && served() && in_ring3(), "CPUID");
}

/* UMIP: where the tables of ring 0 lie, at addresses of D, is not said. Linux
 * makes something up, at the upper end. */
static void table_addresses(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) gdt = { 0, 0 }, idt = { 0, 0 };

	check(served(), "in ring 3");
	__asm__ volatile("sgdt %0" : "=m"(gdt));
	check(served(), "... still");
	__asm__ volatile("sidt %0" : "=m"(idt));
	check(gdt.base >> 47 == 0x1ffff && idt.base >> 47 == 0x1ffff &&
		      served(),
	      "SGDT and SIDT: %llx, %llx", (unsigned long long)gdt.base,
	      (unsigned long long)idt.base);
}

static long hypercall;

static void vmmcall(void)
{
	long ret = hypercall;

	__asm__ volatile("vmmcall"
			 : "+a"(ret)
			 : "b"(0), "c"(0), "d"(0), "S"(0)
			 : "memory");
}

static void hypercalls(void)
{
	bool ok = true;

	for (hypercall = -2; hypercall < 16; hypercall++) {
		signal_of(vmmcall);
		ok &= served();
	}
	check(ok, "hypercalls of KVM");
}

/* The 32-bit calls of Linux: not for this program, and its end. */
static void old_calls(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		__asm__ volatile("int $0x80" : : "a"(1), "b"(0) : "memory");
		_exit(9);
	}
	waitpid(pid, &status, 0);
	check(status && served() && in_ring3(), "INT 0x80: status %x",
	      (unsigned)status);
}

void odd(void)
{
	exceptions();
	bad_state();
	check(__builtin_cpu_supports("avx"), "AVX is here to be tested");
	uppers();
	avx_exception();
	avx_fork();
	x87();
	x87_anew();
	cpuid();
	table_addresses();
	hypercalls();
	old_calls();
}

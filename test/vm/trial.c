/* SPDX-License-Identifier: MIT */
/*
 * An application in ring 3 that tries what an honest one does, and what a
 * hostile one would. Prints a line for each; exit 0: all as it must be.
 *
 *	trial work	memory, files, time, registers
 *	trial lies	what must fault, and leave the dataplane as it was
 *	trial spin	keeps the core for a second
 *	trial time	asks for it, very often; then sleeps for a minute
 *	trial flush	keeps ring 0 busy, not with the network
 *	trial calls	... with what is answered at once
 *	trial crash	reads address 0
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dom/process/shm.h"
#include "dom/vm/guest/layout.h"
#include "ix/ix.h"

static struct ix_thread *thread;
static int failed;

__attribute__((format(printf, 2, 3))) static void check(bool ok,
							const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%s: ", ok ? "ok" : "FAILED");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	failed |= !ok;
}

static long call(long nr)
{
	long ret = nr;

	__asm__ volatile("syscall" : "+a"(ret) : : "rcx", "r11", "memory");
	return ret;
}

/* Ring 0 knows the call, Linux does not. */
static bool in_ring3(void)
{
	return call(VM_NOTHING) == 0;
}

/* ---- work */

static void test_memory(void)
{
	enum { N = 200, BIG = 4 << 20 };
	unsigned char *p[N], *map;
	bool zero = true, kept = true;

	for (int i = 0; i < N; i++) {
		p[i] = malloc((size_t)i * 997 + 1);
		memset(p[i], i, (size_t)i * 997 + 1);
	}
	for (int i = 0; i < N; i++) {
		kept &= p[i][i * 997] == i;
		free(p[i]);
	}
	check(kept, "malloc");
	for (int round = 0; round < 3; round++) {
		map = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (size_t i = 0; i < BIG; i += 64)
			zero &= !map[i];
		memset(map, 0xee, BIG);
		munmap(map, BIG);
	}
	check(zero, "mmap() gives zeros, again and again");
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map[7] = 42;
	map = mremap(map, 4096, BIG, MREMAP_MAYMOVE);
	check(map != MAP_FAILED && map[7] == 42 && !map[BIG - 1], "mremap()");
	munmap(map, BIG);
	check((uint64_t)map - VM_APP < VM_APP_BYTES, "all of it in the guest");
}

static void test_files(void)
{
	char path[] = "/tmp/trialXXXXXX", text[] = "in a file";
	int fd = mkstemp(path);
	char *map;

	check(write(fd, text, sizeof(text)) == sizeof(text), "write()");
	map = mmap(NULL, sizeof(text), PROT_READ, MAP_PRIVATE, fd, 0);
	check(map != MAP_FAILED && !strcmp(map, text), "a file mapped");
	check(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
			      MAP_FAILED &&
		      errno == ENODEV,
	      "... but not shared: ENODEV");
	errno = 0;
	check(fork() < 0 && errno == ENOSYS, "no fork(): ENOSYS");
	check(!system("exit 0"), "system()");
	unlink(path);
	close(fd);
}

static void *elsewhere(void *arg)
{
	return in_ring3() ? NULL : arg;
}

static void test_threads(void)
{
	pthread_t t[8];
	void *ret;
	int right = 0;

	for (intptr_t i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, elsewhere, (void *)(i + 1)))
			t[i] = 0;
	for (intptr_t i = 0; i < 8; i++)
		right += t[i] && !pthread_join(t[i], &ret) &&
			 ret == (void *)(i + 1);
	check(right == 8, "%d threads, in the process", right);
}

static bool near(time_t a, time_t b)
{
	return labs((long)(a - b)) <= 1;
}

/* Ring 0's answers, and Linux's. */
static void test_time(void)
{
	struct timespec a, b, real;

	clock_gettime(CLOCK_MONOTONIC, &a);
	clock_gettime(CLOCK_BOOTTIME, &b);
	clock_gettime(CLOCK_REALTIME, &real);
	check(near(a.tv_sec, b.tv_sec), "the time: %ld, %ld", (long)a.tv_sec,
	      (long)b.tv_sec);
	check(near(real.tv_sec, time(NULL)), "the date: %ld",
	      (long)real.tv_sec);
	clock_gettime(CLOCK_MONOTONIC, &b);
	check(b.tv_sec > a.tv_sec ||
		      (b.tv_sec == a.tv_sec && b.tv_nsec > a.tv_nsec),
	      "it goes on");
}

/* What Linux's calls preserve, is preserved; run_io leaves nothing of ring 0
 * in a register. */
static void test_registers(void)
{
	uint64_t in[2] = { 0x1122334455667788, 0x99aabbccddeeff00 };
	uint64_t out[2] = { 0 }, left[2] = { 1, 1 }, gone = 1, r8 = 1;
	long ret = SYS_getppid;

	__asm__ volatile("movups %3, %%xmm5\n\t"
			 "syscall\n\t"
			 "movups %%xmm5, %1\n\t"
			 : "+a"(ret), "=m"(out)
			 : "m"(in), "m"(in)
			 : "rcx", "r11", "xmm5", "memory");
	check(!memcmp(in, out, sizeof(in)), "Linux's calls keep vectors");
	for (int i = 0; i < 3; i++) {
		ret = VM_RUN_IO;
		thread->port.down->ncalls = 0;
		thread->port.down->flags = IX_RUN_POLL;
		__asm__ volatile("movups %4, %%xmm9\n\t"
				 "mov $-1, %%r8\n\t"
				 "syscall\n\t"
				 "movups %%xmm9, %1\n\t"
				 "mov %%r8, %2\n\t"
				 "mov %%rdi, %3\n\t"
				 : "+a"(ret), "=m"(left), "=m"(r8), "=m"(gone)
				 : "m"(in)
				 : "rcx", "r11", "rdx", "rsi", "rdi", "r8",
				   "r9", "r10", "xmm9", "memory");
		check(!ret && !left[0] && !left[1] && !r8 && !gone,
		      "run_io leaves nothing behind");
	}
}

static int work(void)
{
	check(in_ring3(), "in ring 3");
	test_memory();
	test_files();
	test_threads();
	test_time();
	test_registers();
	check(in_ring3(), "still there");
	return failed;
}

/* ---- lies */

static sigjmp_buf back;
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
	siglongjmp(back, 1);
}

static void catch_all(void)
{
	static char stack[65536];
	const stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction a = { .sa_handler = on_signal,
			       .sa_flags = SA_ONSTACK | SA_NODEFER };

	sigaltstack(&alt, NULL);
	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGBUS, &a, NULL);
	sigaction(SIGILL, &a, NULL);
	sigaction(SIGFPE, &a, NULL);
	sigaction(SIGTRAP, &a, NULL);
}

/* The dataplane serves us, in ring 3 again. */
static bool served(void)
{
	return !ix_poll_io(thread) && in_ring3();
}

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
} lies[] = {
#define ENTRY(name, code, want) { #name, name, want },
	LIES(ENTRY)
};

/* The signal that comes of @tell(); 0: none. */
static __attribute__((noinline)) int signal_of(void (*tell)(void))
{
	caught = 0;
	if (!sigsetjmp(back, 1))
		tell();
	__asm__ volatile("pushf; andl $~0x44500, (%%rsp); popf" : : : "cc");
	return caught;
}

static void fault(const char *name, void (*tell)(void), int want)
{
	int got = signal_of(tell);

	check(got && (!want || got == want), "%s: signal %d", name, got);
	check(served(), "... and the dataplane serves");
}

/* INT n: of the kernel's own none is for programs but 3, 4 and 128. */
static void interrupts(void)
{
	unsigned char *code =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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

/* D's addresses are ring 0's: not one page of them is to be had. */
static void scan(void)
{
	int found = 0, tried = 0;

	for (uint64_t at = 0x7f0000000000; at < 0x800000000000;
	     at += 0x400000000) {
		target = (volatile char *)at;
		found += signal_of(read_target) != SIGSEGV;
		tried++;
		if (!served())
			break;
	}
	check(!found && tried == 64, "%d addresses of D's", tried);
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

static int tell_lies(void)
{
	catch_all();
	check(served(), "in ring 3");
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		fault(lies[i].name, lies[i].tell, lies[i].want);
	fault("single step", step_over, SIGTRAP);
	syscalls();
	interrupts();
	scan();
	personas();
	return failed;
}

/* ---- the rest */

static int spin(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
	} while (b.tv_sec * 1000 + b.tv_nsec / 1000000 - a.tv_sec * 1000 -
			 a.tv_nsec / 1000000 <
		 1000);
	check(served(), "after a second of its own");
	return failed;
}

/* A hundred thousand times the time, and some seconds for who looks at the
 * counters. */
static int ask_time(void)
{
	struct timespec t;

	for (int i = 0; i < 100000; i++)
		clock_gettime(i % 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &t);
	check(in_ring3(), "asked");
	sleep(60);
	return failed;
}

static volatile bool rung; /* by a handler beside ring 3 */

static void ring(int sig)
{
	(void)sig;
	rung = true;
}

static void ring_later(void)
{
	enum { LATER_S = 8 };

	signal(SIGALRM, ring);
	alarm(LATER_S);
}

/* Batches of calls that do not exist: nearly always in ring 0. */
static int flush(void)
{
	struct ix_down *down = thread->port.down;
	bool refused = true;

	memset(down->calls, 0xff, sizeof(down->calls));
	for (ring_later(); !rung;) {
		down->ncalls = IX_MAX_CALLS;
		down->flags = IX_RUN_FLUSH;
		refused &= !thread->port.domain->run_io(&thread->port) &&
			   thread->port.up->results[0] < 0;
	}
	down->ncalls = 0;
	check(refused && served(), "flushed, and nothing else");
	return failed;
}

static int calls(void)
{
	long wrong = 0;

	for (ring_later(); !rung;)
		wrong |= call(VM_NOTHING);
	check(!wrong && served(), "called for nothing");
	return failed;
}

static int crash(void)
{
	fflush(stdout);
	target = (volatile char *)8;
	return *target;
}

static const struct {
	const char *name;
	int (*run)(void);
} modes[] = {
	{ "work", work },     { "lies", tell_lies }, { "spin", spin },
	{ "time", ask_time }, { "flush", flush },    { "calls", calls },
	{ "crash", crash },
};

int main(int argc, char **argv)
{
	int ret = 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2 || ix_init() || !(thread = ix_attach(-1)))
		return 2;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name))
			ret = modes[i].run();
	ix_detach(thread);
	return ret;
}

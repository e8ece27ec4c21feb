/* SPDX-License-Identifier: MIT */
/*
 * Prints a line for each thing tried; exit 0: all as it must be.
 *
 *	trial work	memory, files, processes, signals, time, registers
 *	trial lies [FILE]	what must fault, and leave the dataplane as it
 *			was; FILE: see lies() in trial.h
 *	trial spin	keeps the core for five seconds
 *	trial keep	... until it is killed
 *	trial idle	waits until it is told to end, and does so slowly
 *	trial time	asks for it, very often; then sleeps for a minute
 *	trial flush	keeps ring 0 busy, not with the network
 *	trial calls	... with what is answered at once
 *	trial crash	reads address 0
 *	trial abort	calls abort()
 *	trial leap	leaves a handler by siglongjmp() as it must not
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "trial.h"

struct ix_thread *thread;
int failed;

void check(bool ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%s: ", ok ? "ok" : "FAILED");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	failed |= !ok;
}

long call(long nr)
{
	long ret = nr;

	__asm__ volatile("syscall" : "+a"(ret) : : "rcx", "r11", "memory");
	return ret;
}

bool in_ring3(void)
{
	return call(VM_NOTHING) == 0;
}

/* ---- signals */

static sigjmp_buf back;
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
	siglongjmp(back, 1);
}

void catch_all(void)
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

bool served(void)
{
	return !ix_poll_io(thread) && in_ring3();
}

__attribute__((noinline)) int signal_of(void (*tell)(void))
{
	caught = 0;
	if (!sigsetjmp(back, 1))
		tell();
	__asm__ volatile("pushf; andl $~0x44500, (%%rsp); popf" : : : "cc");
	return caught;
}

/* ---- time, registers */

/* Nothing is done, and nothing left of it. */
static void test_flags(void)
{
	struct ix_port *port = &thread->port;
	int ret;

	for (uint32_t bit = IX_RUN_FLAGS + 1; bit; bit <<= 1) {
		port->down->ncalls = 1;
		port->down->flags = IX_RUN_FLUSH | bit;
		ret = port->domain->run_io(port);
		if (ret != -EINVAL)
			check(false, "flag %x: %d", bit, ret);
	}
	port->down->ncalls = 0;
	check(served(), "flags that mean nothing yet");
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

/* ---- modes */

static const char *argument; /* behind the mode */

static int work(void)
{
	check(in_ring3(), "in ring 3");
	memory();
	processes();
	test_time();
	test_registers();
	test_flags();
	check(in_ring3(), "still there");
	return failed;
}

static int tell_lies(void)
{
	catch_all();
	check(served(), "in ring 3");
	lies(argument);
	odd();
	return failed;
}

static int spin(void)
{
	enum { SPIN_MS = 5000 };
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
	} while (b.tv_sec * 1000 + b.tv_nsec / 1000000 - a.tv_sec * 1000 -
			 a.tv_nsec / 1000000 <
		 SPIN_MS);
	check(served(), "after some seconds of its own");
	return failed;
}

static volatile bool rung; /* by a handler beside ring 3 */

static void ring(int sig)
{
	(void)sig;
	rung = true;
}

/* Waits until it is told to end, and does not at once. */
static int idle(void)
{
	enum { LONG_US = 200000 };
	int ret;

	thread->port.down->ncalls = 0;
	thread->port.down->flags = 0;
	do {
		ret = thread->port.domain->run_io(&thread->port);
	} while (!ret);
	rung = false;
	signal(SIGALRM, ring);
	for (ualarm(LONG_US, 0); !rung;)
		;
	check(ret == -ESHUTDOWN, "told to end: %d", ret);
	return failed;
}

static int keep(void)
{
	for (volatile int i = 0;; i++)
		;
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

static void ring_later(void)
{
	enum { LATER_S = 8 };

	signal(SIGALRM, ring);
	alarm(LATER_S);
}

/* Out of a handler that interrupted ring 3, which goes on: the next call of IX
 * must end the program. */
static int leap(void)
{
	enum { SOON_S = 2 };

	signal(SIGALRM, on_signal);
	if (!sigsetjmp(back, 1))
		for (alarm(SOON_S);;)
			;
	check(caught == SIGALRM && !in_ring3(), "beside ring 3");
	check(false, "run_io came back: %d", ix_poll_io(thread));
	return failed;
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

/* What a core dump must have, and only once in a page of its own. */
static char mark[4096] __attribute__((aligned(4096))) = "mark of this program";

static int crash(void)
{
	volatile char *volatile nowhere = (volatile char *)8;

	strcpy(mark + 100, "and of its data");
	fflush(stdout);
	return *nowhere;
}

static int die(void)
{
	abort();
}

static const struct {
	const char *name;
	int (*run)(void);
} modes[] = {
	{ "work", work },     { "lies", tell_lies }, { "spin", spin },
	{ "time", ask_time }, { "flush", flush },    { "calls", calls },
	{ "crash", crash },   { "abort", die },	     { "keep", keep },
	{ "leap", leap },     { "idle", idle },
};

int main(int argc, char **argv)
{
	int ret = 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	argument = argc > 2 ? argv[2] : NULL;
	if (argc < 2 || ix_init() || !(thread = ix_attach(-1)))
		return 2;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name))
			ret = modes[i].run();
	ix_detach(thread);
	return ret;
}

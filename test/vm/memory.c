/* SPDX-License-Identifier: MIT */
/* Memory as an ordinary program has it: what it may do with a page in ring 3 is
 * what mmap() and mprotect() have said. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "trial.h"

enum { PAGE = 4096, LARGE = 2 << 20, RW = PROT_READ | PROT_WRITE };

static char *map_pages(size_t len, int prot)
{
	char *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		check(false, "mmap(): %s", strerror(errno));
	return p;
}

static void heap(void)
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

/* ---- files */

static void file_maps(void)
{
	char path[] = "/tmp/trialXXXXXX", text[] = "in a file";
	int fd = mkstemp(path);
	char *map;

	check(write(fd, text, sizeof(text)) == sizeof(text), "write()");
	map = mmap(NULL, sizeof(text), PROT_READ, MAP_PRIVATE, fd, 0);
	check(map != MAP_FAILED && !strcmp(map, text), "a file mapped");
	check(mmap(NULL, 4096, RW, MAP_SHARED, fd, 0) == MAP_FAILED &&
		      errno == ENODEV,
	      "... but not shared: ENODEV");
	unlink(path);
	close(fd);
}

/* ---- rights */

static volatile char *volatile target;
static volatile char seen;

static void look(void)
{
	seen = *target;
}

static void store(void)
{
	*target = 1;
}

static void jump(void)
{
	void (*code)(void) = (void (*)(void))(uintptr_t)target;

	code();
}

/* By an instruction in ring 3; afterwards we are there again. */
static int tried(void (*how)(void), volatile char *at)
{
	int sig;

	target = at;
	check(served() && in_ring3(), "in ring 3");
	sig = signal_of(how);
	return sig;
}

/* Rights of one page among others of the same 2 MB. */
static void small(void)
{
	char *p = map_pages(16 * PAGE, RW), *mid = p + 5 * PAGE;

	memset(p, 7, 16 * PAGE);
	check(!mprotect(mid, PAGE, PROT_READ), "mprotect() to read-only");
	check(tried(store, mid) == SIGSEGV && !tried(look, mid) && seen == 7,
	      "a page is read-only");
	check(!tried(store, mid - 1) && !tried(store, mid + PAGE),
	      "its neighbours are not");
	check(!mprotect(mid, PAGE, PROT_NONE) && tried(look, mid) == SIGSEGV,
	      "a page that nobody may read");
	check(!mprotect(mid, PAGE, RW) && !tried(store, mid) && *mid == 1 &&
		      mid[1] == 7 && in_ring3(),
	      "and again, in ring 3");
	check(mprotect(mid, 100 * LARGE, PROT_READ) && errno == ENOMEM,
	      "mprotect() of what is not there: ENOMEM");
	munmap(p, 16 * PAGE);
	check(tried(look, mid) == SIGSEGV, "unmapped is unmapped");
}

/* Large pages of the guest, split, and whole again. */
static void large(void)
{
	char *p = map_pages(4 * LARGE, RW);
	char *at = (char *)(((uintptr_t)p + LARGE) & ~(uintptr_t)(LARGE - 1));
	int wrong = 0;

	memset(at, 5, 2 * LARGE);
	check(!mprotect(at, 2 * LARGE, PROT_READ) &&
		      tried(store, at + LARGE) == SIGSEGV,
	      "4 MB read-only");
	check(!mprotect(at + PAGE, PAGE, RW) && !tried(store, at + PAGE) &&
		      tried(store, at) == SIGSEGV &&
		      tried(store, at + 2 * PAGE) == SIGSEGV,
	      "... but for a page");
	check(!mprotect(at, LARGE, RW) && !tried(store, at) &&
		      !tried(store, at + LARGE - 1) &&
		      tried(store, at + LARGE) == SIGSEGV,
	      "2 MB written again");
	for (int i = 0; i < LARGE / PAGE; i++)
		wrong += mprotect(at + i * PAGE, PAGE, PROT_READ) != 0;
	check(!wrong && tried(store, at) == SIGSEGV &&
		      tried(store, at + LARGE - 1) == SIGSEGV &&
		      !tried(look, at + LARGE - 1),
	      "page by page");
	check(!mprotect(at + 7 * PAGE, PAGE, RW) &&
		      !tried(store, at + 7 * PAGE) &&
		      tried(store, at + 8 * PAGE) == SIGSEGV,
	      "and one of them back");
	check(at[2 * LARGE - 1] == 5 && at[3 * PAGE] == 5,
	      "with what is in it");
	munmap(p, 4 * LARGE);
}

/* Code is not written, data not executed. */
static void code(void)
{
	char *p = map_pages(PAGE, RW);

	*p = (char)0xc3; /* ret */
	check(tried(jump, p) == SIGSEGV, "data is not executed");
	check(!mprotect(p, PAGE, PROT_READ | PROT_EXEC) && !tried(jump, p) &&
		      in_ring3(),
	      "code is");
	check(tried(store, p) == SIGSEGV, "and not written");
	check(tried(store, (volatile char *)(uintptr_t)look) == SIGSEGV,
	      "nor is the program's");
	check(tried(store, (volatile char *)"a constant") == SIGSEGV,
	      "nor are constants");
	munmap(p, PAGE);
}

/* While ring 3 reads a page, another thread takes it away. */
static char *shared_page;
static volatile int step;

static void *take_away(void *arg)
{
	cpu_set_t all;

	/* On ring 3's processor we would stop it, and that might flush. */
	CPU_ZERO(&all);
	for (int cpu = 1; cpu < 64; cpu++)
		CPU_SET(cpu, &all);
	sched_setaffinity(0, sizeof(all), &all);
	while (step != 1)
		;
	step = mprotect(shared_page, PAGE, PROT_NONE) ? 3 : 2;
	return arg;
}

/* No call, no exit between the end of the loop and the last look. */
static void look_on(void)
{
	while (step == 1)
		seen = *target;
	seen = *target;
}

static void race(void)
{
	pthread_t id;
	int wrong = 0;

	for (int i = 0; i < 40; i++) {
		shared_page = map_pages(PAGE, RW);
		target = shared_page;
		step = 0;
		if (pthread_create(&id, NULL, take_away, NULL))
			break;
		wrong += !served();
		step = 1;
		wrong += signal_of(look_on) != SIGSEGV;
		pthread_join(id, NULL);
		munmap(shared_page, PAGE);
	}
	check(!wrong, "taken away by another thread: %d still there", wrong);
}

/* ---- the rest of mmap()'s kin */

static void resizes(void)
{
	char *p = map_pages(4 * PAGE, RW), *q = map_pages(8 * PAGE, RW);

	memset(p, 3, 4 * PAGE);
	check(!mprotect(p, 4 * PAGE, PROT_READ), "read-only");
	check(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) ==
		      q,
	      "mremap() to a place");
	check(q[4 * PAGE - 1] == 3 && tried(store, q) == SIGSEGV &&
		      tried(look, p) == SIGSEGV,
	      "its rights go with it");
	check(!tried(store, q + 4 * PAGE), "what is behind stays");
	check(mremap(q, 4 * PAGE, PAGE, 0) == q &&
		      tried(look, q + PAGE) == SIGSEGV,
	      "smaller");
	munmap(q, 8 * PAGE);
	check(mmap((void *)((uintptr_t)&p & ~(uintptr_t)(PAGE - 1)), PAGE, RW,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		   0) == MAP_FAILED &&
		      errno == EEXIST,
	      "MAP_FIXED_NOREPLACE: EEXIST");
}

static void advice(void)
{
	char *p = map_pages(4 * PAGE, RW);

	memset(p, 3, 4 * PAGE);
	mprotect(p + PAGE, PAGE, PROT_READ);
	check(!madvise(p, 4 * PAGE, MADV_DONTNEED) && !p[0] && !p[PAGE] &&
		      !p[4 * PAGE - 1],
	      "MADV_DONTNEED gives zeros");
	check(tried(store, p + PAGE) == SIGSEGV && !tried(store, p),
	      "and keeps rights");
	munmap(p, 4 * PAGE);
}

static void breaks(void)
{
	char *end = sbrk(0), *more = sbrk(3 * PAGE);

	check(more == end && !tried(store, end + 3 * PAGE - 1), "sbrk()");
	check(sbrk(-3 * PAGE) != (void *)-1 &&
		      tried(look, end + 3 * PAGE - 1) == SIGSEGV,
	      "and back");
}

/* Ring 0 writes it where ring 3 may. */
static void time_to(void)
{
	char *p = map_pages(2 * PAGE, RW);

	mprotect(p, PAGE, PROT_READ);
	check(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p) < 0 &&
		      errno == EFAULT,
	      "the time, into what is read-only: EFAULT");
	check(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p + PAGE - 8) < 0,
	      "... or partly");
	check(!syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p + PAGE),
	      "... or not");
	munmap(p, 2 * PAGE);
}

/* Below a thread's stack. */
static void *overflow(void *arg)
{
	pthread_attr_t a;
	void *base = NULL;
	size_t len;

	pthread_getattr_np(pthread_self(), &a);
	pthread_attr_getstack(&a, &base, &len);
	pthread_attr_destroy(&a);
	*(void **)arg = base;
	return NULL;
}

static void guards(void)
{
	pthread_t id;
	char *base = NULL;

	check(!pthread_create(&id, NULL, overflow, &base) &&
		      !pthread_join(id, NULL) && base,
	      "a thread's stack");
	check(tried(store, base - 1) == SIGSEGV, "and its guard page");
}

void memory(void)
{
	catch_all();
	heap();
	file_maps();
	small();
	large();
	code();
	race();
	resizes();
	advice();
	breaks();
	time_to();
	guards();
}

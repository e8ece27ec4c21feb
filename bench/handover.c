/* SPDX-License-Identifier: MIT */
/*
 * The bare futex hand-over: two processes on one core give it to and fro, and
 * do nothing else. What the process domain's crossings are measured against.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/hist.h"

enum { MINE = 0, YOURS = 1 };

static void await(uint32_t *word, uint32_t value)
{
	uint32_t now;

	while ((now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != value)
		syscall(SYS_futex, word, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void hand_over(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void answer_forever(uint32_t *word)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		await(word, YOURS);
		hand_over(word, MINE);
	}
}

static int pin_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 200000;
	static struct hist h;
	uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	if (word == MAP_FAILED || pin_here()) {
		perror("handover");
		return 1;
	}
	child = fork();
	if (!child)
		answer_forever(word);
	hist_init(&h);
	for (int i = 0; i < n; i++) {
		uint64_t from = clock_ns();

		hand_over(word, YOURS);
		await(word, MINE);
		hist_add(&h, clock_ns() - from);
	}
	printf("{\"rounds\":%d,\"round_trip_ns\":{\"mean\":%.0f,\"p50\":%lu,"
	       "\"p99\":%lu}}\n",
	       n, hist_mean(&h), (unsigned long)hist_quantile(&h, 0.5),
	       (unsigned long)hist_quantile(&h, 0.99));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}

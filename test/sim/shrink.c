/* SPDX-License-Identifier: MIT */
/* Ever less of a seed, as long as it fails. */
#include "sim.h"

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void shrink_print(const struct plan *p)
{
	const char *before = " -x ";

	fprintf(stderr, "replay: sim%s", p->broken ? " -b" : "");
	for (u32 i = 0; i < NR_FAULTS; i++) {
		if (p->allowed >> i & 1)
			continue;
		fprintf(stderr, "%s%s", before, sim_fault_names[i]);
		before = ",";
	}
	if (p->max_hosts < SIM_HOSTS)
		fprintf(stderr, " -H %u", p->max_hosts);
	if (p->max_links < SIM_LINKS)
		fprintf(stderr, " -L %u", p->max_links);
	if (~p->troubles)
		fprintf(stderr, " -t %llx", (unsigned long long)p->troubles);
	if (p->first || p->last != UINT64_MAX)
		fprintf(stderr, " -f %llu-%llu", (unsigned long long)p->first,
			(unsigned long long)p->last);
	fprintf(stderr, " %llu\n", (unsigned long long)p->seed);
}

enum { SHRINK_S = 120 };

static time_t give_up_at;

/* In a process of its own, as it may crash or hang. */
static bool fails(const struct plan *p, bool quiet)
{
	struct sim_result r;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (quiet && !freopen("/dev/null", "w", stderr))
			_exit(1);
		alarm(SIM_HANGS_S);
		sim_run(p, &r);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	return status != 0;
}

static bool try(struct plan *p, struct plan less)
{
	if (time(NULL) > give_up_at || !fails(&less, true))
		return false;
	*p = less;
	return true;
}

static void shrink_counts(struct plan *p)
{
	struct plan less = *p;

	less.max_hosts = 2;
	while (less.max_hosts < SIM_HOSTS && !try(p, less))
		less.max_hosts = less.max_hosts * 2 - 1;
	less = *p;
	less.max_links = 1;
	while (less.max_links < SIM_LINKS && !try(p, less))
		less.max_links *= 2;
}

static void shrink_faults(struct plan *p)
{
	struct plan less;

	for (u32 i = 0; i < NR_FAULTS; i++) {
		less = *p;
		less.allowed &= ~(1ull << i);
		try(p, less);
	}
	less = *p;
	less.troubles = 0;
	if (try(p, less))
		return;
	for (u32 i = SIM_TROUBLES; i-- > 0;) {
		less = *p;
		less.troubles &= ~(1ull << i);
		try(p, less);
	}
}

/* The last frame that something must happen to, then the first. */
static void shrink_frames(struct plan *p)
{
	struct plan less = *p;
	u64 low = 0, high = 1;

	less.last = 0;
	if (try(p, less))
		return;
	for (less.last = high; !try(p, less) && high < 1ull << 40;)
		less.last = high *= 2;
	while (low + 1 < high) {
		less.last = low + (high - low) / 2;
		if (try(p, less))
			high = less.last;
		else
			low = less.last;
	}
	for (u64 by = p->last / 2; by; by /= 2) {
		less = *p;
		less.first += by;
		if (less.first < less.last)
			try(p, less);
	}
}

void shrink(struct plan p)
{
	fputs("trying with less\n", stderr);
	give_up_at = time(NULL) + SHRINK_S;
	shrink_counts(&p);
	shrink_faults(&p);
	shrink_frames(&p);
	shrink_print(&p);
	fails(&p, false);
}

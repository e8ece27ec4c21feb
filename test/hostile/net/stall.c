/* SPDX-License-Identifier: MIT */
/*
 * How long honest clients may wait, beside what the machine takes: the longest
 * that a thread of the server, and one of theirs, has waited for a core
 * meanwhile (as the kernel counts it), and three times what a thread on the
 * server's core that only sleeps was late, since packets are the kernel's work,
 * too.
 */
#include "attacker.h"

#include <dirent.h>
#include <sched.h>
#include <time.h>

enum { MS = 1000000, SERVER_CORE = 0, SCHED = 3 };

void *stall_control(void *arg)
{
	const struct timespec step = { .tv_nsec = MS };
	struct honest *h = arg;
	cpu_set_t core;

	CPU_ZERO(&core);
	CPU_SET(SERVER_CORE, &core);
	sched_setaffinity(0, sizeof(core), &core);
	while (!h->stop) {
		uint64_t due = now_ns() + MS, late;

		h->late_since = due;
		nanosleep(&step, NULL);
		late = now_ns() - due;
		if (late > h->late_longest)
			h->late_longest = late;
	}
	return NULL;
}

static uint64_t waited(int pid, const char *tid)
{
	unsigned long long ns = 0;
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, tid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%*u %llu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static void look(struct waits *w, int pid)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	w->n = 0;
	while (d && w->n < STALL_THREADS && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		w->tid[w->n] = atoi(e->d_name);
		w->ns[w->n++] = waited(pid, e->d_name);
	}
	if (d)
		closedir(d);
}

static uint64_t since(const struct waits *w, int tid)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->tid[i] == tid)
			return w->ns[i];
	return 0;
}

/* By the thread of @pid that has waited most. */
static uint64_t most(const struct waits *before, int pid)
{
	uint64_t ns = 0;
	struct waits now;

	look(&now, pid);
	for (uint32_t i = 0; i < now.n; i++)
		ns = max(ns, now.ns[i] - since(before, now.tid[i]));
	return ns;
}

void stall_begin(struct attack *a, int clients)
{
	struct honest *h = a->honest;

	a->clients = clients;
	a->server = (int)counter(a, "pid");
	look(&a->waits[0], a->clients);
	look(&a->waits[1], a->server);
	h->longest = h->new_longest = h->ping_longest = h->late_longest = 0;
}

/* It may be late now. */
static uint64_t late(const struct honest *h)
{
	uint64_t now = now_ns(), since = h->late_since;

	return max(h->late_longest, now > since ? now - since : 0);
}

bool stall_judge(struct attack *a)
{
	static const char *const whose[] = { "an answer", "a new connection",
					     "a ping" };
	const struct honest *h = a->honest;
	const uint64_t took[] = { h->longest, h->new_longest, h->ping_longest };
	const uint32_t ms[] = { STALL_MS,
				a->floods ? STALL_FLOOD_MS : STALL_NEW_MS,
				STALL_PING_MS };
	const uint64_t machine = SCHED * late(h) +
				 most(&a->waits[0], a->clients) +
				 most(&a->waits[1], a->server);

	for (int i = 0; i < 3; i++) {
		a->allowed[i] = ms[i] * (uint64_t)MS + machine;
		if (took[i] > a->allowed[i])
			success(a, "%s took %llu ms", whose[i],
				(unsigned long long)(took[i] / MS));
	}
	return !*a->why;
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory that is pulled away from under D. Seals see to it that this cannot
 * happen to what D shares with A. But some is of files that others can cut:
 *
 *   the counter page   by every process of D's user, which may be A: counters
 *                      are lost, and nothing else
 *   a wire             by whoever is at its other end: the link is dead
 */
#include "dom/process/process.h"

#include <signal.h>
#include <sys/mman.h>

static struct host *host; /* signal handlers take no argument */

struct part {
	u8 *base;
	size_t len;
};

static bool lies_in(const u8 *at, const struct part *p)
{
	return p->base && at >= p->base && at < p->base + p->len;
}

static bool find_lost(const u8 *at, struct part *out)
{
	if (!host)
		return false;
	*out = (struct part){ host->nic->foreign, host->nic->foreign_len };
	if (lies_in(at, out))
		return true;
	for (u32 i = 0; i < host->nthreads; i++) {
		*out = (struct part){ (u8 *)host->threads[i].stat.page,
				      STATFILE_BYTES };
		if (lies_in(at, out))
			return true;
	}
	return false;
}

/* Returning repeats the access: to memory of our own, or to the default
 * action. */
static void on_fault(int sig, siginfo_t *si, void *context)
{
	struct part p;

	(void)context;
	if (!find_lost(si->si_addr, &p) ||
	    mmap(p.base, p.len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		 0) == MAP_FAILED)
		signal(sig, SIG_DFL);
}

void proc_faults_survive(struct host *h)
{
	struct sigaction a = { .sa_sigaction = on_fault,
			       .sa_flags = SA_SIGINFO };

	host = h;
	sigaction(SIGBUS, h ? &a : &(struct sigaction){ 0 }, NULL);
}

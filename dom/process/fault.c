/* SPDX-License-Identifier: MIT */
/*
 * SIGBUS in D, from mappings of files that other processes can truncate. Memory
 * shared with A is sealed against it; these are not:
 *
 *   the counter page   by any process of D's user, which may be A: counters are
 *                      lost, and nothing else
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

/* On return the access is repeated: it finds anonymous memory, or the default
 * action kills D. */
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

/* SPDX-License-Identifier: MIT */
/*
 * Memory that is pulled away from under D. Seals see to it that this cannot
 * happen to what D shares with A. But the counter page is a file, which every
 * process of D's user can truncate, and that may be A: then counters are lost,
 * and nothing else.
 */
#include "dom/process/process.h"

#include <signal.h>
#include <sys/mman.h>

static struct host *host; /* signal handlers take no argument */

static void *lost_page(const u8 *at)
{
	for (u32 i = 0; host && i < host->nthreads; i++) {
		u8 *page = (u8 *)host->threads[i].stat.page;

		if (page && at >= page && at < page + STATFILE_BYTES)
			return page;
	}
	return NULL;
}

/* Returning repeats the access: to a page of our own, or to the default
 * action. */
static void on_fault(int sig, siginfo_t *si, void *context)
{
	void *page = lost_page(si->si_addr);

	(void)context;
	if (!page ||
	    mmap(page, STATFILE_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		signal(sig, SIG_DFL);
}

void proc_faults_survive(struct host *h)
{
	struct sigaction a = { .sa_sigaction = on_fault,
			       .sa_flags = SA_SIGINFO };

	host = h;
	sigaction(SIGBUS, h ? &a : &(struct sigaction){ 0 }, NULL);
}

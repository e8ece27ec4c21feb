/* SPDX-License-Identifier: MIT */
/* The crossing: hands the batch to the domain, and starts the next one. */
#include "ix/ix.h"

static int cross(struct ix_thread *t, uint32_t flags)
{
	struct ix_down *down = t->port.down;
	uint32_t ncalls = t->ncalls;
	int ret;

	down->ncalls = ncalls;
	down->flags = flags | t->flags;
	t->ncalls = 0;
	t->nsgs = 0;
	ret = t->port.domain->run_io(&t->port);
	t->nresults = ret ? 0 : ncalls;
	return ret;
}

int ix_run_io(struct ix_thread *t)
{
	return cross(t, 0);
}

int ix_poll_io(struct ix_thread *t)
{
	return cross(t, IX_RUN_POLL);
}

int ix_flush(struct ix_thread *t)
{
	return cross(t, IX_RUN_FLUSH);
}

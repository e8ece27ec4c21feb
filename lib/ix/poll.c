/* SPDX-License-Identifier: MIT */
/* The crossing: hands the batch to the domain, and starts the next one; and a
 * loop around it. */
#include <errno.h>
#include <stdbool.h>

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

struct loop {
	struct ix_thread *t;
	void (*on_event)(struct ix_thread *t, const struct ix_event *e);
	void (*on_short)(struct ix_thread *t, const struct ix_call *c,
			 int64_t result);
};

static bool whole(const struct ix_thread *t, const struct ix_call *c,
		  int64_t result)
{
	if (c->op == IX_SENDV)
		return result == (int64_t)ix_asked(t, c);
	return result >= 0;
}

/* Crosses by @way. The descriptors of the batch are still there. */
static int cross_and_look(struct loop *l, int (*way)(struct ix_thread *t))
{
	struct ix_thread *t = l->t;
	const struct ix_call *c = t->port.down->calls;
	int ret = way(t);

	if (ret || !t->port.up->nshort)
		return ret;
	for (uint32_t i = 0; i < t->nresults; i++)
		if (!whole(t, &c[i], ix_result(t, (int)i)))
			l->on_short(t, &c[i], ix_result(t, (int)i));
	return 0;
}

static int tell(struct loop *l, const struct ix_event *e)
{
	struct ix_thread *t = l->t;
	int ret = 0;

	if (t->ncalls > IX_MAX_CALLS - IX_LOOP_CALLS ||
	    t->nsgs > IX_MAX_SGS - IX_MAX_SG_PER_CALL)
		ret = cross_and_look(l, ix_flush);
	if (!ret)
		l->on_event(t, e);
	return ret;
}

int ix_loop(struct ix_thread *t,
	    void (*on_event)(struct ix_thread *t, const struct ix_event *e),
	    void (*on_short)(struct ix_thread *t, const struct ix_call *c,
			     int64_t result))
{
	struct loop l = { t, on_event, on_short };
	int ret;

	while (!(ret = cross_and_look(&l, ix_run_io)))
		for (uint32_t i = 0; i < ix_nevents(t) && !ret; i++)
			ret = tell(&l, ix_event(t, i));
	return ret == -ESHUTDOWN ? 0 : ret;
}

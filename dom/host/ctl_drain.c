/* SPDX-License-Identifier: MIT */
/* No new connections: those that there are come to their end, and a successor
 * has the others. How many there are is told at each call. */
#include "dom/host/ctl.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <time.h>

#include "dp/dp.h"

enum {
	PIECE = 2048,	   /* places of a thread's table, at a time */
	WAY_NS = 20000000, /* SYNs that have been steered to us may still be on
			    * their way: they are answered */
};

/* Of one thread. */
struct drain {
	bool drains;
	u32 began;     /* threads that have not drained before */
	u32 next, end; /* places of the table that have not been looked at */
	u64 conns, left;
};

/* ---- on the elastic thread */

static void drain(struct dp *dp, void *arg, u64 now)
{
	struct drain *d = arg;

	(void)now;
	d->began += d->drains && !dp->net.tcp.drains;
	dp->net.tcp.drains = d->drains;
	d->conns += dp->stat->tcp_conns - dp->stat->tcp_time_wait;
	d->left += dp->stat->drop_tcp_drain;
}

/* What there is goes on to come to us. */
static void keep(struct dp *dp, void *arg, u64 now)
{
	struct drain *d = arg;

	(void)now;
	d->end = dp->net.tcp.table_mask + 1;
	d->next = tcp_keep_flows(&dp->net, d->next, PIECE);
}

/* ---- all of them */

static bool parse(struct ctl_request *r, bool *drains)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->in, "drains");

	*drains = !item || cJSON_IsTrue(item);
	if (!item || cJSON_IsBool(item))
		return true;
	ctl_refuse(r, -EINVAL, "drains: true or false");
	return false;
}

static int no_answer(struct ctl_request *r, u32 thread)
{
	return ctl_refuse(r, -ETIMEDOUT,
			  "thread %u does not answer: its application keeps "
			  "the core, or has not attached",
			  thread);
}

/* Before a successor gets what is not known to be ours. */
static int keep_all(struct ctl_request *r)
{
	r->host->nic->flows->all = true;
	for (u32 i = 0; i < r->host->nthreads; i++) {
		struct drain d = { 0 };

		do
			if (ctl_call(r, i, keep, &d))
				return no_answer(r, i);
		while (d.next < d.end);
	}
	return 0;
}

/* To a successor, as soon as there is one; *@heir: who has them now. */
static int pass(struct ctl_request *r, bool drains, u32 *heir)
{
	const struct timespec way = { .tv_nsec = WAY_NS };
	struct nic *nic = r->host->nic;
	bool before = nic->flows->all;
	int err = drains && !before ? keep_all(r) : 0;
	bool back = !drains || err;
	u32 pid = nic->pass(nic, back);

	if (back)
		nic->flows->all = false;
	if (pid)
		cJSON_AddNumberToObject(r->out, "successor", pid);
	if (pid && !before && !nic->flows->late)
		nanosleep(&way, NULL);
	*heir = back ? 0 : pid;
	return err;
}

/* The first *@n, or as many as there are before one that does not answer: it
 * is waited for, and so would each other one be. */
static int tell(struct ctl_request *r, struct drain *d, u32 *n)
{
	for (u32 i = 0; i < *n; i++)
		if (ctl_call(r, i, drain, d)) {
			*n = i;
			return no_answer(r, i);
		}
	return 0;
}

/* Of the first @n all that answer. */
static int tell_all(struct ctl_request *r, struct drain *d, u32 n)
{
	int err = 0;

	for (u32 i = 0; i < n; i++)
		if (ctl_call(r, i, drain, d) && !err)
			err = no_answer(r, i);
	return err;
}

/* What a drain that fails has begun: @told threads have been, and others' flows
 * had been offered to a successor @before. */
static void undo(struct ctl_request *r, const struct drain *d, u32 told,
		 bool before)
{
	const struct flows *flows = r->host->nic->flows;
	u32 nobody;

	if (d->began)
		tell_all(r, &(struct drain){ 0 }, told);
	if (flows && flows->all && (d->began || !before))
		pass(r, false, &nobody);
}

/* Before others are the successor's where the program learns a moment later
 * what is ours: of one that we still accept then it would not know, and what
 * answers us would be refused. Its SYN is repeated instead. If that fails, we
 * take new ones again, unless a successor has them. */
static int stop(struct ctl_request *r, struct drain *d)
{
	const struct flows *flows = r->host->nic->flows;
	bool late = flows && flows->late;
	bool before = flows && flows->all;
	u32 told = r->host->nthreads, heir = 0;
	int err = late ? tell(r, d, &told) : 0;

	if (!err && flows)
		err = pass(r, true, &heir);
	if (!err && !late)
		err = tell(r, d, &told);
	if (err && !heir)
		undo(r, d, told, before);
	return err;
}

/* Before others are ours again, since they are to be answered: by those that
 * answer us. */
static int resume(struct ctl_request *r, struct drain *d)
{
	int err = tell_all(r, d, r->host->nthreads);
	u32 nobody;

	if (r->host->nic->flows)
		pass(r, false, &nobody);
	return err;
}

int ctl_drain(struct ctl_request *r)
{
	struct drain d = { 0 };
	int err;

	if (!parse(r, &d.drains))
		return -EINVAL;
	err = d.drains ? stop(r, &d) : resume(r, &d);
	if (err)
		return err;
	cJSON_AddBoolToObject(r->out, "drains", d.drains);
	cJSON_AddNumberToObject(r->out, "connections", (double)d.conns);
	cJSON_AddNumberToObject(r->out, "left", (double)d.left);
	return 0;
}

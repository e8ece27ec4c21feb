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

/* To a successor, as soon as there is one. */
static int pass(struct ctl_request *r, bool drains)
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
	return err;
}

/* All that answer. */
static int tell_all(struct ctl_request *r, struct drain *d)
{
	int err = 0;

	for (u32 i = 0; i < r->host->nthreads; i++)
		if (ctl_call(r, i, drain, d) && !err)
			err = no_answer(r, i);
	return err;
}

/* Before others are the successor's where the program learns a moment later
 * what is ours: of one that we still accept then it would not know, and what
 * answers us would be refused. Its SYN is repeated instead. If that fails, we
 * take new ones again, unless they have been passed on. */
static int stop(struct ctl_request *r, struct drain *d)
{
	const struct flows *flows = r->host->nic->flows;
	bool late = flows && flows->late;
	int err = late ? tell_all(r, d) : 0;

	if (!err && flows)
		err = pass(r, true);
	if (!err && !late)
		err = tell_all(r, d);
	if (err && d->began && !(flows && flows->all))
		tell_all(r, &(struct drain){ 0 });
	return err;
}

/* Before others are ours again, since they are to be answered: by those that
 * answer us. */
static int resume(struct ctl_request *r, struct drain *d)
{
	int err = tell_all(r, d);

	if (r->host->nic->flows)
		pass(r, false);
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

/* SPDX-License-Identifier: MIT */
/* No new connections: those that there are come to their end, and a successor
 * has the others. How many there are is told at each call. */
#include "dom/host/ctl.h"

#include <cjson/cJSON.h>
#include <errno.h>

#include "dp/dp.h"

/* Of one thread. */
struct drain {
	bool drains;
	u64 conns, left;
};

/* ---- on the elastic thread */

static void drain(struct dp *dp, void *arg, u64 now)
{
	struct drain *d = arg;

	(void)now;
	dp->net.tcp.drains = d->drains;
	d->conns += dp->stat->tcp_conns - dp->stat->tcp_time_wait;
	d->left += dp->stat->drop_tcp_drain;
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

int ctl_drain(struct ctl_request *r)
{
	struct drain d = { 0 };

	if (!parse(r, &d.drains))
		return -EINVAL;
	for (u32 i = 0; i < r->host->nthreads; i++)
		if (ctl_call(r, i, drain, &d))
			return ctl_refuse(r, -ETIMEDOUT,
					  "thread %u does not answer: its "
					  "application keeps the core, or has "
					  "not attached",
					  i);
	cJSON_AddBoolToObject(r->out, "drains", d.drains);
	cJSON_AddNumberToObject(r->out, "connections", (double)d.conns);
	cJSON_AddNumberToObject(r->out, "left", (double)d.left);
	return 0;
}

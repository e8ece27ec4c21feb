/* SPDX-License-Identifier: MIT */
#include "cp/keep_ask.h"

#include <unistd.h>

#include "cp/ctl.h"

enum { LATER_MS = 1000 }; /* who is not there may be soon */

static cJSON *request(const struct keep_ask *k, const struct keep_request *q)
{
	cJSON *o = ctl_request("load");
	cJSON *busy = cJSON_AddArrayToObject(o, "busy");
	cJSON *delay = cJSON_AddArrayToObject(o, "delay_us");
	cJSON *batch = cJSON_AddArrayToObject(o, "batch");

	cJSON_AddStringToObject(o, "name", k->name);
	for (u32 i = 0; i < q->cores; i++) {
		const struct keep_load *l = &q->load[i];

		cJSON_AddItemToArray(busy, cJSON_CreateNumber(l->busy));
		cJSON_AddItemToArray(delay, cJSON_CreateNumber(l->delay_us));
		cJSON_AddItemToArray(batch, cJSON_CreateNumber(l->batch));
	}
	return o;
}

void keep_ask_cores(void *arg, const struct keep_request *q,
		    struct keep_reply *r)
{
	struct keep_ask *k = arg;
	cJSON *answer = NULL;
	struct conf_err e;

	if (k->fd < 0)
		k->fd = ctl_connect_at(k->path);
	if (k->fd >= 0)
		answer = ctl_ask(k->fd, request(k, q), &e);
	r->cores = (u32)ctl_get_number(answer, "cores");
	r->ms = answer ? (u32)ctl_get_number(answer, "ms") : LATER_MS;
	/* What it still says would be taken for the next answer. */
	if (!answer && k->fd >= 0) {
		close(k->fd);
		k->fd = -1;
	}
	cJSON_Delete(answer);
}

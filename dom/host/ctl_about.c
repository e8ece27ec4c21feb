/* SPDX-License-Identifier: MIT */
/* What there is, and what it has reported. */
#include "dom/host/ctl.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000 };

static void add_threads(struct ctl_request *r)
{
	cJSON *list = cJSON_AddArrayToObject(r->out, "threads");

	for (u32 i = 0; i < r->host->nthreads; i++) {
		const struct host_thread *t = &r->host->threads[i];
		cJSON *o = cJSON_CreateObject();

		cJSON_AddNumberToObject(o, "thread", i);
		cJSON_AddNumberToObject(o, "core", t->core);
		cJSON_AddItemToArray(list, o);
	}
}

int ctl_about(struct ctl_request *r)
{
	const struct host *h = r->host;
	u64 up = host_clock_os() - h->opened_at;

	cJSON_AddStringToObject(r->out, "name", h->conf.name);
	cJSON_AddNumberToObject(r->out, "pid", getpid());
	cJSON_AddStringToObject(r->out, "program",
				h->program ? h->program : h->conf.name);
	cJSON_AddStringToObject(r->out, "domain", h->domain->name);
	cJSON_AddStringToObject(r->out, "wall", h->domain->wall);
	cJSON_AddStringToObject(r->out, "nic", h->conf.nic);
	cJSON_AddStringToObject(r->out, "about", h->about);
	cJSON_AddNumberToObject(r->out, "huge_pages",
				(double)hugemem_reserved(&h->mem));
	cJSON_AddNumberToObject(r->out, "uptime_ms", (double)(up / NS_PER_MS));
	cJSON_AddBoolToObject(r->out, "runs", READ_ONCE(h->app_runs));
	cJSON_AddNumberToObject(r->out, "lives", READ_ONCE(h->app_lives));
	cJSON_AddBoolToObject(r->out, "may_change", r->peer->trusted);
	add_threads(r);
	return 0;
}

/* "next": where to go on. */
int ctl_log(struct ctl_request *r)
{
	struct log *log = &r->host->log;
	u64 n = log_count(log), from, most;
	cJSON *list;

	if (!ctl_number(r, "most", 1, LOG_LINES, LOG_LINES, &most) ||
	    !ctl_number(r, "from", 0, 1ull << 53, n - min(n, most), &from))
		return -ERANGE;
	from = max(from, n - min(n, (u64)LOG_LINES));
	list = cJSON_AddArrayToObject(r->out, "lines");
	for (u64 end = min(n, from + most); from < end; from++) {
		struct log_line line;
		cJSON *o;

		if (!log_read(log, from, &line))
			continue; /* overwritten */
		o = cJSON_CreateObject();
		cJSON_AddNumberToObject(o, "time", (double)line.at / 1e9);
		cJSON_AddStringToObject(o, "text", line.text);
		cJSON_AddItemToArray(list, o);
	}
	cJSON_AddNumberToObject(r->out, "next", (double)from);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Verbs that move flow groups: move.c does it. */
#include "dom/host/ctl.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dp/dp.h"

static int outcome(struct ctl_request *r, int err)
{
	switch (err) {
	case 0:
		break;
	case -EOPNOTSUPP:
		return ctl_refuse(r, err,
				  "connections cannot move here: there is one "
				  "thread, or the program does not say that it "
				  "follows them");
	case -ENOBUFS:
		return ctl_refuse(r, err,
				  "the other thread has no room for them");
	case -ETIMEDOUT:
		return ctl_refuse(r, err,
				  "the application does not let go of them: it "
				  "has not crossed in time");
	case -EINVAL:
		return ctl_refuse(r, err,
				  "groups: not all of them are that thread's");
	case -EBUSY:
		return ctl_refuse(r, err,
				  "no thread would be left, or a move goes on");
	default:
		return ctl_refuse(r, err, "%s", strerror(-err));
	}
	return 0;
}

/* Who has which share now. */
static int tell(struct ctl_request *r, int err)
{
	const struct host *h = r->host;
	cJSON *list;

	if (err)
		return outcome(r, err);
	list = cJSON_AddArrayToObject(r->out, "threads");
	for (u32 i = 0; i < h->nthreads; i++) {
		cJSON *t = cJSON_CreateObject();

		cJSON_AddNumberToObject(t, "thread", i);
		cJSON_AddNumberToObject(t, "core", h->threads[i].core);
		cJSON_AddNumberToObject(t, "groups", host_count_groups(h, i));
		cJSON_AddBoolToObject(t, "parked", h->threads[i].parked);
		cJSON_AddItemToArray(list, t);
	}
	return 0;
}

/* "0-7,12": those; without a text all of @from. */
static bool parse_groups(const struct host *h, const char *text, u32 from,
			 struct dp_groups *g)
{
	*g = host_groups_of(h, from, text ? 0 : RSS_TABLE);
	while (text && *text) {
		char *rest;
		unsigned long low = strtoul(text, &rest, 10), high = low;

		if (rest == text)
			return false;
		if (*rest == '-')
			high = strtoul(rest + 1, &rest, 10);
		if (low > high || high >= RSS_TABLE || (*rest && *rest != ','))
			return false;
		for (unsigned long i = low; i <= high; i++)
			dp_group_add(g, (u32)i);
		text = *rest ? rest + 1 : rest;
	}
	return true;
}

int ctl_move(struct ctl_request *r)
{
	u64 last = r->host->nthreads - 1, from, to;
	struct dp_groups g;
	const char *text;
	int err;

	if (!ctl_number(r, "from", 0, last, IX_MAX_THREADS, &from) ||
	    !ctl_number(r, "to", 0, last, IX_MAX_THREADS, &to) ||
	    !ctl_text(r, "groups", &text))
		return -EINVAL;
	if (from > last || to > last || from == to)
		return ctl_refuse(r, -EINVAL, "from, to: two threads");
	if (!parse_groups(r->host, text, (u32)from, &g))
		return ctl_refuse(r, -EINVAL,
				  "groups: such as 0-7,12, below %u",
				  RSS_TABLE);
	err = host_move(r->host, (u32)from, (u32)to, &g);
	if (!err) /* they are to stay there */
		r->host->conf.follow_queues = false;
	return tell(r, err);
}

int ctl_groups(struct ctl_request *r)
{
	return tell(r, 0);
}

int ctl_cores(struct ctl_request *r)
{
	u64 n;

	if (!ctl_number(r, "n", 1, r->host->nthreads, 0, &n))
		return -EINVAL;
	/* Older commands ask so for what "groups" tells. */
	return tell(r, n ? host_cores(r->host, (u32)n) : 0);
}

int ctl_park(struct ctl_request *r)
{
	const cJSON *parked = cJSON_GetObjectItemCaseSensitive(r->in, "parked");
	u64 last = r->host->nthreads - 1, thread;

	if (!ctl_number(r, "thread", 0, last, IX_MAX_THREADS, &thread))
		return -EINVAL;
	if (thread > last || (parked && !cJSON_IsBool(parked)))
		return ctl_refuse(r, -EINVAL,
				  "thread: which; parked: true or false");
	return tell(r, host_park(r->host, (u32)thread,
				 !parked || cJSON_IsTrue(parked)));
}

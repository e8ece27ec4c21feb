/* SPDX-License-Identifier: MIT */
/* Settings: told, and the live ones changed (conf/conf.def says which they
 * are). All that a request names are changed on all threads, or none is. */
#include "dom/host/ctl.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 64 }; /* settings in a request */

/* Of these settings, from what @from has to what @to has. */
struct change {
	const struct conf *from, *to;
	u32 n;
	const struct setting *what[MOST];
	struct host_thread *t;
	int err; /* it cannot be, and nothing has changed on @t: @why */
	char why[128];
};

/* ---- told */

int ctl_get(struct ctl_request *r)
{
	cJSON *all = cJSON_AddObjectToObject(r->out, "settings");

	for (size_t i = 0; i < conf_nr_settings; i++) {
		const struct setting *s = &conf_settings[i];
		cJSON *o = cJSON_AddObjectToObject(all, s->name);
		char value[CONF_TEXT];

		conf_print(&r->host->conf, s, value, sizeof(value));
		cJSON_AddStringToObject(o, "value", value);
		cJSON_AddBoolToObject(o, "live", s->live);
	}
	return 0;
}

/* ---- changed */

/* The protocols have a copy of their own. */
static void *field_of(struct dp *dp, const struct setting *s)
{
	size_t net = offsetof(struct conf, dp.net);
	size_t all = offsetof(struct conf, dp);

	if (s->offset >= net && s->offset < net + sizeof(dp->net.conf))
		return (u8 *)&dp->net.conf + (s->offset - net);
	if (s->offset >= all && s->offset < all + sizeof(dp->conf))
		return (u8 *)&dp->conf + (s->offset - all);
	return NULL; /* host_configure() */
}

static const void *value_of(const struct conf *c, const struct setting *s)
{
	return (const u8 *)c + s->offset;
}

static void apply(struct dp *dp, void *arg, u64 now)
{
	struct change *c = arg;

	c->err = 0;
	if (memcmp(&c->from->arp, &c->to->arp, sizeof(c->to->arp)))
		c->err = host_change_neighbours(dp, &c->from->arp, &c->to->arp,
						c->why, sizeof(c->why));
	for (u32 i = 0; i < c->n && !c->err; i++) {
		void *field = field_of(dp, c->what[i]);

		if (field)
			memcpy(field, value_of(c->to, c->what[i]),
			       c->what[i]->size);
	}
	if (c->err)
		return;
	dp_configured(dp);
	host_configure(c->t, c->to);
}

/* The first thread that does not take it; nthreads: all have. */
static u32 apply_all(struct ctl_request *r, struct change *c, u32 end)
{
	u32 i;

	for (i = 0; i < end; i++) {
		c->t = &r->host->threads[i];
		if (ctl_call(r, i, apply, c) || c->err)
			break;
	}
	return i;
}

/* @item's value into @to, and its setting among what changes. */
static int take(struct ctl_request *r, const cJSON *item, struct conf *to,
		struct change *c)
{
	const struct setting *s = conf_find(item->string);
	const char *text = cJSON_GetStringValue(item);
	struct conf_err e;
	int err;

	if (!text)
		return ctl_refuse(r, -EINVAL, "%.64s: its value, as a text",
				  item->string);
	if (s && !s->live)
		return ctl_refuse(r, -EBUSY, "%s: only at start", s->name);
	if (c->n == MOST)
		return ctl_refuse(r, -E2BIG, "too many settings");
	err = conf_set(to, item->string, text, &e);
	if (err)
		return ctl_refuse(r, err, "%s", e.text);
	c->what[c->n++] = s;
	return 0;
}

static int take_all(struct ctl_request *r, struct conf *to, struct change *c)
{
	const cJSON *set = cJSON_GetObjectItemCaseSensitive(r->in, "settings");
	const cJSON *item;
	struct conf_err e;
	int err = 0;

	if (!cJSON_IsObject(set))
		return ctl_refuse(r, -EINVAL,
				  "settings: {\"NAME\": \"VALUE\", ...}");
	cJSON_ArrayForEach(item, set)
	{
		err = take(r, item, to, c);
		if (err)
			return err;
	}
	err = conf_check(to, &e);
	return err ? ctl_refuse(r, err, "%s", e.text) : 0;
}

static void report(struct ctl_request *r, const struct change *c)
{
	struct host *h = r->host;
	char line[LOG_LINE], value[CONF_TEXT];

	for (u32 i = 0; i < c->n; i++) {
		const struct setting *s = c->what[i];

		conf_print(&h->conf, s, value, sizeof(value));
		snprintf(line, sizeof(line), "ix: %s = %.64s, by uid %u",
			 s->name, value, r->peer->uid);
		log_add(&h->log, line);
	}
}

int ctl_set(struct ctl_request *r)
{
	struct host *h = r->host;
	struct conf to = h->conf;
	struct change c = { .from = &h->conf, .to = &to };
	int err = take_all(r, &to, &c);
	u32 done;

	if (err)
		return err;
	done = apply_all(r, &c, h->nthreads);
	if (done < h->nthreads) {
		struct change back = c;

		back.from = &to;
		back.to = &h->conf;
		apply_all(r, &back, done);
		if (c.err)
			return ctl_refuse(r, c.err, "%s", c.why);
		return ctl_refuse(r, -ETIMEDOUT,
				  "thread %u does not answer: nothing is "
				  "changed",
				  done);
	}
	for (u32 i = 0; i < c.n; i++)
		memcpy((u8 *)&h->conf + c.what[i]->offset,
		       value_of(&to, c.what[i]), c.what[i]->size);
	report(r, &c);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* From a line to its answer: parsed, checked, done. */
#include "dom/host/ctl.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct ctl_verb ctl_verbs[] = {
	/* name, changes, keys, function */
	{ "about", false, "", ctl_about },
	{ "verbs", false, "", ctl_list_verbs },
	{ "log", false, "from most ", ctl_log },
	{ "flows", false, "thread from most state port addr ", ctl_flows },
	{ "get", false, "", ctl_get },
	{ "set", true, "settings ", ctl_set },
	{ "capture", true, "snap bytes ", ctl_capture },
	{ "move", true, "from to groups ", ctl_move },
	{ "groups", false, "", ctl_groups },
	{ "cores", true, "n ", ctl_cores },
	{ "park", true, "thread parked ", ctl_park },
	{ "drain", true, "drains ", ctl_drain },
};

const size_t ctl_nr_verbs = ARRAY_SIZE(ctl_verbs);

int ctl_list_verbs(struct ctl_request *r)
{
	cJSON *list = cJSON_AddObjectToObject(r->out, "verbs");

	for (size_t i = 0; i < ctl_nr_verbs; i++)
		cJSON_AddBoolToObject(list, ctl_verbs[i].name,
				      ctl_verbs[i].changes);
	return 0;
}

/* ---- what verbs need */

int ctl_refuse(struct ctl_request *r, int err, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cJSON_DeleteItemFromObjectCaseSensitive(r->out, "error");
	cJSON_AddStringToObject(r->out, "error", text);
	return err;
}

bool ctl_number(struct ctl_request *r, const char *name, u64 low, u64 high,
		u64 def, u64 *out)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(r->in, name);
	double d = cJSON_IsNumber(n) ? n->valuedouble : -1;

	*out = def;
	if (!n)
		return true;
	if (d >= (double)low && d <= (double)high) {
		*out = (u64)d;
		if ((double)*out == d)
			return true;
	}
	ctl_refuse(r, -ERANGE, "%s: a whole number from %llu to %llu", name,
		   (unsigned long long)low, (unsigned long long)high);
	return false;
}

bool ctl_text(struct ctl_request *r, const char *name, const char **out)
{
	const cJSON *t = cJSON_GetObjectItemCaseSensitive(r->in, name);

	*out = cJSON_GetStringValue(t);
	if (!t || *out)
		return true;
	ctl_refuse(r, -EINVAL, "%s: a text", name);
	return false;
}

/* ---- requests */

static const struct ctl_verb *find(const char *name)
{
	for (size_t i = 0; i < ctl_nr_verbs; i++)
		if (!strcmp(ctl_verbs[i].name, name))
			return &ctl_verbs[i];
	return NULL;
}

/* Is @name among @keys? Letters only: it is shown to people. */
static bool is_key(const char *keys, const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz_");

	if (!strcmp(name, "do"))
		return true;
	for (; *keys && n && !name[n]; keys += strcspn(keys, " ") + 1)
		if (!strncmp(keys, name, n) && keys[n] == ' ')
			return true;
	return false;
}

/* What is not understood must not be taken for done. */
static int check_keys(struct ctl_request *r, const struct ctl_verb *v)
{
	const cJSON *i;

	cJSON_ArrayForEach(i, r->in)
	{
		if (!is_key(v->keys, i->string))
			return ctl_refuse(r, -EINVAL,
					  "%s: there is no \"%.32s\"", v->name,
					  i->string);
	}
	return 0;
}

static int run(struct ctl_request *r)
{
	const char *name = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(r->in, "do"));
	const struct ctl_verb *v;

	if (!cJSON_IsObject(r->in) || !name)
		return ctl_refuse(r, -EINVAL,
				  "a request is {\"do\": \"VERB\", ...}");
	v = find(name);
	if (!v)
		return ctl_refuse(r, -ENOSYS, "there is no verb \"%.32s\"",
				  name);
	if (check_keys(r, v))
		return -EINVAL;
	if (v->changes && !r->peer->trusted)
		return ctl_refuse(r, -EPERM,
				  "%s: only root and who has started the "
				  "dataplane may do that",
				  v->name);
	return v->fn(r);
}

/* An error is all that is said then. */
static char *print(struct ctl_request *r, int err)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(r->out, "error");
	cJSON *only = NULL;
	char *text;

	if (!err) {
		cJSON_AddBoolToObject(r->out, "ok", true);
		return cJSON_PrintUnformatted(r->out);
	}
	only = cJSON_CreateObject();
	cJSON_AddStringToObject(only, "error",
				error ? cJSON_GetStringValue(error)
				      : strerror(-err));
	text = cJSON_PrintUnformatted(only);
	cJSON_Delete(only);
	return text;
}

char *ctl_answer(void *ctl, const struct lines_peer *peer, const char *line,
		 size_t len, struct lines_fds *pass)
{
	struct ctl *c = ctl;
	cJSON *in = cJSON_ParseWithLengthOpts(line, len + 1, NULL, true);
	struct ctl_request r = { .ctl = c,
				 .host = c->host,
				 .peer = peer,
				 .pass = pass,
				 .in = in,
				 .out = cJSON_CreateObject() };
	char *text = print(&r, run(&r));

	cJSON_Delete(in);
	cJSON_Delete(r.out);
	return text;
}

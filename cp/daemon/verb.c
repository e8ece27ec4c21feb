/* SPDX-License-Identifier: MIT */
/*
 * Requests of /run/ix/ixcpd.sock, a JSON object a line:
 *
 *	{"do": "status"}                         everybody
 *	{"do": "up", "name": "kv"}               root, admins, the owner
 *	{"do": "up", "name": "kv", "program": ["/home/bob/kv", "-v"]}
 *	{"do": "down", "name": "kv"}
 *	{"do": "restart", "name": "kv"}
 *	{"do": "policy", "name": "kv", "policy": "energy"}
 *	{"do": "reload"}                         root, admins
 *	{"do": "open", ...}                      who a rule is for: grant.c
 *	{"do": "load", "name": "web-1", "busy": [990], "delay_us": [40],
 *	 "batch": [9]}                           root, its keeper: heard.c
 *
 * The answer: {"ok": true, ...} or {"error": "..."}. A request only says what
 * is wanted; it is done in the loop, and seen in the status.
 */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom/host/grant_conf.h"

struct asked {
	struct cpd *c;
	const struct lines_peer *peer;
	const cJSON *request;
	struct plane *plane; /* that it names */
	bool passed;	     /* the connection is somebody else's */
	cJSON *answer;
};

static void refuse(struct asked *a, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cJSON_DeleteItemFromObject(a->answer, "ok");
	cJSON_AddStringToObject(a->answer, "error", text);
}

static const char *text_of(const struct asked *a, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(a->request, name));
}

/* ---- rights */

/* Is @uid in it? By number, too: not every user has a name. */
bool verb_named(const char *list, uid_t uid)
{
	const struct passwd *user = list[0] ? getpwuid(uid) : NULL;
	char number[16];

	snprintf(number, sizeof(number), "%u", uid);
	return (user && cpd_listed(list, user->pw_name)) ||
	       cpd_listed(list, number);
}

bool verb_trusts(void *cpd, uid_t uid)
{
	const struct cpd *c = cpd;

	return !uid || uid == geteuid() || verb_named(c->conf->admins, uid);
}

static bool may(const struct asked *a)
{
	return a->peer->trusted ||
	       (a->plane && verb_named(a->plane->conf->owner, a->peer->uid));
}

/* ---- changes */

/* Another one than is declared. False: refused. */
static bool choose_program(struct asked *a, const cJSON *program)
{
	struct plane_conf old = *a->plane->conf, *conf = a->plane->conf;
	bool ok = cJSON_GetArraySize(program) > 0;
	const cJSON *text;

	if (!conf->any_program || plane_runs(a->plane)) {
		refuse(a, conf->any_program
				  ? "it runs: stop it first"
				  : "another program: not in this one");
		return false;
	}
	conf->argc = 0;
	cJSON_ArrayForEach(text, program) ok =
		ok && cJSON_IsString(text) &&
		plane_argument(conf, text->valuestring);
	if (ok)
		return true;
	memcpy(conf->args, old.args, sizeof(old.args));
	memcpy(conf->argv, old.argv, sizeof(old.argv));
	conf->argc = old.argc;
	refuse(a, "program: a list of texts, not too many");
	return false;
}

static void up(struct asked *a)
{
	const cJSON *program = cJSON_GetObjectItem(a->request, "program");

	if (!a->plane->declared || a->plane->granted) {
		refuse(a, "%s is not declared any more", a->plane->conf->name);
		return;
	}
	if (program && !choose_program(a, program))
		return;
	a->plane->wanted = true;
	a->plane->held = false;
	a->plane->due = 0; /* whatever went wrong: now */
	a->plane->backoff = 0;
}

static void down(struct asked *a)
{
	a->plane->wanted = false;
	a->plane->held = true;
}

static void restart(struct asked *a)
{
	bool runs = plane_runs(a->plane);

	up(a);
	if (!cJSON_HasObjectItem(a->answer, "error"))
		a->plane->again = runs;
}

static void policy(struct asked *a)
{
	const char *name = text_of(a, "policy");
	enum policy_kind kind = name ? policy_find(name) : POLICY_KINDS;
	bool back = name && !strcmp(name, "auto");

	if (a->plane->granted) {
		refuse(a, "policy: is its rule's, in the daemon's settings");
		return;
	}
	if (kind == POLICY_KINDS && !back) {
		refuse(a, "policy: latency, energy, background, fixed or auto");
		return;
	}
	a->plane->chose = back ? 0 : (u8)(kind + 1);
	a->plane->conf->policy = back ? a->plane->given : (u8)kind;
	cores_change(a->c, a->plane);
}

static void reload(struct asked *a)
{
	struct conf_err e;

	if (plane_declare(a->c, &e))
		refuse(a, "%s", e.text);
}

static void open_for(struct asked *a)
{
	const cJSON *n = cJSON_GetObjectItem(a->request, GRANT_THREADS);
	double threads = cJSON_IsNumber(n) ? n->valuedouble : 0;
	struct conf_err e;
	int err;

	if (!(threads >= 0 && threads <= IX_MAX_THREADS)) {
		refuse(a, "%d threads at most", IX_MAX_THREADS);
		return;
	}
	err = grant_open(a->c, a->peer, (u32)threads,
			 cJSON_GetObjectItem(a->request, "settings"), &e);
	if (err)
		refuse(a, "%s", e.text);
	if (err == -EAGAIN)
		cJSON_AddTrueToObject(a->answer, "again");
	a->passed = !err;
}

/* Of thread @i, what is no number is nothing. */
static u32 told(const struct asked *a, const char *what, int i, u32 most)
{
	const cJSON *list = cJSON_GetObjectItem(a->request, what);
	const cJSON *item = cJSON_GetArrayItem(list, i);
	double v = cJSON_IsNumber(item) ? item->valuedouble : 0;

	return v >= 0 && v <= most ? (u32)v : most;
}

static void load(struct asked *a)
{
	int n = cJSON_GetArraySize(cJSON_GetObjectItem(a->request, "busy"));
	struct policy_load l = { .n = (u32)n };
	u32 cores, ms;

	if (!a->plane->granted || !a->peer->trusted || n < 1 ||
	    n > IX_MAX_THREADS) {
		refuse(a, "load: it is its keeper who says that");
		return;
	}
	for (int i = 0; i < n; i++)
		l.thread[i] = (struct policy_thread){
			.busy = told(a, "busy", i, 1000),
			.delay_us = told(a, "delay_us", i, UINT32_MAX),
			.batch = told(a, "batch", i, UINT16_MAX),
		};
	heard_load(a->c, a->plane, &l);
	cores = heard_cores(a->plane, &ms);
	cJSON_AddNumberToObject(a->answer, "cores", cores);
	cJSON_AddNumberToObject(a->answer, "ms", ms);
}

/* ---- status */

static void add_cores(cJSON *o, const char *name, const u16 *core, u32 n)
{
	struct core_set s = { 0 };
	char text[1024];

	for (u32 i = 0; i < n; i++)
		core_add(&s, core[i]);
	cores_print(&s, text, sizeof(text));
	cJSON_AddStringToObject(o, name, text);
}

static cJSON *describe(const struct cpd *c, const struct plane *p)
{
	const struct conf_cores *cores = &p->running.cores;
	cJSON *o = cJSON_CreateObject();
	u32 busy = 0, delay = 0;

	for (u32 i = 0; i < p->load.n; i++) {
		busy += p->load.thread[i].busy;
		delay = max(delay, p->load.thread[i].delay_us);
	}
	cJSON_AddStringToObject(o, "name", p->conf->name);
	cJSON_AddStringToObject(o, "state", plane_state_name(p->state));
	cJSON_AddBoolToObject(o, "declared", p->declared);
	cJSON_AddStringToObject(o, "why", p->why);
	cJSON_AddNumberToObject(o, "pid", p->pid);
	cJSON_AddNumberToObject(o, "starts", p->starts);
	cJSON_AddNumberToObject(o, "seconds",
				(double)((c->now - p->since) / 1000000000));
	cJSON_AddStringToObject(o, "policy",
				policy_name((enum policy_kind)p->conf->policy));
	cJSON_AddNumberToObject(o, "min", p->conf->min_cores);
	cJSON_AddNumberToObject(o, "max", p->conf->max_cores);
	if (!plane_claims(p))
		return o;
	cJSON_AddStringToObject(o, "nic", p->running.nic);
	cJSON_AddNumberToObject(o, "memory", (double)p->memory);
	cJSON_AddNumberToObject(o, "huge_pages", p->huge);
	add_cores(o, "may", cores->core, cores->n);
	add_cores(o, "cores", cores->core, p->state == PLANE_UP ? p->has : 0);
	cJSON_AddBoolToObject(o, "fixed", p->fixed);
	cJSON_AddNumberToObject(o, "busy", busy);
	cJSON_AddNumberToObject(o, "delay_us", delay);
	return o;
}

static void status(struct asked *a)
{
	cJSON *list = cJSON_AddArrayToObject(a->answer, "dataplanes");
	struct core_set left = cores_free(a->c);
	u64 huge, left_huge;
	char text[1024];

	add_cores(a->answer, "cores", a->c->conf->cores.core,
		  a->c->conf->cores.n);
	cores_print(&left, text, sizeof(text));
	cJSON_AddStringToObject(a->answer, "free", text);
	left_huge = huge_left(a->c, &huge);
	cJSON_AddNumberToObject(a->answer, "huge_pages", (double)huge);
	cJSON_AddNumberToObject(a->answer, "huge_free", (double)left_huge);
	for (u32 i = 0; i < a->c->n; i++)
		cJSON_AddItemToArray(list, describe(a->c, a->c->plane[i]));
}

/* ---- requests */

static const struct verb {
	const char *name;
	bool changes, of_plane;
	void (*fn)(struct asked *a);
} verbs[] = {
	{ "status", false, false, status }, { "up", true, true, up },
	{ "down", true, true, down },	    { "restart", true, true, restart },
	{ "policy", true, true, policy },   { "reload", true, false, reload },
	{ "open", false, false, open_for }, { "load", true, true, load },
};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static void obey(struct asked *a)
{
	const char *word = text_of(a, "do"), *name = text_of(a, "name");
	const struct verb *v = find(word);

	if (!v) {
		refuse(a, "a request is {\"do\": \"status\"}, up, down, "
			  "restart, policy, reload or open");
		return;
	}
	a->plane = v->of_plane && name ? plane_find(a->c, name) : NULL;
	if (v->changes && !may(a))
		refuse(a, "%s: you may not", v->name);
	else if (v->of_plane && !a->plane)
		refuse(a, "no dataplane is called %.40s", name ? name : "so");
	else
		v->fn(a);
}

char *verb_answer(void *cpd, const struct lines_peer *peer, const char *line,
		  size_t len, struct lines_fds *pass)
{
	cJSON *request = cJSON_ParseWithLength(line, len);
	struct asked a = { .c = cpd,
			   .peer = peer,
			   .request = request,
			   .answer = cJSON_CreateObject() };
	char *out;

	cJSON_AddTrueToObject(a.answer, "ok");
	obey(&a);
	out = a.passed ? NULL : cJSON_PrintUnformatted(a.answer);
	cJSON_Delete(a.answer);
	cJSON_Delete(request);
	return out;
}

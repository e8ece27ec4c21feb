/* SPDX-License-Identifier: MIT */
/* Reading ixcpd.conf. */
#include "cp/daemon/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/walk.h"
#include "dom/host/hugemem.h"

#define SETTING(name_, struct_, member, type_, def_, min_, max_, arg_, help_) \
	{                                                                     \
		.name = name_,                                                \
		.offset = offsetof(struct struct_, member),                   \
		.size = sizeof(((struct struct_ *)0)->member),                \
		.type = CONF_##type_,                                         \
		.def = def_,                                                  \
		.min = min_,                                                  \
		.max = max_,                                                  \
		.arg = arg_,                                                  \
		.help = help_,                                                \
	},

static const struct setting machine_settings[] = {
#define M(name, ...) SETTING(name, cpd_conf, __VA_ARGS__)
#define P(...)
#define R(...)
#include "cp/daemon/settings.def"
#undef M
#undef P
#undef R
};

static const struct setting plane_settings[] = {
#define M(...)
#define P(name, ...) SETTING(name, plane_conf, __VA_ARGS__)
#define R(...)
#include "cp/daemon/settings.def"
#undef M
#undef P
#undef R
};

static const struct setting rule_settings[] = {
#define M(...)
#define P(...)
#define R(name, ...) SETTING(name, rule, __VA_ARGS__)
#include "cp/daemon/settings.def"
#undef M
#undef P
#undef R
};

/* The daemon's business: it chooses them, or has another word for them. */
static const char *const not_here[][2] = {
	{ "cores", "min_cores and max_cores say how many; the daemon which" },
	{ "name", "it is that of the group" },
	{ "stat_dir", "it is where the daemon's socket is" },
	{ "app_memory", "memory says how much, of all of it" },
};

/* ---- values */

static const struct setting *find(const struct setting *s, size_t n,
				  const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(s[i].name, name))
			return &s[i];
	return NULL;
}

static int set(const struct setting *s, void *base, const char *text,
	       struct conf_err *e)
{
	return conf_types[s->type].parse(s, (char *)base + s->offset, text, e);
}

static void set_defaults(const struct setting *s, size_t n, void *base)
{
	struct conf_err e;

	for (size_t i = 0; i < n; i++)
		if (set(&s[i], base, s[i].def, &e))
			panic(e.text);
}

static int value_text(const char *name, const config_setting_t *v,
		      char text[CONF_TEXT], struct conf_err *e)
{
	if (conf_value_text(v, text, CONF_TEXT))
		return conf_error(e, -EINVAL, "%s: not a value", name);
	return 0;
}

/* ---- a dataplane */

bool plane_argument(struct plane_conf *p, const char *text)
{
	char *at = p->argc ? strchr(p->argv[p->argc - 1], 0) + 1 : p->args;
	size_t room = (size_t)(p->args + sizeof(p->args) - at);

	if (p->argc == CPD_ARGS || strlen(text) >= room)
		return false;
	strcpy(at, text);
	p->argv[p->argc++] = at;
	p->argv[p->argc] = NULL;
	return true;
}

static int take_argument(struct plane_conf *p, const char *text,
			 struct conf_err *e)
{
	if (!text)
		return conf_error(e, -EINVAL, "program: a list of texts");
	if (!plane_argument(p, text))
		return conf_error(e, -E2BIG, "program: too many arguments");
	return 0;
}

/* "ix-kv", or with arguments [ "ix-kv", "-m", "64" ]. */
static int take_program(struct plane_conf *p, const config_setting_t *v,
			struct conf_err *e)
{
	int n = config_setting_is_aggregate(v) ? config_setting_length(v) : 0;
	int err = 0;

	p->argc = 0;
	if (!config_setting_is_aggregate(v))
		return take_argument(p, config_setting_get_string(v), e);
	for (int i = 0; i < n && !err; i++)
		err = take_argument(p, config_setting_get_string_elem(v, i), e);
	return err;
}

static int take_plane_value(void *arg, const char *name,
			    const config_setting_t *v, struct conf_err *e)
{
	const struct setting *own =
		find(plane_settings, ARRAY_SIZE(plane_settings), name);
	const struct setting *ix = conf_find(name); /* also with - for _ */
	struct plane_conf *p = arg;
	char text[CONF_TEXT];

	if (!strcmp(name, "program"))
		return take_program(p, v, e);
	for (size_t i = 0; ix && i < ARRAY_SIZE(not_here); i++)
		if (!strcmp(ix->name, not_here[i][0]))
			return conf_error(e, -EINVAL, "%s: not here: %s", name,
					  not_here[i][1]);
	if (value_text(name, v, text, e))
		return -EINVAL;
	return own ? set(own, p, text, e) : conf_set(&p->ix, name, text, e);
}

u64 plane_own_memory(const struct conf *c, u32 threads)
{
	struct dp_conf dp = c->dp;

	if (!dp.net.tcp.max_ranges)
		dp.net.tcp.max_ranges = TCP_RANGES_EACH * dp.net.tcp.max_conns;
	dp.gathers = c->xdp_gather != XDP_GATHER_OFF;
	return threads * ((u64)dp.mbufs * MBUF_SIZE + dp_bytes(&dp));
}

u64 plane_memory(const struct conf *c, u32 threads)
{
	return plane_own_memory(c, threads) + max(c->app_memory, c->arena);
}

u32 plane_huge_pages(const struct conf *c, u32 threads)
{
	u64 frames = (u64)threads * c->dp.mbufs * MBUF_SIZE;

	return c->pages == PAGES_HUGE ? (u32)hugemem_pages(frames, c->arena)
				      : 0;
}

/* What the dataplane itself needs is not the application's. */
static int divide_memory(struct plane_conf *p, struct conf_err *e)
{
	u64 own = plane_own_memory(&p->ix, p->max_cores);

	if (!p->memory)
		return 0;
	if (p->memory < own + p->ix.arena)
		return conf_error(e, -EINVAL,
				  "memory: %lu MB are not enough: %lu MB for "
				  "buffers and tables of %u threads, and the "
				  "arena of %lu MB",
				  p->memory >> 20, own >> 20, p->max_cores,
				  p->ix.arena >> 20);
	p->ix.app_memory = p->memory - own;
	return 0;
}

static int check_plane(struct plane_conf *p, struct conf_err *e)
{
	if (!p->argc)
		return conf_error(e, -EINVAL, "program is missing");
	if (p->min_cores > p->max_cores)
		return conf_error(e, -EINVAL, "min_cores is above max_cores");
	if (p->any_program && p->ix.domain != DOMAIN_PROCESS &&
	    p->ix.domain != DOMAIN_VM)
		return conf_error(e, -EINVAL,
				  "any_program: only in domain "
				  "process or vm");
	if (p->any_program && !strcmp(p->ix.user, "root"))
		return conf_error(e, -EINVAL, "any_program: not as root");
	return conf_check(&p->ix, e) ? -EINVAL : divide_memory(p, e);
}

bool cpd_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (!n || n >= CPD_NAME || name[0] == '-')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '-' &&
		    *name != '_')
			return false;
	return true;
}

/* @err, whose reason is @why, of the group @name. */
static int at_group(struct conf_err *e, int err, const config_setting_t *group,
		    const char *name, const struct conf_err *why)
{
	return conf_error(e, err, "%s:%u: %.64s: %.300s",
			  config_setting_source_file(group),
			  config_setting_source_line(group), name, why->text);
}

static int read_plane(struct plane_conf *p, const config_setting_t *group,
		      struct conf_err *e)
{
	const char *name = config_setting_name(group);
	struct conf_err why;
	int err;

	if (!cpd_name_ok(name))
		err = conf_error(&why, -EINVAL,
				 "no name for a dataplane: letters, digits, - "
				 "and _, at most %d",
				 CPD_NAME - 1);
	else
		err = config_setting_is_group(group)
			      ? 0
			      : conf_error(&why, -EINVAL, "not a group");
	if (!err) {
		snprintf(p->name, sizeof(p->name), "%s", name);
		set_defaults(plane_settings, ARRAY_SIZE(plane_settings), p);
		conf_init(&p->ix);
		snprintf(p->ix.name, sizeof(p->ix.name), "%s", name);
		err = conf_walk(group, take_plane_value, p, e);
		if (err)
			return err;
		err = check_plane(p, &why);
	}
	return err ? at_group(e, err, group, name, &why) : 0;
}

/* ---- a rule */

/* One piece of @list, "N" or "N-N" and a comma, to *@from and *@to: what
 * follows it, or NULL. */
static const char *next_range(const char *list, u32 *from, u32 *to)
{
	char *end;

	list += strspn(list, ", ");
	if (!isdigit((unsigned char)*list))
		return NULL;
	*from = *to = (u32)min(strtoul(list, &end, 10), (unsigned long)1 << 31);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		*to = (u32)min(strtoul(end + 1, &end, 10),
			       (unsigned long)1 << 31);
	end += strspn(end, " ");
	return *end == ',' || !*end ? end : NULL;
}

size_t rule_part(const char *name)
{
	const char *dash = strrchr(name, '-');

	return dash ? (size_t)(dash - name) : 0;
}

bool rule_lists(const char *list, u32 n)
{
	u32 from, to;

	while ((list = next_range(list, &from, &to)))
		if (n >= from && n <= to)
			return true;
	return false;
}

static int check_list(const char *what, const char *list, u32 most,
		      struct conf_err *e)
{
	u32 from, to;

	while (*list) {
		list = next_range(list, &from, &to);
		if (!list || from > to || to > most)
			return conf_error(e, -EINVAL,
					  "%s: a list such as 1,4-6, of "
					  "numbers up to %u",
					  what, most);
	}
	return 0;
}

static int check_rule(const struct rule *r, struct conf_err *e)
{
	bool xdp = !strncmp(r->nic, "xdp:", 4);
	int err = check_list("ports", r->ports, UINT16_MAX, e);

	if (!err)
		err = check_list("queues", r->queues, 63, e);
	if (err)
		return err;
	if (!r->user[0] && !r->group[0])
		return conf_error(e, -EINVAL, "user, or group, is missing");
	if (!xdp && strncmp(r->nic, "tap:", 4))
		return conf_error(e, -EINVAL, "nic: xdp:IFACE or tap:NAME");
	if (!xdp && (r->ports[0] || r->queues[0]))
		return conf_error(e, -EINVAL, "ports, queues: only with xdp");
	if (r->queues[0] && !r->ports[0])
		return conf_error(e, -EINVAL,
				  "queues: only with ports, which tell packets "
				  "apart");
	if (!r->ports[0] && !r->ip.ip.raw && !r->ip.nip6)
		return conf_error(e, -EINVAL, "ip, or ports, is missing");
	if (r->min_cores > r->cores)
		return conf_error(e, -EINVAL, "min_cores is above cores");
	return 0;
}

static int take_rule_value(void *arg, const char *name,
			   const config_setting_t *v, struct conf_err *e)
{
	const struct setting *s =
		find(rule_settings, ARRAY_SIZE(rule_settings), name);
	char text[CONF_TEXT];

	if (!s)
		return conf_error(e, -ENOENT, "a rule has no setting %.64s",
				  name);
	if (value_text(name, v, text, e))
		return -EINVAL;
	return set(s, arg, text, e);
}

static int read_rule(struct rule *r, const config_setting_t *group,
		     struct conf_err *e)
{
	const char *name = config_setting_name(group);
	struct conf_err why;
	int err;

	if (!cpd_name_ok(name) || strlen(name) >= sizeof(r->name) ||
	    !config_setting_is_group(group))
		return conf_error(e, -EINVAL, "%s:%u: no name for a rule",
				  config_setting_source_file(group),
				  config_setting_source_line(group));
	snprintf(r->name, sizeof(r->name), "%s", name);
	set_defaults(rule_settings, ARRAY_SIZE(rule_settings), r);
	err = conf_walk(group, take_rule_value, r, e);
	if (err)
		return err;
	err = check_rule(r, &why);
	return err ? at_group(e, err, group, name, &why) : 0;
}

static int read_rules(struct cpd_conf *c, const config_setting_t *rules,
		      struct conf_err *e)
{
	int n = config_setting_length(rules), err = 0;

	if (n > CPD_RULES)
		return conf_error(e, -E2BIG, "more than %d rules", CPD_RULES);
	for (int i = 0; i < n && !err; i++) {
		struct rule *r = calloc(1, sizeof(*r));

		if (!r)
			return conf_error(e, -ENOMEM, "no memory");
		c->rule[c->nrules++] = r;
		err = read_rule(
			r, config_setting_get_elem(rules, (unsigned int)i), e);
	}
	return err;
}

/* ---- the file */

/* Is @plane the name of one of the rule's, "RULE-1"? */
static bool is_of(const char *plane, const struct rule *r)
{
	size_t n = strlen(r->name);

	return !strncmp(plane, r->name, n) && plane[n] == '-' &&
	       strspn(plane + n + 1, "0123456789") == strlen(plane + n + 1);
}

static int check_names(const struct cpd_conf *c, struct conf_err *e)
{
	for (u32 i = 0; i < c->nplanes * c->nrules; i++) {
		const char *plane = c->plane[i / c->nrules]->name;
		const struct rule *r = c->rule[i % c->nrules];

		if (is_of(plane, r))
			return conf_error(e, -EINVAL,
					  "dataplane %s: one of rule %s is "
					  "called so",
					  plane, r->name);
	}
	return 0;
}

/* A dataplane of a user must not take the place of a declared one. */
static int check_number(const struct cpd_conf *c, struct conf_err *e)
{
	u32 n = c->nplanes;

	for (u32 i = 0; i < c->nrules; i++)
		n += c->rule[i]->dataplanes;
	return n > CPD_PLANES ? conf_error(e, -E2BIG,
					   "more than %d dataplanes, those of "
					   "rules included",
					   CPD_PLANES)
			      : 0;
}

static int read_planes(struct cpd_conf *c, const config_setting_t *planes,
		       struct conf_err *e)
{
	int n = planes ? config_setting_length(planes) : 0, err = 0;

	if (n > CPD_PLANES)
		return conf_error(e, -E2BIG, "more than %d dataplanes",
				  CPD_PLANES);
	for (int i = 0; i < n && !err; i++) {
		struct plane_conf *p = calloc(1, sizeof(*p));

		if (!p)
			return conf_error(e, -ENOMEM, "no memory");
		c->plane[c->nplanes++] = p;
		err = read_plane(
			p, config_setting_get_elem(planes, (unsigned int)i), e);
	}
	return err;
}

static int take_machine_value(struct cpd_conf *c, const config_setting_t *v,
			      struct conf_err *e)
{
	const char *name = config_setting_name(v);
	const struct setting *s =
		find(machine_settings, ARRAY_SIZE(machine_settings), name);
	char text[CONF_TEXT];
	struct conf_err why;
	int err;

	if (!s)
		err = conf_error(&why, -ENOENT, "there is no setting %.64s",
				 name);
	else
		err = value_text(name, v, text, &why);
	if (!err)
		err = set(s, c, text, &why);
	return err ? conf_error(e, err, "%s:%u: %.300s",
				config_setting_source_file(v),
				config_setting_source_line(v), why.text)
		   : 0;
}

static int read_root(struct cpd_conf *c, const config_setting_t *root,
		     struct conf_err *e)
{
	int n = config_setting_length(root), err = 0;

	set_defaults(machine_settings, ARRAY_SIZE(machine_settings), c);
	for (int i = 0; i < n && !err; i++) {
		const config_setting_t *v =
			config_setting_get_elem(root, (unsigned int)i);

		if (!strcmp(config_setting_name(v), "dataplanes") &&
		    config_setting_is_group(v))
			err = read_planes(c, v, e);
		else if (!strcmp(config_setting_name(v), "rules") &&
			 config_setting_is_group(v))
			err = read_rules(c, v, e);
		else
			err = take_machine_value(c, v, e);
	}
	if (!err)
		err = check_number(c, e);
	if (!err)
		err = check_names(c, e);
	for (u32 i = 0; i < c->cores.n && !err; i++)
		if (c->cores.core[i] >= POLICY_CORES)
			err = conf_error(e, -ERANGE,
					 "cores: %u: below %d, please",
					 c->cores.core[i], POLICY_CORES);
	return err;
}

int cpd_conf_read(struct cpd_conf **out, const char *path, struct conf_err *e)
{
	struct cpd_conf *c = calloc(1, sizeof(*c));
	config_t file;
	int err;

	if (!c)
		return conf_error(e, -ENOMEM, "no memory");
	err = conf_open_file(&file, path, e);
	if (!err)
		err = read_root(c, config_root_setting(&file), e);
	config_destroy(&file);
	if (err)
		cpd_conf_free(c);
	else
		*out = c;
	return err;
}

void cpd_conf_free(struct cpd_conf *c)
{
	for (u32 i = 0; i < c->nplanes; i++)
		free(c->plane[i]);
	for (u32 i = 0; i < c->nrules; i++)
		free(c->rule[i]);
	free(c);
}

bool cpd_listed(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	while (*list) {
		list += strspn(list, ", ");
		n = strcspn(list, ", ");
		if (len && n == len && !strncmp(list, name, n))
			return true;
		list += n;
	}
	return false;
}

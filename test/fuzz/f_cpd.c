/* SPDX-License-Identifier: MIT */
/* Requests to ixcpd: the first byte says who asks, each line is a request.
 * Whatever they are, every one has an answer, who may not change anything has
 * not, what would be granted is what a rule for him says, and a dataplane that
 * is granted gets no more cores by what its keeper passes on. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/pid_libc.h"
#include "cp/daemon/cpd.h"

enum { PLANES = 3, RULES = 3, NOBODY = 65534 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rig {
	struct cpd_conf conf;
	struct plane_conf declared[PLANES];
	struct plane plane[PLANES];
	struct rule rule[RULES];
	struct cpd cpd;
};

static const struct lines_peer *asking;

/* ---- what is granted */

static const struct rule rules[RULES] = {
	{ .name = "tap",
	  .user = "65534",
	  .nic = "tap:t0,10.86.0.1/24",
	  .cores = 2,
	  .memory = 1 << 30,
	  .dataplanes = 2 },
	{ .name = "web",
	  .user = "1,65534",
	  .nic = "xdp:ix0",
	  .ports = "7,8000-8099",
	  .queues = "2-3",
	  .cores = 2,
	  .memory = 512 << 20,
	  .dataplanes = 1 },
	{ .name = "another",
	  .user = "12345",
	  .nic = "xdp:ix9",
	  .cores = 4,
	  .memory = 1 << 30,
	  .dataplanes = 1 },
};

static void make_rules(struct rig *r)
{
	static struct conf c;
	struct conf_err e;

	conf_init(&c);
	invariant(
		!conf_set(&c, "ip", "10.0.0.2/24,10.0.0.3/24,fd00::2/64", &e));
	for (u32 i = 0; i < RULES; i++) {
		r->rule[i] = rules[i];
		r->rule[i].ip = c.ip;
		r->conf.rule[r->conf.nrules++] = &r->rule[i];
	}
	r->conf.cores = (struct conf_cores){ 4, { 1, 2, 3, 4 } };
	r->conf.memory = 1ull << 40;
}

static const struct rule *its_rule(const struct cpd *c, const struct plane *p)
{
	size_t n = (size_t)(strrchr(p->conf->name, '-') - p->conf->name);

	for (u32 i = 0; i < c->conf->nrules; i++)
		if (!strncmp(c->conf->rule[i]->name, p->conf->name, n) &&
		    !c->conf->rule[i]->name[n])
			return c->conf->rule[i];
	panic("f_cpd: no such rule");
}

static void check_ports(const struct rule *r, const struct conf *c)
{
	const struct tcp_conf *t = &c->dp.net.tcp;

	invariant(c->dp.net.ports_only && c->ports.port[0]);
	for (u32 i = 0; c->ports.port[i]; i++)
		invariant(rule_lists(r->ports, c->ports.port[i]));
	for (u32 port = t->port_min; port <= t->port_max; port++)
		invariant(rule_lists(r->ports, port));
}

static void check_addresses(const struct rule *r, const struct conf *c)
{
	char own[CONF_TEXT], all[CONF_TEXT] = ",10.0.0.2,10.0.0.3,fd00::2,";
	char *rest = own, *at, one[64];
	struct conf_err e;

	invariant(r->ports[0] || c->ip.ip.raw || c->ip.nip6);
	invariant(!conf_check((struct conf *)(uintptr_t)c, &e));
	conf_print(c, conf_find("ip"), own, sizeof(own));
	while ((at = strsep(&rest, ",")) && *at) {
		at[strcspn(at, "/")] = 0;
		snprintf(one, sizeof(one), ",%s,", at);
		invariant(strstr(all, one));
	}
}

int __wrap_spawn_write_settings(const struct cpd *c, const struct plane *p);
int __wrap_spawn_lock(const struct cpd *c, struct plane *p);
bool __wrap_pid_users(pid_t pid, struct pid_users *users);

/* All that a keeper would go by; there is none. */
int __wrap_spawn_write_settings(const struct cpd *c, const struct plane *p)
{
	const struct rule *r = its_rule(c, p);
	const struct conf *conf = &p->running;

	invariant(p->granted && asking->uid == NOBODY);
	invariant(cpd_listed(r->user, "65534") && !strcmp(conf->nic, r->nic));
	invariant(conf->cores.n && conf->cores.n <= r->cores);
	invariant(p->memory <= r->memory);
	invariant(p->memory >= plane_memory(conf, conf->cores.n));
	invariant(conf->pages != PAGES_AUTO && p->huge <= r->huge_pages);
	invariant(p->huge == plane_huge_pages(conf, conf->cores.n));
	invariant(conf->nic_shared == !!r->queues[0] ||
		  !strncmp(conf->nic, "tap:", 4));
	for (u32 i = 0; r->queues[0] && i < conf->cores.n; i++)
		invariant(rule_lists(r->queues, conf->nic_queue + i));
	check_addresses(r, conf);
	if (r->ports[0])
		check_ports(r, conf);
	return -EIO;
}

int __wrap_spawn_lock(const struct cpd *c, struct plane *p)
{
	return 0;
}

bool __wrap_pid_users(pid_t pid, struct pid_users *users)
{
	*users = (struct pid_users){ asking->uid, asking->uid };
	return true;
}

/* ---- requests */

static void build(struct rig *r)
{
	static const char *const names[PLANES] = { "a", "kv", "web-1" };

	r->cpd.conf = &r->conf;
	r->cpd.path = "/dev/null/none";
	r->cpd.dir_fd = -1;
	make_rules(r);
	r->cpd.now = 1000000000;
	for (u32 i = 0; i < PLANES; i++) {
		struct plane *p = &r->plane[i];

		strcpy(r->declared[i].name, names[i]);
		p->conf = &r->declared[i];
		p->declared = i < 2;
		p->state = i ? PLANE_UP : PLANE_DOWN;
		p->running.cores = (struct conf_cores){ 2, { 1, 2 } };
		p->has = i;
		p->fixed = i;
		p->granted = i == 2;
		p->pid_fd = p->lock_fd = p->ask.fd = -1;
		p->conf->min_cores = 1;
		p->conf->any_program = !i;
		plane_argument(p->conf, "declared");
		policy_init(
			&p->policy,
			&(struct policy_want){ .min_cores = 1, .max_cores = 2 },
			0);
		r->cpd.plane[r->cpd.n++] = p;
	}
}

/* What requests may change. */
static u32 wishes(const struct rig *r)
{
	u32 sum = 0;

	for (u32 i = 0; i < PLANES; i++) {
		const struct plane *p = &r->plane[i];

		sum = sum * 64 + (u32)(p->wanted * 32 + p->held * 16 +
				       p->again * 8 + p->conf->policy);
	}
	return sum;
}

static void request(struct rig *r, const char *line, size_t len, bool trusted)
{
	struct lines_peer peer = { .fd = -1,
				   .pid = getpid(),
				   .uid = trusted ? 0 : NOBODY,
				   .gid = NOBODY,
				   .trusted = trusted };
	u32 before = wishes(r);
	char *exact = malloc(len + 1), *out;
	cJSON *answer;

	asking = &peer;
	memcpy(exact, line, len);
	exact[len] = 0;
	out = verb_answer(&r->cpd, &peer, exact, len, NULL);
	invariant(out && !strchr(out, '\n'));
	answer = cJSON_Parse(out);
	invariant(answer);
	invariant(cJSON_HasObjectItem(answer, "ok") !=
		  cJSON_HasObjectItem(answer, "error"));
	invariant(trusted || wishes(r) == before);
	invariant(r->cpd.n == PLANES);
	invariant(cores_occupied(&r->plane[2]) <= 2 && r->plane[2].has);
	for (u32 i = 0; i < PLANES; i++)
		invariant(r->declared[i].argc);
	invariant(trusted || !strcmp(r->declared[0].argv[0], "declared"));
	cJSON_Delete(answer);
	free(out);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig *r = calloc(1, sizeof(*r));
	const char *p = (const char *)data + 1, *end = p + size - 1;

	build(r);
	while (size && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;

		if (stop - p <= LINES_REQUEST)
			request(r, p, (size_t)(stop - p), data[0] & 1);
		p = stop + 1;
	}
	free(r);
	return 0;
}

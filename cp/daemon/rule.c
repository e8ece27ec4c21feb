/* SPDX-License-Identifier: MIT */
/* Whom a rule is for, and what it grants. */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dom/host/right.h"

enum { GROUPS = 256 /* of a user */ };

const struct rule *rule_of(const struct cpd *c, const struct plane *p)
{
	size_t n = rule_part(p->conf->name);

	for (u32 i = 0; n && i < c->conf->nrules; i++)
		if (!strncmp(c->conf->rule[i]->name, p->conf->name, n) &&
		    !c->conf->rule[i]->name[n])
			return c->conf->rule[i];
	return NULL;
}

/* ---- whom a rule is for */

static bool in_group(const char *list, gid_t gid)
{
	const struct group *g = getgrgid(gid);
	char number[16];

	snprintf(number, sizeof(number), "%u", gid);
	return (g && cpd_listed(list, g->gr_name)) || cpd_listed(list, number);
}

static bool in_groups(const char *list, const struct lines_peer *peer)
{
	gid_t gids[GROUPS];
	socklen_t len = sizeof(gids);
	bool in = in_group(list, peer->gid);

	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len))
		len = 0;
	for (u32 i = 0; i < len / sizeof(gids[0]) && !in; i++)
		in = in_group(list, gids[i]);
	return in;
}

bool rule_is_for(const struct rule *r, const struct lines_peer *peer)
{
	return verb_named(r->user, peer->uid) ||
	       (r->group[0] && in_groups(r->group, peer));
}

bool rule_has_nic(const struct rule *r, const char *nic)
{
	size_t n = strcspn(nic, ",");

	return !strcmp(r->nic, nic) || (!nic[n] && !strncmp(r->nic, nic, n) &&
					(!r->nic[n] || r->nic[n] == ','));
}

/* ---- whether we can */

/* A keeper has the packet memory of AF_XDP counted for a user who is nobody
 * (nic/xdp_pin.h), or does not pass it. */
int rule_check_rights(const struct rule *r, struct conf_err *e)
{
	if (strncmp(r->nic, "xdp:", 4) || right_held(CAP_SETUID))
		return 0;
	return conf_error(e, -ENOTSUP,
			  "%s: ixcpd cannot grant AF_XDP: without CAP_SETUID "
			  "it cannot count the memory that is pinned for it",
			  r->name);
}

/* ---- what it grants: 0, or -EPERM with what it does not in @e */

static bool has_ip4(const struct conf_addrs *a, struct be32 ip)
{
	for (u32 i = 0; i <= a->nalso; i++)
		if (ip.raw && conf_ip4(a, i).ip.raw == ip.raw)
			return true;
	return false;
}

static bool has_ip6(const struct conf_addrs *a, struct be128 ip)
{
	for (u32 i = 0; i < a->nip6; i++)
		if (be128_equal(a->ip6[i].ip, ip))
			return true;
	return false;
}

static int check_addresses(const struct rule *r, const struct conf *c,
			   struct conf_err *e)
{
	bool ok = true;

	for (u32 i = 0; i <= c->ip.nalso; i++)
		ok &= !conf_ip4(&c->ip, i).ip.raw ||
		      has_ip4(&r->ip, conf_ip4(&c->ip, i).ip);
	for (u32 i = 0; i < c->ip.nip6; i++)
		ok &= has_ip6(&r->ip, c->ip.ip6[i].ip);
	return ok ? 0
		  : conf_error(e, -EPERM,
			       "%s does not grant you all of these addresses",
			       r->name);
}

/* Ports of the user's own choice are asked for by default: who is not granted
 * those has one of the others for that. */
static int check_ports(const struct rule *r, struct conf *c, struct conf_err *e)
{
	struct tcp_conf *t = &c->dp.net.tcp;
	static struct conf usual;

	if (!c->ports.port[0])
		return conf_error(e, -EINVAL, "port is missing");
	for (u32 i = 0; c->ports.port[i]; i++)
		if (!rule_lists(r->ports, c->ports.port[i]))
			return conf_error(e, -EPERM,
					  "%s does not grant you port %u",
					  r->name, c->ports.port[i]);
	for (u32 port = t->port_min; port <= t->port_max; port++) {
		if (rule_lists(r->ports, port))
			continue;
		conf_init(&usual);
		if (t->port_min != usual.dp.net.tcp.port_min ||
		    t->port_max != usual.dp.net.tcp.port_max)
			return conf_error(e, -EPERM,
					  "%s does not grant you port %u "
					  "(tcp.port_min to port_max)",
					  r->name, port);
		t->port_min = t->port_max = c->ports.port[0];
		break;
	}
	return 0;
}

static int check_nic(const struct rule *r, struct wish *w, struct conf_err *e)
{
	struct conf *c = &w->conf;

	if (c->dp.net.ports_only != !!r->ports[0])
		return conf_error(e, -EPERM, "%s is %s ports_only", r->name,
				  r->ports[0] ? "for" : "not for");
	if (c->dp.net.ports_only && check_ports(r, c, e))
		return -EPERM;
	if (!c->dp.net.ports_only && !c->ip.ip.raw && !c->ip.nip6)
		return conf_error(e, -EINVAL, "ip is missing");
	return check_addresses(r, c, e);
}

int rule_check(const struct rule *r, struct wish *w, struct conf_err *e)
{
	u64 memory;
	u32 huge;

	if (!w->threads)
		w->threads = r->cores;
	if (w->threads > r->cores)
		return conf_error(e, -EPERM, "%s grants you %u cores, not %u",
				  r->name, r->cores, w->threads);
	huge = plane_huge_pages(&w->conf, w->threads);
	if (huge > r->huge_pages)
		return conf_error(e, -EPERM,
				  "%s grants you %u huge pages; %u (mbufs, "
				  "arena) are asked for",
				  r->name, r->huge_pages, huge);
	memory = plane_memory(&w->conf, w->threads);
	if (memory > r->memory)
		return conf_error(e, -EPERM,
				  "%s grants you %llu MB of memory; %llu MB "
				  "(mbufs, tcp.max_conns, arena, app_memory) "
				  "are asked for",
				  r->name, (unsigned long long)r->memory >> 20,
				  (unsigned long long)memory >> 20);
	snprintf(w->conf.nic, sizeof(w->conf.nic), "%s", r->nic);
	return check_nic(r, w, e);
}

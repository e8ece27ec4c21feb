/* SPDX-License-Identifier: MIT */
/* Two dataplanes never get the same thing. */
#include "cp/daemon/claim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "dom/host/hugemem.h"

/* "kv's (process 123)" */
static const char *owner(const struct claim *c, char out[80])
{
	if (c->pid)
		snprintf(out, 80, "%.32s's (process %d)", c->name, (int)c->pid);
	else
		snprintf(out, 80, "%.32s's", c->name);
	return out;
}

/* ---- NIC, addresses, ports */

/* All ports that it takes from Linux, as its XDP program and gate see them. */
static struct ports ports_of(const struct conf *c)
{
	struct ports p = { .min = (u16)c->dp.net.tcp.port_min,
			   .max = (u16)c->dp.net.tcp.port_max };

	for (u32 i = 0; i < PORTS_NAMED; i++)
		p.named[i] = c->ports.port[i];
	return p;
}

static u32 common_port(const struct conf *a, const struct conf *b)
{
	struct ports pa = ports_of(a), pb = ports_of(b);

	for (u32 port = 1; port <= UINT16_MAX; port++)
		if (ports_has(&pa, (u16)port) && ports_has(&pb, (u16)port))
			return port;
	return 0;
}

static bool is_tap(const struct conf *c)
{
	return !strncmp(c->nic, "tap:", 4);
}

/* Is it one interface? The address that Linux's side of a TAP device gets makes
 * it no other. */
static bool same_nic(const struct conf *a, const struct conf *b)
{
	size_t n = strcspn(a->nic, ",");

	if (!is_tap(a))
		return !strcmp(a->nic, b->nic);
	return n == strcspn(b->nic, ",") && !strncmp(a->nic, b->nic, n);
}

/* Two that divide an interface: the one that shares it says which
 * queues it takes. */
static bool divided(const struct conf *a, const struct conf *b)
{
	return a->nic_shared && b->nic_shared && same_nic(a, b);
}

static bool same_rule(const char *a, const char *b)
{
	size_t n = rule_part(a);

	return n && n == rule_part(b) && !strncmp(a, b, n);
}

static bool same_ports(const struct conf *a, const struct conf *b)
{
	struct ports pa = ports_of(a), pb = ports_of(b);

	for (u32 port = 1; port <= UINT16_MAX; port++)
		if (ports_has(&pa, (u16)port) != ports_has(&pb, (u16)port))
			return false;
	return true;
}

static bool same_queues(const struct claim *a, const struct claim *b)
{
	return is_tap(a->conf) ||
	       (a->conf->nic_queue == b->conf->nic_queue &&
		a->threads == b->threads && same_ports(a->conf, b->conf));
}

/* One user's, and its successor, on a NIC that a rule has granted him.
 * To join it changes no address of Linux's. */
static bool succeeds(const struct claim *c, const struct claim *o)
{
	return c->may_succeed && c->owner && o->owner &&
	       !strcmp(c->owner, o->owner) && same_rule(c->name, o->name) &&
	       divided(c->conf, o->conf) &&
	       !strcmp(c->conf->nic, o->conf->nic) && same_queues(c, o);
}

static int check_successor(const struct claim *c, const struct claim *others,
			   u32 n, struct conf_err *e)
{
	const struct claim *before = NULL;
	char who[80];

	for (u32 i = 0; i < n; i++) {
		if (!succeeds(c, &others[i]))
			continue;
		if (before)
			return conf_error(e, -EBUSY,
					  "%s is %s, and its successor's: one "
					  "of them is to end first",
					  c->conf->nic, owner(before, who));
		before = &others[i];
	}
	/* Its device may go with it while the successor joins. */
	if (before && before->ends)
		return conf_error(e, -EBUSY, "%s is %s, which is just ending",
				  c->conf->nic, owner(before, who));
	return 0;
}

static int check_queues(const struct claim *c, const struct claim *o,
			struct conf_err *e)
{
	u32 first = c->conf->nic_queue, others = o->conf->nic_queue;
	char who[80];

	if (first >= others + o->threads || others >= first + c->threads)
		return 0;
	return conf_error(e, -EBUSY, "queue %u of %s is %s", max(first, others),
			  c->conf->nic, owner(o, who));
}

static int check_nic(const struct claim *c, const struct claim *o,
		     struct conf_err *e)
{
	char who[80];
	u32 port;

	/* A wire has two ends: the third one is refused by the wire. */
	if (!same_nic(c->conf, o->conf) || !strncmp(c->conf->nic, "wire:", 5) ||
	    succeeds(c, o))
		return 0;
	port = common_port(c->conf, o->conf);
	if (c->conf->dp.net.ports_only && o->conf->dp.net.ports_only && port)
		return conf_error(e, -EBUSY, "port %u of %s is %s", port,
				  c->conf->nic, owner(o, who));
	if (divided(c->conf, o->conf) && !is_tap(c->conf))
		return check_queues(c, o, e);
	if (strcmp(c->conf->nic, o->conf->nic))
		return conf_error(e, -EBUSY, "%s is %s, as %s", c->conf->nic,
				  owner(o, who), o->conf->nic);
	return conf_error(e, -EBUSY, "%s is %s", c->conf->nic, owner(o, who));
}

static bool on_wire(const struct conf *a, const struct conf *b)
{
	return !strncmp(a->nic, "wire:", 5) || !strncmp(b->nic, "wire:", 5);
}

static int check_address(const struct claim *c, const struct claim *o,
			 struct conf_err *e)
{
	const struct conf_addrs *a = &c->conf->ip, *b = &o->conf->ip;
	char ip[INET6_ADDRSTRLEN], who[80];

	/* Wires are networks of their own. */
	if (on_wire(c->conf, o->conf) || divided(c->conf, o->conf))
		return 0;
	for (u32 i = 0; i <= a->nalso; i++)
		for (u32 j = 0; j <= b->nalso; j++) {
			struct be32 mine = conf_ip4(a, i).ip;

			if (!mine.raw || mine.raw != conf_ip4(b, j).ip.raw)
				continue;
			inet_ntop(AF_INET, &mine, ip, sizeof(ip));
			return conf_error(e, -EBUSY, "address %s is %s", ip,
					  owner(o, who));
		}
	for (u32 i = 0; i < a->nip6; i++)
		for (u32 j = 0; j < b->nip6; j++)
			if (be128_equal(a->ip6[i].ip, b->ip6[j].ip)) {
				inet_ntop(AF_INET6, &a->ip6[i].ip, ip,
					  sizeof(ip));
				return conf_error(e, -EBUSY, "address %s is %s",
						  ip, owner(o, who));
			}
	return 0;
}

/* ---- memory */

static int check_memory(const struct claim *c, const struct claim *others,
			u32 n, u64 limit, struct conf_err *e)
{
	u64 used = 0;

	for (u32 i = 0; i < n; i++)
		used += others[i].memory;
	if (c->memory <= limit && used <= limit - c->memory)
		return 0;
	return conf_error(e, -EBUSY,
			  "memory: %lu MB are wanted, %lu MB of %lu MB are in "
			  "use",
			  c->memory >> 20, used >> 20, limit >> 20);
}

int claim_check(const struct claim *c, const struct claim *others, u32 n,
		const struct claim_limits *l, struct conf_err *e)
{
	int err = check_successor(c, others, n, e);

	for (u32 i = 0; i < n && !err; i++) {
		err = check_nic(c, &others[i], e);
		if (!err)
			err = check_address(c, &others[i], e);
	}
	return err ? err : check_memory(c, others, n, l->memory, e);
}

/* ---- cores */

/* How much @core is another's: 0 nobody's, else the more the sooner its thread
 * runs; UINT32_MAX: somebody is sure of it. */
static u32 wanted(u16 core, const struct claim *others, u32 n)
{
	u32 most = 0;

	for (u32 i = 0; i < n; i++) {
		const struct conf_cores *list = &others[i].conf->cores;

		for (u32 k = 0; k < list->n; k++) {
			if (list->core[k] != core)
				continue;
			if (k < others[i].min_cores)
				return UINT32_MAX;
			most = max(most, IX_MAX_THREADS - k);
		}
	}
	return most;
}

static bool listed(const struct conf_cores *list, u16 core)
{
	for (u32 i = 0; i < list->n; i++)
		if (list->core[i] == core)
			return true;
	return false;
}

/* The least wanted core that @out does not have yet; false: none is left. */
static bool choose(const struct conf_cores *from, const struct claim *others,
		   u32 n, const struct conf_cores *out, u16 *core)
{
	u32 best = UINT32_MAX;

	for (u32 i = 0; i < from->n; i++) {
		u32 w = wanted(from->core[i], others, n);

		if (w < best && !listed(out, from->core[i])) {
			best = w;
			*core = from->core[i];
		}
	}
	return best != UINT32_MAX;
}

static int no_cores(const struct claim *c, const struct claim *others, u32 n,
		    u32 have, struct conf_err *e)
{
	char text[256] = "";
	size_t used = 0;

	for (u32 i = 0; i < n && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%s has %u", used ? ", " : "",
					 others[i].name, others[i].min_cores);
	return conf_error(
		e, -EBUSY, "cores: %u are wanted at least, %u can be had%s%s%s",
		c->min_cores, have, used ? " (" : "", text, used ? ")" : "");
}

int claim_cores(const struct claim *c, u32 most, const struct claim *others,
		u32 n, const struct claim_limits *l, struct conf_cores *out,
		struct conf_err *e)
{
	u16 core = 0;

	out->n = 0;
	while (out->n < most && choose(l->cores, others, n, out, &core))
		out->core[out->n++] = core;
	return out->n < c->min_cores ? no_cores(c, others, n, out->n, e) : 0;
}

/* ---- huge pages */

/* What was given to @c and is anybody's yet. Its process touches all packet
 * buffers before it goes on; from then on the kernel keeps the rest for it, and
 * counts that as promised. Between mapping and touching it is counted twice,
 * which is better than to be given twice. */
static u64 to_come(const struct claim *c)
{
	u64 arena = hugemem_pages(0, c->conf->arena);

	if (c->ends)
		return 0;
	return c->touched + arena < c->huge ? c->huge - c->touched : 0;
}

u64 claim_huge_left(const struct claim *all, u32 n, const struct huge_pages *h)
{
	u64 promised = h->promised;

	for (u32 i = 0; i < n; i++)
		promised += to_come(&all[i]);
	return h->free - min(h->free, promised);
}

/* Others: programs that are none of ours, and dataplanes that did not ask. */
static int no_huge(u32 wanted, const struct claim *others, u32 n,
		   const struct huge_pages *h, u64 left, struct conf_err *e)
{
	/* If none is counted twice they are there. */
	bool soon = wanted <= claim_huge_left(NULL, 0, h);
	u64 taken = h->total - min(h->total, left);
	char text[160] = "";
	size_t used = 0;

	for (u32 i = 0; i < n && used < sizeof(text); i++) {
		if (!others[i].huge)
			continue;
		taken -= min(taken, (u64)others[i].huge);
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s has %u, ", others[i].name,
					 others[i].huge);
	}
	return conf_error(e, soon ? -EAGAIN : -EBUSY,
			  "huge pages: %u are wanted, %lu of %lu can be had "
			  "(%sothers have %lu)",
			  wanted, left, h->total, text, taken);
}

int claim_huge(u32 wanted, const struct claim *others, u32 n,
	       const struct huge_pages *h, struct conf_err *e)
{
	u64 left = claim_huge_left(others, n, h);

	if (wanted <= left)
		return 0;
	if (h->total)
		return no_huge(wanted, others, n, h, left, e);
	return conf_error(e, -EBUSY,
			  "huge pages: %u are wanted, the machine has none "
			  "(sysctl vm.nr_hugepages)",
			  wanted);
}

/* SPDX-License-Identifier: MIT */
/* Ids of IPv6 addresses: a table with chains. */
#include "net/addr.h"

#include "base/carve.h"
#include "base/errno.h"
#include "base/mem.h"
#include "base/panic.h"
#include "net/net.h"

size_t addr_bytes(u32 max)
{
	if (!max)
		return 0;
	return align_line(sizeof(struct addr6) * (size_t)max) +
	       align_line(sizeof(struct ref32) * (size_t)max);
}

void addr_init(struct net *net, u32 max, void *memory)
{
	struct addr_table *t = &net->addrs;
	u8 *mem = memory;

	*t = (struct addr_table){ .nbuckets = max, .max = max };
	if (!max)
		return;
	t->addrs = carve(&mem, sizeof(*t->addrs) * (size_t)max);
	t->buckets = carve(&mem, sizeof(*t->buckets) * (size_t)max);
}

static struct addr6 *entry(struct addr_table *t, struct be32 id)
{
	u32 i = ref32_index(addr_ref(id));

	invariant(i < t->nused);
	return &t->addrs[i];
}

static struct ref32 take(struct addr_table *t)
{
	struct ref32 r = t->free;

	if (r.raw)
		t->free = t->addrs[ref32_index(r)].next;
	else if (t->nused < t->max)
		r = ref32(t->nused++);
	return r;
}

struct be32 addr_get(struct net *net, struct be128 ip)
{
	struct addr_table *t = &net->addrs;
	struct ref32 *at, r;
	struct be32 id;

	if (!t->max)
		return be32(0);
	at = addr_bucket(net, ip);
	id = addr_find(net, ip);
	if (id.raw) {
		entry(t, id)->holders++;
		return id;
	}
	r = take(t);
	if (r.raw) {
		t->addrs[ref32_index(r)] = (struct addr6){ ip, 1, *at };
		*at = r;
	}
	return addr_id(r);
}

void addr_hold(struct net *net, struct be32 id)
{
	if (addr_is_v6(id))
		entry(&net->addrs, id)->holders++;
}

static void unlink(struct net *net, struct addr6 *e, struct ref32 r)
{
	struct ref32 *at = addr_bucket(net, e->ip);

	while (at->raw != r.raw)
		at = &net->addrs.addrs[ref32_index(*at)].next;
	*at = e->next;
}

void addr_put(struct net *net, struct be32 id)
{
	struct addr_table *t = &net->addrs;
	struct addr6 *e;

	if (!addr_is_v6(id))
		return;
	e = entry(t, id);
	invariant(e->holders);
	if (--e->holders)
		return;
	unlink(net, e, addr_ref(id));
	e->next = t->free;
	t->free = addr_ref(id);
}

u64 addr_flow_hash(const struct net *net, struct flow flow)
{
	struct {
		struct be128 raddr, laddr;
		u32 ports;
	} PACKED what = { .ports = flow.ports };

	if (!addr_is_v6(flow.raddr))
		return hash_sip(net->secret, &flow, sizeof(flow));
	what.raddr = *addr_ip6(&net->addrs, flow.raddr);
	what.laddr = *addr_ip6(&net->addrs, flow.laddr);
	return hash_sip(net->secret, &what, sizeof(what));
}

struct be128 addr_to_ip6(const struct net *net, struct be32 a)
{
	if (!addr_is_v6(a))
		return ip6_mapped(a);
	return *addr_ip6(&net->addrs, a);
}

struct ix_addr addr_to_abi(const struct net *net, struct be32 a)
{
	struct be128 ip = addr_to_ip6(net, a);
	struct ix_addr out;

	memcpy(&out, &ip, sizeof(out));
	return out;
}

int addr_from_abi(struct net *net, const struct ix_addr *a, struct be32 *out)
{
	struct be128 ip;

	*out = (struct be32){ a->w[3] };
	if (!a->q[0] && !a->w[2] && !a->w[3])
		return 0;
	if (!a->q[0] && a->w[2] == be32(0xffff).raw)
		return addr_is_v6(*out) ? -EINVAL : 0; /* 0/8: see addr.h */
	memcpy(&ip, a, sizeof(ip));
	*out = addr_get(net, ip);
	if (out->raw)
		return 0;
	return net->addrs.max ? -ENOBUFS : -EAFNOSUPPORT;
}

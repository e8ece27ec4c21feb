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
	       align_line(sizeof(u32) * (size_t)pow2_above(max));
}

void addr_init(struct net *net, u32 max, void *memory)
{
	struct addr_table *t = &net->addrs;
	u8 *mem = memory;

	*t = (struct addr_table){ .max = max };
	if (!max)
		return;
	t->addrs = carve(&mem, sizeof(*t->addrs) * (size_t)max);
	t->buckets = carve(&mem, sizeof(u32) * (size_t)pow2_above(max));
	t->shift = 32 - (u32)__builtin_ctz(pow2_above(max));
}

static struct addr6 *entry(struct addr_table *t, struct be32 id)
{
	u32 i = be32_host(id) - 1;

	invariant(i < t->nused);
	return &t->addrs[i];
}

static u32 take(struct addr_table *t)
{
	u32 i = t->free;

	if (i)
		t->free = t->addrs[i - 1].next;
	else if (t->nused < t->max)
		i = ++t->nused;
	return i;
}

struct be32 addr_get(struct net *net, struct be128 ip)
{
	struct addr_table *t = &net->addrs;
	struct be32 id;
	u32 *at, i;

	if (!t->max)
		return be32(0);
	at = addr_bucket(net, ip);
	id = addr_find(net, ip);
	if (id.raw) {
		entry(t, id)->holders++;
		return id;
	}
	i = take(t);
	if (i) {
		t->addrs[i - 1] = (struct addr6){ ip, 1, *at };
		*at = i;
	}
	return be32(i);
}

void addr_hold(struct net *net, struct be32 id)
{
	if (addr_is_v6(id))
		entry(&net->addrs, id)->holders++;
}

static void unlink(struct net *net, struct addr6 *e, u32 i)
{
	u32 *at = addr_bucket(net, e->ip);

	while (*at != i)
		at = &net->addrs.addrs[*at - 1].next;
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
	unlink(net, e, be32_host(id));
	e->next = t->free;
	t->free = be32_host(id);
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

/* SPDX-License-Identifier: MIT */
/* Ids of IPv6 addresses: a table with chains, hashed with secret factors, so
 * that nobody can know which addresses collide. */
#include "net/addr.h"

#include "base/carve.h"
#include "base/cksum.h"
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

static u32 *bucket(const struct net *net, struct be128 ip)
{
	const u64 *factor = net->tcp.factor;
	u64 x = ip.q[0] * factor[0];

	x = ((x ^ x >> 32) + ip.q[1]) * factor[1];
	x = (x ^ x >> 32) * factor[0];
	return &net->addrs.buckets[(u32)(x >> 32) >> net->addrs.shift];
}

static struct addr6 *entry(struct addr_table *t, struct be32 id)
{
	u32 i = be32_host(id) - 1;

	invariant(i < t->nused);
	return &t->addrs[i];
}

static struct be32 find(const struct net *net, const u32 *at, struct be128 ip)
{
	const struct addr_table *t = &net->addrs;
	u32 i;

	for (i = *at; i; i = t->addrs[i - 1].next) {
		if (be128_equal(t->addrs[i - 1].ip, ip))
			break;
	}
	return be32(i);
}

struct be32 addr_find(const struct net *net, struct be128 ip)
{
	if (!net->addrs.max)
		return be32(0);
	return find(net, bucket(net, ip), ip);
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
	at = bucket(net, ip);
	id = find(net, at, ip);
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
	u32 *at = bucket(net, e->ip);

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

u64 addr_sum(const struct net *net, struct be32 a)
{
	const struct be128 *ip;

	if (!addr_is_v6(a))
		return a.raw;
	ip = addr_ip6(&net->addrs, a);
	return (u64)ip->w[0] + ip->w[1] + ip->w[2] + ip->w[3];
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
		return (struct be128){ .w = { 0, 0, be32(0xffff).raw, a.raw } };
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

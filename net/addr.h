/* SPDX-License-Identifier: MIT */
/*
 * Addresses of both families in 32 bits. Behind ip_in() and ip6_in() an address
 * is a struct be32: an IPv4 address, or the id of an IPv6 address. Ids lie in
 * 0.0.0.0/8, where no host's IPv4 address can be (RFC 1122 section 3.2.1.3);
 * zero is "none" or "any", of either family.
 *
 * An id stands for its address as long as somebody holds it: a connection, a
 * neighbour, one of our own addresses, a packet while it is received. One
 * address has one id at a time, so that equal addresses have equal ids.
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "base/ip6.h"
#include "base/ref.h"
#include "ix/abi.h"
#include "net/pkt.h"

struct net;

struct addr6 {
	struct be128 ip;
	u32 holders;	   /* 0: free */
	struct ref32 next; /* in its bucket, or of those free */
};

struct addr_table {
	struct addr6 *addrs;
	struct ref32 *buckets;
	u32 nbuckets;
	u32 max;
	u32 nused;	   /* ever */
	struct ref32 free; /* list */
};

/* Memory for addr_init(), bytes; 0 for @max 0. */
size_t addr_bytes(u32 max);

/* @max: addresses held at a time. @mem: addr_bytes(@max) zeroed bytes. */
void addr_init(struct net *net, u32 max, void *mem);

/* The id of @ip, held once more; zero when there is no room. */
struct be32 addr_get(struct net *net, struct be128 ip);

/* Both do nothing for an IPv4 address. */
void addr_hold(struct net *net, struct be32 id);
void addr_put(struct net *net, struct be32 id);

static inline bool addr_is_v6(struct be32 a)
{
	return !(u8)a.raw && a.raw; /* the first byte on the wire */
}

/* An id is a reference to an entry of the table. */
static inline struct be32 addr_id(struct ref32 r)
{
	return be32(r.raw);
}

static inline struct ref32 addr_ref(struct be32 id)
{
	return (struct ref32){ be32_host(id) };
}

/* What @id stands for. */
static inline const struct be128 *addr_ip6(const struct addr_table *t,
					   struct be32 id)
{
	return &t->addrs[ref32_index(addr_ref(id))].ip;
}

/* IPv4 in an ABI address. */
static inline struct ix_addr addr_of_ipv4(struct be32 ip)
{
	return (struct ix_addr){ .w = { 0, 0, 0xffff0000u, ip.raw } };
}

/* A secret hash of addresses and ports: the same for the same flow at any time,
 * which ids of IPv6 addresses are not. */
u64 addr_flow_hash(const struct net *net, struct flow flow);

/* @a as an IPv6 address: IPv4 as an IPv4-mapped one (RFC 4291, 2.5.5.2). */
struct be128 addr_to_ip6(const struct net *net, struct be32 a);

/* The same, for the application. */
struct ix_addr addr_to_abi(const struct net *net, struct be32 a);

/* From the application: all zero is 0, "any". What *@out says is held. 0,
 * -EINVAL (in 0.0.0.0/8: it would be taken for an id), -EAFNOSUPPORT (IPv6,
 * which we do not speak), -ENOBUFS. */
int addr_from_abi(struct net *net, const struct ix_addr *a, struct be32 *out);

#endif

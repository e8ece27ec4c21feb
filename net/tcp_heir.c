/* SPDX-License-Identifier: MIT */
/* With a successor on the same interface: whose a flow is. See base/flows.h. */
#include "net/tcp_int.h"

static u64 hash_addr(const struct net *net, u64 h, struct be32 a)
{
	struct be128 ip;

	if (!addr_is_v6(a))
		return flows_hash(h, a.raw);
	ip = *addr_ip6(&net->addrs, a);
	for (u32 i = 0; i < 2; i++) {
		h = flows_hash(h, (u32)ip.q[i]);
		h = flows_hash(h, (u32)(ip.q[i] >> 32));
	}
	return h;
}

/* As it comes from the peer. */
static u64 hash_of(const struct net *net, struct flow flow)
{
	u64 h = hash_addr(net, net->flows->key, flow.raddr);

	h = flows_hash(hash_addr(net, h, flow.laddr), flow.ports);
	return flows_hash(h, 0);
}

bool tcp_listens(const struct net *net)
{
	for (u32 i = 0; i < net->conf.tcp.max_listeners; i++)
		if (net->tcp.listeners[i].port)
			return true;
	return false;
}

void tcp_keep_flow(const struct net *net, struct flow flow)
{
	flows_add(net->flows, hash_of(net, flow));
}

void tcp_leave_flow(const struct net *net, struct flow flow)
{
	flows_remove(net->flows, hash_of(net, flow));
}

u32 tcp_keep_flows(const struct net *net, u32 from, u32 most)
{
	const struct tcp *t = &net->tcp;

	for (; most && from <= t->table_mask; from++, most--)
		if (t->table[from].conn.raw)
			tcp_keep_flow(net,
				      t->conns[ref32_index(t->table[from].conn)]
					      .flow);
	return from;
}

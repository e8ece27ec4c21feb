/* SPDX-License-Identifier: MIT */
/* Our IPv4 addresses besides the first, and which of all to use. Who has but
 * one does not come here. */
#include "net/net.h"

COLD bool ip_is_own_also(const struct net *net, struct be32 ip)
{
	for (u32 i = 0; i < net->conf.nalso; i++) {
		if (net->conf.also[i].ip.raw == ip.raw)
			return true;
	}
	return false;
}

COLD bool ip_on_link_also(const struct net *net, struct be32 ip)
{
	for (u32 i = 0; i < net->conf.nalso; i++) {
		if (ip4_in_prefix(ip, net->conf.also[i]))
			return true;
	}
	return false;
}

/* Of the network that the next hop is in (RFC 1122 section 3.3.4.3). */
COLD struct be32 ip_source_of(const struct net *net, struct be32 dst)
{
	const struct net_conf *conf = &net->conf;
	struct be32 next = ip_on_link(net, dst) ? dst : conf->gateway;

	if (ip4_in_prefix(next, (struct ip4_prefix){ conf->ip, conf->netmask }))
		return conf->ip;
	for (u32 i = 0; i < conf->nalso; i++) {
		if (ip4_in_prefix(next, conf->also[i]))
			return conf->also[i].ip;
	}
	return conf->ip;
}

static bool is_broadcast_of(struct be32 ip, struct ip4_prefix p)
{
	u32 host = be32_host(p.mask) ^ 0xffffffff;

	return host > 1 && ip.raw == (p.ip.raw | be32(host).raw);
}

bool ip_is_broadcast(const struct net *net, struct be32 ip)
{
	const struct net_conf *conf = &net->conf;

	if (ip.raw == 0xffffffff ||
	    is_broadcast_of(ip, (struct ip4_prefix){ conf->ip, conf->netmask }))
		return true;
	for (u32 i = 0; i < conf->nalso; i++) {
		if (is_broadcast_of(ip, conf->also[i]))
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: MIT */
/* Do the settings fit each other? */
#include "conf/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* What @ip is, if not an address of one host (RFC 1122 3.2.1.3, RFC 3021);
 * NULL: it is one. */
static const char *no_host(u32 ip, u32 mask)
{
	if (ip >> 24 == 0)
		return "in 0.0.0.0/8, \"this network\"";
	if (ip >> 24 == 127)
		return "a loopback address";
	if (ip == ~0u)
		return "the broadcast address";
	if (ip >> 28 == 14)
		return "a multicast address";
	if (ip >> 28 == 15)
		return "in 240.0.0.0/4, which nobody may use";
	if (~mask < 2)
		return NULL; /* /31, /32: all are hosts */
	if (!(ip & ~mask))
		return "the address of the network itself";
	if (!(~ip & ~mask))
		return "the broadcast address of its network";
	return NULL;
}

static int check_host(const char *name, struct be32 ip, struct be32 mask,
		      struct conf_err *e)
{
	const char *what = no_host(be32_host(ip), be32_host(mask));
	char text[INET_ADDRSTRLEN];

	if (!what)
		return 0;
	inet_ntop(AF_INET, &ip, text, sizeof(text));
	return conf_error(e, -EINVAL, "%s: %s is %s, not one of a host", name,
			  text, what);
}

int conf_check_gateway(struct be32 gateway, struct be32 ip, struct be32 mask,
		       struct conf_err *e)
{
	if (!gateway.raw)
		return 0;
	if (gateway.raw == ip.raw)
		return conf_error(e, -EINVAL, "gateway: our own address");
	if ((gateway.raw ^ ip.raw) & mask.raw)
		return conf_error(e, -EINVAL,
				  "gateway: not on the link that ip describes");
	return check_host("gateway", gateway, mask, e);
}

static const char *no_host6(struct be128 ip)
{
	if (ip6_is_multicast(ip))
		return "a multicast address";
	if (ip6_is_special(ip))
		return ip.w[3] == be32(1).raw ? "the loopback address"
					      : "an IPv4 address in disguise";
	return NULL;
}

static int check_host6(const char *name, struct be128 ip, struct conf_err *e)
{
	const char *what = no_host6(ip);
	char text[INET6_ADDRSTRLEN];

	if (!what)
		return 0;
	inet_ntop(AF_INET6, &ip, text, sizeof(text));
	return conf_error(e, -EINVAL, "%s: %s is %s, not one of a host", name,
			  text, what);
}

static bool on_link6(const struct conf_addrs *a, struct be128 ip)
{
	bool on_link = ip6_is_link_local(ip);

	for (u32 i = 0; i < a->nip6; i++)
		on_link |= ip6_in_prefix(ip, a->ip6[i]);
	return on_link;
}

static int check_ip6(const struct conf *c, struct conf_err *e)
{
	const struct conf_addrs *a = &c->ip;
	struct be128 gw = c->gateway.ip6;
	int err = 0;

	for (u32 i = 0; i < a->nip6 && !err; i++) {
		err = check_host6("ip", a->ip6[i].ip, e);
		for (u32 j = 0; j < i && !err; j++) {
			if (be128_equal(a->ip6[i].ip, a->ip6[j].ip))
				err = conf_error(e, -EINVAL,
						 "ip: an address twice");
		}
		if (!err && be128_equal(a->ip6[i].ip, gw))
			err = conf_error(e, -EINVAL,
					 "gateway: our own address");
	}
	if (err || ip6_is_zero(gw))
		return err;
	if (!a->nip6)
		return conf_error(e, -EINVAL,
				  "gateway: IPv6, but ip has no IPv6 address");
	if (!on_link6(a, gw))
		return conf_error(e, -EINVAL,
				  "gateway: not on the link that ip describes");
	return check_host6("gateway", gw, e);
}

/* On the link of one of @a? Ours, or no host's, it may not be. */
static int check_gateway(struct be32 gw, const struct conf_addrs *a,
			 struct conf_err *e)
{
	struct ip4_prefix p;
	u32 i;

	for (i = 0; i <= a->nalso; i++)
		if (gw.raw == conf_ip4(a, i).ip.raw)
			return conf_error(e, -EINVAL,
					  "gateway: our own address");
	for (i = 0; i < a->nalso && !ip4_in_prefix(gw, conf_ip4(a, i)); i++)
		;
	p = conf_ip4(a, i);
	return conf_check_gateway(gw, p.ip, p.mask, e);
}

static int check_ip4(const struct conf *c, struct conf_err *e)
{
	const struct conf_addrs *a = &c->ip;
	int err = 0;

	for (u32 i = 0; i <= a->nalso && !err; i++) {
		err = check_host("ip", conf_ip4(a, i).ip, conf_ip4(a, i).mask,
				 e);
		for (u32 j = 0; j < i && !err; j++) {
			if (conf_ip4(a, i).ip.raw == conf_ip4(a, j).ip.raw)
				err = conf_error(e, -EINVAL,
						 "ip: an address twice");
		}
	}
	return err ? err : check_gateway(c->gateway.ip, a, e);
}

static int check_address(const struct conf *c, struct conf_err *e)
{
	int err;

	if (!c->ip.ip.raw && !c->ip.nip6 && !c->dp.net.ports_only)
		return conf_error(e, -EINVAL,
				  "ip is missing: an address of our own with "
				  "prefix, such as --ip 10.0.0.1/24 (or "
				  "--ports_only to share the host's)");
	if (c->ip.ip.raw) {
		err = check_ip4(c, e);
		if (err)
			return err;
	}
	if (c->dp.net.mtu && c->dp.net.mtu < 576)
		return conf_error(e, -EINVAL, "mtu: below 576 (RFC 791)");
	if (c->dp.net.mtu && c->dp.net.mtu < IPV6_MIN_MTU && c->ip.nip6)
		return conf_error(e, -EINVAL,
				  "mtu: below 1280, which IPv6 needs");
	return check_ip6(c, e);
}

static int check_ports_only(const struct conf *c, struct conf_err *e)
{
	bool tap = !strncmp(c->nic, "tap:", 4);

	if (c->nic_shared && !tap && !c->dp.net.ports_only)
		return conf_error(e, -EINVAL,
				  "nic_shared: only with ports_only, or a tap "
				  "NIC");
	if (c->nic_shared && tap && c->mac.set)
		return conf_error(e, -EINVAL,
				  "nic_shared: a tap NIC has an address of its "
				  "own then: not with mac");
	if (c->nic_queue && (!c->nic_shared || tap))
		return conf_error(
			e, -EINVAL,
			"nic_queue: only with nic_shared, and ports_only");
	if (!c->dp.net.ports_only)
		return 0;
	if (!c->ports.port[0])
		return conf_error(e, -EINVAL,
				  "ports_only: say which with --port");
	if (strncmp(c->nic, "xdp:", 4))
		return conf_error(e, -EINVAL,
				  "ports_only: only an xdp NIC can share the "
				  "host's address");
	return 0;
}

static int check_tcp(const struct tcp_conf *t, struct conf_err *e)
{
	if (t->rto_min_us > t->rto_max_us)
		return conf_error(e, -EINVAL,
				  "tcp.rto_min is above tcp.rto_max");
	if (t->rto_initial_us > t->rto_max_us)
		return conf_error(e, -EINVAL,
				  "tcp.rto_initial is above tcp.rto_max");
	if (t->port_min > t->port_max)
		return conf_error(e, -EINVAL,
				  "tcp.port_min is above tcp.port_max");
	if (t->mss && t->mss < 64)
		return conf_error(e, -EINVAL, "tcp.mss: below 64");
	if (!t->wscale && t->rcv_buf > 65535)
		return conf_error(e, -EINVAL,
				  "tcp.rcv_buf above 65535 needs tcp.wscale");
	return 0;
}

int conf_check(const struct conf *c, struct conf_err *e)
{
	int err;

	if (!c->nic[0])
		return conf_error(e, -EINVAL,
				  "nic is missing: --nic xdp:IFACE, tap:NAME "
				  "or wire:PATH");
	if (c->ring_size & (c->ring_size - 1))
		return conf_error(e, -EINVAL, "ring_size: not a power of two");
	/* Two batches of what AF_XDP receives into: XDP_FILL_BATCH. */
	if (c->ring_size && c->ring_size < 64)
		return conf_error(e, -EINVAL, "ring_size: below 64");
	err = check_address(c, e);
	if (!err)
		err = check_ports_only(c, e);
	if (!err)
		err = check_tcp(&c->dp.net.tcp, e);
	return err;
}

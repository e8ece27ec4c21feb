/* SPDX-License-Identifier: MIT */
/* Addresses and neighbours, from the settings or from Linux. */
#include "dom/host/grant_conf.h"
#include "dom/host/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Interface behind an xdp NIC; options may follow a comma. */
static void xdp_iface(const struct conf *conf, char *out, size_t len)
{
	const char *name = strchrnul(conf->nic, ':');

	name += *name == ':';
	snprintf(out, len, "%.*s", (int)strcspn(name, ","), name);
}

/* Answers to Linux's connections must not come to us: if the ports that we
 * choose from are among Linux's, we have none, and connect fails. */
static void share_ports(struct conf *conf)
{
	struct ports *ports = &conf->dp.net.ports;
	struct tcp_conf *tcp = &conf->dp.net.tcp;

	*ports = (struct ports){ .min = tcp->port_min, .max = tcp->port_max };
	if (linux_port_chosen(ports)) {
		ports->min = tcp->port_min = 1;
		ports->max = tcp->port_max = 0;
	}
	memcpy(ports->named, conf->ports.port, sizeof(ports->named));
}

/* A port of ours that a socket of Linux has on one of our addresses. */
static int port_taken(const struct net_conf *net, const char **protocol)
{
	int port = 0;

	if (net->ip.raw)
		port = linux_port_taken(ip6_mapped(net->ip), &net->ports,
					protocol);
	for (u32 i = 0; i < net->nalso && !port; i++)
		port = linux_port_taken(ip6_mapped(net->also[i].ip),
					&net->ports, protocol);
	for (u32 i = 0; i < net->ip6.nown && !port; i++)
		port = linux_port_taken(net->ip6.own[i].ip, &net->ports,
					protocol);
	return port;
}

/* Ports that we take are lost to a socket of Linux that has one, or gets one
 * later. */
static int check_free(const struct net_conf *net, char *why, size_t why_len)
{
	const char *protocol;
	int port = port_taken(net, &protocol);

	if (port > 0) {
		snprintf(why, why_len,
			 "ports_only: a socket of Linux has %s port %d: stop "
			 "its program, or take another port (port, "
			 "tcp.port_min to port_max)",
			 protocol, port);
		return -EADDRINUSE;
	}
	if (!port)
		port = linux_port_chosen(&net->ports);
	if (port > 0) {
		snprintf(why, why_len,
			 "ports_only: Linux may choose port %d for itself: "
			 "enter it in sysctl net.ipv4.ip_local_reserved_ports",
			 port);
		return -EADDRINUSE;
	}
	return port ? host_fail(port, why, why_len, "Linux's ports") : 0;
}

static int wrong(const struct conf_err *e, char *why, size_t why_len)
{
	snprintf(why, why_len, "%s", e->text);
	return -EINVAL;
}

/* The host's IPv4 address, which Linux goes on using for other ports. @all: it
 * is ours if there is one. */
static int share_ip4(struct conf *conf, const char *name, bool all)
{
	struct net_conf *net = &conf->dp.net;
	struct be32 ip, mask, gateway;
	int err = linux_addr(name, &ip, &mask, &gateway);

	if (err)
		return err == -EADDRNOTAVAIL ? 0 : err;
	if (all) {
		net->ip = conf->ip.ip = ip;
		net->netmask = conf->ip.mask = mask;
	}
	if (net->ip.raw && !net->gateway.raw)
		net->gateway = gateway;
	return 0;
}

/* ... and those of IPv6. */
static int share_ip6(struct conf *conf, const char *name, bool all)
{
	enum { MOST = ARRAY_SIZE(conf->ip.ip6) };
	struct ip6_conf *ip6 = &conf->dp.net.ip6;
	struct ip6_prefix found[MOST];
	struct be128 gateway;
	int n = linux_addr6(name, found, MOST, &gateway);

	if (n < 0)
		return n;
	if (all) {
		memcpy(conf->ip.ip6, found, (size_t)n * sizeof(found[0]));
		memcpy(ip6->own, found, (size_t)n * sizeof(found[0]));
		conf->ip.nip6 = ip6->nown = (u32)n;
	}
	if (ip6->nown && ip6_is_zero(ip6->gateway))
		ip6->gateway = gateway;
	return 0;
}

static int share_address(struct conf *conf, char *why, size_t why_len)
{
	struct net_conf *net = &conf->dp.net;
	bool all = !net->ip.raw && !net->ip6.nown; /* none is given */
	struct conf_err e;
	char name[64];
	int err;

	xdp_iface(conf, name, sizeof(name));
	err = share_ip4(conf, name, all);
	if (!err)
		err = share_ip6(conf, name, all);
	if (!err && !net->ip.raw && !net->ip6.nown)
		err = -EADDRNOTAVAIL;
	if (err) {
		snprintf(why, why_len,
			 "ports_only: %s has no address to "
			 "share: %s",
			 name, strerror(-err));
		return err;
	}
	if (all && conf_check_gateway(net->gateway, net->ip, net->netmask, &e))
		return wrong(&e, why, why_len);
	share_ports(conf);
	return check_free(net, why, why_len);
}

/* Not the one that the MAC would give, which Linux has; the same each time
 * (RFC 7217). */
static struct be128 link_local(struct be128 ip)
{
	static const u64 key[2];
	struct be128 local = { .b = { 0xfe, 0x80 } };

	local.q[1] = hash_sip(key, &ip, sizeof(ip));
	return local;
}

static void own_ip6(struct conf *conf)
{
	struct ip6_conf *ip6 = &conf->dp.net.ip6;
	bool has_local = !conf->ip.nip6 || conf->dp.net.ports_only;

	for (u32 i = 0; i < conf->ip.nip6; i++) {
		ip6->own[ip6->nown++] = conf->ip.ip6[i];
		has_local |= ip6_is_link_local(conf->ip.ip6[i].ip);
	}
	if (!has_local)
		ip6->own[ip6->nown++] =
			(struct ip6_prefix){ link_local(conf->ip.ip6[0].ip),
					     64 };
	ip6->gateway = conf->gateway.ip6;
}

int host_address(struct conf *conf, char *why, size_t why_len)
{
	struct net_conf *net = &conf->dp.net;

	net->ip = conf->ip.ip;
	net->netmask = conf->ip.mask;
	net->gateway = conf->gateway.ip;
	net->nalso = conf->ip.nalso;
	memcpy(net->also, conf->ip.also, sizeof(net->also));
	own_ip6(conf);
	if (conf->dp.net.ports_only)
		return share_address(conf, why, why_len);
	return 0;
}

static int add_static(struct net *net, struct be32 ip, const u8 mac[6],
		      char *why, size_t why_len)
{
	char text[INET_ADDRSTRLEN];
	int err = neigh_add_static(net, ip, mac);

	if (!err)
		return 0;
	inet_ntop(AF_INET, &ip, text, sizeof(text));
	snprintf(why, why_len, "arp.static: %s %s", text,
		 err == -EINVAL ? "is not on our link" : "does not fit");
	return err;
}

static int add_all(struct net *net, const struct conf_arp *arp, char *why,
		   size_t why_len)
{
	int err = 0;

	for (u32 i = 0; i < arp->n && !err; i++)
		err = add_static(net, arp->e[i].ip, arp->e[i].mac, why,
				 why_len);
	return err;
}

static void forget_all(struct net *net, const struct conf_arp *arp)
{
	for (u32 i = 0; i < arp->n; i++)
		neigh_forget_static(net, arp->e[i].ip);
}

int host_change_neighbours(struct dp *dp, const struct conf_arp *from,
			   const struct conf_arp *to, char *why, size_t why_len)
{
	char ignored[1];
	int err;

	forget_all(&dp->net, from);
	err = add_all(&dp->net, to, why, why_len);
	if (err) {
		forget_all(&dp->net, to);
		add_all(&dp->net, from, ignored, sizeof(ignored));
	}
	return err;
}

void host_read_neighbours(struct host *h)
{
	struct host_neighbours *known = &h->neighbours;
	struct linux_neigh found[HOST_NEIGHBOURS];
	struct be128 wanted[HOST_WANTED];
	char name[64];
	int n, nwanted;

	if (!h->conf.dp.net.ports_only)
		return;
	xdp_iface(&h->conf, name, sizeof(name));
	pthread_mutex_lock(&known->lock);
	nwanted = known->nwanted;
	known->nwanted = 0;
	memcpy(wanted, known->wanted, sizeof(wanted));
	pthread_mutex_unlock(&known->lock);
	for (int i = 0; i < nwanted; i++)
		linux_resolve(name, wanted[i]);
	n = linux_neighbours(name, found, HOST_NEIGHBOURS);
	if (n < 0)
		return; /* the last ones will do */
	pthread_mutex_lock(&known->lock);
	memcpy(known->e, found, (size_t)n * sizeof(found[0]));
	known->n = n;
	pthread_mutex_unlock(&known->lock);
}

/* Answers to us go to Linux, so it has to ask. A few at a time: unknown ones
 * are given up after some retries, which makes room for the others. */
static void ask_linux(struct host_neighbours *known, const struct net *net)
{
	for (u32 i = 0; i < NEIGH_ENTRIES && known->nwanted < HOST_WANTED;
	     i++) {
		const struct neigh *e = &net->neighbours.entries[i];

		if (e->state == NEIGH_ASKING)
			known->wanted[known->nwanted++] =
				addr_to_ip6(net, e->ip);
	}
}

static void follow_one(struct net *net, const struct linux_neigh *n, u64 now)
{
	struct be32 ip = { n->ip.w[3] };

	if (!ip6_is_mapped(n->ip))
		ip = addr_get(net, n->ip);
	if (ip.raw)
		neigh_follow(net, ip, n->mac, now);
	addr_put(net, ip);
}

static void follow_linux(struct host_neighbours *known, struct net *net,
			 u64 now)
{
	if (pthread_mutex_trylock(&known->lock))
		return;
	for (int i = 0; i < known->n; i++)
		follow_one(net, &known->e[i], now);
	ask_linux(known, net);
	pthread_mutex_unlock(&known->lock);
}

/* One frame of those that wait; false: there is none. */
static bool hear_one(int fd, struct net *net, u64 now)
{
	struct mbuf *m = mbuf_alloc(net->pool);
	ssize_t n;

	if (!m)
		return false;
	n = recv(fd, m->data, MBUF_ROOM, 0);
	m->len = n > 0 ? (u32)n : 0;
	m->flags |= MBUF_FORWARDED; /* nobody waits for an answer */
	if (n > 0)
		net_rx(net, &m, 1, now);
	else
		mbuf_free(net->pool, m);
	return n > 0;
}

static void hear(int fd, struct net *net, u64 now)
{
	enum { MOST = 64 };

	for (int i = 0; fd && i < MOST; i++) {
		if (!hear_one(fd, net, now))
			break;
	}
}

void host_follow_neighbours(struct host_thread *t, u64 now)
{
	const struct conf *conf = &t->host->conf;

	if (conf->dp.net.ports_only)
		follow_linux(&t->host->neighbours, &t->dp->net, now);
	hear(t->arp_fd, &t->dp->net, now);
	hear(t->nd_fd, &t->dp->net, now);
}

int host_join_groups(int fd, const struct conf *conf)
{
	const struct ip6_conf *ip6 = &conf->dp.net.ip6;
	char ifname[64];
	int err = 0;

	xdp_iface(conf, ifname, sizeof(ifname));
	for (u32 i = 0; i < ip6->nown && !err; i++) {
		u8 mac[6];

		ip6_group_mac(mac, ip6_solicited_node(ip6->own[i].ip));
		err = linux_join(fd, ifname, mac);
	}
	return err;
}

static int open_announcements6(struct host_thread *t, const char *ifname,
			       char *why, size_t why_len)
{
	int fd = linux_announcements6(ifname), err;

	if (fd < 0)
		return host_fail(fd, why, why_len,
				 "packet socket for neighbour discovery");
	t->nd_fd = fd;
	err = host_join_groups(fd, &t->host->conf);
	return err ? host_fail(err, why, why_len, "multicast groups") : 0;
}

/* With an address of our own, the NIC gives us ARP that is addressed to us, but
 * leaves broadcast ARP to Linux: the announcement of a router that has failed
 * over, for example. */
static int open_announcements(struct host_thread *t, char *why, size_t why_len)
{
	const struct conf *conf = &t->host->conf;
	char name[64];
	int fd;

	/* Packet sockets are for all interfaces: none is passed. */
	if (strncmp(conf->nic, "xdp:", 4) || conf->dp.net.ports_only ||
	    t->host->grant_fd)
		return 0;
	xdp_iface(conf, name, sizeof(name));
	fd = linux_announcements(name);
	if (fd < 0)
		return host_fail(fd, why, why_len, "packet socket for ARP");
	t->arp_fd = fd;
	return conf->dp.net.ip6.nown
		       ? open_announcements6(t, name, why, why_len)
		       : 0;
}

int host_neighbours(struct host_thread *t, u64 now, char *why, size_t why_len)
{
	int err = add_all(&t->dp->net, &t->host->conf.arp, why, why_len);

	if (!err)
		err = open_announcements(t, why, why_len);
	if (!err) {
		host_read_neighbours(t->host);
		host_follow_neighbours(t, now);
	}
	return err;
}

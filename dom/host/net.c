/* SPDX-License-Identifier: MIT */
/* Addresses and neighbours, from the settings or from Linux. */
#include "dom/host/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Interface behind an xdp NIC; options may follow a comma. */
static void xdp_iface(const struct conf *conf, char *out, size_t len)
{
	const char *name = strchrnul(conf->nic, ':');

	name += *name == ':';
	snprintf(out, len, "%.*s", (int)strcspn(name, ","), name);
}

/* Source ports of Linux's own connections; false: not to be found out. */
static bool linux_ports(unsigned int *low, unsigned int *high)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	bool ok = f && fscanf(f, "%u %u", low, high) == 2;

	if (f)
		fclose(f);
	return ok;
}

/* Answers to Linux's connections must not come to us: if our source ports are
 * among Linux's, we have none, and connect fails. */
static void share_ports(struct tcp_conf *tcp)
{
	unsigned int low, high;

	if (linux_ports(&low, &high) &&
	    (tcp->port_max < low || tcp->port_min > high))
		return;
	tcp->port_min = 1;
	tcp->port_max = 0;
}

/* The host's own address, which Linux goes on using for other ports. */
static int share_address(struct conf *conf, char *why, size_t why_len)
{
	struct net_conf *net = &conf->dp.net;
	struct be32 ip, mask, gateway;
	char name[64];
	int err;

	xdp_iface(conf, name, sizeof(name));
	err = nic_host_addr(name, &ip, &mask, &gateway);
	if (err) {
		snprintf(why, why_len,
			 "ports_only: %s has no IPv4 address to share: %s",
			 name, strerror(-err));
		return err;
	}
	if (!net->ip.raw) {
		net->ip = ip;
		net->netmask = mask;
	}
	if (!net->gateway.raw)
		net->gateway = gateway;
	share_ports(&net->tcp);
	return 0;
}

int host_address(struct conf *conf, char *why, size_t why_len)
{
	conf->dp.net.ip = conf->ip.ip;
	conf->dp.net.netmask = conf->ip.mask;
	if (conf->dp.net.ports_only)
		return share_address(conf, why, why_len);
	return 0;
}

static int add_static(struct net *net, struct be32 ip, const u8 mac[6],
		      char *why, size_t why_len)
{
	char text[INET_ADDRSTRLEN];
	int err = arp_add_static(net, ip, mac);

	if (!err)
		return 0;
	inet_ntop(AF_INET, &ip, text, sizeof(text));
	snprintf(why, why_len, "arp.static: %s %s", text,
		 err == -EINVAL ? "is not on our link" : "does not fit");
	return err;
}

void host_read_neighbours(struct host *h)
{
	struct nic_neigh found[HOST_NEIGHBOURS];
	char name[64];
	int n;

	if (!h->conf.dp.net.ports_only)
		return;
	xdp_iface(&h->conf, name, sizeof(name));
	n = nic_host_neighbours(name, found, HOST_NEIGHBOURS);
	if (n < 0)
		return; /* the last ones will do */
	pthread_mutex_lock(&h->neighbours.lock);
	memcpy(h->neighbours.e, found, (size_t)n * sizeof(found[0]));
	h->neighbours.n = n;
	pthread_mutex_unlock(&h->neighbours.lock);
}

void host_follow_neighbours(struct host *h, struct net *net, u64 now)
{
	struct host_neighbours *known = &h->neighbours;

	if (!h->conf.dp.net.ports_only || pthread_mutex_trylock(&known->lock))
		return;
	for (int i = 0; i < known->n; i++)
		arp_follow(net, known->e[i].ip, known->e[i].mac,
			   known->e[i].sure, now);
	pthread_mutex_unlock(&known->lock);
}

int host_neighbours(struct host *h, struct net *net, u64 now, char *why,
		    size_t why_len)
{
	const struct conf_arp *arp = &h->conf.arp;
	int err = 0;

	for (u32 i = 0; i < arp->n && !err; i++)
		err = add_static(net, arp->e[i].ip, arp->e[i].mac, why,
				 why_len);
	if (!err) {
		host_read_neighbours(h);
		host_follow_neighbours(h, net, now);
	}
	return err;
}

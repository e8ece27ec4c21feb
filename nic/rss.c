/* SPDX-License-Identifier: MIT */
/* Flow groups <-> indirection table, through the ethtool ioctls (the same as
 * "ethtool -X"): older than the netlink ones, and every driver has them. */
#include "nic/rss.h"
#include "nic/nic_open.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HASH_TOEPLITZ = 1 }; /* the kernel's ETH_RSS_HASH_TOP */

void nic_rss_default(struct nic *nic)
{
	memcpy(nic->rss_key, rss_symmetric_key, RSS_KEY_LEN);
	for (u32 g = 0; g < RSS_TABLE; g++)
		nic->group_owner[g] = (u8)(g % nic->nqueues);
	nic->apart = RSS_TABLE;
	nic->rss_control = false;
}

static bool power_of_two(u32 n)
{
	return n && !(n & (n - 1));
}

bool rss_fill(u32 *table, u32 n, const u8 owner[RSS_TABLE])
{
	if (!power_of_two(n))
		return false;
	for (u32 i = 0; i < n; i++)
		table[i] = owner[i % RSS_TABLE];
	for (u32 g = n; g < RSS_TABLE; g++) {
		if (owner[g] != owner[g % n])
			return false;
	}
	return true;
}

static int ethtool(const char *ifname, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };
	int fd, err;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return err;
}

/* Drivers from before Linux 4.0 do not say, and have no other. */
static bool is_toeplitz(u8 hfunc)
{
	return !hfunc || hfunc == HASH_TOEPLITZ;
}

void rss_forget(struct rss_saved *s)
{
	free(s->table);
	free(s->key);
	memset(s, 0, sizeof(*s));
}

/* Allocates and reads; the caller frees *@out. Table, then key, in
 * rss_config[]. */
static int get_rxfh(const char *ifname, struct ethtool_rxfh **out)
{
	struct ethtool_rxfh sizes = { .cmd = ETHTOOL_GRSSH };
	struct ethtool_rxfh *r;
	int err = ethtool(ifname, &sizes);

	if (err)
		return err;
	if (!sizes.indir_size)
		return -EOPNOTSUPP;
	r = calloc(1, sizeof(*r) + sizes.indir_size * sizeof(u32) +
			      sizes.key_size);
	if (!r)
		return -ENOMEM;
	r->cmd = ETHTOOL_GRSSH;
	r->indir_size = sizes.indir_size;
	r->key_size = sizes.key_size;
	err = ethtool(ifname, r);
	if (err) {
		free(r);
		return err;
	}
	*out = r;
	return 0;
}

static u8 *key_of(struct ethtool_rxfh *r)
{
	return (u8 *)(r->rss_config + r->indir_size);
}

/* What Linux 6.8 made of a reserved byte: input_xfrm, which mixes a packet's
 * addresses and ports before they are hashed. */
static u8 *xfrm_of(struct ethtool_rxfh *r)
{
	return &r->rsvd8[0];
}

static bool is_default(const char *ifname, const struct rss_saved *s)
{
	struct ethtool_rxnfc rings = { .cmd = ETHTOOL_GRXRINGS };

	if (ethtool(ifname, &rings) || !rings.data)
		return false;
	for (u32 i = 0; i < s->table_size; i++) {
		if (s->table[i] != i % rings.data)
			return false;
	}
	return true;
}

static int save(struct ethtool_rxfh *r, struct rss_saved *s)
{
	size_t table = r->indir_size * sizeof(u32);

	s->table = malloc(table);
	s->key = malloc(r->key_size + 1);
	if (!s->table || !s->key) {
		rss_forget(s);
		return -ENOMEM;
	}
	memcpy(s->table, r->rss_config, table);
	memcpy(s->key, key_of(r), r->key_size);
	s->table_size = r->indir_size;
	s->key_size = r->key_size;
	s->hfunc = r->hfunc;
	s->xfrm = *xfrm_of(r);
	return 0;
}

/* Drivers refuse what they cannot set, some even as it is. Then without our
 * key, and with the function that there is. */
static int set_rxfh(const char *ifname, struct ethtool_rxfh *r,
		    u8 key[RSS_KEY_LEN], struct rss_saved *s)
{
	u32 key_size = r->key_size;
	int err;

	for (u32 i = 0; i < key_size; i++)
		key_of(r)[i] = key[i % RSS_KEY_LEN];
	r->cmd = ETHTOOL_SRSSH;
	r->hfunc = is_toeplitz(s->hfunc) ? 0 : HASH_TOEPLITZ;
	*xfrm_of(r) = 0;
	err = ethtool(ifname, r);
	if (!err && key_size >= RSS_KEY_LEN)
		return 0;
	if (err) {
		r->key_size = 0;
		r->hfunc = 0;
		*xfrm_of(r) = s->xfrm;
		err = ethtool(ifname, r);
	}
	if (!err && key_size >= RSS_KEY_LEN)
		memcpy(key, s->key, RSS_KEY_LEN);
	s->unknown_hash = !err && (key_size < RSS_KEY_LEN || s->xfrm ||
				   !is_toeplitz(s->hfunc));
	return err;
}

static const u32 flow_types[RSS_FLOWS] = { TCP_V4_FLOW, UDP_V4_FLOW,
					   TCP_V6_FLOW, UDP_V6_FLOW };

static int fields(const char *ifname, u32 cmd, u32 flow, u64 *data)
{
	struct ethtool_rxnfc nfc = {
		.cmd = cmd,
		.flow_type = flow_types[flow],
		.data = *data,
	};
	int err = ethtool(ifname, &nfc);

	if (!err)
		*data = nfc.data;
	return err;
}

/* UDP is often hashed by addresses only. Not every driver lets us: then its
 * packets are forwarded between threads. */
static void hash_ports(const char *ifname)
{
	for (u32 i = 0; i < RSS_FLOWS; i++) {
		u64 all = RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3;
		u64 now = 0;

		if (fields(ifname, ETHTOOL_GRXFH, i, &now) || now != all)
			fields(ifname, ETHTOOL_SRXFH, i, &all);
	}
}

int rss_save(const char *ifname, struct rss_saved *s)
{
	struct ethtool_rxfh *r;
	int err = get_rxfh(ifname, &r);

	if (err)
		return err;
	err = save(r, s);
	free(r);
	if (err)
		return err;
	s->is_default = is_default(ifname, s);
	for (u32 i = 0; i < RSS_FLOWS; i++)
		fields(ifname, ETHTOOL_GRXFH, i, &s->fields[i]);
	return 0;
}

bool rss_controls(const struct rss_saved *s, u32 nqueues)
{
	return power_of_two(s->table_size) && s->table_size >= nqueues;
}

int rss_apply(const char *ifname, u8 key[RSS_KEY_LEN], u8 owner[RSS_TABLE],
	      u32 nqueues, struct rss_saved *saved)
{
	u8 shared[RSS_TABLE];
	struct ethtool_rxfh *r;
	int err;

	if (!rss_controls(saved, nqueues))
		return -EOPNOTSUPP;
	err = get_rxfh(ifname, &r);
	if (err)
		return err;
	for (u32 g = 0; g < RSS_TABLE; g++)
		shared[g] = owner[g % r->indir_size];
	if (r->indir_size < nqueues ||
	    !rss_fill(r->rss_config, r->indir_size, shared))
		err = -EOPNOTSUPP;
	else
		err = set_rxfh(ifname, r, key, saved);
	if (!err) {
		memcpy(owner, shared, sizeof(shared));
		saved->apart = min(r->indir_size, (u32)RSS_TABLE);
		hash_ports(ifname);
	}
	free(r);
	return err;
}

int rss_set_table(const char *ifname, const u8 owner[RSS_TABLE])
{
	struct ethtool_rxfh *r;
	int err = get_rxfh(ifname, &r);

	if (err)
		return err;
	r->cmd = ETHTOOL_SRSSH;
	r->hfunc = 0;
	r->key_size = 0;
	if (rss_fill(r->rss_config, r->indir_size, owner))
		err = ethtool(ifname, r);
	else
		err = -EOPNOTSUPP;
	free(r);
	return err;
}

/* All of it, or what is most needed. A table that somebody has set binds the
 * number of queues: the driver's own must be the driver's own again. */
static void put_back(const char *ifname, struct ethtool_rxfh *r,
		     const struct rss_saved *s)
{
	int err;

	r->cmd = ETHTOOL_SRSSH;
	r->indir_size = s->table_size;
	r->key_size = s->key_size;
	r->hfunc = is_toeplitz(s->hfunc) ? 0 : s->hfunc;
	*xfrm_of(r) = s->xfrm;
	memcpy(r->rss_config, s->table, s->table_size * sizeof(u32));
	memcpy(key_of(r), s->key, s->key_size);
	err = ethtool(ifname, r);
	r->key_size = 0;
	r->hfunc = 0;
	if (err)
		err = ethtool(ifname, r);
	if (err || s->is_default) {
		r->indir_size = 0;
		ethtool(ifname, r);
	}
}

void rss_restore(const char *ifname, struct rss_saved *s)
{
	struct ethtool_rxfh *r;

	if (!s->table_size)
		return;
	r = calloc(1, sizeof(*r) + s->table_size * sizeof(u32) + s->key_size);
	if (r)
		put_back(ifname, r, s);
	free(r);
	for (u32 i = 0; i < RSS_FLOWS; i++) {
		if (s->fields[i])
			fields(ifname, ETHTOOL_SRXFH, i, &s->fields[i]);
	}
	rss_forget(s);
}

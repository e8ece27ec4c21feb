/* SPDX-License-Identifier: MIT */
/* Makes or joins a TAP device: a descriptor per queue, Linux's side up and,
 * if asked, with an address. Needs CAP_NET_ADMIN in the own network
 * namespace only, so that a user namespace suffices; and nothing where root has
 * made it for our user, and brought it up. */
#include "nic/keep_msg.h"
#include "nic/linux.h"
#include "nic/nic_open.h"
#include "nic/tap.h"
#include "nic/tap_steer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap_steer.skel.h"

struct tap_nic {
	struct nic nic;
	struct tap_steering steer; /* none: Linux chooses queues as it likes */
	int index;		   /* of the interface */
	struct tap_queue {
		struct tap_q q;
	} ALIGNED(NIC_PAGE) * queues; /* pages of their own: nic.parts */
};

struct tap_spec {
	char ifname[IFNAMSIZ];
	bool has_addr;
	struct in_addr addr; /* of Linux's side */
	struct in_addr mask;
};

/* "NAME" or "NAME,ADDRESS/PREFIX" */
static bool parse(const char *arg, struct tap_spec *s)
{
	const char *comma = strchrnul(arg, ',');
	char addr[INET_ADDRSTRLEN];
	unsigned prefix;

	memset(s, 0, sizeof(*s));
	if (comma == arg || comma - arg >= IFNAMSIZ)
		return false;
	memcpy(s->ifname, arg, (size_t)(comma - arg));
	if (!*comma)
		return true;
	if (sscanf(comma + 1, "%15[0-9.]/%u", addr, &prefix) != 2 || !prefix ||
	    prefix > 32 || !inet_aton(addr, &s->addr))
		return false;
	s->mask.s_addr = htonl(~0u << (32 - prefix));
	s->has_addr = true;
	return true;
}

/* Opening the device needs no privilege, unless whoever made the node has
 * restricted it. */
static int no_tun(int err, char *why, size_t why_len)
{
	if (err == -EPERM || err == -EACCES)
		return nic_fail(err, why, why_len,
				"/dev/net/tun may not be opened by us: \"chmod "
				"666 /dev/net/tun\" as root");
	if (err == -ENOENT || err == -ENODEV)
		return nic_fail(err, why, why_len,
				"/dev/net/tun is missing: \"modprobe tun\"");
	return nic_fail(err, why, why_len, "/dev/net/tun: %s", strerror(-err));
}

static int no_device(int err, const char *ifname, const char *step, char *why,
		     size_t why_len)
{
	if (err == -EPERM || err == -EACCES)
		return nic_fail(err, why, why_len,
				"making TAP device %s is not permitted: run as "
				"root, or inside \"unshare -Urn\"",
				ifname);
	if (err == -EBUSY)
		return nic_fail(err, why, why_len,
				"TAP device %s is in use by another program, "
				"or was made with other flags",
				ifname);
	return nic_fail(err, why, why_len, "TAP device %s: %s: %s", ifname,
			step, strerror(-err));
}

/* Are packets of many segments received? That is the device's, and who shares
 * it may be set otherwise. */
static bool takes_large(const struct nic_config *cfg)
{
	return cfg->tso && !cfg->shared &&
	       cfg->frames_per_queue >= TAP_LARGE_FRAMES;
}

/* One descriptor more of the device; the first one makes it. Or -errno of
 * @step; NULL: of opening /dev/net/tun. */
static int open_queue(const char *ifname, bool multi, bool large,
		      const char **step)
{
	struct ifreq ifr = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	};
	int fd, err;

	*step = NULL;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (multi)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	*step = "TUNSETIFF";
	if (ioctl(fd, TUNSETIFF, &ifr))
		goto fail;
	*step = "TUNSETOFFLOAD";
	if (ioctl(fd, TUNSETOFFLOAD,
		  TUN_F_CSUM | (large ? TUN_F_TSO4 | TUN_F_TSO6 : 0)))
		goto fail;
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

static int set_addr(int fd, struct ifreq *ifr, unsigned long request,
		    struct in_addr addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = addr };

	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
	return ioctl(fd, request, ifr) ? -errno : 0;
}

static int configure(const struct tap_spec *s)
{
	struct ifreq ifr = { 0 };
	int fd, err = 0;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", s->ifname);
	if (s->has_addr) {
		err = set_addr(fd, &ifr, SIOCSIFADDR, s->addr);
		if (!err)
			err = set_addr(fd, &ifr, SIOCSIFNETMASK, s->mask);
	}
	if (!err && ioctl(fd, SIOCGIFFLAGS, &ifr))
		err = -errno;
	/* Of one that was made for our user we may not change the flags. */
	if (!err && !(ifr.ifr_flags & IFF_UP)) {
		ifr.ifr_flags |= IFF_UP;
		err = ioctl(fd, SIOCSIFFLAGS, &ifr) ? -errno : 0;
	}
	close(fd);
	return err;
}

/* Our end's address: locally administered, and the same at every start, for
 * the sake of ARP caches. A successor has another one, for what is asked and
 * answered below IP; for all else both are the same. */
static void choose_mac(struct nic *nic, struct be32 ip, u32 place)
{
	nic->mac[0] = 0x02;
	nic->mac[1] = (u8)(TAP_PLACE_MAC + place);
	memcpy(nic->mac + 2, &ip, 4);
}

static void init_queue(struct tap_nic *t, const struct nic_config *cfg, u32 i,
		       int fd)
{
	struct tap_q *q = &t->queues[i].q;

	q->fd = q->out_fd = fd;
	q->shared = cfg->shared;
	q->parts = tap_frames(takes_large(cfg) ? UINT16_MAX : t->nic.mtu);
	q->q.ops = &tap_ops;
	q->q.mtu = t->nic.mtu;
	q->q.caps = NIC_GATHER | NIC_TX_CSUM | NIC_RX_CSUM_PARTIAL;
	if (cfg->tso)
		q->q.caps |= NIC_TSO;
	memcpy(q->q.mac, t->nic.mac, 6);
}

static void tap_close(struct nic *nic)
{
	struct tap_nic *t = container_of(nic, struct tap_nic, nic);

	tap_steer_detach(&t->steer, t->queues[0].q.fd);
	for (u32 i = 0; i < nic->nqueues; i++) {
		if (t->queues[i].q.fd >= 0)
			close(t->queues[i].q.fd);
	}
	free(t->queues);
	free(t);
}

/* It may have gone to another namespace, where we cannot see it. */
static enum nic_link tap_link(struct nic *nic)
{
	struct tap_nic *t = container_of(nic, struct tap_nic, nic);
	struct ifreq ifr;

	if (ioctl(nic->fd[0], TUNGETIFF, &ifr))
		return NIC_GONE;
	return linux_link(t->index) ? NIC_UP : NIC_DOWN;
}

static u32 tap_parts(struct nic *nic, u32 i, struct nic_part out[NIC_PARTS])
{
	struct tap_nic *t = container_of(nic, struct tap_nic, nic);

	out[0] = (struct nic_part){ &t->queues[i], sizeof(t->queues[i]) };
	return 1;
}

static struct tap_nic *alloc_nic(const struct nic_config *cfg)
{
	struct tap_nic *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->queues =
		aligned_alloc(NIC_PAGE, cfg->nqueues * sizeof(t->queues[0]));
	if (!t->queues) {
		free(t);
		return NULL;
	}
	memset(t->queues, 0, cfg->nqueues * sizeof(t->queues[0]));
	t->nic.nqueues = cfg->nqueues;
	t->nic.parts = tap_parts;
	t->nic.hosted = true;
	t->nic.close = tap_close;
	t->nic.link = tap_link;
	snprintf(t->nic.driver, sizeof(t->nic.driver), "tun");
	for (u32 i = 0; i < cfg->nqueues; i++) {
		t->queues[i].q.fd = -1;
		t->nic.q[i] = &t->queues[i].q.q;
	}
	nic_rss_default(&t->nic);
	return t;
}

static struct tap_steering *steering(struct nic *nic)
{
	return &container_of(nic, struct tap_nic, nic)->steer;
}

static int set_groups(struct nic *nic)
{
	tap_steer_set(steering(nic), nic->group_owner);
	return 0;
}

static u32 flow_parts(struct nic *nic, struct nic_part out[NIC_PARTS])
{
	struct tap_steering *s = steering(nic);

	out[0] = (struct nic_part){ s->flows.entry, s->flows_len };
	out[1] = (struct nic_part){ s->vars, NIC_PAGE };
	return 2;
}

static void serves(struct nic *nic, u32 i)
{
	tap_share_serves(steering(nic), i);
}

static u32 pass(struct nic *nic, bool back)
{
	return tap_share_pass(steering(nic), back);
}

static bool leave(struct nic *nic)
{
	return tap_share_leave(steering(nic));
}

/* Who has it already, if anybody: before there are queues of ours. */
static int join(struct tap_nic *t, const struct nic_config *cfg,
		const struct linux_ifinfo *info, const char *ifname, char *why,
		size_t why_len)
{
	int err = tap_share_join(&t->steer, info->index, info->rx_queues,
				 cfg->kin);
	/* Made, and left. */
	bool nobodys = err == -ENOENT && !info->rx_queues && !cfg->kin;

	if (!err || nobodys)
		return 0;
	return nic_fail(-EBUSY, why, why_len,
			err == -EBUSY
				? "TAP device %s is had by a dataplane and its "
				  "successor already: one of them is to end "
				  "first"
				: "TAP device %s is in use by another program, "
				  "or by a dataplane without nic_shared",
			ifname);
}

/* Without the right to load programs Linux sends a flow where its last answer
 * came from, and the first packets anywhere. */
static int steer(struct tap_nic *t, const struct nic_config *cfg, u32 others)
{
	u32 n = t->nic.nqueues;
	int err = 0;

	if (t->steer.vars)
		tap_share_enter(&t->steer, others, n);
	else if (n > 1 || cfg->shared)
		err = tap_steer_attach(&t->steer, t->queues[0].q.fd, n,
				       cfg->shared ? max(n * cfg->conns, 1u)
						   : 0,
				       cfg->kin, t->index);
	if (!t->steer.vars)
		return err;
	t->steer.vars->pid[t->steer.place] =
		cfg->pid ? cfg->pid : (u32)getpid();
	tap_steer_set(&t->steer, t->nic.group_owner);
	t->nic.rss_control = true;
	t->nic.set_groups = set_groups;
	if (cfg->shared) {
		t->nic.flows = &t->steer.flows;
		t->nic.flow_parts = flow_parts;
		t->nic.serves = serves;
		t->nic.pass = pass;
		t->nic.leave = leave;
	}
	return 0;
}

static void describe(struct tap_nic *t, const char *ifname, int no_steer)
{
	u32 n = t->nic.nqueues;

	snprintf(t->nic.detail, sizeof(t->nic.detail),
		 "%s: TAP, %u queue%s, MTU %u%s%s%s", ifname, n,
		 n == 1 ? "" : "s", t->nic.mtu,
		 no_steer ? ", no RSS control (" : "",
		 no_steer ? strerror(-no_steer) : "", no_steer ? ")" : "");
}

static int open_queues(struct tap_nic *t, const struct nic_config *cfg,
		       const char *ifname, char *why, size_t why_len)
{
	const char *step;

	for (u32 i = 0; i < cfg->nqueues; i++) {
		int fd = open_queue(ifname, cfg->nqueues > 1 || cfg->shared,
				    takes_large(cfg), &step);

		if (fd < 0 && !step)
			return no_tun(fd, why, why_len);
		if (fd < 0)
			return no_device(fd, ifname, step, why, why_len);
		t->queues[i].q.fd = t->nic.fd[i] = fd;
	}
	return 0;
}

/* Of a device without an owner everybody may open a queue. Of one that was
 * there before, whoever made it has said. */
static int own(int fd)
{
	return ioctl(fd, TUNSETOWNER, (unsigned long)geteuid()) ? -errno : 0;
}

/* Queues of ours, beside those that it had @before; what it is then, to
 * *@now. With its last queue Linux removes a device, and makes another one for
 * the next of that name: nobody's, and steered by nothing of who was joined. */
static int make_or_join(struct tap_nic *t, const struct nic_config *cfg,
			const char *ifname, struct linux_ifinfo *before,
			struct linux_ifinfo *now, char *why, size_t why_len)
{
	int err = 0;

	if (linux_ifinfo(ifname, before))
		*before = (struct linux_ifinfo){ 0 };
	else if (cfg->shared)
		err = join(t, cfg, before, ifname, why, why_len);
	if (!err)
		err = open_queues(t, cfg, ifname, why, why_len);
	if (err)
		return err;
	err = linux_ifinfo(ifname, now);
	if (err)
		return no_device(err, ifname, "make", why, why_len);
	t->index = now->index;
	if (t->steer.vars && t->index != before->index)
		return nic_fail(-EBUSY, why, why_len,
				"TAP device %s is just ending: try again",
				ifname);
	if (t->index != before->index)
		err = own(t->nic.fd[0]);
	return err ? no_device(err, ifname, "make", why, why_len) : 0;
}

static int start(struct tap_nic *t, const struct nic_config *cfg,
		 const struct tap_spec *s, char *why, size_t why_len)
{
	struct linux_ifinfo before, info;
	int no_steer, err = make_or_join(t, cfg, s->ifname, &before, &info, why,
					 why_len);

	if (err)
		return err;
	/* Who comes at the same time has not seen us either. */
	if (cfg->shared && info.rx_queues > before.rx_queues + cfg->nqueues)
		return nic_fail(-EBUSY, why, why_len,
				"TAP device %s is being opened by another one, "
				"too: only one is to try again",
				s->ifname);
	err = configure(s);
	if (err)
		return no_device(err, s->ifname, "bring up", why, why_len);
	no_steer = steer(t, cfg, before.rx_queues);
	if (cfg->shared && no_steer)
		return nic_fail(no_steer, why, why_len,
				"nic_shared: the program that divides a TAP "
				"device cannot be loaded (%s): run as root",
				strerror(-no_steer));
	if (tap_frames(info.mtu) > TAP_MTU_PARTS)
		return nic_fail(-EMSGSIZE, why, why_len,
				"MTU %u of %s is too large: \"ip link set dev "
				"%s mtu 9000\"",
				info.mtu, s->ifname, s->ifname);
	t->nic.mtu = (u16)info.mtu;
	choose_mac(&t->nic, cfg->ip, t->steer.place);
	for (u32 i = 0; i < cfg->nqueues; i++)
		init_queue(t, cfg, i, t->queues[i].q.fd);
	describe(t, s->ifname, no_steer);
	return 0;
}

int tap_open(const struct nic_config *cfg, const char *arg, struct nic **out,
	     char *why, size_t why_len)
{
	struct tap_spec s;
	struct tap_nic *t;
	int err;

	if (!parse(arg, &s))
		return nic_fail(-EINVAL, why, why_len,
				"\"tap:%s\": say tap:NAME or "
				"tap:NAME,ADDRESS/PREFIX",
				arg);
	if (cfg->ports_only)
		return nic_fail(-EINVAL, why, why_len,
				"a TAP device cannot share Linux's address: "
				"give --ip an address of its own");
	t = alloc_nic(cfg);
	if (!t)
		return nic_fail(-ENOMEM, why, why_len, "out of memory");
	err = start(t, cfg, &s, why, why_len);
	if (err) {
		tap_close(&t->nic);
		return err;
	}
	*out = &t->nic;
	return 0;
}

int tap_take(const struct nic_config *cfg, const struct keep_reply *r,
	     const int *fds, struct nic **out, char *why, size_t why_len)
{
	struct tap_nic *t = alloc_nic(cfg);

	if (!t) {
		keep_close_fds(fds, cfg->nqueues);
		return nic_fail(-ENOMEM, why, why_len, "out of memory");
	}
	t->index = r->index;
	t->nic.mtu = r->mtu;
	memcpy(t->nic.mac, r->mac, sizeof(r->mac));
	memcpy(t->nic.detail, r->detail, sizeof(r->detail));
	for (u32 i = 0; i < cfg->nqueues; i++) {
		t->nic.fd[i] = fds[i];
		init_queue(t, cfg, i, fds[i]);
	}
	*out = &t->nic;
	return 0;
}

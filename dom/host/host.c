/* SPDX-License-Identifier: MIT */
/* From settings to elastic threads that are ready to run. */
#include "dom/host/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dom/host/grant_conf.h"

int host_fail(int err, char *why, size_t why_len, const char *what)
{
	snprintf(why, why_len, "%s: %s", what, strerror(-err));
	return err;
}

int host_fail_at(int err, char *why, size_t why_len, const char *what,
		 const char *path)
{
	snprintf(why, why_len, "%s %s: %s", what, path, strerror(-err));
	return err;
}

/* ---- settings */

int host_pin(u32 core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* "0-3,6" */
static void print_cores(const cpu_set_t *set, char *out, size_t len)
{
	size_t used = 0;

	for (u32 i = 0, last; i < CPU_SETSIZE && used < len; i++) {
		if (!CPU_ISSET(i, set))
			continue;
		for (last = i; last + 1 < CPU_SETSIZE; last++)
			if (!CPU_ISSET(last + 1, set))
				break;
		used += (size_t)snprintf(out + used, len - used,
					 last > i ? "%s%u-%u" : "%s%u",
					 used ? "," : "", i, last);
		i = last;
	}
}

static int no_core(u32 core, const cpu_set_t *set, int err, char *why,
		   size_t why_len)
{
	char list[128] = "";

	if (err != -EINVAL) {
		snprintf(list, sizeof(list), "core %u", core);
		return host_fail(err, why, why_len, list);
	}
	print_cores(set, list, sizeof(list));
	snprintf(why, why_len,
		 "cores: there is no core %u here, or we may not use it; there "
		 "are %s",
		 core, list);
	return err;
}

/* Tried, since the kernel lets us have some that we did not begin on. */
static int check_cores(struct conf_cores *cores, char *why, size_t why_len)
{
	cpu_set_t set;
	int err = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		return host_fail(-errno, why, why_len, "cores");
	for (u32 i = 0; !cores->n && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			cores->core[cores->n++] = (u16)i;
	for (u32 i = 0; i < cores->n && !err; i++) {
		err = host_pin(cores->core[i]);
		if (err)
			no_core(cores->core[i], &set, err, why, why_len);
	}
	sched_setaffinity(0, sizeof(set), &set);
	return err;
}

/* What 0 and "auto" stand for. */
static int derive(struct conf *c, char *why, size_t why_len)
{
	struct tcp_conf *tcp = &c->dp.net.tcp;
	int err;

	if (!tcp->max_ranges)
		tcp->max_ranges = TCP_RANGES_EACH * tcp->max_conns;
	c->dp.gathers = c->xdp_gather != XDP_GATHER_OFF;
	err = check_cores(&c->cores, why, why_len);
	return err ? err : host_address(c, why, why_len);
}

/* ---- NIC */

struct nic_config host_nic_config(const struct conf *c)
{
	_Static_assert(ARRAY_SIZE(c->dp.net.ip6.own) == NIC_IP6, "room there");

	return (struct nic_config){
		.spec = c->nic,
		.nqueues = c->cores.n,
		.ip = c->dp.net.ip,
		.also = c->dp.net.also,
		.nalso = c->dp.net.nalso,
		.ip6 = c->dp.net.ip6.own,
		.nip6 = c->dp.net.ip6.nown,
		.ports_only = c->dp.net.ports_only,
		.ports = c->dp.net.ports,
		.shared = c->nic_shared,
		.first_queue = c->nic_queue,
		.frames_per_queue = c->dp.mbufs,
		.frames_shared = c->cores.n > 1,
		.mode = (enum nic_mode)c->xdp_mode,
		.gather = (enum nic_gather)c->xdp_gather,
		.generic = c->xdp_generic,
		.busy_poll = c->busy_poll,
		.tso = c->tso,
		.ring_size = c->ring_size,
		.conns = c->dp.net.tcp.max_conns,
	};
}

static int open_nic(struct host *h, char *why, size_t why_len)
{
	const struct conf *c = &h->conf;
	struct nic_config cfg = host_nic_config(c);
	int err;

	cfg.umem = h->mem.frames.base;
	cfg.umem_len = h->mem.frames.len + h->mem.arena.len;
	cfg.frames_len = h->mem.frames.len;
	cfg.memfd[0] = h->mem.frames.fd;
	cfg.memfd[1] = h->mem.arena.fd;
	cfg.grant_fd = h->grant_fd;
	err = nic_open(&cfg, &h->nic, why, why_len);
	if (err)
		return err;
	if (c->dp.net.mtu > h->nic->mtu) {
		snprintf(why, why_len, "mtu: %u is above the link's, %u: %s",
			 c->dp.net.mtu, h->nic->mtu, c->nic);
		return -EMSGSIZE;
	}
	for (u32 i = 0; c->mac.set && i < h->nthreads; i++)
		memcpy(h->nic->q[i]->mac, c->mac.b, sizeof(c->mac.b));
	return 0;
}

/* Secrets are those of all threads: what one has promised by a cookie, another
 * one may have to keep. */
static int open_shared(struct host *h)
{
	pthread_mutex_init(&h->moving, NULL);
	if (getrandom(h->secret, sizeof(h->secret), 0) != sizeof(h->secret))
		return -EIO;
	if (h->nthreads == 1)
		return 0;
	h->shared_len = dp_shared_bytes(&h->conf.dp, h->nthreads);
	h->shared = hugemem_private(h->shared_len);
	if (!h->shared)
		return -ENOMEM;
	dp_shared_init(h->shared, &h->conf.dp, h->nthreads);
	return 0;
}

/* As the NIC was opened. */
static int open_groups(struct host *h)
{
	h->groups = aligned_alloc(HOST_PAGE, sizeof(*h->groups));
	if (!h->groups)
		return -ENOMEM;
	memcpy(h->groups->rss_key, h->nic->rss_key, RSS_KEY_LEN);
	memcpy(h->groups->owner, h->nic->group_owner, RSS_TABLE);
	if (h->nic->flows) {
		h->groups->flows = *h->nic->flows;
		h->nic->flows = &h->groups->flows;
	}
	return 0;
}

/* ---- threads */

static int open_threads(struct host *h, char *why, size_t why_len)
{
	struct host_clock clock;
	cpu_set_t before;
	int err = 0;

	host_clock_init(&clock);
	if (sched_getaffinity(0, sizeof(before), &before))
		return host_fail(-errno, why, why_len, "cores");
	for (u32 i = 0; i < h->nthreads && !err; i++)
		err = host_open_thread(h, i, &clock, why, why_len);
	sched_setaffinity(0, sizeof(before), &before);
	return err;
}

/* ---- what is in force */

static const char *shared(const struct host *h)
{
	const struct net_conf *net = &h->conf.dp.net;

	if (!net->ports_only)
		return "";
	if (net->tcp.port_min > net->tcp.port_max)
		return " shared with Linux (no ports of our choice: "
		       "tcp.port_min to port_max are Linux's)";
	return " shared with Linux";
}

static void describe(struct host *h, const struct host_domain *domain)
{
	const struct setting *cores = conf_find("cores");
	char pages[32], list[64], addrs[CONF_TEXT];

	hugemem_check(&h->mem);
	hugemem_describe(&h->mem, pages, sizeof(pages));
	conf_print(&h->conf, cores, list, sizeof(list));
	conf_print(&h->conf, conf_find("ip"), addrs, sizeof(addrs));
	snprintf(h->about, sizeof(h->about),
		 "domain %s (wall 2: %s); nic %s; address %.400s%s; cores %s; "
		 "pages %s",
		 domain->name, domain->wall, h->nic->detail, addrs, shared(h),
		 list, pages);
	for (u32 i = 0; i < h->nthreads; i++)
		memcpy(h->threads[i].stat.page->about, h->about,
		       sizeof(h->about));
	log_add(&h->log, h->about);
}

int host_open(struct host **out, const struct conf *conf,
	      const struct host_domain *domain, char *why, size_t why_len)
{
	struct host *h = aligned_alloc(CACHE_LINE, sizeof(*h));
	int err;

	if (!h)
		return host_fail(-ENOMEM, why, why_len, "host");
	memset(h, 0, sizeof(*h));
	h->conf = *conf;
	h->domain = domain;
	h->opened_at = host_clock_os();
	pthread_mutex_init(&h->neighbours.lock, NULL);
	pthread_mutex_init(&h->log.lock, NULL);
	err = grant_get(&h->conf, why, why_len);
	if (err > 0)
		h->grant_fd = err;
	if (err >= 0)
		err = derive(&h->conf, why, why_len);
	if (err)
		goto fail;
	h->nthreads = h->conf.cores.n;
	err = host_open_memory(h, domain, why, why_len);
	if (!err && open_shared(h))
		err = host_fail(-ENOMEM, why, why_len, "what threads share");
	if (!err)
		err = open_nic(h, why, why_len);
	if (!err && hugemem_seal(&h->mem))
		err = host_fail(-EPERM, why, why_len, "packet memory");
	if (!err && open_groups(h))
		err = host_fail(-ENOMEM, why, why_len, "flow groups");
	if (!err)
		err = open_threads(h, why, why_len);
	if (err)
		goto fail;
	host_capture_open(h);
	describe(h, domain);
	arp_announce(&h->threads[0].dp->net);
	mld_announce(&h->threads[0].dp->net, h->threads[0].dp->now);
	ip6_announce(&h->threads[0].dp->net, h->threads[0].dp->now);
	*out = h;
	return 0;
fail:
	host_close(h);
	return err;
}

/* In reverse; also of what host_open() got half done. */
void host_close(struct host *h)
{
	if (!h)
		return;
	nic_close(h->nic);
	for (u32 i = 0; i < h->nthreads; i++)
		host_close_thread(&h->threads[i]);
	host_capture_close(h);
	hugemem_private_free(h->shared, h->shared_len);
	free(h->groups);
	hugemem_close(&h->mem);
	if (h->grant_fd)
		close(h->grant_fd);
	free(h);
}

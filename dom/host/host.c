/* SPDX-License-Identifier: MIT */
/* From settings to elastic threads that are ready to run. */
#include "dom/host/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int first_core(u16 *core)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	for (u16 i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set)) {
			*core = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* What 0 and "auto" stand for. */
static int derive(struct conf *c, char *why, size_t why_len)
{
	struct tcp_conf *tcp = &c->dp.net.tcp;
	int err;

	if (!tcp->max_ranges)
		tcp->max_ranges = 4 * tcp->max_conns;
	if (!c->cores.n) {
		err = first_core(&c->cores.core[0]);
		if (err)
			return host_fail(err, why, why_len, "cores");
		c->cores.n = 1;
	}
	return host_address(c, why, why_len);
}

/* ---- memory and NIC */

int host_pin(u32 core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* Each thread's frames near its core. Before the NIC is opened: on a loaded
 * machine the kernel takes seconds to find large pages, and who has an address
 * must answer for it. AF_XDP moreover pins all memory in the pages it finds;
 * shared memory has only small ones yet. */
static int settle_memory(struct host *h, char *why, size_t why_len)
{
	char what[32] = "cores";
	cpu_set_t before;
	int err = sched_getaffinity(0, sizeof(before), &before) ? -errno : 0;

	for (u32 i = 0; i < h->nthreads && !err; i++) {
		snprintf(what, sizeof(what), "core %u", h->conf.cores.core[i]);
		err = host_pin(h->conf.cores.core[i]);
		if (!err)
			hugemem_touch(host_frames(h, i), host_frames_len(h));
	}
	if (!err && h->mem.arena.fd >= 0 && !strncmp(h->conf.nic, "xdp:", 4))
		hugemem_touch(h->mem.arena.base, h->mem.arena.len);
	sched_setaffinity(0, sizeof(before), &before);
	return err ? host_fail(err, why, why_len, what) : 0;
}

static int open_memory(struct host *h, const struct host_domain *domain,
		       char *why, size_t why_len)
{
	int err = hugemem_open(&h->mem, host_frames_len(h) * h->nthreads,
			       h->conf.arena, domain->shared,
			       (enum hugemem_want)h->conf.pages, why, why_len);

	return err ? err : settle_memory(h, why, why_len);
}

/* All buffers are free, or the NIC's, which has forgotten them. */
static void renew_pool(struct host_thread *t)
{
	struct mbuf_pool *p = &t->dp->pool;

	mbuf_pool_init(p, p->mbufs, p->frames, p->app_frames, p->total);
	t->dp->nic->ops->wait(t->dp->nic, 0);
}

int host_renew_memory(struct host *h)
{
	struct nic *nic = h->nic;
	char why[NIC_WHY];
	int err;

	if (nic->suspend)
		nic->suspend(nic);
	err = hugemem_renew(&h->mem);
	if (!err)
		err = settle_memory(h, why, sizeof(why));
	if (err || !nic->resume)
		return err;
	err = nic->resume(nic);
	for (u32 i = 0; i < h->nthreads && !err; i++)
		renew_pool(&h->threads[i]);
	return err;
}

static int open_nic(struct host *h, char *why, size_t why_len)
{
	const struct conf *c = &h->conf;
	struct nic_config cfg = {
		.spec = c->nic,
		.nqueues = h->nthreads,
		.ip = c->dp.net.ip,
		.ports_only = c->dp.net.ports_only,
		.ports = c->dp.net.ports,
		.umem = h->mem.frames.base,
		.umem_len = h->mem.frames.len + h->mem.arena.len,
		.frames_len = h->mem.frames.len,
		.frames_per_queue = c->dp.mbufs,
		.mode = (enum nic_mode)c->xdp_mode,
		.generic = c->xdp_generic,
		.busy_poll = c->busy_poll,
		.ring_size = c->ring_size,
	};
	int err;

	err = nic_open(&cfg, &h->nic, why, why_len);
	if (err)
		return err;
	for (u32 i = 0; c->mac.set && i < h->nthreads; i++)
		memcpy(h->nic->q[i]->mac, c->mac.b, sizeof(c->mac.b));
	return 0;
}

static int open_forward(struct host *h)
{
	if (h->nthreads == 1)
		return 0;
	h->forward_len = dp_forward_bytes(h->nthreads);
	h->forward = hugemem_private(h->forward_len);
	if (!h->forward)
		return -ENOMEM;
	dp_forward_init(h->forward, h->nthreads);
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
	char pages[32], list[64], ip[INET_ADDRSTRLEN];

	hugemem_check(&h->mem);
	hugemem_describe(&h->mem, pages, sizeof(pages));
	conf_print(&h->conf, cores, list, sizeof(list));
	inet_ntop(AF_INET, &h->conf.dp.net.ip, ip, sizeof(ip));
	snprintf(h->about, sizeof(h->about),
		 "domain %s (wall 2: %s); nic %s; address %s/%d%s; cores %s; "
		 "pages %s",
		 domain->name, domain->wall, h->nic->detail, ip,
		 __builtin_popcount(h->conf.dp.net.netmask.raw), shared(h),
		 list, pages);
	for (u32 i = 0; i < h->nthreads; i++)
		memcpy(h->threads[i].stat.page->about, h->about,
		       sizeof(h->about));
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
	pthread_mutex_init(&h->neighbours.lock, NULL);
	err = derive(&h->conf, why, why_len);
	if (err)
		goto fail;
	h->nthreads = h->conf.cores.n;
	err = open_memory(h, domain, why, why_len);
	if (!err)
		err = open_nic(h, why, why_len);
	if (!err && open_forward(h))
		err = host_fail(-ENOMEM, why, why_len, "forwarding rings");
	if (!err)
		err = open_threads(h, why, why_len);
	if (err)
		goto fail;
	describe(h, domain);
	if (!h->conf.dp.net.ports_only)
		arp_announce(&h->threads[0].dp->net);
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
	hugemem_private_free(h->forward, h->forward_len);
	hugemem_close(&h->mem);
	free(h);
}

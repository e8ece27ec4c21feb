/* SPDX-License-Identifier: MIT */
#include "test/lab/lab.h"

#include "base/carve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARENA = 32 << 20, STEP_NS = 2000, PAGE = 4096 };

/* Aligned to MBUF_SIZE, zeroed; what is read or written behind @len faults. */
static void *map(struct lab_mem *m, size_t len)
{
	size_t whole = (len + MBUF_SIZE - 1) & ~(size_t)(MBUF_SIZE - 1);
	size_t pages = (whole + PAGE - 1) & ~(size_t)(PAGE - 1);
	u8 *p = mmap(NULL, pages + PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	*m = (struct lab_mem){ p, pages + PAGE };
	madvise(p, pages, MADV_NOHUGEPAGE);
	if (mprotect(p + pages, PAGE, PROT_NONE))
		return NULL;
	return p + pages - whole;
}

static size_t dp_room(void)
{
	return align_line(sizeof(struct dp));
}

int lab_share_open(struct lab_share *s, const struct dp_conf *dp, u32 nthreads,
		   size_t arena_len)
{
	*s = (struct lab_share){ .nthreads = nthreads, .arena_len = arena_len };
	s->frames_len = (size_t)dp->mbufs * MBUF_SIZE * nthreads;
	s->shared = map(&s->maps[0], dp_shared_bytes(dp, nthreads));
	s->frames = map(&s->maps[1], s->frames_len);
	s->arena = map(&s->maps[2], arena_len);
	if (!s->shared || !s->frames || !s->arena) {
		lab_share_close(s);
		return -ENOMEM;
	}
	dp_shared_init(s->shared, dp, nthreads);
	for (u32 g = 0; g < RSS_TABLE; g++)
		s->group_owner[g] = (u8)(g % nthreads);
	return 0;
}

void lab_share_close(struct lab_share *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->maps); i++) {
		if (s->maps[i].map)
			munmap(s->maps[i].map, s->maps[i].map_len);
	}
	memset(s->maps, 0, sizeof(s->maps));
}

static int map_all(struct lab_node *n, const struct lab_share *s)
{
	n->mem_len =
		dp_room() + (s ? dp_own_bytes(&n->conf) : dp_bytes(&n->conf));
	n->frames_len = s ? s->frames_len : (size_t)n->conf.mbufs * MBUF_SIZE;
	n->mem = map(&n->maps[0], n->mem_len);
	n->frames = s ? s->frames : map(&n->maps[1], n->frames_len);
	n->arena = s ? s->arena : map(&n->maps[2], n->arena_len);
	n->down = map(&n->maps[3], sizeof(*n->down));
	n->up = map(&n->maps[4], sizeof(*n->up));
	if (n->down)
		n->down->flags = IX_RUN_MOVES;
	return n->mem && n->frames && n->arena && n->down && n->up ? 0
								   : -ENOMEM;
}

static void unmap_all(struct lab_node *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(n->maps); i++) {
		if (n->maps[i].map)
			munmap(n->maps[i].map, n->maps[i].map_len);
	}
	memset(n->maps, 0, sizeof(n->maps));
}

static void set_up(struct lab_node *n, const struct lab_node_conf *conf)
{
	static const u8 group_owner[RSS_TABLE]; /* all thread 0's */

	n->setup = (struct dp_setup){
		.conf = &n->conf,
		.nic = n->nic,
		.stat = &n->stat,
		.mem = n->mem + dp_room(),
		.frames = n->frames,
		.app_frames = conf->apart ? LAB_FRAMES : (u64)n->frames,
		.arena = { conf->apart ? LAB_ARENA : (u64)n->arena, n->arena,
			   n->arena_len },
		.down = n->down,
		.up = n->up,
		.group_owner = group_owner,
		.rss_key = rss_symmetric_key,
		.nthreads = 1,
		.secret = { conf->secret[0], conf->secret[1] },
	};
	if (conf->share) {
		n->setup.shared = conf->share->shared;
		n->setup.group_owner = conf->share->group_owner;
		n->setup.thread = conf->thread;
		n->setup.nthreads = conf->share->nthreads;
	}
}

int lab_node_open(struct lab_node *n, const struct lab_node_conf *conf, u64 now)
{
	int err;

	*n = (struct lab_node){
		.conf = *conf->dp,
		.nic = conf->nic,
		.arena_len =
			conf->share ? conf->share->arena_len : conf->arena_len,
	};
	err = map_all(n, conf->share);
	if (!err) {
		set_up(n, conf);
		n->dp = (struct dp *)n->mem;
		err = dp_init(n->dp, &n->setup, now);
	}
	if (err)
		unmap_all(n);
	return err;
}

u32 lab_node_close(struct lab_node *n, u64 now)
{
	u32 lost;

	dp_shutdown(n->dp, now);
	lost = n->dp->pool.total - n->dp->pool.nfree;
	unmap_all(n);
	return lost;
}

struct ix_call *lab_call(struct lab_node *n, u16 op)
{
	struct ix_call *c = &n->down->calls[n->down->ncalls];

	invariant(n->down->ncalls < IX_MAX_CALLS);
	n->down->ncalls++;
	*c = (struct ix_call){ .op = op };
	return c;
}

/* ---- two on a wire */

static int open_end(struct lab *lab, int end, const struct dp_conf *common)
{
	struct dp_conf dp = *common;
	const struct lab_node_conf conf = {
		.dp = &dp,
		.nic = lab->end[end].nic,
		.arena_len = ARENA,
		.secret = { 1, 2 },
	};

	dp.net.ip = be32(LAB_IP(end));
	dp.net.netmask = be32(0xffffff00);
	dp.net.ip6.own[0] = (struct ip6_prefix){ LAB_IP6(end), 64 };
	return lab_node_open(&lab->end[end], &conf, lab->now);
}

/* Both know each other. */
static int introduce(struct lab *lab, int end)
{
	const u8 *mac = lab->end[!end].dp->net.src.mac;
	struct net *net = &lab->end[end].dp->net;
	int err = neigh_add_static(net, be32(LAB_IP(!end)), mac);
	struct be32 id;

	if (err || !net->ip6.nown)
		return err;
	id = addr_get(net, LAB_IP6(!end));
	err = neigh_add_static(net, id, mac);
	addr_put(net, id);
	return err;
}

int lab_wire(struct lab *lab)
{
	const struct wire_conf wire = { .nqueues = 1, .mtu = 1500 };
	int err;

	*lab = (struct lab){ .now = 1000000000 };
	err = wire_link_pair(&lab->link[0], &wire, &lab->link[1], &wire);
	for (int end = 0; !err && end < 2; end++)
		lab->end[end].nic = &lab->link[end].queues[0]->q;
	return err;
}

int lab_start(struct lab *lab, const struct dp_conf *conf)
{
	int err = 0;

	for (int end = 0; !err && end < 2; end++)
		err = open_end(lab, end, conf);
	for (int end = 0; !err && end < 2; end++)
		err = introduce(lab, end);
	return err;
}

int lab_open(struct lab *lab, const struct dp_conf *conf)
{
	int err = lab_wire(lab);

	return err ? err : lab_start(lab, conf);
}

void lab_close(struct lab *lab)
{
	for (int end = 1; end >= 0; end--) {
		lab_node_close(&lab->end[end], lab->now);
		wire_link_close(&lab->link[end]);
	}
}

void lab_conf_conns(struct dp_conf *conf, u32 most)
{
	struct tcp_conf *tcp = &conf->net.tcp;

	tcp->max_conns = tcp->per_source = most;
	tcp->max_ranges = TCP_RANGES_EACH * most;
	tcp->port_min = 1024;
	tcp->port_max = 65535;
}

int lab_step(struct lab *lab, int end, bool calls)
{
	lab->now += STEP_NS;
	return dp_step(lab->end[end].dp, calls, lab->now);
}

size_t lab_resident(const void *p, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)p & ~(uintptr_t)(page - 1);
	size_t n = ((uintptr_t)p + len - start + page - 1) / page, resident = 0;
	unsigned char *in = malloc(n);

	if (!in || mincore((void *)start, n * page, in)) {
		free(in);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		resident += (in[i] & 1) * page;
	free(in);
	return resident;
}

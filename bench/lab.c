/* SPDX-License-Identifier: MIT */
/* Two dataplanes and a wire in one thread. */
#include "bench/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARENA = 4 << 20, STEP_NS = 2000 };

static void *map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

static int map_end(struct lab_end *e, const struct dp_conf *conf)
{
	e->mem_len = sizeof(*e->dp) + CACHE_LINE + dp_bytes(conf);
	e->frames_len = (size_t)conf->mbufs * MBUF_SIZE;
	e->arena_len = ARENA;
	e->mem = map(e->mem_len);
	e->frames = map(e->frames_len);
	e->arena = map(e->arena_len);
	e->down = map(sizeof(*e->down));
	e->up = map(sizeof(*e->up));
	if (!e->mem || !e->frames || !e->arena || !e->down || !e->up)
		return -ENOMEM;
	return 0;
}

static int open_end(struct lab *lab, int end, const struct dp_conf *common)
{
	struct lab_end *e = &lab->end[end];
	struct dp_conf conf = *common;
	struct dp_setup setup = {
		.conf = &conf,
		.nic = &lab->link[end].queues[0]->q,
		.stat = &e->stat,
		.group_owner = lab->group_owner,
		.rss_key = rss_symmetric_key,
		.nthreads = 1,
		.secret = { 1, 2 },
	};
	size_t room =
		(sizeof(*e->dp) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	int err = map_end(e, &conf);

	if (err)
		return err;
	conf.net.ip = be32(LAB_IP(end));
	conf.net.netmask = be32(0xffffff00);
	e->dp = e->mem;
	setup.mem = (u8 *)e->mem + room;
	setup.frames = e->frames;
	setup.app_frames = (u64)e->frames;
	setup.arena = (struct dp_arena){ .app_base = (u64)e->arena,
					 .base = e->arena,
					 .len = e->arena_len };
	setup.down = e->down;
	setup.up = e->up;
	return dp_init(e->dp, &setup, lab->now);
}

int lab_open(struct lab *lab, const struct dp_conf *conf)
{
	const struct wire_conf wire = { .nqueues = 1, .mtu = 1500 };
	int err;

	*lab = (struct lab){ .now = 1000000000 };
	err = wire_link_pair(&lab->link[0], &wire, &lab->link[1], &wire);
	for (int end = 0; !err && end < 2; end++)
		err = open_end(lab, end, conf);
	for (int end = 0; !err && end < 2; end++)
		err = arp_add_static(&lab->end[end].dp->net, be32(LAB_IP(!end)),
				     lab->end[!end].dp->net.src.mac);
	return err;
}

void lab_close(struct lab *lab)
{
	for (int end = 1; end >= 0; end--) {
		struct lab_end *e = &lab->end[end];

		dp_shutdown(e->dp, lab->now);
		wire_link_close(&lab->link[end]);
		munmap(e->mem, e->mem_len);
		munmap(e->frames, e->frames_len);
		munmap(e->arena, e->arena_len);
		munmap(e->down, sizeof(*e->down));
		munmap(e->up, sizeof(*e->up));
	}
}

int lab_step(struct lab *lab, int end, bool calls)
{
	lab->now += STEP_NS;
	return dp_step(lab->end[end].dp, calls, lab->now);
}

size_t lab_resident(const void *p, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t n = (len + page - 1) / page, resident = 0;
	unsigned char *in = malloc(n);

	if (!in || mincore((void *)p, len, in)) {
		free(in);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		resident += (in[i] & 1) * page;
	free(in);
	return resident;
}

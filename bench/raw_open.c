/* SPDX-License-Identifier: MIT */
/* xdp_raw: options, memory, NIC. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/raw.h"

enum {
	FRAMES = 8192, /* per queue */
	HUGE_PAGE = 2 << 20,
};

void raw_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(1);
}

static u8 *map_memory(size_t len)
{
	int prot = PROT_READ | PROT_WRITE;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	u8 *p = mmap(NULL, len, prot, flags | MAP_HUGETLB, -1, 0);

	if (p != MAP_FAILED)
		return p;
	p = mmap(NULL, len + HUGE_PAGE, prot, flags, -1, 0);
	if (p == MAP_FAILED)
		raw_die("out of memory");
	p = (u8 *)(((uintptr_t)p + HUGE_PAGE - 1) &
		   ~(uintptr_t)(HUGE_PAGE - 1));
	madvise(p, len, MADV_HUGEPAGE);
	return p;
}

static void give_pool(struct raw *r, u32 i, u8 *frames)
{
	void *mbufs = aligned_alloc(CACHE_LINE, mbuf_pool_bytes(FRAMES));

	if (!mbufs)
		raw_die("out of memory");
	mbuf_pool_init(&r->pools[i], mbufs,
		       frames + (size_t)i * FRAMES * MBUF_SIZE, 0, FRAMES);
	r->nic->q[i]->pool = &r->pools[i];
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		raw_die("cannot run on that cpu");
}

void raw_open(struct raw *r)
{
	size_t len = (size_t)FRAMES * MBUF_SIZE * r->queues;
	struct nic_config cfg = {
		.spec = r->spec,
		.nqueues = r->queues,
		.ip = r->ip,
		.ports_only = r->nports,
		.ports = r->ports,
		.umem = map_memory(len),
		.umem_len = len,
		.frames_len = len,
		.frames_per_queue = FRAMES,
		.mode = r->copy	       ? NIC_COPY
			: r->zero_copy ? NIC_ZEROCOPY
				       : NIC_AUTO,
		.generic = r->generic,
		.busy_poll = r->busy_poll,
		.ring_size = r->ring_size,
	};
	char why[NIC_WHY];

	if (r->cpu >= 0)
		pin(r->cpu);
	if (nic_open(&cfg, &r->nic, why, sizeof(why)))
		raw_die(why);
	for (u32 i = 0; i < r->queues; i++)
		give_pool(r, i, cfg.umem);
	r->q = r->nic->q[0];
	fprintf(stderr, "%s: %s\n", program_invocation_short_name,
		r->nic->detail);
}

void raw_close(struct raw *r)
{
	nic_close(r->nic);
	for (u32 i = 0; i < r->queues; i++)
		free(r->pools[i].mbufs);
}

void raw_usage(void)
{
	raw_die("usage: --nic SPEC --ip ADDR [--peer ADDR] [--size BYTES] "
		"[--outstanding N] [--seconds N] [--cpu N] [--ring N] [--copy] "
		"[--queues N] [--ports P,P...] [--zero-copy] [--generic] "
		"[--busy-poll] [--json] "
		"echo | pingpong | flood | pour");
}

static struct be32 address(const char *text)
{
	u8 b[4];
	struct be32 ip;

	if (sscanf(text, "%hhu.%hhu.%hhu.%hhu", &b[0], &b[1], &b[2], &b[3]) !=
	    4)
		raw_die("bad address");
	memcpy(&ip, b, 4);
	return ip;
}

static void parse_ports(struct raw *r, char *list)
{
	for (char *p = strtok(list, ","); p; p = strtok(NULL, ",")) {
		if (r->nports == PORTS_NAMED)
			raw_die("--ports: too many");
		r->ports.named[r->nports++] = (u16)atoi(p);
	}
}

static const struct option options[] = {
	{ "nic", required_argument, NULL, 'n' },
	{ "ip", required_argument, NULL, 'i' },
	{ "peer", required_argument, NULL, 'p' },
	{ "size", required_argument, NULL, 's' },
	{ "outstanding", required_argument, NULL, 'o' },
	{ "seconds", required_argument, NULL, 't' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "ring", required_argument, NULL, 'r' },
	{ "queues", required_argument, NULL, 'q' },
	{ "ports", required_argument, NULL, 'P' },
	{ "copy", no_argument, NULL, 'C' },
	{ "zero-copy", no_argument, NULL, 'Z' },
	{ "generic", no_argument, NULL, 'G' },
	{ "busy-poll", no_argument, NULL, 'B' },
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

const char *raw_parse(struct raw *r, int argc, char **argv)
{
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'n':
			r->spec = optarg;
			break;
		case 'i':
			r->ip = address(optarg);
			break;
		case 'p':
			r->peer = address(optarg);
			break;
		case 's':
			r->payload = (u32)atoi(optarg);
			break;
		case 'o':
			r->outstanding = (u32)atoi(optarg);
			break;
		case 't':
			r->seconds = (u32)atoi(optarg);
			break;
		case 'c':
			r->cpu = atoi(optarg);
			break;
		case 'r':
			r->ring_size = (u32)atoi(optarg);
			break;
		case 'q':
			r->queues = (u32)atoi(optarg);
			break;
		case 'P':
			parse_ports(r, optarg);
			break;
		case 'C':
			r->copy = true;
			break;
		case 'Z':
			r->zero_copy = true;
			break;
		case 'G':
			r->generic = true;
			break;
		case 'B':
			r->busy_poll = true;
			break;
		case 'j':
			r->json = true;
			break;
		default:
			raw_usage();
		}
	}
	if (!r->spec || optind + 1 != argc)
		raw_usage();
	if (RAW_HEADERS + r->payload > MBUF_ROOM)
		raw_die("--size: a packet must fit one frame");
	return argv[optind];
}

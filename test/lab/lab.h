/* SPDX-License-Identifier: MIT */
/*
 * A laboratory: whole dataplanes without a system call, in one thread, with
 * the caller's clock; the caller is also their applications. For simulations,
 * and for counting instructions and bytes.
 *
 *   the caller: calls, events          struct lab_node: one dataplane with its
 *        |                 |           memory, on whatever NIC
 *   node.down, node.up     |
 *        |                 |           struct lab: two of them, client and
 *   node.dp ==== NIC ==== node.dp      server, joined by the wire
 */
#ifndef TEST_LAB_H
#define TEST_LAB_H

#include "dp/dp.h"
#include "nic/wire.h"

/* Where the application of an `apart` node sees frames and arena. */
#define LAB_FRAMES 0x700000000000ull
#define LAB_ARENA 0x10000000ull

/* Mapped memory that ends with a page that nobody may touch. */
struct lab_mem {
	void *map;
	size_t map_len;
};

/* What several threads of one dataplane have in common. */
struct lab_share {
	struct dp_shared *shared;
	u32 nthreads;
	u8 *frames, *arena;
	size_t frames_len, arena_len;
	u8 group_owner[RSS_TABLE];
	struct lab_mem maps[3];
};

struct lab_node {
	struct dp *dp;
	struct nicq *nic;
	struct ix_down *down;
	struct ix_up *up;
	struct ix_stat stat;
	u8 *mem; /* struct dp and all its tables */
	size_t mem_len;
	u8 *frames;
	size_t frames_len;
	u8 *arena;
	size_t arena_len;
	struct lab_mem maps[5];
	struct dp_setup setup; /* what the dataplane was opened with */
	struct dp_conf conf;
};

struct lab_node_conf {
	const struct dp_conf *dp;
	struct nicq *nic;
	size_t arena_len;
	u64 secret[2];
	bool apart; /* the application sees memory at other addresses */
	struct lab_share *share; /* NULL: the only thread */
	u32 thread;		 /* of share's */
};

/* @dp: of all threads; flow groups are dealt out in turn. 0 or -errno. */
int lab_share_open(struct lab_share *s, const struct dp_conf *dp, u32 nthreads,
		   size_t arena_len);
void lab_share_close(struct lab_share *s);

/* 0 or -errno. Small pages throughout, so that what is resident is what was
 * touched. */
int lab_node_open(struct lab_node *n, const struct lab_node_conf *conf,
		  u64 now);

/* Shuts the dataplane down. Returns how many of its buffers are lost. */
u32 lab_node_close(struct lab_node *n, u64 now);

/* The next call of the batch, zero but for @op. There is room: of a batch that
 * is too long nothing is done. */
struct ix_call *lab_call(struct lab_node *n, u16 op);

enum { LAB_CLIENT, LAB_SERVER };

struct lab {
	struct lab_node end[2];
	struct wire_link link[2];
	u64 now;
};

/* 10.0.0.1 is the client, 10.0.0.2 the server; of IPv6 fd00::1 and fd00::2. */
#define LAB_IP(end) (0x0a000001u + (u32)(end))
#define LAB_IP6(end) ((struct be128){ .b = { 0xfd, [15] = (u8)(1 + (end)) } })

/* @conf: of both, but for the addresses: one of IPv4, and net.ip6.nown (0 or 1)
 * of IPv6. 0 or -errno. */
int lab_open(struct lab *lab, const struct dp_conf *conf);
/* The same in two steps: in between, end[].nic may become another one than the
 * wire's queue, which is then what that is joined with. */
int lab_wire(struct lab *lab);
int lab_start(struct lab *lab, const struct dp_conf *conf);
void lab_close(struct lab *lab);

/* Up to @most connections, all with the one host that there is. */
void lab_conf_conns(struct dp_conf *conf, u32 most);

/* One iteration of one end, without a batch or with what stands in down. */
int lab_step(struct lab *lab, int end, bool calls);

/* Bytes of @len at @p that are resident. */
size_t lab_resident(const void *p, size_t len);

#endif

/* SPDX-License-Identifier: MIT */
/* xdp_raw: settings and state. */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include "bench/hist.h"
#include "net/pkt.h"
#include "nic/nic_open.h"

enum {
	RAW_HEADERS = ETH_LEN + IPV4_LEN + UDP_LEN,
};

struct raw {
	/* options */
	const char *spec;
	struct be32 ip, peer;
	u32 payload, outstanding, seconds, ring_size, queues;
	struct ports ports;
	u32 nports;
	int cpu;
	bool json, copy, zero_copy, generic, busy_poll;

	struct nic *nic;
	struct mbuf_pool pools[NIC_MAX_QUEUES];
	struct nicq *q; /* the one being served */
	u8 peer_mac[6]; /* broadcast until the first answer */
	u64 packets, lost, started, stopped;
	struct hist rtt;
};

/* Options into @r; returns the mode's name. Exits on bad ones. */
const char *raw_parse(struct raw *r, int argc, char **argv);

/* Opens the NIC with a pool for each queue, pins the thread; or exits. */
void raw_open(struct raw *r);
void raw_close(struct raw *r);

__attribute__((noreturn)) void raw_die(const char *what);
void raw_usage(void);

#endif

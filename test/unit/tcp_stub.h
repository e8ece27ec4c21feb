/* SPDX-License-Identifier: MIT */
/* In place of TCP: notes what it is given. */
#ifndef TEST_UNIT_TCP_STUB_H
#define TEST_UNIT_TCP_STUB_H

#include "net/net.h"

struct tcp_stub {
	u32 segments;
	struct pkt pkt; /* of the last; pointers are void */
	u32 frame_len;	/* over all fragments */
	bool cksum_ok;
	u32 icmps;
	struct flow flow;
	struct tcp_icmp icmp;
};

extern struct tcp_stub tcp_stub;

#endif

/* SPDX-License-Identifier: MIT */
/* Segments as frames and back. Sequence numbers here are the real ones. */
#ifndef TEST_WIRE_SEG_H
#define TEST_WIRE_SEG_H

#include "wire_ip.h"

struct flow_id {
	bool ip6;
	u16 peer_port, our_port;
};

struct wire_seg {
	struct seg seg;
	struct flow_id flow;
	const u8 *payload;
	const char *wrong; /* of checksums and headers, or NULL */
};

/* The frame of @s from the peer; its length. @payload: s->len bytes. */
u32 wire_seg_build(u8 *frame, const struct seg *s, const struct flow_id *flow,
		   const u8 *payload);

/* A TCP segment of ours. */
void wire_seg_parse(struct wire_seg *out, const struct wire_ip *ip);

#endif

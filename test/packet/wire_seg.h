/* SPDX-License-Identifier: MIT */
/* Segments as frames and back. Sequence numbers here are the real ones. */
#ifndef TEST_WIRE_SEG_H
#define TEST_WIRE_SEG_H

#include "net/net.h"
#include "script.h"

struct flow_id {
	struct be32 peer, us;
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

/* An ICMP error from the peer, quoting our segment @seq. */
u32 wire_icmp_build(u8 *frame, const struct flow_id *flow, u8 type, u8 code,
		    u16 mtu, u32 seq);

/* False if @frame is not TCP at all. */
bool wire_seg_parse(struct wire_seg *out, const u8 *frame, u32 len);

#endif

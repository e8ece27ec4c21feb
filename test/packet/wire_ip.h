/* SPDX-License-Identifier: MIT */
/* What is below TCP in the frames between the peer and us, of both families:
 * Ethernet, IP, extension headers, ICMP. */
#ifndef TEST_WIRE_IP_H
#define TEST_WIRE_IP_H

#include "net/net.h"
#include "script.h"

struct wire_ip {
	bool ip6;
	u8 proto, ecn, hops;
	u8 mac; /* as in struct seg */
	const u8 *l4;
	u32 len;	   /* from there on */
	const char *wrong; /* of the header or L4's checksum, or NULL */
};

/* Headers of a frame from the peer, which rig_fix() completes; returns where
 * @proto's go. @ext: extension headers before that. */
u8 *wire_ip_put(u8 *frame, bool ip6, u8 proto, u8 ecn, const struct ext *ext,
		u32 next);

/* Of a frame of ours. False: neither TCP nor ICMPv6. */
bool wire_ip_parse(struct wire_ip *out, const u8 *frame, u32 len);

u8 *wire_put(u8 *p, u64 value, u32 bytes);
u32 wire_get(const u8 *p, u32 bytes);

#endif

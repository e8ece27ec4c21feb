/* SPDX-License-Identifier: MIT */
/* ICMP and neighbour discovery, as scripts write them (script.h). */
#ifndef TEST_WIRE_ICMP_H
#define TEST_WIRE_ICMP_H

#include "wire_seg.h"

/* An error from the peer about our segment @seq, of the flow's family:
 * @words[0] is the kind, @n its code or MTU. Its length; 0: no such kind. */
u32 wire_icmp_build(u8 *frame, const struct flow_id *flow, const char *kind,
		    u32 n, u32 seq);

/* A solicitation or advertisement: @text as in a script. */
u32 wire_nd_build(u8 *frame, const char *text);

/* What @frame, of ICMPv6, says, as a script would. */
void wire_icmp_print(const struct wire_ip *ip, const u8 *frame, char *buf,
		     size_t len);

#endif

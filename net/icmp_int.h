/* SPDX-License-Identifier: MIT */
/* What ICMP and ICMPv6 share. */
#ifndef NET_ICMP_INT_H
#define NET_ICMP_INT_H

#include "base/cksum.h"
#include "net/net.h"

enum { ICMP_QUOTE = 64 }; /* bytes of L4 in our errors */

/* So many a period that nobody can count by his own what others were sent: by
 * that it was told which ports are open to them (SAD DNS, CVE-2020-25705). */
bool icmp_may_send(struct net *net, u64 now);

/* The checksum when the type alone changes (RFC 1624). */
static inline u16 icmp_retype(u16 cksum, u8 from, u8 to)
{
	return (u16)~cksum_fold((u64)(u16)~cksum +
				(u16)~be16((u16)(from << 8)).raw +
				be16((u16)(to << 8)).raw);
}

#endif

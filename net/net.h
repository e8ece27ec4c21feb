/* SPDX-License-Identifier: MIT */
/*
 * The protocols of one elastic thread: functions of (state, packet, now). No
 * clock, no NIC, no application, no allocation but from pools.
 *
 *   in:   net_rx -> tcp_fast_in, or
 *         eth_in -> arp_in | ip_in -> icmp_in | udp_in | tcp_in
 *   out:  tcp_output, udp_sendv, icmp_*
 *         -> ip_out -> neigh_send -> net_tx -> txq
 *
 *   eth.c       in, and by which protocol; out
 *   neigh.c     neighbours: neigh_heard.c, neigh_table.c; by arp.c, nd.c
 *   ip.c        IPv4; our addresses: ip_own.c; fragments: ip_frag.c
 *   ip6.c       IPv6; our addresses: ip6_own.c, mld.c; fragments: ip6_frag.c
 *   frag.c      fragments of both families
 *   addr.c      addresses of both in 32 bits
 *   ip_cksum.c  checksums of what both carry
 *   icmp.c      ICMP; icmp6.c: ICMPv6
 *   udp.c       UDP in; udp_out.c: out; udp_sock.c: sockets
 *   tcp_*.c     see tcp.h
 *
 * Nothing here calls up: TCP and UDP put what the application should know on
 * their ready lists; dp/event.c turns it into event conditions. Where an event
 * may be written at once, net->event says so.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/caps.h"
#include "base/cksum.h"
#include "base/flows.h"
#include "base/handle.h"
#include "base/hash.h"
#include "base/ip4.h"
#include "base/mbuf.h"
#include "base/ports.h"
#include "base/ring.h"
#include "base/timer.h"
#include "ix/abi.h"
#include "ix/stat.h"
#include "net/pkt.h"
#include "net/addr.h"
#include "net/arp.h"
#include "net/ip6.h"
#include "net/frag.h"
#include "net/neigh.h"
#include "net/tcp.h"
#include "net/udp.h"

enum timer_kind {
	TIMER_TCP,
	TIMER_NEIGH,
	TIMER_USER,
	TIMER_SHARE,
	TIMER_FRAG,
	TIMER_IP6,
	TIMER_MLD,
};

enum {
	NET_TXQ = 512,
	NET_ALL = 256,	/* net->owner: ARP, which all threads should see */
	NET_HOLD = 257, /* ... what is early, see GROUP_ARRIVES */
};

/* What becomes of a flow group of this thread, see dp/move.h. */
enum group_state {
	GROUP_STAYS,
	GROUP_LEAVES,  /* ... as soon as another thread has made room */
	GROUP_ARRIVES, /* what comes for it waits for its connections */
};

/* Settings of the protocols. Fixed while a thread runs, but for the live ones
 * of conf/conf.def: dp_configured(). */
struct net_conf {
	struct be32 ip; /* own IPv4 address, the first; zero: none */
	struct be32 netmask;
	struct ip4_prefix also[IP4_ALSO]; /* further ones */
	u32 nalso;
	struct be32 gateway; /* zero: none */
	struct ip6_conf ip6;
	u16 mtu;	    /* 0: the NIC's */
	bool icmp_echo;	    /* answer pings */
	bool ports_only;    /* Linux owns the address: no ARP replies, ICMP
			     * or resets for ports that are not ours */
	u32 arp_timeout_ms; /* an entry is asked for again after this */
	u32 arp_retry_ms;   /* between requests for an unanswered entry */
	u32 arp_retries;
	u32 frag_timeout_ms; /* 0: fragments are dropped */
	struct tcp_conf tcp;
	struct udp_conf udp;
	struct ports ports; /* ours, with ports_only */
};

struct net {
	struct net_conf conf;
	struct eth_src src; /* of our IPv4 frames */
	u16 mtu;
	bool rss_folds; /* hash_toeplitz_folds(rss_key) */
	bool copies;	/* nothing is sent in place, for the time being */
	u32 caps;	/* of the NIC: NIC_* */
	struct mbuf_pool *pool;
	struct ix_stat *stat;
	struct wheel wheel;
	u64 secret[2]; /* for hash_sip(); random, never shown */

	/* Flow groups: which thread owns each entry of the RSS table. */
	u32 thread;
	u32 nthreads;	       /* 0 counts as 1 */
	const u8 *rss_key;     /* RSS_KEY_LEN */
	const u8 *group_owner; /* RSS_TABLE entries; written by the control
				* plane's moves only */
	u32 owner;	       /* of what net_rx() left: a thread, NET_ALL, */
	u32 early;	       /* ... NET_HOLD: for this group */
	u8 group_state[RSS_TABLE]; /* enum group_state */

	/* Where connections stand that another dataplane might get packets of;
	 * NULL: none might. */
	const struct flows *flows;

	/* Where the next event condition may be written, and the end of that;
	 * both NULL: it waits, see dp/event.c. */
	struct ix_event *event, *event_end;

	struct mbuf *txq[NET_TXQ]; /* built, not yet taken by the NIC */
	u32 ntx;
	u32 ndirect;		/* frames written since the last tx() to */
	struct ring_tx *direct; /* ... the NIC's own ring; NULL: to txq */
	u64 icmp_period;	/* which icmp_left is for */
	u32 icmp_left;		/* ICMP errors that may go in it */

	struct addr_table addrs;
	struct ip6 ip6;
	struct neigh_table neighbours;
	struct frags frags;
	struct tcp tcp;
	struct udp udp;
};

/* net->addrs: hashed with secret factors, so that nobody can know which
 * addresses collide. */
static inline struct ref32 *addr_bucket(const struct net *net, struct be128 ip)
{
	const u64 *factor = net->tcp.factor;
	u64 x = ip.q[0] * factor[0] + ip.q[1] * factor[1];

	x = (x ^ x >> 32) * factor[1];
	return &net->addrs.buckets[(x >> 32) * net->addrs.nbuckets >> 32];
}

/* The id of @ip, not held; zero when nobody holds it. */
static inline struct be32 addr_find(const struct net *net, struct be128 ip)
{
	const struct addr6 *addrs = net->addrs.addrs;
	struct ref32 r = { 0 };

	if (net->addrs.max)
		r = *addr_bucket(net, ip);
	while (r.raw && !be128_equal(addrs[ref32_index(r)].ip, ip))
		r = addrs[ref32_index(r)].next;
	return addr_id(r);
}

/* How much may go in the @period-th period of what strangers make us send, all
 * of them together: @mean on average, half of it at least. No host can
 * foresee it, so that one that counts what it gets learns nothing of what
 * others got. */
static inline u32 net_budget(const struct net *net, u32 mean, u64 period)
{
	const u64 what[] = { mean, period };
	u32 random = (u32)hash_sip(net->secret, what, sizeof(what));

	return (mean + 1) / 2 + (u32)((u64)random * (mean + 1ull) >> 32);
}

/* eth.c */

/* Received frames (chains of fragments), in order. Stops at the first that is
 * not for this thread alone: net->owner says whose it is, and it stays the
 * caller's, at most trimmed. Returns how many were taken. */
u32 net_rx(struct net *net, struct mbuf *const *pkts, u32 n, u64 now);

/* Frees the received packet @m, counted by @reason: true, it is taken. */
COLD bool net_drop(struct net *net, struct mbuf *m, u64 *reason);

/* Bytes that tcp_send() would take now. */
static inline u32 tcp_send_space(const struct net *net,
				 const struct tcp_conn *c)
{
	u32 buf = net->conf.tcp.snd_buf;

	return c->sndq_bytes < buf ? buf - c->sndq_bytes : 0;
}

/* @c, just off that list, is gone: the next one. */
struct tcp_conn *tcp_next_ready_slow(struct net *net, struct tcp_conn *c);

/* Next connection with pending events, or NULL; it is off the list then. */
static inline struct tcp_conn *tcp_next_ready(struct net *net)
{
	struct tcp_conn *c = tcp_pop_ready(&net->tcp);

	if (unlikely(c && c->flags & TCP_F_RELEASED))
		return tcp_next_ready_slow(net, c);
	return c;
}

/* Room for @n more packets in the transmit queue? */
static inline bool net_tx_room(const struct net *net, u32 n)
{
	return net->ntx + n <= NET_TXQ;
}

/* Gives up a packet that we wanted to send. */
static inline void net_tx_drop(struct net *net, struct mbuf *m)
{
	mbuf_sent(net->pool, m, &net->udp.sent);
}

/* ... for which there is no way. */
static inline void net_no_route(struct net *net, struct mbuf *m)
{
	net->stat->drop_no_route++;
	net_tx_drop(net, m);
}

/* Queues a complete frame; takes @m in any case (full: counted drop). */
static inline void net_tx(struct net *net, struct mbuf *m)
{
	if (unlikely(net->ntx == NET_TXQ)) {
		net->stat->drop_tx_full++;
		net_tx_drop(net, m);
		return;
	}
	net->txq[net->ntx++] = m;
}

/* Is @m for thread @owner, and so to be left to it? Not if another thread has
 * left it to us. */
static inline bool net_leave(struct net *net, const struct mbuf *m, u32 owner)
{
	net->owner = owner;
	return owner != net->thread && !(m->flags & MBUF_FORWARDED);
}

static inline u32 net_group_owner(const struct net *net, u32 group)
{
	return __atomic_load_n(&net->group_owner[group], __ATOMIC_RELAXED);
}

/* Is @m, of flow group @group, for another thread, or for later? Even if
 * another thread has left it to us: the group may have moved meanwhile. */
static inline bool net_leave_group(struct net *net, u32 group)
{
	bool early = net->group_state[group] == GROUP_ARRIVES;

	net->early = group;
	net->owner = unlikely(early) ? NET_HOLD : net_group_owner(net, group);
	return net->owner != net->thread;
}

/* May we begin a connection of @group? */
static inline bool net_may_open(const struct net *net, u32 group)
{
	return net_group_owner(net, group) == net->thread &&
	       net->group_state[group] == GROUP_STAYS;
}

/* Flow group of a packet that we receive. */
u32 net_flow_group(const struct net *net, struct flow flow);

/* The same of an IPv6 one, by its addresses. */
u32 net_flow_group6(const struct net *net, struct be128 raddr,
		    struct be128 laddr, u32 ports);

/* eth.c, ip.c */

/* Prepends the Ethernet header and queues. */
void eth_out(struct net *net, struct mbuf *m, const u8 dst[6], u16 type);

/* IPv4 input behind Ethernet; fills the rest of @p. Takes @m unless it
 * returns false, as net_leave() did: then it has at most been trimmed. */
bool ip_in(struct net *net, struct mbuf *m, struct pkt *p, u64 now);

/* Prepends the IPv4 header (DF set, @len of L4 computed from the chain) and
 * sends to @dst by way of the gateway where needed; resolves by ARP, queueing
 * a bounded number of packets meanwhile. Takes @m. @neigh: where to remember
 * the neighbour between packets of one flow (see neigh_hint()), or NULL.
 * Returns 0, -EHOSTUNREACH (no route, entry failed). */
int ip_out(struct net *net, struct mbuf *m, struct be32 src, struct be32 dst,
	   u8 proto, u8 tos, u16 *neigh, u64 now);

/* IPv6 input, as ip_in(). */
bool ip6_in(struct net *net, struct mbuf *m, struct pkt *p, u64 now);

/* ip_out() to the id of an IPv6 address. */
int ip6_out(struct net *net, struct mbuf *m, struct be32 src, struct be32 dst,
	    u8 proto, u8 tos, u16 *neigh, u64 now);

/* Tells TCP that the IP packet @m, which nobody took, cannot arrive. */
void ip_undeliverable(struct net *net, const struct mbuf *m, u64 now);
void ip6_undeliverable(struct net *net, const struct mbuf *m, u64 now);

/* Does the frame hold the @total bytes that IP claims? Cuts off padding. */
bool ip_fit(struct net *net, struct mbuf *m, u32 total);

/* "All headers in the first fragment" of struct pkt, for TCP. */
static inline bool tcp_header_ok(const struct pkt *p)
{
	const struct tcp_hdr *t = p->l4;
	u32 hlen;

	if (unlikely(p->first_len < TCP_LEN))
		return false;
	hlen = t->off >> 4 << 2;
	return hlen >= TCP_LEN && hlen <= p->first_len;
}

/* Sum over the IPv4 pseudo header. */
static inline u64 ip_pseudo_sum(struct be32 src, struct be32 dst, u8 proto,
				u16 len)
{
	return (u64)src.raw + dst.raw + be16(proto).raw + be16(len).raw;
}

/* ... and over IPv6's (RFC 8200 section 8.1): small, as the other. */
static inline u64 ip6_pseudo_sum(const struct be128 *src,
				 const struct be128 *dst, u8 proto, u16 len)
{
	u64 sum = cksum_add64(src->q[0], src->q[1]);

	sum = cksum_add64(sum, dst->q[0]);
	sum = cksum_add64(sum, dst->q[1]);
	return (sum >> 32) + (u32)sum + be16(proto).raw + be16(len).raw;
}

/* The same of either family. */
static inline u64 net_pseudo_sum(const struct net *net, struct be32 src,
				 struct be32 dst, u8 proto, u16 len)
{
	if (likely(!addr_is_v6(dst)))
		return ip_pseudo_sum(src, dst, proto, len);
	return ip6_pseudo_sum(addr_ip6(&net->addrs, src),
			      addr_ip6(&net->addrs, dst), proto, len);
}

/* Whether the checksum over all of @p behind IP holds; @sum: of what it covers
 * besides. */
bool ip_cksum_ok(const struct mbuf *m, const struct pkt *p, u64 sum);

/* Whether the L4 checksum of @p holds; @field: the checksum as received.
 * Knows NIC_RX_CSUM_PARTIAL. */
bool ip_l4_cksum_ok(const struct net *net, const struct mbuf *m,
		    const struct pkt *p, u16 field);

/* Sum over all that @m holds: frame, ext ranges, further fragments; *@len: how
 * much that is. */
u64 ip_payload_sum(const struct mbuf *m, u32 *len);

/* Limited or subnet broadcast? (A /31 has none: RFC 3021.) */
bool ip_is_broadcast(const struct net *net, struct be32 ip);

static inline bool ip_is_multicast(struct be32 ip)
{
	return (ip.raw & be32(0xf0000000).raw) == be32(0xe0000000).raw;
}

static inline bool eth_is_ip6(const struct mbuf *m)
{
	return ((const struct eth_hdr *)m->data)->type.raw ==
	       be16(ETH_TYPE_IPV6).raw;
}

static inline bool eth_is_group(const u8 mac[6])
{
	return mac[0] & 1;
}

/* ip_own.c: with several IPv4 addresses. */
bool ip_is_own_also(const struct net *net, struct be32 ip);
bool ip_on_link_also(const struct net *net, struct be32 ip);
struct be32 ip_source_of(const struct net *net, struct be32 dst);

/* One of our IPv4 addresses? */
static inline bool ip_is_own(const struct net *net, struct be32 ip)
{
	return (ip.raw == net->conf.ip.raw && ip.raw) ||
	       (unlikely(net->conf.nalso) && ip_is_own_also(net, ip));
}

static inline bool ip_on_link(const struct net *net, struct be32 ip)
{
	return !((ip.raw ^ net->conf.ip.raw) & net->conf.netmask.raw) ||
	       (unlikely(net->conf.nalso) && ip_on_link_also(net, ip));
}

/* icmp.c */

/* Takes @m, or false: net_leave() (the packet it is about is another thread's).
 * Echo is answered in place; what routers say about our segments goes to
 * tcp_icmp() after checking the quoted header. */
bool icmp_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now);

/* Answers @p by destination unreachable, @code; rate limited. Does not take
 * the mbuf. Never in answer to ICMP errors, broadcast or multicast
 * (RFC 1122, 3.2.2). */
void icmp_unreachable(struct net *net, const struct pkt *p, u8 code, u64 now);

/* Answers the first fragment @p of a datagram that did not become whole. */
void icmp_reassembly_timeout(struct net *net, const struct pkt *p, u64 now);

/* One of ours, of either family, or zero: any. */
static inline bool net_is_own(const struct net *net, struct be32 a)
{
	if (!addr_is_v6(a))
		return !a.raw || ip_is_own(net, a);
	return ip6_own(&net->ip6, *addr_ip6(&net->addrs, a)) >= 0;
}

/* Multicast or limited broadcast? */
static inline bool net_is_group(const struct net *net, struct be32 a)
{
	if (addr_is_v6(a))
		return ip6_is_multicast(*addr_ip6(&net->addrs, a));
	return ip_is_multicast(a) || ip_is_broadcast(net, a);
}

/* The own address to speak to @dst from; zero: none. */
static inline struct be32 net_source(const struct net *net, struct be32 dst)
{
	if (addr_is_v6(dst))
		return ip6_source(net, *addr_ip6(&net->addrs, dst));
	return likely(!net->conf.nalso) ? net->conf.ip : ip_source_of(net, dst);
}

/* What of the MTU is left behind the IP header. */
static inline u32 net_mtu_payload(const struct net *net, struct be32 dst)
{
	return addr_is_v6(dst) ? net->ip6.mtu - (u32)IPV6_LEN
			       : net->mtu - (u32)IPV4_LEN;
}

/* The neighbour to hand a packet for @dst to; zero: no route. */
static inline struct be32 ip6_next_hop(const struct net *net, struct be32 dst)
{
	const struct ip6_own *o = &net->ip6.own[0];

	return likely(ip6_same_net(addr_ip6(&net->addrs, dst), &o->ip,
				   &o->mask))
		       ? dst
		       : ip6_next_hop_slow(net, dst);
}

/* The same of either family. */
struct be32 net_next_hop(const struct net *net, struct be32 dst);

#endif

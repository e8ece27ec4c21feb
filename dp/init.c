/* SPDX-License-Identifier: MIT */
/* The beginning and the end of an elastic thread's dataplane. */
#include "base/carve.h"
#include "base/errno.h"
#include "base/mem.h"
#include "dp/late.h"
#include "dp/move.h"
#include "net/mld.h"

static size_t timers_bytes(const struct dp_conf *conf)
{
	return sizeof(struct user_timer) * (size_t)conf->max_timers;
}

/* Whoever may hold an IPv6 address: connections and neighbours, datagrams that
 * wait or are with the application, we. */
static u32 max_addrs(const struct dp_conf *conf)
{
	return conf->net.ip6.nown ? conf->net.tcp.max_conns + conf->mbufs +
					    NEIGH_ENTRIES + IP6_HELD
				  : 0;
}

size_t dp_bytes(const struct dp_conf *conf)
{
	return align_line(conf->mbufs * sizeof(struct mbuf)) +
	       align_line(tcp_slot_bytes(&conf->net.tcp)) + dp_own_bytes(conf);
}

size_t dp_own_bytes(const struct dp_conf *conf)
{
	return align_line(conf->mbufs * sizeof(u32)) +
	       align_line(tcp_bytes(&conf->net.tcp)) +
	       align_line(udp_bytes(&conf->net.udp)) +
	       align_line(addr_bytes(max_addrs(conf))) +
	       align_line(timers_bytes(conf)) + align_line(dp_late_bytes(conf));
}

static bool conf_ok(const struct dp_setup *s)
{
	const struct dp_conf *c = s->conf;

	return c->batch >= 1 && c->batch <= DP_MAX_BATCH && c->mbufs &&
	       c->net.tcp.max_conns && c->net.tcp.max_listeners &&
	       c->net.tcp.max_ranges && c->net.tcp.conn_ranges && s->nic &&
	       s->stat && s->mem && s->frames && s->rss_key && s->group_owner &&
	       s->nthreads && s->nthreads <= IX_MAX_THREADS &&
	       s->thread < s->nthreads;
}

void dp_bind(struct dp *dp)
{
	timer_fn **fire = dp->net.wheel.fire;

	fire[TIMER_TCP] = tcp_timer;
	fire[TIMER_NEIGH] = neigh_timer;
	fire[TIMER_USER] = dp_user_timer_fire;
	fire[TIMER_SHARE] = tcp_watch;
	fire[TIMER_FRAG] = frag_timer;
	fire[TIMER_IP6] = ip6_timer;
	fire[TIMER_MLD] = mld_timer;
}

/* The protocols are initialised last: their init functions read the settings,
 * the pool and the wheel. */
static void init_net(struct dp *dp, const struct dp_setup *s,
		     struct tcp_conn *conns, u8 **mem, u64 now)
{
	struct net *net = &dp->net;
	bool shared = s->shared;

	net->conf = s->conf->net;
	memcpy(net->src.mac, s->nic->mac, sizeof(net->src.mac));
	net->src.type = be16(ETH_TYPE_IPV4);
	net->mtu = net->conf.mtu && net->conf.mtu < s->nic->mtu ? net->conf.mtu
								: s->nic->mtu;
	net->caps = s->nic->caps;
	net->pool = &dp->pool;
	net->stat = s->stat;
	net->secret[0] = s->secret[0];
	net->secret[1] = s->secret[1];
	net->thread = s->thread;
	net->rss_key = s->rss_key;
	net->rss_folds = hash_toeplitz_folds(s->rss_key);
	net->group_owner = s->group_owner;
	wheel_init(&net->wheel, now);
	dp_bind(dp);
	neigh_init(net);
	frag_init(net);
	tcp_init(net, carve(mem, tcp_bytes(&net->conf.tcp)), conns,
		 shared ? s->thread : 0, shared ? s->nthreads : 1);
	udp_init(net, carve(mem, udp_bytes(&net->conf.udp)));
	addr_init(net, max_addrs(s->conf),
		  carve(mem, addr_bytes(max_addrs(s->conf))));
	ip6_init(net, now);
}

/* Of a thread that shares nothing all flow groups are its own: others' packets
 * are forwarded. */
static void init_slots(struct dp *dp, const struct dp_setup *s)
{
	for (u32 g = 0; g < RSS_TABLE; g++) {
		if (!s->shared || net_group_owner(&dp->net, g) == s->thread)
			dp->slots_of[g] = dp->net.tcp.nslots;
	}
}

static void init_pool(struct dp *dp, const struct dp_setup *s,
		      struct mbuf *mbufs, u32 *free)
{
	bool shared = s->shared;

	mbuf_pool_part(&dp->pool, mbufs, free, s->frames, s->app_frames,
		       s->conf->mbufs, shared ? s->thread : 0,
		       shared ? s->nthreads : 1);
}

int dp_init(struct dp *dp, const struct dp_setup *s, u64 now)
{
	struct dp_shared own, *shared = s->shared;
	u8 *mem = s->mem;

	if (!conf_ok(s))
		return -EINVAL;
	memset(dp, 0, sizeof(*dp));
	dp->conf = *s->conf;
	dp->nic = s->nic;
	dp->stat = s->stat;
	dp->arena = s->arena;
	dp->down = s->down;
	dp->up = s->up;
	dp->now = dp->polled_at = dp->net.tcp.read_at = now;
	dp->nthreads = dp->net.nthreads = s->nthreads;
	dp->udp_sent_tail = &dp->udp_sent;
	if (!shared) {
		own.mbufs = carve(&mem, s->conf->mbufs * sizeof(struct mbuf));
		own.conns = carve(&mem, tcp_slot_bytes(&s->conf->net.tcp));
		own.forward = NULL;
		shared = &own;
	} else {
		dp->mover = &shared->movers[s->thread];
	}
	dp->forward = shared->forward;
	init_pool(dp, s, shared->mbufs,
		  carve(&mem, s->conf->mbufs * sizeof(u32)));
	s->nic->pool = &dp->pool;
	init_net(dp, s, shared->conns, &mem, now);
	init_slots(dp, s);
	dp->timers = carve(&mem, timers_bytes(s->conf));
	dp_user_timers_init(dp);
	dp_late_init(dp, carve(&mem, dp_late_bytes(s->conf)));
	dp->stat->version = IX_STAT_VERSION;
	dp->stat->mbufs_total = dp->pool.total;
	dp->stat->mbufs_free = dp->pool.nfree;
	return 0;
}

void dp_configured(struct dp *dp)
{
	tcp_configured(&dp->net);
}

/* Sends what is queued, but does not wait for a NIC that takes nothing more. */
static void drain(struct dp *dp, u64 now)
{
	struct net *net = &dp->net;
	bool taken = true;

	neigh_flush(net);
	frag_flush(net);
	while (net->ntx && taken)
		taken = dp_tx(dp, now) > 0;
	dp_tx(dp, now);
	while (net->ntx)
		mbuf_free_chain(&dp->pool, net->txq[--net->ntx]);
	dp->capture.waiting = 0;
}

/* There may be more connections than the transmit queue holds resets: it is
 * handed to the NIC meanwhile. */
static void abort_all(struct dp *dp, u64 now)
{
	struct net *net = &dp->net;

	struct tcp_walk walk = { 0 };
	struct tcp_conn *c;

	while ((c = tcp_walk(&net->tcp, &walk))) {
		tcp_abort(net, c, now);
		if (!net_tx_room(net, 2))
			dp_tx(dp, now);
	}
	tcp_abort_all(net, now); /* those dead, but not forgotten */
}

void dp_shutdown(struct dp *dp, u64 now)
{
	struct net *net = &dp->net;

	dp->shut = true;
	dp_late_end(dp);
	if (dp->mover) {
		dp_leave_shut(dp, now);
		dp_arrive_shut(dp, now);
	}
	abort_all(dp, now);
	for (u32 i = 0; i < net->conf.udp.max_sockets; i++) {
		if (net->udp.socks[i].port)
			udp_unbind(net, i);
	}
	dp_user_timers_cancel(dp);
	drain(dp, now);
	dp_events_drop(dp);
	dp->stat->mbufs_free = dp->pool.nfree;
}

void dp_renew(struct dp *dp)
{
	struct net *net = &dp->net;

	for (u32 i = 0; i < net->conf.tcp.max_listeners; i++) {
		struct tcp_listener *l = &net->tcp.listeners[i];

		if (l->port)
			tcp_unlisten(net, l->ip, l->port, dp->now);
	}
	drain(dp, dp->now); /* the network was served on */
	dp->down = NULL;
	dp->up = NULL;
	dp->nevents = 0;
	dp->full = dp->shut = false;
}

/* SPDX-License-Identifier: MIT */
/* What one seed is. Whatever is left out, all numbers are drawn, so that the
 * rest stays as it was. */
#include "sim.h"

#include <stdlib.h>

#define SIM_FAULT_NAME(name, word, percent) [FAULT_##name] = (word),
#define SIM_FAULT_PERCENT(name, word, percent) [FAULT_##name] = (percent),
const char *const sim_fault_names[NR_FAULTS] = { SIM_FAULTS(SIM_FAULT_NAME) };
static const u8 fault_percent[NR_FAULTS] = { SIM_FAULTS(SIM_FAULT_PERCENT) };
#undef SIM_FAULT_NAME
#undef SIM_FAULT_PERCENT

u32 sim_random(u64 *rng, u32 below)
{
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (u32)((*rng * 0x2545f4914f6cdd1dull >> 32) * below >> 32);
}

bool sim_chance(u64 *rng, u32 percent)
{
	return sim_random(rng, 100) < percent;
}

/* A generator of its own for each concern, so that one does not move the
 * others. */
static u64 rng_for(const struct world *w, u64 what)
{
	u64 x = (w->plan.seed + what * 0x632be59bd9b4e019ull) *
		0x9e3779b97f4a7c15ull;

	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	return x | 1;
}

enum {
	RNG_FAULTS,
	RNG_WORLD,
	RNG_PATHS,
	RNG_TROUBLES,
	RNG_HOSTS = 1000,
	RNG_MOVES = 2000,
	RNG_FAMILIES = 3000,
	RNG_LATE = 4000,
};

static void choose_faults(struct world *w)
{
	u64 rng = rng_for(w, RNG_FAULTS);
	u32 calm = sim_random(&rng, 4); /* a quarter has few of them */

	for (u32 i = 0; i < NR_FAULTS; i++) {
		bool yes = sim_chance(&rng, fault_percent[i]);

		yes &= calm || sim_chance(&rng, 20);
		if (yes && w->plan.allowed >> i & 1)
			w->faults |= 1ull << i;
	}
	w->may_die =
		sim_in_play(w, FAULT_STARVE) || sim_in_play(w, FAULT_IMPATIENT);
}

static u32 choose_hosts(struct world *w, u64 *rng)
{
	u32 n = 2;

	switch (sim_random(rng, 10)) {
	case 0:
		n += 4 + sim_random(rng, SIM_HOSTS - 5);
		break;
	case 1:
	case 2:
	case 3:
		n += sim_random(rng, 4);
	}
	return min(n, w->plan.max_hosts);
}

/* ---- paths */

static u32 part(u64 *rng, bool in_play, u32 most_permille)
{
	u32 p = sim_random(rng, most_permille * 4294967u);

	return in_play ? p : 0;
}

static void plan_path(struct world *w, struct path *p, u64 *rng)
{
	struct impair_conf c = {
		.seed = sim_random(rng, ~0u),
		.loss = part(rng, sim_in_play(w, FAULT_LOSS), 100),
		.burst = part(rng, sim_in_play(w, FAULT_BURST), 10),
		.burst_len = 2 + sim_random(rng, 20),
		.dup = part(rng, sim_in_play(w, FAULT_DUP), 50),
		.corrupt = part(rng, sim_in_play(w, FAULT_CORRUPT), 50),
		.reorder = part(rng, sim_in_play(w, FAULT_REORDER), 100),
		.delay_ns = sim_random(rng, 20) * SIM_MS / 2,
	};

	c.reorder_ns = sim_random(rng, 20) * SIM_MS;
	c.jitter_ns = sim_random(rng, 3000) * SIM_MS / 1000;
	if (!sim_in_play(w, FAULT_JITTER))
		c.jitter_ns = 0;
	if (sim_chance(rng, 50)) /* rare losses are of another kind */
		c.loss /= 20;
	p->bad = c;
	p->clean = (struct impair_conf){ .delay_ns = c.delay_ns };
	p->impair.conf = c;
	impair_init(&p->impair);
}

/* Not so slow that what is under way at once cannot pass. */
static void plan_trunk(struct world *w, struct path *p, u64 *rng)
{
	u64 mbit = 1 + sim_random(rng, sim_chance(rng, 50) ? 10 : 1000);
	struct impair_conf c = { .rate_bps = 1000000ull *
					     max(mbit, w->nhosts / 4ull) };
	u32 queue = 20000 + sim_random(rng, 200000);
	u32 mark = 3000 + sim_random(rng, 30000);
	bool limited = sim_chance(rng, 60);

	c.queue = sim_in_play(w, FAULT_QUEUE) ? queue : 0;
	c.mark = sim_in_play(w, FAULT_MARK) ? mark : 0;
	if (!limited)
		c = (struct impair_conf){ 0 };
	p->bad = p->clean = p->impair.conf = c;
	impair_init(&p->impair);
}

/* ---- hosts */

static void plan_timers(struct world *w, struct tcp_conf *c, u64 *rng)
{
	bool impatient = sim_in_play(w, FAULT_IMPATIENT);

	c->patience_ms = 600000; /* the path may be worse */
	c->rto_initial_us = 200000;
	c->rto_min_us = 10000 + sim_random(rng, 200000);
	c->rto_max_us = 4000000;
	c->delack_us = sim_random(rng, 3) * 20000;
	c->time_wait_ms = sim_random(rng, 2000);
	c->fin_timeout_ms = 10000;
	c->orphan_timeout_ms = 300000;
	/* Else who half-closed waits for ever for a peer that aborted and
	 * whose RST was lost. */
	c->keep_idle_ms = 500 + sim_random(rng, 5000);
	c->keep_interval_ms = 1000;
	c->keep_probes = impatient ? 3 : 30;
	c->retries = impatient ? 4 : 25;
	c->syn_retries = impatient ? 2 : 25;
}

/* Each side has what it has. */
static bool option(struct world *w, u64 *rng, enum sim_fault without)
{
	bool off = sim_chance(rng, 35);

	return !(off && sim_in_play(w, without));
}

static void plan_options(struct world *w, struct tcp_conf *c, u64 *rng)
{
	u32 cc = sim_random(rng, TCP_NR_CC);

	c->timestamps = option(w, rng, FAULT_NO_TS);
	c->wscale = option(w, rng, FAULT_NO_WSCALE);
	c->syn_cookies = option(w, rng, FAULT_NO_COOKIES);
	c->ecn = option(w, rng, FAULT_NO_ECN) ? (u8)(1 + sim_random(rng, 2))
					      : TCP_ECN_OFF;
	c->pacing = sim_chance(rng, 30);
	c->quick_acks = sim_random(rng, 32);
	c->rcv_buf_max = sim_chance(rng, 50) ? sim_random(rng, 400000) : 0;
	c->sack = option(w, rng, FAULT_NO_SACK);
	c->cc = (u8)(sim_in_play(w, FAULT_ANY_CC) ? cc : TCP_CC_NEWRENO);
}

static void plan_tcp(struct world *w, struct tcp_conf *c, u64 *rng)
{
	*c = (struct tcp_conf){
		.max_conns = 128 + sim_random(rng, 64),
		.max_listeners = 2,
		.max_ranges = 64 + sim_random(rng, 1000),
		.conn_ranges = 4 + sim_random(rng, 60),
		.snd_buf = 2048 + sim_random(rng, SIM_SLOT),
		.rcv_buf = 2048 + sim_random(rng, 200000),
		.rcv_mbufs = 4 + sim_random(rng, 60),
		.init_cwnd = 1 + sim_random(rng, 10),
		.port_min = 32768,
		.port_max = (u16)(32768 + 200 + sim_random(rng, 10000)),
		.challenge_acks = 1000,
		.challenge_interval_ms = sim_random(rng, 600),
	};
	plan_timers(w, c, rng);
	plan_options(w, c, rng);
	c->rcv_buf_max = sim_chance(rng, 50) ? sim_random(rng, 1 << 20) : 0;
	c->quick_acks = sim_random(rng, 3) * 8;
	if (sim_in_play(w, FAULT_FEW_PORTS))
		c->port_max = c->port_min + 7;
}

/* Too little of something. */
static void starve(struct host *h, u64 *rng)
{
	struct tcp_conf *c = &h->conf.net.tcp;

	c->patience_ms = 100 + sim_random(rng, 3000);
	if (sim_chance(rng, 50))
		c->max_conns = 4 + sim_random(rng, 20);
	if (sim_chance(rng, 50))
		c->max_ranges = 1 + sim_random(rng, 20);
	if (sim_chance(rng, 50))
		h->conf.mbufs = 64 + sim_random(rng, 200);
	if (sim_chance(rng, 50))
		h->nic.tx_most = 1 + sim_random(rng, 8);
}

/* Clocks that are about to wrap, too: of us, of ticks, of timestamps. */
static u64 plan_clock(u64 *rng)
{
	static const u8 wraps[] = { 0, 42, 46, 52 };
	u64 r = sim_random(rng, ~0u);
	u64 wrap = 1ull << wraps[sim_random(rng, ARRAY_SIZE(wraps))];

	return (wrap > 1 ? wrap : 1000 * SIM_S) - r * 2;
}

static void plan_threads(struct world *w, struct host *h)
{
	u64 rng = rng_for(w, RNG_MOVES + h->nr);
	u32 n = 1 + sim_random(&rng, SIM_THREADS);

	h->nthreads = sim_in_play(w, FAULT_MOVE) ? n : 1;
	h->astray = sim_chance(&rng, 20) ? sim_random(&rng, 50) : 0;
	h->move_at = w->now + sim_random(&rng, 200) * SIM_MS;
	h->move_rng = rng;
}

static void plan_late(struct world *w, struct host *h)
{
	u64 rng = rng_for(w, RNG_LATE + h->nr);

	if (sim_chance(&rng, 40))
		h->nic.late = 1 + sim_random(&rng, SIM_LATE);
	h->nic.rng = sim_random(&rng, ~0u) | 1;
}

/* A server of both families has clients of any. */
static void plan_families(struct world *w, struct host *h)
{
	u64 rng = rng_for(w, RNG_FAMILIES + h->nr);
	u32 some = 1 + sim_random(&rng, 3);
	struct net_conf *c = &h->conf.net;

	if (!h->nr)
		w->families = sim_in_play(w, FAULT_IP6) ? some : FAMILY_4;
	h->families = w->families & some ? w->families & some : w->families;
	if (h->families & FAMILY_4)
		c->ip = sim_ip4(h->nr);
	if (h->families & FAMILY_6) {
		struct be128 local = sim_ip6(h->nr);

		local.b[0] = 0xfe;
		local.b[1] = 0x80;
		c->ip6.own[0] = (struct ip6_prefix){ sim_ip6(h->nr), 64 };
		c->ip6.own[1] = (struct ip6_prefix){ local, 64 };
		c->ip6.nown = 2;
		c->ip6.detect = sim_chance(&rng, 50);
		c->mtu = max(c->mtu, (u16)IPV6_MIN_MTU);
	}
	h->family_rng = rng;
}

static void plan_host(struct world *w, u32 nr)
{
	u64 rng = rng_for(w, RNG_HOSTS + nr), own;
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		panic("sim: out of memory");
	w->hosts[nr] = h;
	h->world = w;
	h->nr = nr;
	h->conf = (struct dp_conf){
		.batch = 1 + sim_random(&rng, 64),
		.max_timers = 4,
		.mbufs = 700 + sim_random(&rng, 1000),
		.net = {
			.netmask = be32(0xffffff00),
			.mtu = (u16)(576 + sim_random(&rng, 925)),
			.icmp_echo = true,
			.arp_timeout_ms = 100 + sim_random(&rng, 60000),
			.arp_retry_ms = 100 + sim_random(&rng, 900),
			.arp_retries =
				sim_in_play(w, FAULT_IMPATIENT) ? 3 : 200,
			.udp = { .max_sockets = 1, .rcv_queue = 1 },
		},
	};
	if (sim_chance(&rng, 50))
		h->nic.q.caps = NIC_GATHER;
	if (sim_chance(&rng, 20)) /* headers lie in the first fragment */
		h->nic.rx_room = 128 + sim_random(&rng, 1200);
	plan_tcp(w, &h->conf.net.tcp, &rng);
	/* SYNs of many are repeated all at once: few places last too long. */
	h->app.backlog =
		1 + sim_random(&rng, 16) + (w->nhosts > 4 ? 2 * w->nhosts : 0);
	h->app.to_open = sim_random(&rng, nr && w->nhosts > 8 ? 8 : 32);
	h->app.rng = sim_random(&rng, ~0u) | 1;
	h->rng = sim_random(&rng, ~0u) | 1;
	h->skew = h->skew_first = plan_clock(&rng);
	plan_path(w, &h->to, &rng);
	plan_path(w, &h->from, &rng);
	own = sim_random(&rng, ~0u) | 1;
	if (sim_in_play(w, FAULT_STARVE))
		starve(h, &own);
	plan_threads(w, h);
	plan_families(w, h);
	plan_late(w, h);
}

void plan_world(struct world *w)
{
	u64 rng = rng_for(w, RNG_WORLD), troubles = rng_for(w, RNG_TROUBLES);
	u64 heal;

	w->now = SIM_S;
	choose_faults(w);
	w->nhosts = choose_hosts(w, &rng);
	heal = w->now + (u64)sim_random(&rng, 15000) * SIM_MS;
	w->heal_at = sim_chance(&rng, 60) ? heal : UINT64_MAX;
	plan_trunk(w, &w->trunk[0], &rng);
	plan_trunk(w, &w->trunk[1], &rng);
	for (u32 i = 0; i < w->nhosts; i++)
		plan_host(w, i);
	trouble_plan(w, &troubles);
}

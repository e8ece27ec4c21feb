/* SPDX-License-Identifier: MIT */
/*
 *	lively [-v] [-n COUNT] SEED
 *
 * What losses cost. A seed is a stream, a path, options, IPv4 or IPv6, and
 * which segments the path swallows, their retransmissions, too. The stream
 * passes once without losses and once with them; each loss may cost so much
 * more:
 *
 *	a segment lost for the first time                    COST units
 *	... and what was sent again in its place, lost, too  twice what the one
 *	                                                     before did
 *	an ACK, or a segment on a path that loses those      twice what the last
 *	                                                     loss did
 *	the window is smaller afterwards, and grows anew     2 + 2 sqrt(N); N:
 *	                                                     segments
 *
 * A unit is a round trip and what timers add to it: the shortest timeout here.
 * A loss costs the round trips until it is noticed, by what arrives behind it
 * or by a probe, and the one of the repair; or, where nothing is in flight any
 * more that could tell of it, a timeout, which doubles each time, and until a
 * round trip could be measured. What is lost once, of a peer that SACKs, with
 * two segments behind it, never costs a timeout.
 */
#include <stdio.h>
#include <string.h>

#include "pair.h"

enum {
	COST = 4,
	MSS = 1448,
	MSS_6 = 1428,
	MSS_LEAST = 524, /* after three timeouts in a row */
	MSS_LEAST_6 = 1208,
	MOST_LOST = 8,
	MS = 1000000,
};

/* Which segments are lost. */
enum kind { ANYWHERE, ACKS_TOO, RUN, TAIL, NR_KINDS };

struct lost {
	u32 seq, end, depth; /* sent for the so many-th time */
};

struct plan {
	struct pair_conf conf;
	u64 rng, unit;
	enum kind kind;
	u32 begins; /* RUN, TAIL: at this byte */
	u32 again;  /* percent of what is sent again that is lost, too */
	u32 chance; /* ANYWHERE: per 1000 */
	u32 left;   /* to be lost */
	u32 first;  /* sequence number */
	bool begun;
	u32 nlost;
	struct lost lost[MOST_LOST];
	bool verbose;
};

static u32 draw(u64 *rng, u32 below)
{
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (u32)((*rng * 0x2545f4914f6cdd1dull >> 32) * below >> 32);
}

/* ---- losing */

/* How often in a row has it been lost? */
static u32 depth_of(const struct plan *p, u32 seq, u32 end)
{
	u32 depth = p->kind == ACKS_TOO ? p->nlost : 0;

	for (u32 i = 0; i < p->nlost; i++) {
		const struct lost *l = &p->lost[i];

		if (seq < l->end && l->seq < end)
			depth = max(depth, l->depth);
	}
	return depth;
}

static bool wants(struct plan *p, u32 seq, bool data, u32 depth)
{
	u32 dice = draw(&p->rng, 100), dice2 = draw(&p->rng, 1000);

	if (!data)
		return p->kind == ACKS_TOO && dice2 < p->chance;
	if (depth && p->kind != ACKS_TOO)
		return dice < p->again;
	if (p->kind == RUN || p->kind == TAIL)
		return seq >= p->begins;
	return dice2 < p->chance;
}

static bool lose(void *arg, const struct pair_seg *s)
{
	struct plan *p = arg;
	bool data = !s->from && s->len;
	struct lost l;

	if (data && !p->begun) {
		p->begun = true;
		p->first = s->seq;
	}
	l.seq = s->seq - p->first;
	l.end = l.seq + s->len;
	l.depth = depth_of(p, l.seq, l.end) + 1;
	if (!p->left || !p->begun || !wants(p, l.seq, data, l.depth - 1))
		return false;
	p->left--;
	p->lost[p->nlost++] = l;
	return true;
}

static void watch(void *arg, const struct pair_seg *s, const char *fate)
{
	const struct plan *p = arg;

	if (p->verbose)
		printf("  %.6f %s %u:%u %s\n", (double)s->now * 1e-9,
		       s->from ? "<" : ">", s->seq - p->first,
		       s->seq - p->first + s->len, fate);
}

/* ---- a seed */

static void plan_options(struct plan *p, u64 *rng)
{
	struct tcp_conf *c = &p->conf.tcp;

	*c = pair_tcp;
	c->cc = (u8)draw(rng, TCP_NR_CC);
	c->sack = draw(rng, 4);
	c->pacing = !draw(rng, 4);
	c->rto_min_us = (u32)(p->unit / 1000);
	c->snd_buf = 20000 + draw(rng, 1 << 20);
	c->rcv_buf = 20000 + draw(rng, 1 << 20);
}

static void plan_losses(struct plan *p, u64 *rng)
{
	u32 segs = (p->conf.bytes + MSS - 1) / MSS;

	p->kind = draw(rng, NR_KINDS);
	p->left = 1 + draw(rng, MOST_LOST);
	p->again = draw(rng, 3) * 40;
	p->chance = min(2000 * p->left / segs, 500u);
	if (p->kind == TAIL)
		p->begins = (segs - min(1 + draw(rng, 6), segs)) * MSS;
	else
		p->begins = draw(rng, segs) * MSS;
	p->rng = (u64)draw(rng, ~0u) << 32 | draw(rng, ~0u) | 1;
}

static struct plan plan(u64 seed)
{
	static const u32 delays_us[] = { 100, 1000, 5000, 40000 };
	u64 rng = (seed + 1) * 0x9e3779b97f4a7c15ull;
	u32 segs = 1 + draw(&rng, draw(&rng, 2) ? 20 : 400);
	u32 delay = delays_us[draw(&rng, ARRAY_SIZE(delays_us))];
	struct plan p = { 0 };

	p.conf.bytes = segs * MSS - draw(&rng, MSS);
	p.conf.way[0].delay_ns = p.conf.way[1].delay_ns = delay * 1000ull;
	p.unit = 2000ull * delay + 3 * MS;
	plan_options(&p, &rng);
	plan_losses(&p, &rng);
	p.conf.ip6 = draw(&rng, 2);
	return p;
}

static u32 square_root(u32 x)
{
	u32 r = 0;

	while ((r + 1) * (r + 1) <= x)
		r++;
	return r;
}

/* Units that the losses may have cost. */
static u32 allowed(const struct plan *p)
{
	u32 units = 0, deepest = 0, mss;

	for (u32 i = 0; i < p->nlost; i++) {
		units += COST << (p->lost[i].depth - 1);
		deepest = max(deepest, p->lost[i].depth);
	}
	if (p->conf.ip6)
		mss = deepest < 3 ? MSS_6 : MSS_LEAST_6;
	else
		mss = deepest < 3 ? MSS : MSS_LEAST;
	return units + 2 * square_root(p->conf.bytes / mss) + 2;
}

/* May it have come to a timeout? Not where the peer SACKs, nothing is lost
 * again, and two segments come behind, or anything behind the only one. */
static bool may_wait(const struct plan *p)
{
	u32 behind = p->nlost == 1 ? 1 : 2 * MSS;
	u32 end = 0, deepest = 0;

	for (u32 i = 0; i < p->nlost; i++) {
		end = max(end, p->lost[i].end);
		deepest = max(deepest, p->lost[i].depth);
	}
	return p->kind == ACKS_TOO || !p->conf.tcp.sack || deepest > 1 ||
	       end + behind > p->conf.bytes;
}

struct outcome {
	double units; /* that the losses did cost, */
	u32 allowed;  /* and could have, */
	u32 lost;
	u64 timeouts;
};

static bool try_seed(u64 seed, bool verbose, struct outcome *o)
{
	struct plan p = plan(seed);
	struct pair_conf clean = p.conf;
	struct pair_result without, with;
	u64 limit = 600ull * 1000 * MS;

	p.verbose = verbose;
	p.conf.arg = &p;
	p.conf.lose = lose;
	p.conf.watch = watch;
	if (!pair_run(&clean, limit, &without) ||
	    !pair_run(&p.conf, limit, &with))
		return false;
	o->units = ((double)with.ns - (double)without.ns) / (double)p.unit;
	o->allowed = allowed(&p);
	o->lost = p.nlost;
	o->timeouts = with.sender.tcp_timeouts;
	return o->units <= o->allowed && (!o->timeouts || may_wait(&p));
}

int main(int argc, char **argv)
{
	struct pair_seeds s;
	double most = 0;
	bool ok = true;
	u64 lost = 0;

	if (!pair_seeds(&s, argc, argv))
		return 2;
	for (u64 seed = s.first; seed < s.first + s.count; seed++) {
		struct outcome o = { 0 };

		if (!try_seed(seed, s.verbose, &o)) {
			printf("seed %llu: %u lost, which cost %.1f units of "
			       "%u, and %llu timeouts\n",
			       (unsigned long long)seed, o.lost, o.units,
			       o.allowed, (unsigned long long)o.timeouts);
			ok = false;
		}
		if (o.allowed)
			most = max(most, o.units / o.allowed);
		lost += o.lost;
	}
	printf("%llu streams, %llu segments lost; at most %.0f %% of what they "
	       "may cost\n",
	       (unsigned long long)s.count, (unsigned long long)lost,
	       100 * most);
	return !ok;
}

/* SPDX-License-Identifier: MIT */
/*
 *	windows [-v] [-n COUNT] SEED
 *
 * What congestion control makes of one stream. A seed is an algorithm, options,
 * and a path that loses at random, or has a rate and a queue that overflows, or
 * one that marks. After each iteration of the sender:
 *
 *	slow start	the window grows by no more than was acknowledged
 *	... the first	ends by loss, mark or queue only
 *	afterwards	by half of that at most (RFC 9438 section 4.4), and of
 *			CUBIC no further than its curve, or Reno's, has got
 *	a loss		leaves half to 0.7 of what was in flight
 *	a timeout	... and one segment at first
 *	recovery	ends with a window of what was left
 *	a mark		reduces, unless DCTCP has seen few of them
 *
 * and at the end: the stream had most of a path that marks, whose queue stayed
 * short with DCTCP, and never overflowed.
 */
#include <math.h>
#include <stdio.h>

#include "pair.h"

enum {
	MS = 1000000,
	MSS = 1448,
	NOTICED_NS = 3900000, /* RFC 9406: a queue of 4 ms is one */
};

enum kind { LOSES, OVERFLOWS, MARKS, NR_KINDS };

/* The connection as it was after an iteration. */
struct was {
	u32 una, max, cwnd, ssthresh, flags;
	u64 undone;	/* recoveries and timeouts */
	u64 recoveries; /* begun */
};

/* RFC 9438 in floating point: the most that CUBIC may have reached. */
struct curve {
	double w_max, w0, reno; /* bytes */
	u64 epoch;		/* 0: none yet */
	bool unknown;		/* w_max was while a loss was being repaired */
};

/* Congestion avoidance since it began. */
struct avoid {
	bool on;
	u32 cwnd; /* then */
	u64 acked;
};

struct look {
	struct pair_conf conf;
	u64 seed;
	enum kind kind;
	bool verbose, ok, begun;
	bool disturbed; /* something was lost or marked, or waited */
	struct was was;
	struct curve curve;
	struct avoid avoid;
	double queued; /* ns, all segments together */
	u64 nsegs, lost;
};

static u32 draw(u64 *rng, u32 below)
{
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (u32)((*rng * 0x2545f4914f6cdd1dull >> 32) * below >> 32);
}

/* ---- what must hold */

#define MUST(l, c, now, cond)                                                \
	do {                                                                 \
		if (unlikely(!(cond)) && (l)->ok) {                          \
			printf("seed %llu: at %.6f s, window %u of %u, was " \
			       "%u of %u: not so: %s\n",                     \
			       (unsigned long long)(l)->seed,                \
			       (double)(now)*1e-9, (c)->cwnd, (c)->ssthresh, \
			       (l)->was.cwnd, (l)->was.ssthresh, #cond);     \
			(l)->ok = false;                                     \
		}                                                            \
	} while (0)

/* What CUBIC leaves of a window, and the others less; two segments always. */
static u32 most_left(u32 window)
{
	return max((u32)((u64)window * 701 / 1000), 2u * MSS);
}

static bool recovers(u32 flags)
{
	return flags & (TCP_F_RECOVERY | TCP_F_RTO_RECOVERY);
}

static double beyond(const struct curve *k, double w_max, double t)
{
	double s = w_max > k->w0 ? cbrt((w_max - k->w0) / MSS / 0.4) : 0;

	return w_max + 0.4 * (t - s) * (t - s) * (t - s) * MSS;
}

/* With fast convergence (section 4.7) and without: whichever is the farther. */
static double curve_at(const struct curve *k, double t)
{
	return fmax(fmax(beyond(k, k->w_max, t),
			 beyond(k, fmax(k->w_max * 0.85, k->w0), t)),
		    k->reno);
}

static void check_curve(struct look *l, const struct tcp_conn *c, u32 acked,
			u64 now)
{
	struct curve *k = &l->curve;
	double rtt = c->srtt / 8e6, t;

	if (!k->epoch) {
		k->epoch = now;
		k->w0 = k->reno = l->was.cwnd;
		k->w_max = fmax(k->w_max, k->w0);
	}
	k->reno += (double)MSS * acked / l->was.cwnd;
	t = (double)(now - k->epoch) * 1e-9 + rtt;
	MUST(l, c, now,
	     k->unknown || c->cwnd <= 1.05 * curve_at(k, t) + 2 * MSS);
}

/* It grows by steps, of eight a round trip. */
static void check_avoid(struct look *l, const struct tcp_conn *c, u32 acked,
			u64 now)
{
	struct avoid *a = &l->avoid;

	if (!a->on)
		*a = (struct avoid){ true, l->was.cwnd, 0 };
	a->acked += acked;
	MUST(l, c, now, c->cwnd <= a->cwnd + a->acked / 2 + c->cwnd / 8 + MSS);
}

static void check_growth(struct look *l, const struct tcp_conn *c, u64 now)
{
	const struct was *was = &l->was;
	u32 acked = c->snd_una - was->una;
	u32 grown = c->cwnd > was->cwnd ? c->cwnd - was->cwnd : 0;

	if (was->cwnd < was->ssthresh) {
		l->avoid.on = false;
		MUST(l, c, now, grown <= acked);
		return;
	}
	check_avoid(l, c, acked, now);
	if (c->cc == TCP_CC_CUBIC && acked)
		check_curve(l, c, acked, now);
}

static void check_loss(struct look *l, const struct tcp_conn *c, u64 now)
{
	const struct was *was = &l->was;
	u32 least = min(was->cwnd, was->max - c->snd_una) / 100 * 49;
	u32 flight =
		max(was->cwnd + (c->snd_una - was->una), c->snd_max - was->una);
	bool once = was->flags & TCP_F_ECN_REDUCED && c->cc != TCP_CC_DCTCP;

	if (c->flags & ~was->flags & TCP_F_RTO_RECOVERY)
		MUST(l, c, now, c->cwnd <= MSS || was->flags & TCP_F_RECOVERY);
	if (once)
		return;
	MUST(l, c, now, c->ssthresh <= most_left(flight));
	MUST(l, c, now, c->ssthresh >= least);
}

/* The least that DCTCP's alpha becomes of a window in which one is marked is
 * not nothing; the others know no half measures. */
static void check_mark(struct look *l, const struct tcp_conn *c, u64 now)
{
	MUST(l, c, now,
	     c->cc == TCP_CC_DCTCP || c->cwnd <= most_left(l->was.cwnd));
	MUST(l, c, now, c->cwnd < l->was.cwnd || c->cwnd <= 2 * MSS);
}

/* What an iteration has brought about. */
struct news {
	bool undone, lost, timeout, marked;
	bool again; /* a recovery began, perhaps behind one that has ended */
};

static struct news news_of(const struct was *was, const struct was *is)
{
	u32 began = is->flags & ~was->flags;

	return (struct news){
		.undone = is->undone != was->undone,
		.lost = recovers(began),
		.timeout = began & TCP_F_RTO_RECOVERY,
		.marked = began & TCP_F_ECN_REDUCED,
		.again = is->recoveries != was->recoveries,
	};
}

static void check(struct look *l, const struct tcp_conn *c,
		  const struct news *n, u64 now)
{
	const struct was *was = &l->was;

	if (c->ssthresh != UINT32_MAX)
		MUST(l, c, now, l->disturbed);
	if (n->lost)
		check_loss(l, c, now);
	else if (n->marked)
		check_mark(l, c, now);
	else if (!recovers(c->flags | was->flags))
		check_growth(l, c, now);
	else if (!recovers(c->flags) && was->flags & TCP_F_RECOVERY)
		MUST(l, c, now,
		     c->cwnd <= c->ssthresh + (c->snd_una - was->una));
}

/* Where the next curve begins, if this one has ended. */
static void follow(struct look *l, const struct news *n, u32 flags)
{
	struct curve *k = &l->curve;

	if (n->undone || n->lost || n->marked || n->again || recovers(flags)) {
		l->avoid.on = false;
		k->epoch = 0;
	}
	if (n->lost || n->marked) /* section 4.8: no plateau after a timeout */
		k->w_max = n->timeout ? 0 : l->was.cwnd;
	if (n->lost || n->marked || n->again)
		k->unknown = n->again && recovers(l->was.flags);
}

static void look(void *arg, const struct net *net, const struct tcp_conn *c,
		 u64 now)
{
	struct look *l = arg;
	struct was is = { c->snd_una,
			  c->snd_max,
			  c->cwnd,
			  c->ssthresh,
			  c->flags,
			  net->stat->tcp_spurious_recoveries +
				  net->stat->tcp_spurious_timeouts,
			  net->stat->tcp_fast_retransmits };
	struct news n = news_of(&l->was, &is);

	if (l->begun && !n.undone)
		check(l, c, &n, now);
	follow(l, &n, c->flags);
	l->begun = true;
	l->was = is;
}

/* A segment is on its way, or not. */
static void watch(void *arg, const struct pair_seg *s, const char *fate)
{
	struct look *l = arg;

	if (s->from)
		return;
	l->nsegs++;
	l->lost += !!*fate;
	l->queued += (double)s->late;
	l->disturbed |= *fate || s->late >= NOTICED_NS || s->marked;
}

/* ---- a seed */

static void plan_path(struct look *l, u64 *rng)
{
	struct impair_conf *way = &l->conf.way[0];
	u64 rate = (10 + draw(rng, 30)) * 1000000ull;
	u64 delay = (5 + draw(rng, 20)) * MS,
	    bdp = rate / 8 * delay / 1000000000;

	l->kind = draw(rng, NR_KINDS);
	way->seed = draw(rng, ~0u);
	way->rate_bps = l->kind == LOSES ? 0 : rate;
	if (l->kind == LOSES) {
		delay *= 8; /* where CUBIC is not Reno */
		way->loss = 4294967u / (1 + draw(rng, 10)); /* 0.1 % */
		way->burst = draw(rng, 2) * 500000;
		way->burst_len = 100;
	} else if (l->kind == OVERFLOWS) {
		way->queue = (u32)(bdp / 2 + 10 * MSS);
	} else {
		way->mark = (u32)(bdp / 5 + 4 * MSS);
		way->queue = (u32)(3 * bdp + 40 * MSS);
	}
	way->delay_ns = l->conf.way[1].delay_ns = delay / 2;
}

static void plan(struct look *l, u64 seed)
{
	u64 rng = (seed + 1) * 0x9e3779b97f4a7c15ull;
	struct tcp_conf *c = &l->conf.tcp;

	*l = (struct look){ .seed = seed, .ok = true };
	l->conf = (struct pair_conf){ .bytes = 30000000, .tcp = pair_tcp };
	l->conf.arg = l;
	l->conf.look = look;
	l->conf.watch = watch;
	c->cc = (u8)draw(&rng, TCP_NR_CC);
	c->ecn = TCP_ECN_ON;
	c->sack = draw(&rng, 4);
	c->pacing = !draw(&rng, 4);
	l->conf.ip6 = draw(&rng, 2);
	plan_path(l, &rng);
}

static bool must_end(const struct look *l, const char *what, bool so)
{
	if (!so)
		printf("seed %llu: %s\n", (unsigned long long)l->seed, what);
	return so;
}

/* Of a path that marks: the share that the stream had, beside what headers
 * take; and how full its queue was, by where it began to mark. */
static bool check_end(const struct look *l, const struct pair_result *r)
{
	const struct impair_conf *way = &l->conf.way[0];
	double share = l->conf.bytes * 8e9 / (double)r->ns /
		       (double)(way->rate_bps + !way->rate_bps);
	double queue = l->queued / (double)l->nsegs * 1e-9 *
		       (double)way->rate_bps / 8 / (way->mark + !way->mark);

	if (l->verbose)
		printf("seed %llu: %s, kind %d, %.2f of the rate, queue %.2f "
		       "of the mark, %llu of %llu lost, %llu timeouts\n",
		       (unsigned long long)l->seed,
		       tcp_cc_ops[l->conf.tcp.cc]->name, l->kind, share, queue,
		       (unsigned long long)l->lost,
		       (unsigned long long)l->nsegs,
		       (unsigned long long)r->sender.tcp_timeouts);
	if (l->kind != MARKS)
		return true;
	if (l->conf.tcp.cc != TCP_CC_DCTCP)
		return must_end(l, "a queue that marks overflows", !l->lost);
	return must_end(l, "a queue that marks overflows", !l->lost) &&
	       must_end(l, "DCTCP leaves much of the path", share > 0.9) &&
	       must_end(l, "DCTCP's queue is long", queue < 1.5);
}

static bool try_seed(u64 seed, bool verbose)
{
	struct pair_result r;
	struct look l;

	plan(&l, seed);
	l.verbose = verbose;
	if (!pair_run(&l.conf, 600ull * 1000 * MS, &r))
		return must_end(&l, "it takes too long", false);
	return check_end(&l, &r) && l.ok;
}

int main(int argc, char **argv)
{
	struct pair_seeds s;
	bool ok = true;

	if (!pair_seeds(&s, argc, argv))
		return 2;
	for (u64 i = 0; i < s.count; i++)
		ok &= try_seed(s.first + i, s.verbose);
	printf("%llu streams\n", (unsigned long long)s.count);
	return !ok;
}

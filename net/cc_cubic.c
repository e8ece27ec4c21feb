/* SPDX-License-Identifier: MIT */
/*
 * CUBIC (RFC 9438). After a loss at W_max the window goes
 *
 *	W_cubic(t) = C * (t - K)^3 + W_max,    C = 0.4 segments/s^3,
 *
 * back to where it was in K seconds, rests there, and then looks for more; but
 * never slower than Reno would (W_est).
 *
 * The RFC adds (target - cwnd) / cwnd for each segment acknowledged. Here it is
 * an eighth of (target - cwnd) for each eighth of the window, which needs no
 * division, and the cube only eight times per round trip.
 */
#include "net/tcp_cc.h"

/* How the next epoch begins. */
enum cubic_stage {
	BEGIN,	     /* there is no W_max: from here on (sections 4.8, 4.10) */
	BEGIN_BELOW, /* after a loss, at prior_cwnd */
	RUNNING,
};

enum {
	STEP = 3,	  /* log2 of the steps per window */
	BETA = 717,	  /* 0.7 */
	FAST = 870,	  /* (1 + beta) / 2: fast convergence */
	ALPHA = 542,	  /* 3 * (1 - beta) / (1 + beta) */
	ONE = 10,	  /* log2 of what those are parts of */
	C_SCALED = 32452, /* C * (2^20 ns)^3 / s^3 * 2^46 */
	FAR = 1 << 19,	  /* 9 minutes: W_cubic is beyond all bounds */
	W_LIMIT = 1 << 30,
};

static u32 part(u32 x, u32 of_1024)
{
	return (u32)((u64)x * of_1024 >> ONE);
}

/* Digit by digit, in base 2: (2y + 1)^3 = 8y^3 + 12y^2 + 6y + 1. */
u32 cubic_root(u64 x)
{
	u64 y = 0;

	for (int s = 63; s >= 0; s -= 3) {
		u64 next;

		y *= 2;
		next = 3 * y * (y + 1) + 1;
		if (x >> s >= next) {
			x -= next << s;
			y++;
		}
	}
	return (u32)y;
}

/* C * @t^3 in bytes. */
static u64 cube(const struct tcp_conn *c, u32 t)
{
	u64 x = min(t, (u32)FAR);

	return ((x * x * x >> 10) * c->mss_snd >> 20) * C_SCALED >> 16;
}

/* @t: since the epoch began. */
static u32 w_cubic(const struct tcp_conn *c, const struct cubic *q, u32 t)
{
	u64 w;

	if (t >= q->k)
		w = q->w_max + cube(c, t - q->k);
	else
		w = q->w_max - min(cube(c, q->k - t), (u64)q->w_max);
	return (u32)min(w, (u64)W_LIMIT);
}

/* Section 4.7: the one who has to give way twice leaves room for others. */
static u32 w_max_after(const struct tcp_cc_state *s)
{
	u32 w = s->prior_cwnd;

	return w < s->cubic.w_max ? part(w, FAST) : w;
}

/* K in units of 2^20 ns: 2^46 / C_SCALED of them, cubed, are a segment. */
static u32 k_for(const struct tcp_conn *c, u32 below)
{
	u64 segs = ((u64)below << 16) / c->mss_snd;

	return cubic_root((segs << 20) / C_SCALED << 10);
}

/* Congestion avoidance begins (section 4.2). */
static void begin_epoch(const struct tcp_conn *c, struct tcp_cc_state *s,
			u32 now)
{
	struct cubic *q = &s->cubic;

	q->w_max = s->stage == BEGIN_BELOW ? w_max_after(s) : c->cwnd;
	q->k = q->w_max > c->cwnd ? k_for(c, q->w_max - c->cwnd) : 0;
	q->w_est = c->cwnd;
	q->epoch = q->last = now;
	s->acked = 0;
	s->stage = RUNNING;
}

/* For a while it was not the window that limited (acked() was not called):
 * W_cubic must not have gone on meanwhile (sections 4.2, 5.8). */
static void skip_idle(const struct tcp_conn *c, struct cubic *q, u32 now)
{
	u32 two_rtts = c->srtt >> 12, gap = now - q->last;

	if (gap > two_rtts + 1)
		q->epoch += gap;
	q->last = now;
}

/* Sections 4.3 to 4.5: @w is W_cubic(t), @ahead W_cubic(t + RTT). */
static void step(struct tcp_conn *c, struct tcp_cc_state *s, u32 w, u32 ahead)
{
	struct cubic *q = &s->cubic;
	u32 reno = c->mss_snd;
	u32 target = min(max(ahead, c->cwnd), c->cwnd + c->cwnd / 2);

	if (q->w_est < s->prior_cwnd)
		reno = part(reno, ALPHA);
	q->w_est += reno >> STEP;
	if (w < q->w_est)
		c->cwnd = max(c->cwnd, q->w_est);
	else
		c->cwnd += (target - c->cwnd) >> STEP;
}

static void avoid_congestion(struct tcp_conn *c, struct tcp_cc_state *s,
			     u32 bytes, u32 now)
{
	u32 t, w, ahead;

	if (s->stage != RUNNING)
		begin_epoch(c, s, now);
	skip_idle(c, &s->cubic, now);
	s->acked += bytes;
	if (s->acked < c->cwnd >> STEP)
		return;
	t = now - s->cubic.epoch;
	w = w_cubic(c, &s->cubic, t);
	ahead = w_cubic(c, &s->cubic, t + (c->srtt >> 13));
	while (s->acked >= c->cwnd >> STEP) {
		s->acked -= c->cwnd >> STEP;
		step(c, s, w, ahead);
	}
}

static void cubic_acked(struct net *net, struct tcp_conn *c, u32 bytes, u32 rtt,
			u64 now)
{
	struct tcp_cc_state *s = tcp_cc_need(net, c, now);

	if (c->flags & TCP_F_ECN_REDUCED)
		return;
	if (unlikely(!s))
		newreno_acked(net, c, bytes, rtt, now);
	else if (c->ssthresh == UINT32_MAX)
		hystart_acked(c, &s->hystart, bytes, rtt);
	else if (c->cwnd < c->ssthresh)
		tcp_cc_slow_start(c, bytes);
	else
		avoid_congestion(c, s, bytes, tcp_cc_time(now));
}

/* ---- reductions (sections 4.6 to 4.9) */

static u32 reduced(const struct tcp_conn *c, u32 flight)
{
	return max(part(flight, BETA), 2u * c->mss_snd);
}

/* The epoch stays as it is until the next one begins: the reduction may be
 * taken back. */
static void end_epoch(struct net *net, struct tcp_conn *c,
		      enum cubic_stage next, u64 now)
{
	struct tcp_cc_state *s = tcp_cc_need(net, c, now);

	if (!s)
		return;
	if (s->stage == BEGIN)
		s->cubic = (struct cubic){ 0 };
	else if (s->stage == BEGIN_BELOW)
		s->cubic.w_max = w_max_after(s);
	tcp_cc_remember(net, c, now);
	s->prior_stage = s->stage & 3;
	s->stage = (u8)next;
}

static void cubic_loss(struct net *net, struct tcp_conn *c, u32 flight, u64 now)
{
	if (c->flags & TCP_F_ECN_REDUCED)
		return;
	end_epoch(net, c, BEGIN_BELOW, now);
	c->ssthresh = reduced(c, flight);
}

static void cubic_timeout(struct net *net, struct tcp_conn *c, u64 now)
{
	if (!c->backoff) {
		end_epoch(net, c, BEGIN, now);
		c->ssthresh = reduced(c, c->snd_max - c->snd_una);
	}
	c->cwnd = c->mss_snd;
}

static void cubic_ecn(struct net *net, struct tcp_conn *c, u32 bytes, u64 now)
{
	if (!tcp_cc_may_reduce(c))
		return;
	end_epoch(net, c, BEGIN_BELOW, now);
	c->ssthresh = reduced(c, tcp_flight(c, c->snd_max));
	c->cwnd = min(c->cwnd, c->ssthresh);
	tcp_cc_reduced(net, c);
}

/* If an epoch has begun since, another one begins, at the plateau. */
static void cubic_undo(struct net *net, struct tcp_conn *c)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);

	if (!s || !s->undo)
		return;
	tcp_cc_undo(net, c);
	s->stage = s->stage == RUNNING ? BEGIN_BELOW : s->prior_stage;
	if (c->ssthresh == UINT32_MAX) {
		s->hystart = (struct hystart){ 0 };
		s->stage = BEGIN;
	}
}

const struct tcp_cc cubic_cc = {
	.name = "cubic",
	.init = newreno_init,
	.acked = cubic_acked,
	.loss = cubic_loss,
	.timeout = cubic_timeout,
	.undo = cubic_undo,
	.ecn = cubic_ecn,
};

/* SPDX-License-Identifier: MIT */
/*
 * HyStart++ (RFC 9406): the first slow start ends when round trips grow, which
 * says that a queue does, before that queue overflows. At first it only becomes
 * slower (conservative slow start): if the round trips get shorter again, it
 * was a false alarm.
 */
#include "net/tcp_cc.h"

enum {
	RTT_THRESH_MIN = 3906,	/* units of 1024 ns: 4 ms */
	RTT_THRESH_MAX = 15625, /* 16 ms */
	SAMPLES = 8,		/* N_RTT_SAMPLE */
	CSS_SHIFT = 2,		/* CSS_GROWTH_DIVISOR */
	CSS_ROUNDS = 5,
};

static bool is_conservative(const struct hystart *h)
{
	return h->base;
}

/* False: that was the last one. */
static bool begin_round(struct tcp_conn *c, struct hystart *h)
{
	h->begun = true;
	h->last_min = h->min;
	h->min = 0;
	h->samples = 0;
	h->round_end = c->snd_nxt;
	if (!is_conservative(h) || ++h->rounds <= CSS_ROUNDS)
		return true;
	c->ssthresh = max(c->cwnd, 2u * c->mss_snd); /* as after a loss */
	return false;
}

static void take_sample(struct hystart *h, u32 rtt)
{
	if (!h->min || rtt < h->min)
		h->min = rtt;
	if (h->samples < SAMPLES)
		h->samples++;
}

/* RttThresh, MIN_RTT_DIVISOR being 8. */
static u32 threshold(u32 rtt)
{
	return min(max(rtt / 8, (u32)RTT_THRESH_MIN), (u32)RTT_THRESH_MAX);
}

static void judge(struct hystart *h)
{
	if (h->samples < SAMPLES)
		return;
	if (is_conservative(h)) {
		if (h->min < h->base)
			h->base = 0;
	} else if (h->last_min &&
		   h->min >= h->last_min + threshold(h->last_min)) {
		h->base = h->min;
		h->rounds = 1;
	}
}

void hystart_acked(struct tcp_conn *c, struct hystart *h, u32 bytes, u32 rtt)
{
	u32 more = min(bytes, (u32)TCP_CC_BURST * c->mss_snd);

	if ((!h->begun || seq_lt(h->round_end, c->snd_una)) &&
	    !begin_round(c, h))
		return;
	c->cwnd += is_conservative(h) ? more >> CSS_SHIFT : more;
	if (rtt) {
		take_sample(h, rtt);
		judge(h);
	}
}

/* SPDX-License-Identifier: MIT */
#include "nic/impair.h"

#include "base/mem.h"

enum {
	REORDER_MIN_NS = 100000,
	BURST_LEN = 4,
	BURST_NS = 1000000000, /* where little is sent, a run ends by time */
	ETH_HEADER = 14,
	CE = 3,
};

/* xorshift64*: small, and random enough for probabilities. */
static u32 draw(struct impair *im)
{
	im->rng ^= im->rng >> 12;
	im->rng ^= im->rng << 25;
	im->rng ^= im->rng >> 27;
	return (u32)((im->rng * 0x2545f4914f6cdd1dull) >> 32);
}

/* 0 to @most; @most may be anything below 2^32 s. */
static u64 draw_up_to(struct impair *im, u64 most)
{
	return (u64)(((unsigned __int128)draw(im) * (most + 1)) >> 32);
}

bool impair_wanted(const struct impair_conf *c)
{
	return c->loss || c->dup || c->corrupt || c->reorder || c->burst ||
	       c->delay_ns || c->jitter_ns || c->rate_bps;
}

void impair_init(struct impair *im)
{
	im->rng = im->conf.seed * 0x9e3779b97f4a7c15ull + 0x6a09e667f3bcc909ull;
	if (!im->rng)
		im->rng = 1;
}

/* What IP, TCP, UDP and ICMP guard by their checksums, or IPv6 does without: a
 * damaged Ethernet header or ARP packet never comes through a real NIC. */
static bool is_ipv4(const u8 *frame, u32 len)
{
	return len >= ETH_HEADER + 20 && frame[12] == 0x08 && frame[13] == 0x00;
}

static bool is_ipv6(const u8 *frame, u32 len)
{
	return len >= ETH_HEADER + 40 && frame[12] == 0x86 && frame[13] == 0xdd;
}

/* Flips one bit. */
static void corrupt(u8 *frame, u32 len, u32 which)
{
	u32 bit;

	if (!is_ipv4(frame, len) && !is_ipv6(frame, len))
		return;
	bit = (u32)((u64)which * ((len - ETH_HEADER) * 8) >> 32);
	frame[ETH_HEADER + bit / 8] ^= (u8)(1u << bit % 8);
}

/* RFC 1624 for IPv4's checksum. */
static void mark_ipv4(u8 *ip)
{
	u32 was = (u32)ip[0] << 8 | ip[1], is = was | CE;
	u32 sum =
		(~((u32)ip[10] << 8 | ip[11]) & 0xffff) + (~was & 0xffff) + is;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16)) & 0xffff;
	ip[1] |= CE;
	ip[10] = (u8)(sum >> 8);
	ip[11] = (u8)sum;
}

/* RFC 3168: congestion experienced, for ECN-capable packets. */
static bool mark(u8 *frame, u32 len)
{
	u8 *ip = frame + ETH_HEADER;

	if (is_ipv4(frame, len) && ip[1] & CE) {
		mark_ipv4(ip);
		return true;
	}
	if (is_ipv6(frame, len) && ip[1] & CE << 4) {
		ip[1] |= CE << 4;
		return true;
	}
	return false;
}

/* How long the line takes for @bytes, ns. */
static u64 line_ns(const struct impair_conf *conf, u64 bytes)
{
	return bytes * 8000000000ull / conf->rate_bps;
}

/* Into the queue, or it overflows. */
static bool enqueue(struct impair *im, u8 *frame, u32 len, u64 now)
{
	const struct impair_conf *conf = &im->conf;
	u64 waits, takes;

	im->line_free = max(now, im->line_free);
	if (!conf->rate_bps)
		return true;
	waits = im->line_free - now;
	takes = line_ns(conf, len);
	if (conf->queue && waits + takes > line_ns(conf, conf->queue)) {
		im->nr_overflow++;
		return false;
	}
	if (conf->mark && waits > line_ns(conf, conf->mark))
		im->nr_marked += mark(frame, len);
	im->line_free += takes;
	return true;
}

/* A run of losses goes on, or begins. */
static bool burst(struct impair *im, u32 dice, u64 now)
{
	u32 len = im->conf.burst_len ? im->conf.burst_len : BURST_LEN;
	bool over = dice < UINT32_MAX / len || now - im->burst_at > BURST_NS;

	if (!im->conf.burst)
		im->in_burst = false;
	else if (im->in_burst)
		im->in_burst = !over;
	else if (dice < im->conf.burst) {
		im->in_burst = true;
		im->burst_at = now;
	}
	return im->in_burst;
}

static u64 latest(const struct impair_conf *conf)
{
	return conf->reorder_ns ? conf->reorder_ns
				: max(2 * conf->delay_ns, (u64)REORDER_MIN_NS);
}

bool impair_decide(struct impair *im, u8 *frame, u32 len, u64 now,
		   struct impair_fate *fate)
{
	const struct impair_conf *conf = &im->conf;
	u32 loss = draw(im), dup = draw(im), bad = draw(im), late = draw(im);
	u32 which = draw(im), run = draw(im);
	u64 jitter = draw_up_to(im, conf->jitter_ns);
	u64 more = draw_up_to(im, latest(conf));
	bool in_burst = burst(im, run, now);

	if (!enqueue(im, frame, len, now))
		return false;
	if (loss < conf->loss || in_burst) {
		im->nr_lost++;
		return false;
	}
	if (bad < conf->corrupt)
		corrupt(frame, len, which);
	fate->twice = dup < conf->dup;
	fate->due = im->line_free + conf->delay_ns + jitter;
	if (late < conf->reorder)
		fate->due += more;
	else
		im->last_due = fate->due = max(fate->due, im->last_due);
	return true;
}

/* ---- frames on their way */

void transit_init(struct transit *t)
{
	for (u32 i = 0; i < TRANSIT_MAX; i++)
		t->free[i] = (u16)i;
}

static bool earlier(const struct transit_frame *a,
		    const struct transit_frame *b)
{
	if (a->due != b->due)
		return a->due < b->due;
	return (s32)(a->order - b->order) < 0;
}

static void heap_add(struct transit *t, struct transit_frame f)
{
	u32 i = t->count++;

	for (; i && earlier(&f, &t->heap[(i - 1) / 2]); i = (i - 1) / 2)
		t->heap[i] = t->heap[(i - 1) / 2];
	t->heap[i] = f;
}

void transit_put(struct transit *t, const u8 *frame, u32 len, u64 due, u32 tag)
{
	u16 slot;

	if (t->count == TRANSIT_MAX) {
		t->nr_dropped++;
		return;
	}
	slot = t->free[t->count];
	memcpy(t->bytes[slot], frame, len);
	heap_add(t, (struct transit_frame){ due, t->order++, tag, slot,
					    (u16)len });
}

void transit_remove_first(struct transit *t)
{
	struct transit_frame last;
	u32 i = 0, child;

	t->free[--t->count] = t->heap[0].slot;
	last = t->heap[t->count];
	while ((child = 2 * i + 1) < t->count) {
		if (child + 1 < t->count &&
		    earlier(&t->heap[child + 1], &t->heap[child]))
			child++;
		if (!earlier(&t->heap[child], &last))
			break;
		t->heap[i] = t->heap[child];
		i = child;
	}
	t->heap[i] = last;
}

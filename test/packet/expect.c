/* SPDX-License-Identifier: MIT */
/* Compares what came with what the script says. */
#include "run.h"

#include <string.h>

/* ns: some ticks of the wheel, for each repetition of a timer */
#define TOLERANCE 500000ull

static void fail_packet(const struct run *r, const char *what,
			const struct packet *p)
{
	char text[200];

	if (*p->icmp)
		run_fail(r, "%s: %.6f > icmp %s", what, run_seconds(r, p->at),
			 p->icmp);
	run_fail(r, "%s: %.6f > %s @%u", what, run_seconds(r, p->at),
		 script_print(&p->seg, text, sizeof(text)), p->flow);
}

static void fail_event(const struct run *r, const char *what,
		       const struct event *e)
{
	run_fail(r, "%s: %.6f ! %s %lld @%u", what, run_seconds(r, e->at),
		 e->word, (long long)e->n, e->flow);
}

void expect_nothing(const struct run *r)
{
	if (r->np)
		fail_packet(r, "not expected", &r->packets[0]);
	if (r->ne)
		fail_event(r, "not expected", &r->events[0]);
}

/* ---- expectations */

static bool same(s64 expected, s64 got)
{
	return expected == got || (expected == ANY && got != ABSENT);
}

static bool same_opts(const struct script_flow *f, const struct seg *want,
		      const struct seg *got)
{
	const struct opts *w = &want->opt, *g = &got->opt;
	bool syn = got->flags & TCP_SYN;

	if (w->nsack != g->nsack ||
	    memcmp(w->sack, g->sack, w->nsack * sizeof(w->sack[0])))
		return false;
	if (!w->given)
		return g->mss == ABSENT && g->wscale == ABSENT && !g->sack_ok &&
		       (g->ts_val != ABSENT) ==
			       (f->peer_ts && !syn &&
				!(got->flags & TCP_RST && g->ts_val == ABSENT));
	if (w->ts_val >= 0 && g->ts_val != ABSENT &&
	    (u32)(g->ts_val - w->ts_val + 1) > 2)
		return false;
	return same(w->mss, g->mss) && same(w->wscale, g->wscale) &&
	       w->sack_ok == g->sack_ok && same(w->ts_ecr, g->ts_ecr) &&
	       (w->ts_val == ABSENT) == (g->ts_val == ABSENT);
}

static const char *difference(const struct run *r, const struct packet *p)
{
	const struct seg *want = &r->stmt->seg, *got = &p->seg;
	u64 at = r->line;

	if (p->wrong)
		return p->wrong;
	if (*p->icmp)
		return "ICMP";
	if (p->flow != r->stmt->flow)
		return "another connection";
	if (p->at + TOLERANCE < at || p->at > at + TOLERANCE)
		return "wrong time";
	/* PSH must be where it is expected; elsewhere it does no harm. */
	if (want->flags != (got->flags & ~(~want->flags & TCP_PSH)))
		return "wrong flags";
	if (want->seq != got->seq || want->len != got->len)
		return "wrong sequence numbers";
	if (got->flags & TCP_ACK && want->ack != got->ack)
		return "wrong acknowledgement";
	if (want->win != ANY && want->win != got->win)
		return "wrong window";
	if (got->urg)
		return "urgent pointer";
	if (want->ecn != got->ecn)
		return "wrong ECN";
	if (want->mac != got->mac)
		return "to another neighbour";
	if (!same_opts(&r->flows[p->flow], want, got))
		return "wrong options";
	return NULL;
}

static const char *icmp_difference(const struct run *r, const struct packet *p)
{
	if (p->wrong)
		return p->wrong;
	if (p->at + TOLERANCE < r->line || p->at > r->line + TOLERANCE)
		return "wrong time";
	return strcmp(p->icmp, r->stmt->text) ? "another packet" : NULL;
}

static void expect(struct run *r, const char *(*differs)(const struct run *,
							 const struct packet *))
{
	const char *wrong;

	run_until(r, r->line + TOLERANCE, &r->np);
	if (!r->np)
		run_fail(r, "no packet came");
	wrong = differs(r, &r->packets[0]);
	if (wrong)
		fail_packet(r, wrong, &r->packets[0]);
	memmove(r->packets, r->packets + 1, --r->np * sizeof(*r->packets));
}

void expect_packet(struct run *r)
{
	expect(r, difference);
}

void expect_icmp(struct run *r)
{
	expect(r, icmp_difference);
}

/* Adjacent recv and sent events of one connection count as one. */
static void join_events(struct run *r)
{
	struct event *e = r->events;
	s64 want = r->stmt->nargs ? r->stmt->arg[0] : 0;

	if (strcmp(e->word, "recv") && strcmp(e->word, "sent"))
		return;
	while (r->ne > 1 && e[0].n < want && e[1].flow == e[0].flow &&
	       !strcmp(e[0].word, e[1].word)) {
		e[1].n += e[0].n;
		memmove(e, e + 1, --r->ne * sizeof(*e));
	}
}

void expect_event(struct run *r)
{
	const struct stmt *st = r->stmt;
	struct event *e = &r->events[0];

	run_until(r, r->line + TOLERANCE, &r->ne);
	if (!r->ne)
		run_fail(r, "no event came");
	join_events(r);
	if (strcmp(e->word, st->word) || e->flow != st->flow ||
	    e->n != (st->nargs ? st->arg[0] : 0))
		fail_event(r, "another event", e);
	if (e->at + TOLERANCE < r->line || e->at > r->line + TOLERANCE)
		fail_event(r, "wrong time", e);
	memmove(r->events, r->events + 1, --r->ne * sizeof(*r->events));
}

void expect_counter(struct run *r)
{
	static const struct {
		const char *name;
		size_t at;
	} counters[] = {
#define COUNTER(name, help) { #name, offsetof(struct ix_stat, name) },
		IX_COUNTERS(COUNTER)
#undef COUNTER
	};
	u64 value;

	for (u32 i = 0; i < ARRAY_SIZE(counters); i++) {
		if (strcmp(counters[i].name, r->stmt->word))
			continue;
		memcpy(&value, (u8 *)&r->rig->stat + counters[i].at, 8);
		if ((s64)value != r->stmt->arg[0])
			run_fail(r, "%s is %llu", counters[i].name,
				 (unsigned long long)value);
		return;
	}
	run_fail(r, "no such counter");
}

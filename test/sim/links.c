/* SPDX-License-Identifier: MIT */
/* Connections as somebody sees them who knows both ends. */
#include "sim.h"

enum {
	STILL_S = 60,	   /* nothing at all happens for so long: stuck */
	STILL_BAD_S = 300, /* ... while the path is bad */
};

u32 link_new(struct world *w, u32 from, u32 to, bool ip6, enum manner manner)
{
	u32 i = w->nlinks;

	if (i == min(w->plan.max_links, (u32)SIM_LINKS))
		return SIM_LINKS;
	w->nlinks++;
	w->links[i] = (struct link){
		.opener = { .host = from, .manner = manner, .there = true },
		.accepter = { .host = to },
		.ip6 = ip6,
		.may_die = w->may_die,
		.moved_at = w->now,
	};
	return i;
}

/* Ports are used again. One that was refused does not knock, but a SYN of it
 * may come twice. */
u32 link_find(const struct world *w, u32 host, const struct link *who)
{
	for (u32 i = w->nlinks; i-- > 0;) {
		const struct link *l = &w->links[i];

		if (l->opener.host == who->opener.host &&
		    l->accepter.host == host && l->ip6 == who->ip6 &&
		    l->port == who->port && l->iss == who->iss)
			return l->accepter.there || l->refused ? SIM_LINKS : i;
	}
	return SIM_LINKS;
}

void link_moves(struct world *w, u32 link)
{
	struct link *l = &w->links[link];

	if (link < SIM_LINKS)
		l->moved_at = max(l->moved_at, w->now);
}

void link_may_die(struct world *w, u32 host)
{
	for (u32 i = 0; i < w->nlinks; i++) {
		struct link *l = &w->links[i];

		if (l->opener.host == host || l->accepter.host == host)
			l->may_die = true;
	}
}

static bool over(const struct link *l)
{
	return l->opener.ended && (!l->accepter.there || l->accepter.ended);
}

/* Without places a SYN is repeated until there is one. While SYN cookies are
 * out, for two minutes, who is not known gets no reset for what may be one. */
static bool is_slow(const struct world *w)
{
	bool slow = !w->healed || sim_in_play(w, FAULT_STARVE);

	for (u32 i = 0; i < w->nhosts; i++)
		slow |= HOST_SUM(w->hosts[i], tcp_cookies_bad) > 0;
	return slow;
}

void links_watch(struct world *w)
{
	u64 still = (is_slow(w) ? STILL_BAD_S : STILL_S) * SIM_S;
	u64 since = w->healed ? w->heal_at : 0;

	for (u32 i = 0; i < w->nlinks; i++) {
		const struct link *l = &w->links[i];

		if (!over(l) && w->now > max(l->moved_at, since) + still)
			sim_fail(w, "link %u stands still since %.3f", i,
				 (double)l->moved_at * 1e-9);
	}
}

/* That both got all is what counts: who is told so last may not hear it, as
 * TIME-WAIT is short here. */
void links_check(const struct world *w)
{
	for (u32 i = 0; i < w->nlinks; i++) {
		const struct link *l = &w->links[i];

		if (!over(l))
			sim_fail(w, "link %u has not ended", i);
		if (l->may_die || l->refused || l->opener.manner != GRACEFUL ||
		    (l->accepter.there && l->accepter.manner != GRACEFUL))
			continue;
		if (!l->accepter.there)
			sim_fail(w, "link %u was not let in", i);
		if (!l->opener.got || !l->accepter.got)
			sim_fail(w, "link %u: the %s has not got all", i,
				 l->opener.got ? "accepter" : "opener");
	}
}

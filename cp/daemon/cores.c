/* SPDX-License-Identifier: MIT */
/*
 * Policies and shares, carried out. In this order, so that no core has two:
 *
 *	those that get fewer cores are told
 *	background work loses what is about to be given
 *	those that get more are told, when the cores have been left
 */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	AGAIN_MS = 1000, /* after a refusal */
};

/* ---- sets */

void cores_print(const struct core_set *s, char *out, size_t len)
{
	size_t used = 0;

	*out = 0;
	for (u32 i = 0, last; i < POLICY_CORES && used < len; i = last + 1) {
		last = i;
		if (!core_has(s, i))
			continue;
		while (last + 1 < POLICY_CORES && core_has(s, last + 1))
			last++;
		used += (size_t)snprintf(out + used, len - used,
					 last > i ? "%s%u-%u" : "%s%u",
					 used ? "," : "", i, last);
	}
}

u32 cores_occupied(const struct plane *p)
{
	return max(p->has, p->asked);
}

static struct core_set all_but(const struct cpd *c, const u32 *used)
{
	const struct conf_cores *all = &c->conf->cores;
	struct core_set taken = { 0 }, left = { 0 };

	for (u32 i = 0; i < c->n; i++)
		for (u32 k = 0; k < used[i]; k++)
			core_add(&taken, c->plane[i]->running.cores.core[k]);
	for (u32 i = 0; i < all->n; i++)
		if (!core_has(&taken, all->core[i]))
			core_add(&left, all->core[i]);
	return left;
}

struct core_set cores_free(const struct cpd *c)
{
	u32 used[CPD_PLANES];

	for (u32 i = 0; i < c->n; i++)
		used[i] = plane_claims(c->plane[i])
				  ? cores_occupied(c->plane[i])
				  : 0;
	return all_but(c, used);
}

/* ---- one dataplane */

static u32 least(const struct plane *p)
{
	u32 n = p->running.cores.n;

	return p->conf->min_cores ? min(p->conf->min_cores, n) : n;
}

bool cores_follows(const struct plane *p)
{
	return p->state == PLANE_UP && !p->fixed &&
	       least(p) < p->running.cores.n;
}

static struct policy_want policy_of(const struct cpd *c, const struct plane *p)
{
	struct policy_want w = {
		.kind = (enum policy_kind)p->conf->policy,
		.min_cores = least(p),
		.max_cores = p->running.cores.n,
		.target_us = p->conf->latency_us,
		.batch = p->running.dp.batch,
	};

	if (w.kind == POLICY_ENERGY)
		w.nkhz = freq_list(c, p->running.cores.core[0], w.khz);
	return w;
}

void cores_follow(struct cpd *c, struct plane *p)
{
	struct policy_want w = policy_of(c, p);

	p->wants = p->running.cores.n;
	p->khz = 0;
	p->ask_at = 0;
	p->fixed = false;
	policy_init(&p->policy, &w, c->now);
}

void cores_begin(struct cpd *c, struct plane *p)
{
	p->has = p->running.cores.n;
	p->told = p->starts;
	p->refused = 0;
	cores_follow(c, p);
	p->fixed = sampler_open(&p->sampler, c->dir, p->pid, p->has, c->now);
}

void cores_change(struct cpd *c, struct plane *p)
{
	struct policy_want w = policy_of(c, p);

	if (p->state == PLANE_UP && (!p->granted || !p->fixed))
		policy_change(&p->policy, &w, c->now);
}

void cores_end(struct plane *p)
{
	sampler_close(&p->sampler);
	plane_ask_close(&p->ask);
	p->has = cores_occupied(p);
	p->asked = 0;
}

static void decide(struct cpd *c, struct plane *p)
{
	struct policy_step s = policy_decide(&p->policy, &p->load, c->now);

	p->wants = s.cores;
	p->khz = s.khz;
}

/* ---- asking */

/* A user's may refuse as often as it likes: that is not for the log. */
void cores_refused(struct cpd *c, struct plane *p, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
	p->ask_at = c->now + AGAIN_MS * (u64)CPD_MS;
	p->fixed = ++p->refused >= CPD_REFUSALS;
	if ((p->refused == 1 && !p->granted) || p->fixed)
		fprintf(stderr, "ixcpd: %s: %s%s\n", p->conf->name, why,
			p->fixed ? "; it keeps the cores that it has" : "");
}

static void answered(struct cpd *c, struct plane *p)
{
	char why[192];
	int err = plane_ask_answer(&p->ask, why, sizeof(why), c->now);

	if (err == -EAGAIN)
		return;
	if (err) {
		/* It may have done it all the same. */
		p->has = cores_occupied(p);
		cores_refused(c, p, why);
	} else {
		p->has = p->asked;
		p->told = true;
		p->refused = 0;
		p->why[0] = 0;
	}
	p->asked = 0;
	plane_ask_close(&p->ask);
}

static void ask(struct cpd *c, struct plane *p, u32 cores)
{
	struct epoll_event e = { .events = EPOLLIN };
	char why[96];
	int err;

	if ((p->told && cores == p->has) || !cores || p->asked ||
	    c->now < p->ask_at)
		return;
	if (p->granted) {
		heard_ask(c, p, cores);
		return;
	}
	err = plane_ask_cores(&p->ask, c->dir, p->pid, cores, c->now);
	if (!err) {
		p->asked = cores;
		epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, p->ask.fd, &e);
		return;
	}
	snprintf(why, sizeof(why), "control socket: %s", strerror(-err));
	cores_refused(c, p, why);
}

/* ---- all of them */

static struct policy_claim part(const struct plane *p)
{
	const struct conf_cores *cores = &p->running.cores;
	struct policy_claim c = {
		.core = cores->core,
		.priority = p->conf->priority,
	};

	if (!plane_claims(p))
		return c;
	c.n = cores->n;
	c.min = c.want = least(p);
	c.has = p->state == PLANE_ROOM ? 0 : c.n;
	if (p->state >= PLANE_UP)
		c.has = cores_occupied(p);
	if (p->state == PLANE_UP && p->fixed)
		c.min = c.want = c.has;
	else if (p->state == PLANE_UP)
		c.want = p->wants;
	return c;
}

static void share(const struct cpd *c, struct policy_claim *claims)
{
	for (u32 i = 0; i < c->n; i++)
		claims[i] = part(c->plane[i]);
	policy_share(claims, c->n);
}

bool cores_are_free(const struct cpd *c, const struct plane *p)
{
	struct policy_claim claims[CPD_PLANES];
	u32 i = 0;

	share(c, claims);
	while (c->plane[i] != p)
		i++;
	return policy_may_use(claims, c->n, i) >= claims[i].min;
}

static void pace(struct cpd *c)
{
	u32 khz[POLICY_CORES] = { 0 };

	for (u32 i = 0; i < c->n; i++) {
		const struct plane *p = c->plane[i];

		for (u32 k = 0; cores_follows(p) && k < cores_occupied(p); k++)
			khz[p->running.cores.core[k]] = p->khz;
	}
	freq_give(c, khz);
}

static void carry_out(struct cpd *c)
{
	struct policy_claim claims[CPD_PLANES];
	u32 to[CPD_PLANES], used[CPD_PLANES];
	struct core_set left;

	share(c, claims);
	for (u32 i = 0; i < c->n; i++) {
		to[i] = claims[i].given < claims[i].has
				? claims[i].given
				: policy_may_use(claims, c->n, i);
		used[i] = max(claims[i].has, to[i]);
	}
	left = all_but(c, used);
	background_give(c, &left);
	for (u32 i = 0; i < c->n; i++)
		if (cores_follows(c->plane[i]))
			ask(c, c->plane[i], to[i]);
}

void cores_decide(struct cpd *c, struct plane *p)
{
	decide(c, p);
	carry_out(c);
	pace(c);
}

static void look(struct cpd *c, struct plane *p)
{
	sampler_take(&p->sampler, p->has, c->now, &p->load);
	decide(c, p);
}

void cores_step(struct cpd *c)
{
	bool due = c->now - c->sampled_at >= cores_pace(c) * (u64)CPD_MS;

	for (u32 i = 0; i < c->n; i++) {
		struct plane *p = c->plane[i];

		if (p->ask.fd >= 0)
			answered(c, p);
		if (p->granted)
			heard_step(c, p);
		else if (due && cores_follows(p))
			look(c, p);
	}
	if (due)
		c->sampled_at = c->now;
	carry_out(c);
	pace(c);
}

u32 cores_pace(const struct cpd *c)
{
	u32 pace = 0;

	for (u32 i = 0; i < c->n; i++) {
		const struct plane *p = c->plane[i];

		if (!cores_follows(p) || p->granted)
			continue;
		if (!policy_calm(&p->policy, &p->load))
			return CPD_SAMPLE_MS;
		pace = CPD_CALM_MS;
	}
	return pace;
}

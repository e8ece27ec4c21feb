/* SPDX-License-Identifier: MIT */
/* Flow groups go from one thread of a host to another: what the NIC and the
 * control plane do for that. */
#include "sim.h"

#include <string.h>

#include "base/hash.h"
#include "dp/move.h"

enum {
	GIVE_UP_MS = 300, /* an application that does not cross */
	END_STEPS = 10000,
};

static struct dp *dp_of(const struct host *h, u32 thread)
{
	return h->threads[thread].node.dp;
}

/* ---- the NIC: as a real one, by the table of the moment when it comes */

/* What is hashed of a TCP segment: both addresses, which lie at @at, and the
 * ports behind the header. */
static u32 owner_of(const struct host *h, const u8 *ip, u32 at, u32 addrs,
		    u32 header)
{
	u8 tuple[36];

	memcpy(tuple, ip + at, addrs);
	memcpy(tuple + addrs, ip + header, 4);
	return h->share.group_owner[hash_toeplitz(rss_symmetric_key, tuple,
						  addrs + 4) %
				    RSS_TABLE];
}

static u32 thread_for(struct host *h, const u8 *frame, u32 len)
{
	const struct eth_hdr *eth = (const void *)frame;
	const struct ipv4_hdr *ip4 = (const void *)(eth + 1);
	const struct ipv6_hdr *ip6 = (const void *)(eth + 1);
	u32 type = be16_host(eth->type), ihl = (ip4->ver_ihl & 15u) * 4;

	if (h->astray && sim_chance(&h->move_rng, h->astray))
		return sim_random(&h->move_rng, h->nthreads);
	if (type == ETH_TYPE_IPV4 && ihl >= IPV4_LEN &&
	    len >= ETH_LEN + ihl + 4 && ip4->proto == IP_PROTO_TCP)
		return owner_of(h, frame + ETH_LEN,
				offsetof(struct ipv4_hdr, src), 8, ihl);
	if (type == ETH_TYPE_IPV6 && len >= ETH_LEN + IPV6_LEN + 4 &&
	    ip6->next == IP_PROTO_TCP)
		return owner_of(h, frame + ETH_LEN,
				offsetof(struct ipv6_hdr, src), 32, IPV6_LEN);
	return 0;
}

void moves_steer(struct host *h)
{
	const struct transit_frame *f;
	u64 now = h->world->now;

	while ((f = transit_first(h->in, now))) {
		const u8 *frame = h->in->bytes[f->slot];
		u32 to = thread_for(h, frame, f->len);

		transit_put(h->threads[to].nic.in, frame, f->len, now, 0);
		transit_remove_first(h->in);
	}
}

/* ---- the control plane */

static bool choose_groups(struct host *h, u32 from, struct dp_groups *g)
{
	u32 percent = 1 + sim_random(&h->move_rng, 100);
	bool any = false;

	*g = (struct dp_groups){ 0 };
	for (u32 i = 0; i < RSS_TABLE; i++) {
		if (h->share.group_owner[i] != from ||
		    !sim_chance(&h->move_rng, percent))
			continue;
		g->bits[i / 64] |= 1ull << i % 64;
		any = true;
	}
	return any;
}

static void begin(struct host *h)
{
	u32 from = sim_random(&h->move_rng, h->nthreads);
	u32 to = sim_random(&h->move_rng, h->nthreads);
	struct thread *t = &h->threads[from];
	u64 pause = sim_random(&h->move_rng, 3) ? 3 : 300;
	struct dp_groups g;

	h->move_at = h->world->now + (1 + sim_random(&h->move_rng, 1000)) *
					     pause * SIM_MS / 1000;
	if (from == to || !choose_groups(h, from, &g) ||
	    dp_leave_begin(dp_of(h, from), to, &g, host_clock(h)))
		return;
	t->began = h->world->now;
	t->go_at = 0;
	sim_say(h->world, "host %u: groups %llx %llx go from %u to %u", h->nr,
		(unsigned long long)g.bits[0], (unsigned long long)g.bits[1],
		from, to);
}

static void note(struct moved *m, const struct tcp_conn *c)
{
	m->in[c->state]++;
	m->repairing += c->flags & TCP_F_LOSS && c->loss.raw;
	m->holes += !!c->ooo;
}

static void note_all(struct host *h, u32 from, const struct dp_groups *g)
{
	struct tcp_walk walk = { 0 };
	struct tcp_conn *c;

	while ((c = tcp_walk(&dp_of(h, from)->net.tcp, &walk)))
		if (dp_group_in(g, c->group))
			note(&h->world->moved, c);
}

static void rewrite(struct host *h, u32 from)
{
	const struct dp_leave *l = &dp_of(h, from)->mover->leave;

	note_all(h, from, &l->groups);
	for (u32 i = 0; i < RSS_TABLE; i++) {
		if (dp_group_in(&l->groups, i))
			h->share.group_owner[i] = (u8)l->to;
	}
	if (dp_leave_go(dp_of(h, from), host_clock(h)))
		sim_fail(h->world, "host %u: a move does not go on", h->nr);
}

static void go_on(struct host *h, u32 i)
{
	struct thread *t = &h->threads[i];
	u64 now = h->world->now;

	if (!dp_leave_ready(dp_of(h, i))) {
		if (now > t->began + GIVE_UP_MS * SIM_MS)
			dp_leave_cancel(dp_of(h, i), host_clock(h));
	} else if (!t->go_at) {
		t->go_at = now + sim_random(&h->move_rng, 2000) * 1000ull;
	} else if (now >= t->go_at) {
		t->go_at = 0;
		if (sim_chance(&h->move_rng, 10))
			dp_leave_cancel(dp_of(h, i), host_clock(h));
		else
			rewrite(h, i);
	}
}

void moves_run(struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++)
		go_on(h, i);
	if (!h->down_until && h->world->now >= h->move_at)
		begin(h);
}

u64 moves_next(const struct host *h)
{
	u64 next = UINT64_MAX;

	if (h->nthreads == 1)
		return next;
	if (!h->down_until && !app_idle(h))
		next = h->move_at;
	for (u32 i = 0; !h->rebooting && i < h->nthreads; i++) {
		const struct thread *t = &h->threads[i];

		if (dp_leave_ready(dp_of(h, i)))
			next = min(next, t->go_at);
		else if (dp_of(h, i)->mover->leave.state == LEAVE_CROSS)
			next = min(next, t->began + GIVE_UP_MS * SIM_MS);
	}
	return next;
}

bool moves_any(const struct host *h)
{
	bool any = false;

	for (u32 i = 0; h->nthreads > 1 && i < h->nthreads; i++)
		any |= dp_moving(dp_of(h, i));
	return any;
}

void moves_end(struct host *h)
{
	for (u32 n = 0; moves_any(h); n++) {
		if (n == END_STEPS)
			sim_fail(h->world, "host %u: a move does not end",
				 h->nr);
		for (u32 i = 0; i < h->nthreads; i++) {
			dp_leave_cancel(dp_of(h, i), host_clock(h));
			dp_move_run(dp_of(h, i), false,
				    host_clock(h) + n * 1000);
		}
	}
}

/* SPDX-License-Identifier: MIT */
/* A connection goes from one elastic thread to another: see tcp_move.h. */
#include "net/tcp_move.h"

#include "net/neigh_int.h"
#include "net/tcp_cc.h"
#include "net/tcp_loss.h"

enum {
	LEFT = 0xffff,	   /* neigh: has left, and not joined */
	LISTENED = 0xffff, /* listener: had one */
};

/* What is of the old thread, in fields that mean nothing until it has joined:
 * addresses of IPv6, whose ids are each thread's own, and the next hop's
 * Ethernet address. */
struct baggage {
	struct ix_addr raddr; /* in link */
	struct ix_addr laddr; /* in timer.node */
	struct {
		u8 mac[6];
		bool known;
		u8 pad;
	} hop; /* in next_out */
};

_Static_assert(sizeof(struct list) == sizeof(struct ix_addr) &&
		       sizeof(((struct baggage *)0)->hop) ==
			       sizeof(struct tcp_conn *),
	       "it fits");

/* ---- counting */

static u32 shared_ranges(const struct tcp_conn *c)
{
	return c->sndq_ranges - min(c->sndq_ranges, (u32)TCP_OWN_RANGES);
}

void tcp_need_add(struct tcp_need *n, const struct tcp_conn *c)
{
	n->conns++;
	n->mbufs += c->rx_mbufs;
	n->ranges += c->sndq_ranges;
	n->shared += shared_ranges(c);
	n->ccs += !!(c->flags & TCP_F_CC_STATE);
	n->losses += c->flags & TCP_F_LOSS && c->loss.raw;
}

static bool have_mbufs(const struct net *net, u32 n, const struct mbuf *spare)
{
	for (; spare && n; spare = spare->next)
		n--;
	return !n || net->pool->nfree > n + net->pool->kept / 2;
}

static void take_mbufs(struct net *net, struct tcp_room *r, u32 n,
		       struct mbuf **spare)
{
	r->mbufs = NULL;
	while (n--) {
		struct mbuf *m = *spare;

		if (m)
			*spare = m->next;
		else
			m = mbuf_alloc(net->pool);
		m->next = r->mbufs;
		r->mbufs = m;
	}
}

static void take_ranges(struct net *net, struct tcp_room *r,
			const struct tcp_need *n)
{
	net->tcp.ranges_left -= n->shared;
	r->range = net->tcp.ranges;
	r->shared = n->shared;
	r->ranges = (struct ref32){ 0 };
	for (u32 k = 0; k < n->ranges; k++) {
		struct ref32 range = tcp_range_take(net);

		tcp_range_at(net, range)->next = r->ranges;
		r->ranges = range;
	}
}

/* Who gets none goes on without. */
static void take_states(struct net *net, struct tcp_room *r,
			const struct tcp_need *n, u64 now)
{
	struct tcp *t = &net->tcp;
	struct ref32 cc;
	struct ref16 loss;

	r->cc = t->cc_states;
	r->loss = t->losses;
	r->ccs = (struct ref32){ 0 };
	r->losses = (struct ref16){ 0 };
	for (u32 k = 0; k < n->ccs && (cc = tcp_cc_take(net, now)).raw; k++) {
		tcp_cc_at(net, cc)->owner = (struct ref32){ 0 };
		tcp_cc_at(net, cc)->next = r->ccs;
		r->ccs = cc;
	}
	for (u32 k = 0; k < n->losses && (loss = tcp_loss_set_aside(net)).raw;
	     k++) {
		tcp_loss_at(net, loss)->next = r->losses;
		r->losses = loss;
	}
}

bool tcp_room_make(struct net *net, const struct tcp_need *n,
		   struct tcp_room *r, struct mbuf **spare, u64 now)
{
	struct tcp *t = &net->tcp;

	if (n->conns > tcp_slots_free(t, &net->conf.tcp) ||
	    n->shared > t->ranges_left || !have_mbufs(net, n->mbufs, *spare))
		return false;
	t->set_aside -= min(t->set_aside, n->conns);
	for (r->nslots = 0; r->nslots < n->conns; r->nslots++)
		r->slots[r->nslots] = tcp_slot_take(t, &net->conf.tcp);
	take_mbufs(net, r, n->mbufs, spare);
	take_ranges(net, r, n);
	take_states(net, r, n, now);
	return true;
}

/* ---- who gives */

static void keep_addrs(struct net *net, struct tcp_conn *c)
{
	struct ix_addr raddr, laddr;

	if (!(c->flags & TCP_F_IP6))
		return;
	raddr = addr_to_abi(net, c->flow.raddr);
	laddr = addr_to_abi(net, c->flow.laddr);
	addr_put(net, c->flow.raddr);
	memcpy(&c->link, &raddr, sizeof(raddr));
	memcpy(&c->timer.node, &laddr, sizeof(laddr));
}

static void keep_hop(struct net *net, struct tcp_conn *c)
{
	struct be32 hop = net_next_hop(net, c->flow.raddr);
	const struct neigh *e = hop.raw ? neigh_find(net, hop) : NULL;
	struct baggage b = { 0 };

	if (e && e->state >= NEIGH_STALE) {
		memcpy(b.hop.mac, e->mac, sizeof(b.hop.mac));
		b.hop.known = true;
	}
	memcpy(&c->next_out, &b.hop, sizeof(b.hop));
}

static void leave_timer(struct net *net, struct tcp_conn *c)
{
	u32 at = c->timer.expires;

	if (!timer_is_set(&c->timer))
		at = 0;
	else
		at |= !at;
	timer_cancel(&net->wheel, &c->timer);
	c->timer.expires = at;
}

/* The FLAGS that say where it was stay, for tcp_join(). */
static void leave_lists(struct net *net, struct tcp_conn *c)
{
	u32 kept = c->flags & (TCP_F_COUNTED | TCP_F_SILENT);

	if (c->listener.raw) {
		tcp_leave_listener(net, c);
		c->listener = (struct ref16){ LISTENED };
	}
	tcp_spoken(&net->tcp, c);
	tcp_uncount(net, c);
	c->flags |= kept;
	list_del(&c->link);
	if (c->state == TCP_TIME_WAIT)
		net->stat->tcp_time_wait--;
}

void tcp_leave(struct net *net, struct tcp_conn *c)
{
	c->neigh = LEFT;
	c->flags &= ~(u32)TCP_F_SHORT;
	if (net->tcp.dup.handle == c->handle)
		net->tcp.dup.handle = 0;
	if (c->state == TCP_CLOSED) /* is only to be told so */
		return;
	tcp_table_del(net, c);
	leave_lists(net, c);
	leave_timer(net, c);
	net->stat->tcp_conns--;
}

bool tcp_has_left(const struct tcp_conn *c)
{
	return c->neigh == LEFT;
}

static void sweep_ready(struct tcp *t)
{
	struct tcp_conn **at = &t->ready_head;

	while (*at) {
		if (tcp_has_left(*at))
			*at = (*at)->next_ready;
		else
			at = &(*at)->next_ready;
	}
	t->ready_tail = at;
}

/* Returns where the list ends. */
static struct tcp_conn **sweep_out(struct tcp_conn **at)
{
	while (*at) {
		if (tcp_has_left(*at))
			*at = (*at)->next_out;
		else
			at = &(*at)->next_out;
	}
	return at;
}

void tcp_sweep(struct net *net)
{
	struct tcp *t = &net->tcp;

	t->out_tail = sweep_out(&t->out_head);
	t->more_tail = sweep_out(&t->more_head);
	sweep_ready(t);
}

static void pack_ranges(struct net *net, struct tcp_conn *c, struct tcp_room *r)
{
	struct ref32 at = c->sndq_head, next, cursor = c->nxt_range;
	struct ref32 *link = &c->sndq_head;

	tcp_sndq_free_last(net, c);
	net->tcp.ranges_left += shared_ranges(c);
	r->shared -= shared_ranges(c);
	for (; at.raw; at = next) {
		const struct tcp_range *from = tcp_range_at(net, at);
		struct ref32 to = r->ranges;
		struct tcp_range *copy = &r->range[ref32_index(to)];

		next = from->next;
		r->ranges = copy->next;
		*copy = (struct tcp_range){ from->addr, from->len, { 0 } };
		*link = c->sndq_tail = to;
		link = &copy->next;
		if (at.raw == cursor.raw)
			c->nxt_range = to;
		tcp_range_put(net, at);
	}
}

static void pack_cc(struct net *net, struct tcp_conn *c, struct tcp_room *r)
{
	const struct tcp_cc_state *s = tcp_cc_state(net, c);
	u32 flags = c->flags & (TCP_F_CC_STATE | TCP_F_PACED);
	struct ref32 to = r->ccs;
	struct tcp_cc_state copy;

	if (!s)
		return;
	if (to.raw) {
		r->ccs = r->cc[ref32_index(to)].next;
		copy = *s;
		/* Until it has joined: the other thread looks. */
		copy.owner = (struct ref32){ 0 };
		r->cc[ref32_index(to)] = copy;
	}
	tcp_cc_put(net, c);
	if (to.raw) {
		c->cc_state = to;
		c->flags |= flags;
	}
}

static void pack_loss(struct net *net, struct tcp_conn *c, struct tcp_room *r)
{
	struct ref16 ref = r->losses;
	struct tcp_loss *to;

	if (!tcp_loss_of(net, c))
		return;
	if (ref.raw) {
		to = &r->loss[ref16_index(ref)];
		r->losses = to->next;
		tcp_loss_hand_over(net, c, to, ref);
	} else {
		tcp_loss_put(net, c);
		tcp_undo_end(net, c);
		tcp_go_back(net, c);
	}
}

void tcp_pack(struct net *net, struct tcp_conn *c, struct tcp_room *r)
{
	if (c->state != TCP_CLOSED) {
		pack_loss(net, c, r);
		pack_ranges(net, c, r);
		pack_cc(net, c, r);
		keep_hop(net, c);
		keep_addrs(net, c);
	}
}

void tcp_room_take(struct net *net, struct tcp_room *r)
{
	struct tcp *t = &net->tcp;
	struct mbuf *m;

	while (r->nslots)
		t->conn_free[t->nconn_free++] = r->slots[--r->nslots];
	while ((m = r->mbufs)) {
		r->mbufs = m->next;
		m->thread = net->pool->thread;
		mbuf_free(net->pool, m);
	}
}

/* ---- who takes */

static void put_states(struct net *net, struct tcp_room *r)
{
	struct ref32 cc;
	struct ref16 loss;

	while ((cc = r->ccs).raw) {
		r->ccs = tcp_cc_at(net, cc)->next;
		tcp_cc_give_back(net, cc);
	}
	while ((loss = r->losses).raw) {
		r->losses = tcp_loss_at(net, loss)->next;
		tcp_loss_give_back(net, loss);
	}
}

void tcp_room_put(struct net *net, struct tcp_room *r)
{
	struct tcp *t = &net->tcp;
	struct ref32 range;

	while (r->nslots)
		t->conn_free[t->nconn_free++] = r->slots[--r->nslots];
	mbuf_free_chain(net->pool, r->mbufs);
	r->mbufs = NULL;
	while ((range = r->ranges).raw) {
		r->ranges = tcp_range_at(net, range)->next;
		tcp_range_put(net, range);
	}
	t->ranges_left += r->shared;
	r->shared = 0;
	put_states(net, r);
}

/* Own addresses are held by ourselves. */
static void join_addrs(struct net *net, struct tcp_conn *c)
{
	struct ix_addr raddr, laddr;

	if (!(c->flags & TCP_F_IP6))
		return;
	memcpy(&raddr, &c->link, sizeof(raddr));
	memcpy(&laddr, &c->timer.node, sizeof(laddr));
	if (addr_from_abi(net, &raddr, &c->flow.raddr))
		c->flow.raddr.raw = 0;
	if (addr_from_abi(net, &laddr, &c->flow.laddr))
		c->flow.laddr.raw = 0;
	addr_put(net, c->flow.laddr);
}

/* Nobody need be asked for who is known. */
static void join_hop(struct net *net, struct tcp_conn *c, u64 now)
{
	struct be32 hop = net_next_hop(net, c->flow.raddr);
	const struct neigh *e = hop.raw ? neigh_find(net, hop) : NULL;
	struct baggage b;

	memcpy(&b.hop, &c->next_out, sizeof(b.hop));
	if (b.hop.known && hop.raw && (!e || e->state < NEIGH_STALE))
		neigh_follow(net, hop, b.hop.mac, now);
}

static void join_timer(struct net *net, struct tcp_conn *c)
{
	u32 at = c->timer.expires;

	list_init(&c->timer.node);
	if (at)
		timer_set(&net->wheel, &c->timer, at);
}

/* A thread that does not listen there is told of the knock all the same. */
static void join_lists(struct net *net, struct tcp_conn *c)
{
	struct tcp_listener *l;

	list_init(&c->link);
	if (c->state == TCP_TIME_WAIT) {
		net->stat->tcp_time_wait++;
		list_add_tail(&net->tcp.time_wait, &c->link);
	}
	if (c->flags & TCP_F_SILENT)
		tcp_silence(&net->tcp, c);
	if (c->flags & TCP_F_COUNTED)
		tcp_count(net, c);
	if (!c->listener.raw)
		return;
	c->listener = (struct ref16){ 0 };
	l = tcp_find_listener(net, c->flow.laddr, be16_host(c->flow.lport));
	if (!l)
		return;
	tcp_enter_listener(net, l, c);
	if (c->state != TCP_SYN_RCVD)
		tcp_confirmed(net, c);
}

static void own_buffers(const struct net *net, struct mbuf *m)
{
	for (; m; m = m->next)
		m->thread = net->pool->thread;
}

/* An answer to an earlier knock cannot come any more: it knocks again. */
static void join_events(struct tcp_conn *c)
{
	if (tcp_has_knocked(c))
		c->events |= TCP_EV_KNOCK;
	tcp_is_here(c);
}

void tcp_join(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);
	bool out = c->flags & TCP_F_ON_OUT;

	c->neigh = 0;
	c->flags &= ~(u32)TCP_F_ON_OUT;
	own_buffers(net, c->rx_head);
	own_buffers(net, c->ooo);
	join_events(c);
	if (c->state == TCP_CLOSED)
		return;
	if (s)
		s->owner = ref32(tcp_index(&net->tcp, c));
	join_addrs(net, c);
	join_hop(net, c, now);
	if (tcp_loss_of(net, c))
		tcp_loss_adopt(net, c);
	join_timer(net, c);
	join_lists(net, c);
	if (out)
		tcp_mark_out(net, c);
	net->stat->tcp_conns++;
}

/* What only tcp_pack() keeps. */
void tcp_rejoin(struct net *net, struct tcp_conn *c, u64 now)
{
	if (c->state != TCP_CLOSED) {
		if (tcp_loss_of(net, c))
			tcp_loss_disown(net, c);
		keep_hop(net, c);
		keep_addrs(net, c);
	}
	tcp_join(net, c, now);
}

/* Its own address may have been given up meanwhile. */
void tcp_appear(struct net *net, struct tcp_conn *c)
{
	if (c->state != TCP_CLOSED)
		tcp_table_add(net, c);
	if (c->state != TCP_CLOSED &&
	    (!c->flow.raddr.raw || !c->flow.laddr.raw))
		tcp_die(net, c, EADDRNOTAVAIL);
	else if (c->events)
		tcp_ready(net, c, 0);
}

/* ---- what a thread knows */

void tcp_lore_tell(const struct net *net, struct tcp_lore *l)
{
	const struct tcp *t = &net->tcp;

	l->npaths = l->cookie_period = 0;
	for (u32 i = 0; i < TCP_PATHS; i++) {
		if (!t->paths[i].mss)
			continue;
		l->paths[l->npaths].ip = addr_to_abi(net, t->paths[i].ip);
		l->paths[l->npaths++].path = t->paths[i];
	}
	for (u32 i = 0; i < net->conf.tcp.max_listeners; i++)
		l->cookie_period =
			max(l->cookie_period, t->listeners[i].cookie_period);
}

void tcp_lore_learn(struct net *net, const struct tcp_lore *l)
{
	struct tcp *t = &net->tcp;
	struct be32 ip;

	for (u32 i = 0; i < l->npaths; i++) {
		if (addr_from_abi(net, &l->paths[i].ip, &ip))
			continue;
		tcp_path_adopt(net, ip, &l->paths[i].path);
		addr_put(net, ip);
	}
	for (u32 i = 0; i < net->conf.tcp.max_listeners; i++)
		t->listeners[i].cookie_period =
			max(t->listeners[i].cookie_period, l->cookie_period);
}

/* SPDX-License-Identifier: MIT */
/* Connections: their slots, birth, death, and the list of those with events. */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

enum { RTO_LATE_SYN_US = 3000000 };

u32 tcp_slot_take(struct tcp *t, const struct tcp_conf *conf)
{
	if (t->nconn_free)
		return t->conn_free[--t->nconn_free];
	if (t->nconns_used < conf->max_conns)
		return t->first_conn + t->nconns_used++;
	return UINT32_MAX;
}

static u32 conn_take(struct tcp *t, const struct tcp_conf *conf)
{
	if (unlikely(t->set_aside) && tcp_slots_free(t, conf) <= t->set_aside)
		return UINT32_MAX;
	return tcp_slot_take(t, conf);
}

bool tcp_is_named(const struct tcp_conn *c)
{
	return (c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE)) &&
	       !(c->flags & TCP_F_DEAD_TOLD);
}

static u32 conn_take_or_recycle(struct net *net)
{
	u32 i = conn_take(&net->tcp, &net->conf.tcp);

	if (i == UINT32_MAX) {
		tcp_make_room(net);
		i = conn_take(&net->tcp, &net->conf.tcp);
	}
	return i;
}

/* RFC 6528: a clock of 4 us ticks, plus a secret hash of the flow. The hash's
 * other half hides the uptime in timestamps (RFC 7323 section 5.4); being a
 * function of the flow, it keeps timestamps growing from one incarnation to
 * the next (RFC 6191). */
static void choose_iss(struct tcp_conn *c, u64 hash, u64 now)
{
	c->iss = (u32)(now >> 12) + (u32)hash;
	c->ts_offset = (u32)(hash >> 32);
	c->snd_una = c->snd_nxt = c->snd_max = c->iss;
}

static u8 wscale_for(u32 buf)
{
	u8 shift = 0;

	while (buf >> shift > 65535 && shift < 14)
		shift++;
	return shift;
}

void tcp_conn_init(const struct net *net, struct tcp_conn *c, struct flow flow,
		   u64 hash, u64 now)
{
	const struct tcp_conf *conf = &net->conf.tcp;

	memset(c, 0, sizeof(*c));
	c->flow = flow;
	c->cc = conf->cc;
	c->wscale_rcv = wscale_for(max(conf->rcv_buf, conf->rcv_buf_max));
	c->rto = net->tcp.rto_initial;
	c->last_rx = c->last_tx = tick_of(now);
	if (conf->timestamps)
		c->flags |= TCP_F_TS;
	if (conf->wscale)
		c->flags |= TCP_F_WSCALE;
	c->sack = conf->sack;
	if (addr_is_v6(flow.raddr))
		c->flags |= TCP_F_IP6;
	timer_init(&c->timer, TIMER_TCP);
	list_init(&c->link);
	choose_iss(c, hash, now);
}

struct tcp_conn *tcp_conn_new(struct net *net, struct flow flow, u8 group,
			      u64 now)
{
	u32 i = conn_take_or_recycle(net);
	struct tcp_conn *c;
	u32 gen;

	if (i == UINT32_MAX)
		return NULL;
	c = &net->tcp.conns[i];
	gen = handle_gen(c->handle);
	tcp_conn_init(net, c, flow, addr_flow_hash(net, flow), now);
	c->handle = handle_make(group, gen + !gen, i); /* none is 0 */
	c->group = group;
	addr_hold(net, flow.raddr);
	tcp_table_add(net, c);
	if (unlikely(net->flows))
		tcp_keep_flow(net, flow);
	net->stat->tcp_conns++;
	return c;
}

/* Back to the pool, unless a list still refers to it: then whoever takes it
 * off that list does it. */
void tcp_conn_put(struct net *net, struct tcp_conn *c)
{
	if (!(c->flags & (TCP_F_ON_READY | TCP_F_ON_OUT | TCP_F_ON_DEAD)))
		net->tcp.conn_free[net->tcp.nconn_free++] =
			tcp_index(&net->tcp, c);
}

static void free_rx(struct net *net, struct tcp_conn *c)
{
	mbuf_free_chain(net->pool, c->rx_head);
	c->rx_head = c->rx_tail = c->rx_next = NULL;
	c->rx_bytes = c->rx_told = 0;
	c->rx_mbufs = 0;
}

/* Off the table and the timers, without what only a live one needs. */
static void shut(struct net *net, struct tcp_conn *c)
{
	if (c->state == TCP_CLOSED)
		return;
	if (c->state == TCP_TIME_WAIT)
		net->stat->tcp_time_wait--;
	tcp_leave_listener(net, c);
	tcp_spoken(&net->tcp, c);
	tcp_uncount(net, c);
	list_del(&c->link);
	tcp_table_del(net, c);
	timer_cancel(&net->wheel, &c->timer);
	tcp_sndq_free(net, c);
	tcp_cc_put(net, c);
	tcp_loss_put(net, c);
	tcp_ooo_free(net, c);
	addr_put(net, c->flow.raddr);
	c->state = TCP_CLOSED;
	net->stat->tcp_conns--;
	net->stat->tcp_closed++;
}

void tcp_release(struct net *net, struct tcp_conn *c)
{
	shut(net, c);
	/* What the application may still be reading waits for tcp_reap(). */
	if (!(c->flags & TCP_F_ON_DEAD))
		free_rx(net, c);
	/* No flow group's: the slot may be used again by a thread that another
	 * one's application guesses at. */
	c->handle = handle_make(HANDLE_NONE, handle_gen(c->handle) + 1,
				handle_index(c->handle));
	c->events = 0;
	c->flags |= TCP_F_RELEASED;
	tcp_conn_put(net, c);
}

void tcp_die(struct net *net, struct tcp_conn *c, u8 error)
{
	bool opening = c->state == TCP_SYN_SENT ||
		       (c->state == TCP_SYN_RCVD && c->flags & TCP_F_ACTIVE);

	if (!tcp_is_named(c)) {
		tcp_release(net, c);
		return;
	}
	shut(net, c);
	c->error = error;
	if (error) {
		/* What was not delivered is lost (RFC 9293, RST). */
		c->rx_next = NULL;
		c->events &= (u8) ~(TCP_EV_RECV | TCP_EV_EOF);
	}
	tcp_mark_ready(net, c, opening ? TCP_EV_CONNECTED : TCP_EV_DEAD);
}

void tcp_dead_told(struct net *net, struct tcp_conn *c)
{
	c->flags |= TCP_F_DEAD_TOLD | TCP_F_ON_DEAD;
	c->events = 0;
	c->next_dead = net->tcp.dead;
	net->tcp.dead = ref32(handle_index(c->handle));
}

void tcp_reap(struct net *net)
{
	while (net->tcp.dead.raw) {
		struct tcp_conn *c =
			&net->tcp.conns[ref32_index(net->tcp.dead)];

		net->tcp.dead = c->next_dead;
		c->flags &= ~(u32)TCP_F_ON_DEAD;
		if (c->flags & TCP_F_RELEASED) {
			free_rx(net, c);
			tcp_conn_put(net, c);
		} else if (c->state == TCP_CLOSED) {
			tcp_release(net, c);
		} else {
			free_rx(net, c);
		}
	}
}

void tcp_enter_time_wait(struct net *net, struct tcp_conn *c, u64 now)
{
	bool again = c->state == TCP_TIME_WAIT;

	if (again)
		list_del(&c->link);
	else
		net->stat->tcp_time_wait++;
	tcp_uncount(net, c);
	tcp_cc_put(net, c);
	tcp_loss_put(net, c);
	c->state = TCP_TIME_WAIT;
	c->delack_at = c->persist_at = c->keep_at = 0;
	list_add_tail(&net->tcp.time_wait, &c->link);
	c->rto_at = tcp_deadline(now, net->tcp.time_wait_ticks);
	tcp_arm(net, c, c->rto_at);
	if (!again && tcp_is_named(c)) {
		c->error = 0;
		tcp_mark_ready(net, c, TCP_EV_DEAD);
	}
}

void tcp_established(struct net *net, struct tcp_conn *c, u64 now)
{
	/* The first SYN was not answered in time: RTO is too short for this
	 * path, until there is a sample (RFC 6298 section 5.7). */
	if (c->backoff && !c->srtt)
		c->rto = min(max(c->rto, ticks_of_us(RTO_LATE_SYN_US)),
			     net->tcp.rto_max);
	if (c->backoff > 1) /* RFC 5681 section 3.1, RFC 6928 section 2 */
		c->cwnd = c->mss_snd;
	if (c->listener.raw)
		tcp_confirmed(net, c);
	tcp_count(net, c);
	c->state = TCP_ESTABLISHED;
	c->error = 0;
	c->backoff = 0;
	c->probes = 0;
	c->rto_at = 0;
	c->quick = net->conf.tcp.quick_acks & 31;
	tcp_share_begin(c);
	net->stat->tcp_established++;
	net->stat->tcp_ecn += !!(c->flags & TCP_F_ECN);
	tcp_arm_keep(net, c, now);
	tcp_mark_ready(net, c,
		       c->flags & TCP_F_ACTIVE ? TCP_EV_CONNECTED
					       : TCP_EV_KNOCK);
}

void tcp_mark_ready(struct net *net, struct tcp_conn *c, u8 events)
{
	tcp_ready(net, c, events);
}

struct tcp_conn *tcp_next_ready_slow(struct net *net, struct tcp_conn *c)
{
	do {
		tcp_conn_put(net, c);
		c = tcp_pop_ready(&net->tcp);
	} while (c && c->flags & TCP_F_RELEASED);
	return c;
}

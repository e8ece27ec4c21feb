/* SPDX-License-Identifier: MIT */
/*
 * Timers of a connection. All share one wheel entry, set for the earliest
 * deadline or earlier: moving a deadline away costs one store, and the wheel
 * entry is set again when it fires too early.
 *
 *   rto_at      retransmission (RFC 6298); SYN; in FIN-WAIT-2 of a connection
 *               closed for good: its end; in TIME-WAIT: 2 MSL. TCP_F_EARLY:
 *               what comes before the retransmission: tcp_loss.c, tcp_tail.c.
 *               Not before all has been read that had come by then: the ACK
 *               may wait in the NIC while nothing runs here, or has a queue to
 *               work off
 *   delack_at   delayed ACK (RFC 9293 section 3.8.6.3)
 *   persist_at  zero-window probe (section 3.8.6.1), or a segment that is
 *               smaller than worth while (section 3.8.6.2.1)
 *   keep_at     keepalive (section 3.8.4); of a connection closed for good: its
 *               end, whatever the peer does
 *   pace_at     (of struct tcp_cc_state) the next burst of a paced connection
 *
 * What counts against giving up is progress, not that the peer says something:
 * probes is set back by new acknowledgements, and by answers to zero-window
 * probes, which the application may wait for as long as it likes.
 */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

static bool due(u32 at, u64 now)
{
	return at && !tick_before(tick_of(now), at);
}

static void back_off(struct net *net, struct tcp_conn *c)
{
	c->rto = min(c->rto * 2, net->tcp.rto_max);
	if (c->backoff < UINT8_MAX)
		c->backoff++;
}

/* What is in flight counts as lost: begin again at the oldest unacknowledged
 * byte. */
void tcp_go_back(struct net *net, struct tcp_conn *c)
{
	tcp_undo_no_lesson(c);
	c->recover = c->snd_max;
	c->snd_nxt = c->snd_una;
	tcp_sndq_seek(net, c);
	c->dupacks = 0;
	c->flags &= ~(u32)(TCP_F_RECOVERY | TCP_F_REXMIT | TCP_F_RTT_TIMED);
	c->flags |= TCP_F_RTO_RECOVERY;
}

/* RFC 5482, RFC 9293 section 3.8.3, in units of 1024 ns; 0: none. */
static u32 user_timeout(const struct net *net)
{
	return (u32)(net->conf.tcp.user_timeout_ms * 1000000ull >> 10);
}

/* Since when nothing has been acknowledged: while there are timeouts nothing is
 * being timed, and rtt_at is when the first of them began. */
static u32 unacknowledged(const struct tcp_conn *c, u64 now)
{
	return tcp_us(now) - c->rtt_at;
}

/* The user timeout ends the wait, not RTO, which is still that of the path. */
u32 tcp_rto_deadline(const struct net *net, const struct tcp_conn *c, u64 now)
{
	u32 limit = user_timeout(net), ticks = c->rto, since;

	if (unlikely(limit && c->probes)) {
		since = min(unacknowledged(c, now), limit);
		ticks = min(ticks, (limit - since) / 16 + 2);
	}
	return tcp_deadline(now, ticks);
}

static void arm_again(struct net *net, struct tcp_conn *c, u64 now)
{
	c->rto_at = tcp_rto_deadline(net, c, now);
	tcp_arm(net, c, c->rto_at);
}

/* RFC 6298 section 5.4-5.6. */
static void retransmit(struct net *net, struct tcp_conn *c, u64 now)
{
	net->stat->tcp_timeouts++;
	tcp_waited(net, c);
	if (c->state >= TCP_ESTABLISHED) {
		tcp_path_timeout(net, c, now);
		tcp_cc_of(c)->timeout(net, c, now);
		tcp_frto_begin(c);
		if (!tcp_loss_timeout(net, c, now))
			tcp_go_back(net, c);
	} else {
		net->stat->tcp_retransmits++;
		c->flags &= ~(u32)TCP_F_RTT_TIMED;
		c->flags |= TCP_F_REXMIT;
	}
	back_off(net, c);
	arm_again(net, c, now);
	tcp_mark_out(net, c);
}

void tcp_rearm_rto(struct net *net, struct tcp_conn *c, u64 now)
{
	c->flags &= ~(u32)TCP_F_EARLY;
	arm_again(net, c, now);
	tcp_tail_arm(net, c, c->snd_max - c->snd_una, now);
}

static u32 probe_interval(const struct net *net, const struct tcp_conn *c)
{
	u64 ticks = (u64)c->rto << min(c->backoff, 16);

	return (u32)min(ticks, (u64)net->tcp.rto_max);
}

/* What fired answers false when the connection is gone. */

static bool persist_fired(struct net *net, struct tcp_conn *c, u64 now)
{
	c->persist_at = 0;
	if (c->snd_wnd) {
		c->flags |= TCP_F_PROBE;
		tcp_mark_out(net, c);
		return true;
	}
	if (c->probes >= net->conf.tcp.retries) {
		tcp_die(net, c, ETIMEDOUT);
		return false;
	}
	c->probes++;
	c->flags |= TCP_F_PROBE;
	c->persist_at = tcp_deadline(now, probe_interval(net, c));
	if (c->backoff < UINT8_MAX)
		c->backoff++;
	tcp_mark_out(net, c);
	return true;
}

static void early_fired(struct net *net, struct tcp_conn *c, u64 now)
{
	c->flags &= ~(u32)TCP_F_EARLY;
	if (tcp_loss_of(net, c))
		tcp_loss_fired(net, c, now);
	else
		tcp_tail_fired(net, c, now);
}

/* Has nothing been acknowledged for too long? */
static bool user_timed_out(const struct net *net, struct tcp_conn *c, u64 now)
{
	u32 limit = user_timeout(net);

	if (!c->probes)
		c->rtt_at = tcp_us(now) - (c->rto << 4);
	return limit && unacknowledged(c, now) >= limit;
}

static bool rto_fired(struct net *net, struct tcp_conn *c, u64 now)
{
	const struct tcp_conf *conf = &net->conf.tcp;
	u32 limit =
		c->state < TCP_ESTABLISHED ? conf->syn_retries : conf->retries;

	c->rto_at = 0;
	if (c->flags & TCP_F_EARLY) {
		early_fired(net, c, now);
		return true;
	}
	if (c->state == TCP_TIME_WAIT || c->state == TCP_FIN_WAIT_2) {
		tcp_die(net, c, 0);
		return false;
	}
	if (tcp_wait_longer(net, c, now))
		return true;
	if (c->probes >= limit || user_timed_out(net, c, now)) {
		tcp_die(net, c, c->error ? c->error : ETIMEDOUT);
		return false;
	}
	if (!c->snd_wnd && c->sndq_bytes && c->state >= TCP_ESTABLISHED) {
		/* The peer took the window back: only probes may go now (RFC
		 * 9293 section 3.8.6). */
		tcp_loss_put(net, c);
		tcp_undo_end(net, c);
		tcp_go_back(net, c);
		return persist_fired(net, c, now);
	}
	c->probes++;
	retransmit(net, c, now);
	return true;
}

void tcp_arm_keep(struct net *net, struct tcp_conn *c, u64 now)
{
	const struct tcp_conf *conf = &net->conf.tcp;
	u32 ms = c->flags & TCP_F_NO_RECV ? conf->orphan_timeout_ms
					  : conf->keep_idle_ms;

	if (!ms)
		return;
	c->keep_at = tcp_deadline(now, ticks_of_us(ms * 1000ull));
	tcp_arm(net, c, c->keep_at);
}

void tcp_is_there(struct net *net, struct tcp_conn *c, u64 now)
{
	u64 idle = net->conf.tcp.keep_idle_ms * 1000ull;
	u32 at = tcp_deadline(now, ticks_of_us(idle));

	if (!c->keep_at || c->flags & TCP_F_NO_RECV)
		return;
	c->keep_probes = 0;
	if (tick_before(c->keep_at,
			at)) /* the timer is early, and looks again */
		c->keep_at = at;
}

void tcp_give_up(struct net *net, struct tcp_conn *c, u64 now)
{
	tcp_send_rst(net, c, now);
	tcp_die(net, c, ETIMEDOUT);
}

static bool keep_fired(struct net *net, struct tcp_conn *c, u64 now)
{
	const struct tcp_conf *conf = &net->conf.tcp;
	u32 idle = ticks_of_us(conf->keep_idle_ms * 1000ull);
	u32 interval = ticks_of_us(conf->keep_interval_ms * 1000ull);
	u32 silence = tick_of(now) - c->last_rx; /* bare ACKs: keep_at */

	/* Nobody is there to whom it could matter (RFC 1122 section 4.2.2.17,
	 * RFC 6429). */
	if (c->flags & TCP_F_NO_RECV) {
		tcp_give_up(net, c, now);
		return false;
	}
	if (silence < interval)
		c->keep_probes = 0; /* the last probe was answered */
	if (silence < idle) {
		c->keep_probes = 0;
		c->keep_at = tcp_deadline(now, idle - silence);
		return true;
	}
	if (c->keep_probes >= conf->keep_probes) {
		tcp_give_up(net, c, now);
		return false;
	}
	c->keep_at = tcp_deadline(now, interval);
	if (c->snd_una == c->snd_max) {
		c->keep_probes++;
		net->stat->tcp_keepalive_probes++;
		tcp_send_keepalive(net, c, now);
	}
	return true;
}

/* What is due when all has been read that had come by then: one look into the
 * NIC away, or a queue, of which nobody knows how fast it will be read. */
static u32 rto_or_read(const struct net *net, const struct tcp_conn *c, u64 now)
{
	u32 queue = net->tcp.unread ? tick_of(now - net->tcp.read_at) : 0;
	u32 next = tick_of(now) + queue / 4 + 1;

	return due(c->rto_at, now) ? next | !next : c->rto_at;
}

static void arm_earliest(struct net *net, struct tcp_conn *c, u64 now)
{
	const u32 at[] = { rto_or_read(net, c, now), c->delack_at,
			   c->persist_at, c->keep_at };

	for (u32 i = 0; i < ARRAY_SIZE(at); i++) {
		if (at[i])
			tcp_arm(net, c, at[i]);
	}
}

void tcp_timer(void *arg, struct timer *t, u64 now)
{
	struct net *net = arg;
	struct tcp_conn *c = container_of(t, struct tcp_conn, timer);
	u64 read = min(now, net->tcp.read_at);

	if (due(c->delack_at, now)) {
		c->delack_at = 0;
		c->flags |= TCP_F_ACK_NOW;
		tcp_mark_out(net, c);
	}
	if (due(c->rto_at, read) && !rto_fired(net, c, now))
		return;
	if (due(c->persist_at, now) && !persist_fired(net, c, now))
		return;
	if (due(c->keep_at, now) && !keep_fired(net, c, now))
		return;
	tcp_pace_timer(net, c, now);
	arm_earliest(net, c, now);
}

/* SPDX-License-Identifier: MIT */
/* A connection as people see it; nothing of the packet's way. */
#include "base/mem.h"
#include "net/tcp_loss.h"

/* Of tcp_us(): 1024 ns each. */
static u32 us_of(u64 units)
{
	return (u32)(units * 1024 / 1000);
}

static u32 us_of_ticks(u32 ticks)
{
	return (u32)(((u64)ticks << TICK_SHIFT) / 1000);
}

static u32 ms_since(u32 tick, u64 now)
{
	return us_of_ticks(tick_of(now) - tick) / 1000;
}

static void options(const struct tcp_conn *c, struct tcp_info *out)
{
	out->timestamps = c->flags & TCP_F_TS;
	out->window_scaling = c->flags & TCP_F_WSCALE;
	out->sack = !(c->flags & TCP_F_ON_DEAD) && c->sack;
	out->ecn = c->flags & TCP_F_ECN;
	out->pacing = c->flags & TCP_F_PACED;
	out->wscale_snd = c->wscale_snd;
	out->wscale_rcv = c->wscale_rcv;
	out->mss = c->mss_snd;
}

static void sending(const struct net *net, const struct tcp_conn *c,
		    struct tcp_info *out)
{
	const struct tcp_loss *l =
		c->flags & TCP_F_ON_DEAD ? NULL : tcp_loss_of(net, c);

	out->cc = tcp_cc_ops[c->cc]->name;
	out->cwnd = c->cwnd;
	out->ssthresh = c->ssthresh;
	out->snd_wnd = c->snd_wnd;
	out->snd_queued = c->sndq_bytes;
	out->in_flight = c->snd_max - c->snd_una;
	out->recovery = c->flags & (TCP_F_RECOVERY | TCP_F_RTO_RECOVERY);
	out->timeouts = c->backoff;
	for (u32 i = 0; l && i < l->board.n; i++) {
		const struct tcp_span *s = &l->board.span[i];
		u32 from = i ? s[-1].end : l->board.una;

		if (s->state == SPAN_LOST)
			out->lost += s->end - from;
		else if (s->state == SPAN_RESENT)
			out->resent += s->end - from;
	}
}

bool tcp_info(const struct net *net, u32 place, struct tcp_info *out, u64 now)
{
	struct ref32 conn = net->tcp.table[place].conn;
	const struct tcp_conn *c = &net->tcp.conns[ref32_index(conn)];

	if (!conn.raw)
		return false;
	*out = (struct tcp_info){
		.index = ref32_index(conn),
		.raddr = addr_to_ip6(net, c->flow.raddr),
		.laddr = addr_to_ip6(net, c->flow.laddr),
		.rport = be16_host(c->flow.rport),
		.lport = be16_host(c->flow.lport),
		.state = c->state,
		.group = c->group,
		.srtt_us = us_of(c->srtt >> 3),
		.rttvar_us = us_of(c->rttvar >> 2),
		.rto_us = us_of_ticks(c->rto),
		.rcv_wnd = c->rcv_adv - c->rcv_nxt,
		.rcv_queued = c->rx_bytes,
		.rcv_mbufs = c->rx_mbufs,
		.holes = c->ooo_runs,
		.last_rx_ms = ms_since(c->last_rx, now),
		.last_tx_ms = ms_since(c->last_tx, now),
		.accepted = c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE),
	};
	options(c, out);
	sending(net, c, out);
	return true;
}

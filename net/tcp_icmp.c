/* SPDX-License-Identifier: MIT */
/* What ICMP says about our segments. */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

enum { MTU_LEAST = 552 }; /* smaller ones are more likely forged than true */

/* A smaller path MTU (RFC 1191): resend what was too large. */
static void shrink_mss(struct net *net, struct tcp_conn *c, u16 mtu, u64 now)
{
	bool v6 = addr_is_v6(c->flow.raddr);
	u32 least = v6 ? IPV6_MIN_MTU : MTU_LEAST;
	u32 mss = max((u32)mtu, least) - (v6 ? IPV6_LEN : IPV4_LEN) - TCP_LEN;

	if (!tcp_path_learn(net, c, (u16)mss, now))
		return;
	tcp_undo_end(net, c);
	if (!tcp_loss_all(net, c)) {
		c->snd_nxt = c->snd_una;
		tcp_sndq_seek(net, c);
	}
	c->flags &= ~(u32)TCP_F_RTT_TIMED;
	tcp_mark_out(net, c);
}

void tcp_icmp(struct net *net, struct flow flow, const struct tcp_icmp *msg,
	      u64 now)
{
	struct tcp_conn *c = tcp_find(net, flow);

	/* RFC 5927 section 4.1: only about what is in flight. */
	if (!c || seq_lt(msg->seq, c->snd_una) || !seq_lt(msg->seq, c->snd_max))
		return;
	if (c->state >= TCP_ESTABLISHED) {
		if (msg->mtu)
			shrink_mss(net, c, msg->mtu, now);
		return;
	}
	if (msg->mtu)
		return;
	/* Hard errors end only what is not yet synchronized (RFC 5927 section
	 * 5.2); of others it is remembered what to say at the end. */
	if (msg->hard && c->state == TCP_SYN_SENT)
		tcp_die(net, c, msg->error);
	else
		c->error = msg->error;
}

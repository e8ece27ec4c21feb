/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification (RFC 3168), and the receiver's side of DCTCP
 * (RFC 8257).
 *
 *	     data, ECT(0)        the network:  data, CE
 *	sender ------------------------------------------> receiver
 *	       <------------------------------------------
 *	     reduces              ACK, ECE: until CWR comes;
 *	       ------------------------------------------> DCTCP: just for what
 *	     new data, CWR                                 was marked
 *
 * ECT is on new data alone: not on SYN, pure ACKs, retransmissions and window
 * probes (sections 6.1.1 and 6.1.4 to 6.1.6).
 */
#include "net/tcp_cc.h"

enum { SETUP = TCP_ECE | TCP_CWR };

/* ---- section 6.1.1 */

static bool asks(const struct net *net, const struct tcp_conn *c)
{
	u8 use = net->conf.tcp.ecn;

	return use == TCP_ECN_ON ||
	       (use == TCP_ECN_ACCEPT && c->cc == TCP_CC_DCTCP);
}

/* A SYN that was not answered may have been lost for its flags: the next one
 * does without, and so does the connection then (section 6.1.1.1). */
u8 tcp_ecn_syn_flags(const struct net *net, struct tcp_conn *c)
{
	if (c->state == TCP_SYN_RCVD)
		return c->flags & TCP_F_ECN ? TCP_ECE : 0;
	if (c->probes || !asks(net, c)) {
		c->flags &= ~(u32)TCP_F_ECN;
		return 0;
	}
	c->flags |= TCP_F_ECN;
	return SETUP;
}

/* A SYN-ACK with both flags is the reflection of our SYN. Once we have answered
 * a SYN, another one can only take back what was agreed on. */
void tcp_ecn_take_syn(const struct net *net, struct tcp_conn *c, u8 flags)
{
	u8 want = flags & TCP_ACK ? TCP_ECE : SETUP;

	if ((flags & SETUP) != want)
		c->flags &= ~(u32)TCP_F_ECN;
	else if (!(c->flags & TCP_F_ACTIVE) && net->conf.tcp.ecn &&
		 c->snd_nxt == c->iss)
		c->flags |= TCP_F_ECN;
}

/* ---- the receiver */

/* Section 6.1.3: echoed until the sender says that it has heard it. */
static void latch(struct tcp_conn *c, const struct tcp_seg *s)
{
	if (s->flags & TCP_CWR)
		c->flags &= ~(u32)TCP_F_ECE;
	if (s->ce)
		c->flags |= TCP_F_ECE;
}

/* RFC 8257 section 3.2: an ACK tells of segments that were all marked, or none.
 * What waits to be acknowledged and was otherwise comes first. */
static void follow(struct net *net, struct tcp_conn *c, const struct tcp_seg *s,
		   u64 now)
{
	if (s->ce == !!(c->flags & TCP_F_ECE))
		return;
	if (c->flags & (TCP_F_ACK_NOW | TCP_F_ACK_LATER))
		tcp_send_ack(net, c, now);
	c->flags ^= TCP_F_ECE;
}

/* ---- both */

static u32 new_bytes(const struct tcp_conn *c, u32 ack)
{
	return seq_lt(c->snd_una, ack) ? ack - c->snd_una : 0;
}

/* What we sent was marked, some of it. That is congestion, whatever else has
 * reduced the window, and so that stays. */
static void reduce(struct net *net, struct tcp_conn *c, u32 ack, u64 now)
{
	u32 bytes = new_bytes(c, ack);

	net->stat->tcp_ece_in++;
	net->stat->tcp_ece_bytes += bytes;
	if (c->flags & (TCP_F_RECOVERY | TCP_F_RTO_RECOVERY))
		tcp_cc_for_good(net, c);
	tcp_cc_of(c)->ecn(net, c, bytes, now);
}

void tcp_ecn_in_slow(struct net *net, struct tcp_conn *c,
		     const struct tcp_seg *s, u64 now)
{
	net->stat->tcp_ce_in += s->ce;
	net->stat->tcp_cwr_in += !!(s->flags & TCP_CWR);
	if (s->len && c->cc == TCP_CC_DCTCP)
		follow(net, c, s, now);
	else if (s->len)
		latch(c, s);
	if (s->flags & TCP_ECE && c->state >= TCP_ESTABLISHED &&
	    c->snd_una != c->snd_max)
		reduce(net, c, s->ack, now);
}

/* SPDX-License-Identifier: MIT */
/*
 * F-RTO (RFC 5682): was a timeout spurious, the segments or their ACKs only
 * late? Of all that the timeout counts as lost only the first is sent again:
 *
 *   timeout --> FRTO_HEAD -- ACK, not of all --> FRTO_NEW -- ACK of what --+
 *               sent again                     two new ones  was sent once |
 *                    |                             |                       |
 *                    +-- anything else ------------+--> all goes again     |
 *                                                     spurious: undone <---+
 *
 * With a scoreboard (section 3) it tells what an ACK is of; without (section 2)
 * the second ACK is if it advances.
 */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

enum {
	NEW_SEGS = 2,  /* to be sent instead of what may not be lost */
	TRUE_SEGS = 3, /* of the window, when the timeout was true */
};

/* A timeout behind another one, with nothing acknowledged in between, changes
 * nothing: still only the head has been sent again. */
void tcp_frto_begin(struct tcp_conn *c)
{
	const u32 recovering = TCP_F_RECOVERY | TCP_F_RTO_RECOVERY;

	if (c->frto != FRTO_HEAD)
		c->frto = c->flags & recovering ? FRTO_NONE : FRTO_HEAD;
}

static bool has_new_data(const struct tcp_conn *c)
{
	u32 flight = c->snd_max - c->snd_una;

	return flight < c->sndq_bytes && flight < c->snd_wnd;
}

static void was_true(struct tcp_conn *c)
{
	c->frto = FRTO_NONE;
	c->cwnd = min(c->cwnd, TRUE_SEGS * (u32)c->mss_snd);
}

static void was_spurious(struct net *net, struct tcp_conn *c)
{
	c->frto = FRTO_NONE;
	tcp_was_late(net, c);
	tcp_cc_of(c)->undo(net, c);
	c->flags &= ~(u32)TCP_F_RTO_RECOVERY;
	net->stat->tcp_spurious_timeouts++;
}

static void send_from(struct net *net, struct tcp_conn *c, u32 seq)
{
	c->snd_nxt = seq;
	tcp_sndq_seek(net, c);
	tcp_mark_out(net, c);
}

/* When the head was sent again first, as tcp_us(), or sooner: since the wait
 * for that began, at rtt_at, each timeout has doubled RTO, up to rto_max. */
static u32 sent_again(const struct tcp_conn *c)
{
	return c->rtt_at + ((c->rto >> min(c->probes, 31)) << 4);
}

/* Sooner than F-RTO, and with a single ACK: Eifel (RFC 3522), by timestamps. */
bool tcp_frto_echoed(struct net *net, struct tcp_conn *c, u32 tsecr, u64 now)
{
	struct tcp_loss *l = tcp_loss_of(net, c);

	if (c->frto != FRTO_HEAD || !tcp_echoes_older(c, tsecr, sent_again(c)))
		return false;
	was_spurious(net, c);
	if (l)
		tcp_board_undo(&l->board, tcp_us(now));
	else
		send_from(net, c, c->snd_max);
	return true;
}

/* Section 3.1, steps 2 and 3. */
bool tcp_frto_sacked(struct net *net, struct tcp_conn *c,
		     const struct tcp_arrived *a, bool advanced)
{
	if (c->frto == FRTO_HEAD) {
		if (advanced)
			c->frto = has_new_data(c) ? FRTO_NEW : FRTO_NONE;
	} else if (a->once && seq_lt(c->recover, a->top)) {
		was_true(c);
	} else if (a->once) {
		was_spurious(net, c);
		return true;
	}
	return false;
}

/* ---- without a scoreboard: section 2.1, steps 2 and 3 */

/* The first ACK must be of the whole segment, and leave something that may not
 * be lost. */
void tcp_frto_advanced(struct net *net, struct tcp_conn *c)
{
	bool whole = c->snd_una == c->snd_nxt;

	if (c->frto == FRTO_NEW) {
		was_spurious(net, c);
		return;
	}
	c->frto = FRTO_NONE;
	if (!whole || seq_le(c->recover, c->snd_una) || !has_new_data(c))
		return;
	c->frto = FRTO_NEW;
	send_from(net, c, c->snd_max);
}

void tcp_frto_repeated(struct net *net, struct tcp_conn *c)
{
	if (c->frto == FRTO_NEW) {
		was_true(c);
		send_from(net, c, c->snd_una);
	}
	c->frto = FRTO_NONE;
}

u32 tcp_frto_window(const struct tcp_conn *c)
{
	return c->recover - c->snd_una + NEW_SEGS * c->mss_snd;
}

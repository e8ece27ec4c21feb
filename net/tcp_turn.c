/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is to send.
 *
 *	tcp_mark_out() -> out: who has something to say since the last call
 *	                   |  a turn
 *	                   v
 *	                  more: who had one, and has more to send
 *
 * So who answers in a few segments is not behind those that send a window each,
 * however many they are (as FQ-CoDel does, RFC 8290 section 4.1); and those get
 * half of the transmit queue at least.
 */
#include "net/tcp_int.h"

enum { ROOM_FOR_MORE = NET_TXQ / 2 }; /* packets */

/* Behind all others that have had their turn, unless it is to come again. */
void tcp_want_more(struct tcp *t, struct tcp_conn *c)
{
	if (c->flags & TCP_F_ON_OUT)
		return;
	c->flags |= TCP_F_ON_OUT;
	c->next_out = NULL;
	*t->more_tail = c;
	t->more_tail = &c->next_out;
	t->out_room = ROOM_FOR_MORE;
}

/* Has an answer that went at once left nothing to do? */
static inline bool nothing_due(const struct tcp_conn *c)
{
	const u32 due = TCP_F_ACK_NOW | TCP_F_ACK_LATER | TCP_F_REXMIT |
			TCP_F_PROBE | TCP_F_FIN_QUEUED | TCP_F_LOSS |
			TCP_F_RELEASED;

	return c->state == TCP_ESTABLISHED && !(c->flags & due) &&
	       c->snd_nxt - c->snd_una == c->sndq_bytes;
}

/* There is no room left: @c and those behind it, up to *@last, come before
 * those that have had some, and want more. */
static COLD void put_off(struct tcp *t, struct tcp_conn *c,
			 struct tcp_conn **last)
{
	*last = t->out_head;
	if (!t->out_head)
		t->out_tail = last;
	t->out_head = c;
	c->flags |= TCP_F_ON_OUT;
}

static struct tcp_conn *take_more(struct tcp *t)
{
	struct tcp_conn *c = t->more_head;

	t->more_head = c->next_out;
	if (!t->more_head)
		t->more_tail = &t->more_head;
	return c;
}

/* Turn by turn, while there is room. If some are left then, one goes with those
 * who come next: for whoever looks only there, work waits. */
static COLD void output_more(struct net *net, u64 now)
{
	struct tcp *t = &net->tcp;

	while (t->more_head && net_tx_room(net, 2)) {
		struct tcp_conn *c = take_more(t);

		c->flags &= ~(u32)TCP_F_ON_OUT;
		if (c->flags & TCP_F_RELEASED)
			tcp_conn_put(net, c);
		else
			tcp_output(net, c, now);
	}
	if (t->more_head && !t->out_head) {
		t->out_head = take_more(t);
		t->out_head->next_out = NULL;
		t->out_tail = &t->out_head->next_out;
	}
	t->out_room = t->more_head ? ROOM_FOR_MORE : TCP_OUT_ROOM;
}

void tcp_output_all(struct net *net, u64 now)
{
	struct tcp *t = &net->tcp;
	/* What is marked again meanwhile waits for the next call. */
	struct tcp_conn *c = t->out_head, *next, **last = t->out_tail;

	t->out_head = NULL;
	t->out_tail = &t->out_head;
	t->port_tries = 0;
	tcp_tune_window(net);
	for (; c; c = next) {
		next = c->next_out;
		c->flags &= ~(u32)TCP_F_ON_OUT;
		if (likely(nothing_due(c)))
			continue;
		if (unlikely(c->flags & TCP_F_RELEASED)) {
			tcp_conn_put(net, c);
		} else if (unlikely(!net_tx_room(net, t->out_room))) {
			put_off(t, c, last);
			break;
		} else {
			tcp_output(net, c, now);
		}
	}
	if (unlikely(t->out_room != TCP_OUT_ROOM))
		output_more(net, now);
}

/* SPDX-License-Identifier: MIT */
/* Events of the ABI become the original's. Its cookie is the connection's
 * handle here: see priv.h. */
#include "lib/compat/priv.h"

void compat_tell(struct compat *t, uint64_t sysnr, uint64_t a, uint64_t b,
		 uint64_t c, uint64_t d)
{
	bsys_desc_fill(__bsys_arr_next(t->events), sysnr, a, b, c, d);
}

static void tell_dead(struct compat *t, struct conn *c)
{
	if (c->flags & (CONN_TOLD | CONN_CLOSED))
		return;
	c->flags |= CONN_TOLD;
	compat_tell(t, USYS_TCP_DEAD, (uint64_t)c->hid, c->cookie, 0, 0);
}

/* Programs that want no TCP ignore knocks: the oldest make room. */
static void remember_knock(struct compat *t, hid_t hid)
{
	hid_t *slot = &t->knocks[t->nknocks++ % MAX_KNOCKS];
	struct conn *old = conn_find(t, *slot);

	if (old && (old->flags & CONN_KNOCKED))
		compat_reject(t, NULL, old);
	*slot = hid;
}

static void on_knock(struct compat *t, const struct ix_event *ev)
{
	struct conn *c = conn_new(t);

	if (!c) { /* no memory for it */
		compat_room(t, 0);
		compat_pend(t, ix_reject(t->ix, ev->handle), IX_REJECT, NULL,
			    NULL);
		return;
	}
	c->handle = ev->handle;
	c->flags |= CONN_KNOCKED;
	c->id = (struct ip_tuple){ .src_ip = ix_addr_to_v4(&ev->ip),
				   .src_port = ev->port,
				   .dst_port = (uint16_t)ev->len };
	remember_knock(t, c->hid);
	compat_tell(t, USYS_TCP_KNOCK, (uint64_t)c->hid, (uintptr_t)&c->id, 0,
		    0);
}

/* A connection that was never open needs no close. */
static void on_connected(struct compat *t, const struct ix_event *ev,
			 struct conn *c)
{
	if (!(c->flags & CONN_CLOSED))
		compat_tell(t, USYS_TCP_CONNECTED, (uint64_t)c->hid, c->cookie,
			    (uint64_t)compat_ret(-(int64_t)ev->len), 0);
	if (ev->len)
		conn_free(t, c);
}

static void on_sent(struct compat *t, const struct ix_event *ev, struct conn *c)
{
	send_acked(c, ev->acked);
	if (!(c->flags & CONN_CLOSED))
		compat_tell(t, USYS_TCP_SENT, (uint64_t)c->hid, c->cookie,
			    ev->acked, 0);
}

static void on_recv(struct compat *t, const struct ix_event *ev, struct conn *c)
{
	if (ev->len && !(c->flags & CONN_CLOSED))
		compat_tell(t, USYS_TCP_RECV, (uint64_t)c->hid, c->cookie,
			    ev->addr, ev->len);
	if (ev->acked)
		on_sent(t, ev, c);
	if (!ev->len)
		tell_dead(t, c);
}

static void on_dead(struct compat *t, struct conn *c)
{
	c->flags |= CONN_GONE;
	send_free(c->copies);
	c->copies = NULL;
	if (c->flags & CONN_CLOSED)
		conn_free(t, c);
	else
		tell_dead(t, c);
}

static void on_udp_sent(struct compat *t, struct udp_tx *tx)
{
	compat_tell(t, USYS_UDP_SENT, tx->cookie, 0, 0, 0);
	udp_sent(t, tx);
}

static void on_tcp(struct compat *t, const struct ix_event *ev)
{
	struct conn *c = conn_find(t, (hid_t)ev->cookie);

	if (!c)
		return;
	if (ev->type == IX_EV_CONNECTED)
		on_connected(t, ev, c);
	else if (ev->type == IX_EV_RECV)
		on_recv(t, ev, c);
	else if (ev->type == IX_EV_SENT)
		on_sent(t, ev, c);
	else if (ev->type == IX_EV_DEAD)
		on_dead(t, c);
}

static void on_event(struct compat *t, const struct ix_event *ev)
{
	switch (ev->type) {
	case IX_EV_KNOCK:
		on_knock(t, ev);
		break;
	case IX_EV_UDP_RECV:
		udp_recv(t, ev);
		break;
	case IX_EV_UDP_PART:
		udp_part(t, ev);
		break;
	case IX_EV_UDP_SENT:
		on_udp_sent(t, (struct udp_tx *)(uintptr_t)ev->cookie);
		break;
	case IX_EV_TIMER:
		timer_expired(t, ev->cookie);
		break;
	default:
		on_tcp(t, ev);
		break;
	}
}

static void tell_dues(struct compat *t)
{
	struct conn *c;
	int n;

	for (n = 0; n < MAX_DUES && (c = t->due); n++) {
		t->due = c->next;
		c->flags &= ~(uint32_t)CONN_DUE;
		if (c->flags & CONN_USED) {
			tell_dead(t, c);
		} else {
			c->next = t->free_conns;
			t->free_conns = c;
		}
	}
}

void compat_events(struct compat *t)
{
	uint32_t n = ix_nevents(t->ix), i;

	for (i = 0; i < n; i++)
		on_event(t, ix_event(t->ix, i));
	tell_dues(t);
}

/* SPDX-License-Identifier: MIT */
/* A batch of the original's calls becomes calls of the ABI, in order. */
#include "lib/compat/priv.h"

typedef long call_fn(struct compat *t, struct bsys_desc *d, struct conn *c);

static long call_udp_send(struct compat *t, struct bsys_desc *d, struct conn *c)
{
	struct sg_entry e = { (void *)(uintptr_t)d->arga, d->argb };

	return udp_send(t, d, &e, 1);
}

static long call_udp_sendv(struct compat *t, struct bsys_desc *d,
			   struct conn *c)
{
	return udp_send(t, d, (void *)(uintptr_t)d->arga, d->argb);
}

static long call_udp_recv_done(struct compat *t, struct bsys_desc *d,
			       struct conn *c)
{
	return udp_recv_done(t, d->arga);
}

static long call_tcp_connect(struct compat *t, struct bsys_desc *d,
			     struct conn *none)
{
	const struct ip_tuple *id = (void *)(uintptr_t)d->arga;
	struct conn *c = conn_new(t);
	struct ix_addr ip;

	if (!c)
		return -RET_NOMEM;
	c->cookie = d->argb;
	c->id = *id;
	ip = ix_addr_v4(id->dst_ip);
	compat_room(t, 0);
	compat_pend(t, ix_connect(t->ix, (uint64_t)c->hid, &ip, id->dst_port),
		    IX_CONNECT, d, c);
	return PENDING;
}

static long call_tcp_accept(struct compat *t, struct bsys_desc *d,
			    struct conn *c)
{
	if (!(c->flags & CONN_KNOCKED))
		return -RET_BADH;
	c->flags &= ~(uint32_t)CONN_KNOCKED;
	c->cookie = d->argb;
	compat_room(t, 0);
	compat_pend(t, ix_accept(t->ix, c->handle, (uint64_t)c->hid), IX_ACCEPT,
		    d, c);
	return PENDING;
}

void compat_reject(struct compat *t, struct bsys_desc *d, struct conn *c)
{
	c->flags ^= CONN_KNOCKED | CONN_CLOSED;
	compat_room(t, 0);
	compat_pend(t, ix_reject(t->ix, c->handle), IX_REJECT, d, c);
}

static long call_tcp_reject(struct compat *t, struct bsys_desc *d,
			    struct conn *c)
{
	if (!(c->flags & CONN_KNOCKED))
		return -RET_BADH;
	compat_reject(t, d, c);
	return PENDING;
}

static long call_tcp_send(struct compat *t, struct bsys_desc *d, struct conn *c)
{
	struct sg_entry e = { (void *)(uintptr_t)d->argb, d->argc };

	if (c->flags & (CONN_GONE | CONN_CLOSED))
		return -RET_CLOSED;
	return send_tcp(t, d, c, &e, 1);
}

static long call_tcp_sendv(struct compat *t, struct bsys_desc *d,
			   struct conn *c)
{
	if (c->flags & (CONN_GONE | CONN_CLOSED))
		return -RET_CLOSED;
	if (!d->argc || d->argc > MAX_SG_ENTRIES)
		return -RET_INVAL;
	return send_tcp(t, d, c, (void *)(uintptr_t)d->argb, (uint32_t)d->argc);
}

static long call_tcp_recv_done(struct compat *t, struct bsys_desc *d,
			       struct conn *c)
{
	if (c->flags & CONN_GONE) /* all is given back */
		return RET_OK;
	if (d->argb > UINT32_MAX)
		return -RET_INVAL;
	compat_room(t, 0);
	compat_pend(t, ix_recv_done(t->ix, c->handle, (uint32_t)d->argb),
		    IX_RECV_DONE, d, c);
	return PENDING;
}

static long call_tcp_close(struct compat *t, struct bsys_desc *d,
			   struct conn *c)
{
	if (c->flags & CONN_KNOCKED)
		return call_tcp_reject(t, d, c);
	if (c->flags & CONN_CLOSED)
		return -RET_BADH;
	c->flags |= CONN_CLOSED;
	if (c->flags & CONN_GONE) {
		conn_free(t, c);
		return RET_OK;
	}
	compat_room(t, 0);
	compat_pend(t, ix_close(t->ix, c->handle, IX_CLOSE_ALL), IX_CLOSE, d,
		    c);
	return PENDING;
}

static const struct {
	call_fn *call;
	bool handle; /* arga is one */
} table[KSYS_NR] = {
	[KSYS_UDP_SEND] = { call_udp_send, false },
	[KSYS_UDP_SENDV] = { call_udp_sendv, false },
	[KSYS_UDP_RECV_DONE] = { call_udp_recv_done, false },
	[KSYS_TCP_CONNECT] = { call_tcp_connect, false },
	[KSYS_TCP_ACCEPT] = { call_tcp_accept, true },
	[KSYS_TCP_REJECT] = { call_tcp_reject, true },
	[KSYS_TCP_SEND] = { call_tcp_send, true },
	[KSYS_TCP_SENDV] = { call_tcp_sendv, true },
	[KSYS_TCP_RECV_DONE] = { call_tcp_recv_done, true },
	[KSYS_TCP_CLOSE] = { call_tcp_close, true },
};

static unsigned long cookie_of(const struct bsys_desc *d, const struct conn *c)
{
	if (c)
		return c->cookie;
	if (d->sysnr == KSYS_TCP_CONNECT)
		return d->argb;
	return d->sysnr <= KSYS_UDP_SENDV ? d->argd : 0;
}

static void call(struct compat *t, struct bsys_desc *d)
{
	unsigned long cookie = 0;
	struct conn *c = NULL;
	long ret = -RET_NOSYS;

	if (d->sysnr < KSYS_NR) {
		c = table[d->sysnr].handle ? conn_find(t, (hid_t)d->arga)
					   : NULL;
		cookie = cookie_of(d, c);
		ret = table[d->sysnr].handle && !c
			      ? -RET_BADH
			      : table[d->sysnr].call(t, d, c);
	}
	if (ret != PENDING)
		compat_answer(d, cookie, ret);
}

void compat_calls(struct compat *t, struct bsys_desc *d, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr && !t->gone; i++)
		call(t, &d[i]);
}

/* SPDX-License-Identifier: MIT */
/* Datagrams. A sent one holds its transmit buffer until udp_sent; the cookie
 * is the buffer. */
#include <string.h>

#include "lib/ixev/priv.h"

int ixev_udp_bind(struct ixev_udp *u, const struct ix_addr *ip, uint16_t port,
		  ixev_udp_handler_t handler)
{
	struct ixev_thread *t = ixev_self();
	struct ix_call *c;
	int64_t ret;

	if (!t)
		return -EINVAL;
	u->handler = handler;
	c = ixev_call(t, IX_UDP_BIND, 0);
	c->cookie = (uintptr_t)u;
	c->ip = ip ? *ip : (struct ix_addr){ .q = { 0, 0 } };
	c->port = port;
	ret = ixev_call_now(t, c);
	if (ret < 0)
		return (int)ret;
	u->handle = (uint64_t)ret;
	return 0;
}

void ixev_udp_unbind(struct ixev_udp *u)
{
	struct ixev_thread *t = ixev_self();

	u->handler = NULL;
	if (t)
		ixev_call(t, IX_UDP_UNBIND, 0)->handle = u->handle;
}

void ixev_udp_recv_done(struct ixev_udp *u, void *data)
{
	struct ix_call *c = ixev_call(ixev_self(), IX_UDP_RECV_DONE, 0);

	c->handle = u->handle;
	c->arg = (uintptr_t)data;
}

ssize_t ixev_udp_send(struct ixev_udp *u, const struct ix_addr *ip,
		      uint16_t port, const void *addr, size_t len)
{
	struct ixev_thread *t = ixev_self();
	struct ixev_buf *b = t->buf;
	struct ix_call *c;
	struct ix_sg *sg;

	if (len > IXEV_BUF_SIZE - IXEV_BUF_DATA)
		return -EMSGSIZE;
	if (len > IXEV_BUF_SIZE - b->pos) {
		b = ixev_buf_next(t);
		if (!b)
			return -EAGAIN;
	}
	c = ixev_call(t, IX_UDP_SENDV, 1);
	sg = ix_sgs_new(t->ix, 1);
	sg->addr = (uintptr_t)b + b->pos;
	sg->len = (uint32_t)len;
	memcpy((char *)b + b->pos, addr, len);
	b->pos += (uint32_t)len;
	b->refs++;
	c->handle = u->handle;
	c->cookie = (uintptr_t)b;
	c->ip = *ip;
	c->port = port;
	c->n = 1;
	c->sg = ix_sgs_take(t->ix, 1);
	return (ssize_t)len;
}

void ixev_on_udp_recv(struct ixev_thread *t, const struct ix_event *ev)
{
	struct ixev_udp *u = (struct ixev_udp *)(uintptr_t)ev->cookie;

	if (u->handler)
		u->handler(u, (void *)(uintptr_t)ev->addr, ev->len, &ev->ip,
			   ev->port);
}

void ixev_on_udp_sent(struct ixev_thread *t, uint64_t cookie)
{
	ixev_buf_put(t, (struct ixev_buf *)(uintptr_t)cookie);
}

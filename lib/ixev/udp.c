/* SPDX-License-Identifier: MIT */
/* Datagrams. A sent one holds its transmit buffer until udp_sent; the cookie
 * is the buffer. One received in parts is put together in memory of our own,
 * and the dataplane's is given back at once. */
#include <stdlib.h>
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
	if (ip)
		c->ip = *ip;
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

static void give_back(struct ixev_thread *t, uint64_t handle, uint64_t addr)
{
	struct ix_call *c = ixev_call(t, IX_UDP_RECV_DONE, 0);

	c->handle = handle;
	c->addr = addr;
}

/* Is it one that was put together? */
static bool free_datagram(struct ixev_thread *t, const void *data)
{
	struct ixev_datagram **at = &t->datagrams, *d;

	while ((d = *at) && d->data != data)
		at = &d->next;
	if (!d)
		return false;
	*at = d->next;
	free(d);
	return true;
}

void ixev_udp_recv_done(struct ixev_udp *u, void *data)
{
	struct ixev_thread *t = ixev_self();

	if (likely(!t->datagrams) || !free_datagram(t, data))
		give_back(t, u->handle, (uintptr_t)data);
}

void ixev_udp_free(struct ixev_thread *t)
{
	while (t->datagrams)
		free_datagram(t, t->datagrams->data);
	free(t->parts);
	t->parts = NULL;
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
	ixev_put_range(sg, (char *)b + b->pos, (uint32_t)len);
	memcpy((char *)b + b->pos, addr, len);
	b->pos += (uint32_t)len;
	b->refs++;
	c->handle = u->handle;
	c->cookie = (uintptr_t)b;
	c->ip = *ip;
	c->port = port;
	c->nsgs = 1;
	c->sg = ix_sgs_take(t->ix, 1);
	return (ssize_t)len;
}

/* At most a packet's 65535 bytes in all. */
void ixev_on_udp_part(struct ixev_thread *t, const struct ix_event *ev)
{
	struct ixev_datagram *d = t->parts;

	if (!d) {
		d = t->parts = malloc(sizeof(*d));
		t->parts_lost |= !d;
		if (!d)
			return;
		d->len = 0;
	}
	memcpy(d->data + d->len, (void *)(uintptr_t)ev->addr, ev->len);
	d->len += ev->len;
}

/* The last part. Without memory for the others the datagram is lost, as
 * datagrams may be. */
static void whole(struct ixev_thread *t, struct ixev_udp *u,
		  const struct ix_event *ev)
{
	struct ixev_datagram *d = t->parts;

	if (d)
		ixev_on_udp_part(t, ev);
	t->parts = NULL;
	give_back(t, ev->handle, ev->addr);
	if (t->parts_lost || !u->handler) {
		free(d);
		t->parts_lost = false;
		return;
	}
	d->next = t->datagrams;
	t->datagrams = d;
	u->handler(u, d->data, d->len, &ev->ip, ev->port);
}

void ixev_on_udp_recv(struct ixev_thread *t, const struct ix_event *ev)
{
	struct ixev_udp *u = (struct ixev_udp *)(uintptr_t)ev->cookie;

	if (unlikely(t->parts || t->parts_lost))
		whole(t, u, ev);
	else if (u->handler)
		u->handler(u, (void *)(uintptr_t)ev->addr, ev->len, &ev->ip,
			   ev->port);
}

void ixev_on_udp_sent(struct ixev_thread *t, uint64_t cookie)
{
	ixev_buf_put(t, (struct ixev_buf *)(uintptr_t)cookie);
}

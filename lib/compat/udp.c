/* SPDX-License-Identifier: MIT */
/*
 * Datagrams. The original had no sockets: it sent from any port, and all that
 * came was delivered. Here a port is bound when the thread starts (those of
 * `ix run --port`), or when something is first sent from it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/compat/priv.h"

enum { MAX_DATAGRAM = 65507 };

/* 0 or -errno, in *ret; NULL then. */
static struct udp_port *bind_port(struct compat *t, uint16_t port, int64_t *ret)
{
	struct udp_port *p = malloc(sizeof(*p));
	int i;

	*ret = -ENOMEM;
	if (!p)
		return NULL;
	*p = (struct udp_port){ .next = t->ports, .port = port };
	compat_room(t, 0);
	i = ix_udp_bind(t->ix, port, NULL, port);
	compat_pend(t, i, IX_UDP_BIND, NULL, NULL);
	*ret = compat_flush(t);
	if (!*ret)
		*ret = ix_result(t->ix, i);
	if (*ret < 0) {
		free(p);
		return NULL;
	}
	p->handle = (uint64_t)*ret;
	t->ports = p;
	return p;
}

int udp_bind_all(struct compat *t, const uint16_t *port)
{
	int64_t ret = 0;

	for (; port && *port; port++) {
		if (!bind_port(t, *port, &ret)) {
			fprintf(stderr, "ix: cannot bind UDP port %u: %s\n",
				*port, strerror((int)-ret));
			return (int)ret;
		}
	}
	return 0;
}

static struct udp_port *port_of(struct compat *t, uint16_t port, int64_t *ret)
{
	struct udp_port *p;

	for (p = t->ports; p; p = p->next)
		if (p->port == port)
			return p;
	return bind_port(t, port, ret);
}

static struct udp_tx *tx_new(struct compat *t)
{
	struct udp_tx *tx = t->free_txs;

	if (!tx)
		return calloc(1, sizeof(*tx));
	t->free_txs = tx->next;
	return tx;
}

static void tx_free(struct compat *t, struct udp_tx *tx)
{
	send_free(tx->copies);
	tx->next = t->free_txs;
	t->free_txs = tx;
}

long udp_send(struct compat *t, struct bsys_desc *d,
	      const struct sg_entry *ents, uint64_t n)
{
	const struct ip_tuple *id = (void *)(uintptr_t)d->argc;
	unsigned long cookie = d->argd;
	struct ix_sg sg[IX_MAX_SG_PER_CALL];
	uint64_t bytes, total = 0;
	struct udp_port *port;
	struct ix_addr ip;
	struct udp_tx *tx;
	int64_t ret;
	uint32_t i;

	if (!n || n > MAX_SG_ENTRIES)
		return -RET_INVAL;
	for (i = 0; i < n; i++) {
		if (ents[i].len > MAX_DATAGRAM)
			return -RET_INVAL;
		total += ents[i].len;
	}
	port = port_of(t, id->src_port, &ret);
	if (!port)
		return compat_ret(ret);
	tx = tx_new(t);
	if (!tx)
		return -RET_NOMEM;
	i = send_ranges(t, ents, (uint32_t)n, sg, &tx->copies, &bytes);
	tx->cookie = cookie;
	if (bytes < total) {
		tx_free(t, tx);
		return -RET_NOBUFS;
	}
	compat_room(t, i);
	ip = ix_addr_v4(id->dst_ip);
	i = (uint32_t)ix_udp_sendv(t->ix, port->handle, &ip, id->dst_port, sg,
				   i, (uintptr_t)tx);
	compat_pend(t, (int)i, IX_UDP_SENDV, d, NULL)->tx = tx;
	return PENDING;
}

void udp_sent(struct compat *t, struct udp_tx *tx)
{
	tx_free(t, tx);
}

static struct dgram **bucket(struct compat *t, uint64_t addr)
{
	return &t->dgrams[(addr >> FRAME_SHIFT) % DGRAM_BUCKETS];
}

static bool free_whole(struct compat *t, const char *at)
{
	struct whole **p = &t->wholes, *w;

	while ((w = *p) && !(at >= w->data && at < w->data + w->len))
		p = &w->next;
	if (!w)
		return false;
	*p = w->next;
	free(w);
	return true;
}

/* @addr may lie anywhere in the datagram's buffer. */
long udp_recv_done(struct compat *t, uint64_t addr)
{
	struct dgram **p = bucket(t, addr), *g;

	while ((g = *p) && (g->addr ^ addr) >> FRAME_SHIFT)
		p = &g->next;
	if (!g)
		return free_whole(t, (char *)(uintptr_t)addr) ? 0 : -RET_INVAL;
	*p = g->next;
	compat_room(t, 0);
	compat_pend(t, ix_udp_recv_done(t->ix, g->handle, g->addr),
		    IX_UDP_RECV_DONE, NULL, NULL);
	g->next = t->free_dgrams;
	t->free_dgrams = g;
	return 0;
}

static void give_back(struct compat *t, const struct ix_event *ev)
{
	compat_room(t, 0);
	compat_pend(t, ix_udp_recv_done(t->ix, ev->handle, ev->addr),
		    IX_UDP_RECV_DONE, NULL, NULL);
}

static struct ip_tuple tuple_of(const struct ix_event *ev)
{
	return (struct ip_tuple){ .src_ip = ix_addr_to_v4(&ev->ip),
				  .src_port = ev->port,
				  .dst_port = (uint16_t)ev->cookie };
}

/* At most a packet's 65535 bytes in all. */
void udp_part(struct compat *t, const struct ix_event *ev)
{
	struct whole *w = t->parts;

	if (!w) {
		w = t->parts = malloc(sizeof(*w));
		t->parts_lost |= !w;
		if (!w)
			return;
		w->len = 0;
	}
	memcpy(w->data + w->len, (void *)(uintptr_t)ev->addr, ev->len);
	w->len += ev->len;
}

/* The last part. */
static void recv_whole(struct compat *t, const struct ix_event *ev)
{
	struct whole *w = t->parts;
	bool lost = t->parts_lost;

	if (w)
		udp_part(t, ev);
	give_back(t, ev);
	t->parts = NULL;
	t->parts_lost = false;
	if (lost) {
		free(w);
		return;
	}
	w->id = tuple_of(ev);
	w->next = t->wholes;
	t->wholes = w;
	compat_tell(t, USYS_UDP_RECV, (uintptr_t)w->data, w->len,
		    (uintptr_t)&w->id, 0);
}

/* Without memory to remember it by it is lost, as datagrams may be. */
void udp_recv(struct compat *t, const struct ix_event *ev)
{
	struct dgram *g = t->free_dgrams, **p = bucket(t, ev->addr);

	if (t->parts || t->parts_lost) {
		recv_whole(t, ev);
		return;
	}
	if (g)
		t->free_dgrams = g->next;
	else if (!(g = malloc(sizeof(*g)))) {
		give_back(t, ev);
		return;
	}
	*g = (struct dgram){ .next = *p,
			     .id = tuple_of(ev),
			     .handle = ev->handle,
			     .addr = ev->addr };
	*p = g;
	compat_tell(t, USYS_UDP_RECV, g->addr, ev->len, (uintptr_t)&g->id, 0);
}

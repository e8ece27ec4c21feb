/* SPDX-License-Identifier: MIT */
/* UDP sockets: who has which port. What passes through them is in udp.c. */
#include "net/udp.h"

#include "base/errno.h"
#include "base/mem.h"
#include "net/net.h"

size_t udp_bytes(const struct udp_conf *conf)
{
	return conf->max_sockets * sizeof(struct udp_sock);
}

void udp_init(struct net *net, void *mem)
{
	struct udp *u = &net->udp;
	u32 n = net->conf.udp.max_sockets;

	memset(u, 0, sizeof(*u));
	u->socks = mem;
	u->ready_tail = &u->ready_head;
	for (u32 i = n; i-- > 0;) {
		u->socks[i].next_hash = u->free;
		u->free = ref16(i);
	}
}

static struct ref16 *bucket(struct udp *u, u16 port)
{
	/* Ephemeral ports are dealt out in steps of up to 64. */
	return &u->buckets[(port ^ port >> 6) % ARRAY_SIZE(u->buckets)];
}

struct udp_sock *udp_find(struct udp *u, struct be32 ip, u16 port)
{
	struct udp_sock *s;

	for (struct ref16 r = *bucket(u, port); r.raw; r = s->next_hash) {
		s = &u->socks[ref16_index(r)];
		if (s->port == port &&
		    (!s->ip.raw || !ip.raw || s->ip.raw == ip.raw))
			return s;
	}
	return NULL;
}

u32 udp_nthreads(const struct net *net)
{
	return max(net->nthreads, 1u);
}

/* RFC 6056, algorithm 1, over the ports of this thread. 0: none is free. */
static u16 choose_port(struct net *net, struct be32 ip)
{
	u32 low = net->conf.tcp.port_min, high = net->conf.tcp.port_max;
	u32 step = udp_nthreads(net);
	u32 first = low + (step + net->thread - low % step) % step;
	u32 n = first > high ? 0 : (high - first) / step + 1;
	u64 count = net->udp.port_count++;
	u64 start = hash_sip(net->secret, &count, sizeof(count)) >> 32;

	for (u32 i = 0; i < n; i++) {
		u16 port = (u16)(first + (start + i) % n * step);

		if (!udp_find(&net->udp, ip, port))
			return port;
	}
	return 0;
}

int udp_bind(struct net *net, struct be32 ip, u16 port, u64 cookie)
{
	struct udp *u = &net->udp;
	struct udp_sock *s;
	struct ref16 r = u->free;

	if (!net_is_own(net, ip))
		return -EADDRNOTAVAIL;
	if (port && udp_find(u, ip, port))
		return -EADDRINUSE;
	if (!r.raw)
		return -ENOBUFS;
	if (!port)
		port = choose_port(net, ip);
	if (!port)
		return -EADDRNOTAVAIL;
	s = &u->socks[ref16_index(r)];
	u->free = s->next_hash;
	s->ip = ip;
	s->port = port;
	s->cookie = cookie;
	s->held = s->nqueued = 0;
	s->head = s->held_head = NULL;
	s->tail = &s->head;
	s->neigh = 0;
	s->next_hash = *bucket(u, port);
	*bucket(u, port) = r;
	return (int)ref16_index(r);
}

static void free_list(struct net *net, struct mbuf *m)
{
	while (m) {
		struct mbuf *next = m->udp.next;

		udp_free(net, m);
		m = next;
	}
}

/* It may still be on the ready list: there it yields nothing. */
void udp_unbind(struct net *net, u32 sock)
{
	struct udp *u = &net->udp;
	struct udp_sock *s = &u->socks[sock];
	struct ref16 *at = bucket(u, s->port);

	free_list(net, s->head);
	free_list(net, s->held_head);
	s->head = s->held_head = NULL;
	s->tail = &s->head;
	s->nqueued = s->held = 0;
	while (ref16_index(*at) != sock)
		at = &u->socks[ref16_index(*at)].next_hash;
	*at = s->next_hash;
	s->port = 0;
	s->gen++;
	s->next_hash = u->free;
	u->free = ref16(sock);
}

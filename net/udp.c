/* SPDX-License-Identifier: MIT */
/*
 * UDP input. A datagram goes: NIC -> the socket's queue ->
 * application (held) -> pool. One that is held is on a doubly linked list of
 * its socket and carries MBUF_HELD and the socket's index, so that giving it
 * back is O(1) and a wrong address is noticed.
 */
#include "net/udp.h"

#include "base/errno.h"
#include "base/mem.h"
#include "net/icmp6.h"
#include "net/net.h"

void udp_free(struct net *net, struct mbuf *m)
{
	addr_put(net, m->udp.saddr);
	mbuf_free_chain(net->pool, m->udp.parts);
	m->flags = 0;
	mbuf_free(net->pool, m);
}

void udp_mark_ready(struct net *net, struct udp_sock *s)
{
	if (s->ready)
		return;
	s->ready = true;
	s->next_ready = NULL;
	*net->udp.ready_tail = s;
	net->udp.ready_tail = &s->next_ready;
}

struct udp_sock *udp_next_ready(struct net *net)
{
	struct udp *u = &net->udp;
	struct udp_sock *s = u->ready_head;

	if (!s)
		return NULL;
	u->ready_head = s->next_ready;
	if (!u->ready_head)
		u->ready_tail = &u->ready_head;
	s->ready = false;
	return s;
}

struct mbuf *udp_deliver(struct net *net, struct udp_sock *s)
{
	struct mbuf *m = s->head;

	if (!m)
		return NULL;
	s->head = m->udp.next;
	if (!s->head)
		s->tail = &s->head;
	s->nqueued--;
	s->held++;
	m->flags |= MBUF_HELD;
	m->udp.sock = (u16)udp_index(&net->udp, s);
	m->udp.prev = NULL;
	m->udp.next = s->held_head;
	if (s->held_head)
		s->held_head->udp.prev = m;
	s->held_head = m;
	return m;
}

int udp_recv_done(struct net *net, u32 sock, const u8 *data)
{
	struct mbuf_pool *pool = net->pool;
	struct udp_sock *s = &net->udp.socks[sock];
	u64 off = (u64)(uintptr_t)data - (u64)(uintptr_t)pool->frames;
	struct mbuf *m;

	if (off >= (u64)pool->all * MBUF_SIZE)
		return -EINVAL;
	m = mbuf_of_offset(pool, off);
	if (READ_ONCE(m->thread) != pool->thread || /* no more is ours to read */
	    !(m->flags & MBUF_HELD) || m->udp.sock != sock || m->data != data)
		return -EINVAL;
	if (m->udp.prev)
		m->udp.prev->udp.next = m->udp.next;
	else
		s->held_head = m->udp.next;
	if (m->udp.next)
		m->udp.next->udp.prev = m->udp.prev;
	s->held--;
	udp_free(net, m);
	return 0;
}

/* The last fragment stands for the datagram, those before it are its parts. */
static struct mbuf *last_first(struct mbuf *first)
{
	struct mbuf *before = first, *last;

	while (before->next->next)
		before = before->next;
	last = before->next;
	before->next = NULL;
	last->udp.parts = first;
	return last;
}

/* Nobody here has bound the port. Another thread may have: the one that chose
 * it as an ephemeral port, else the one that owns the flow. */
static bool no_port(struct net *net, struct mbuf *m, const struct pkt *p,
		    u64 now)
{
	const struct udp_hdr *udp = p->l4;
	u16 port = be16_host(udp->dport);
	u32 owner = port % udp_nthreads(net);

	if (port < net->conf.tcp.port_min || port > net->conf.tcp.port_max)
		owner = net_group_owner(net, net_flow_group(net, pkt_flow(p)));
	if (net_leave(net, m, owner))
		return false;
	if (addr_is_v6(p->dst))
		icmp6_unreachable(net, p, ICMP6_UNREACH_PORT, now);
	else
		icmp_unreachable(net, p, ICMP_UNREACH_PORT, now);
	return net_drop(net, m, &net->stat->drop_udp_no_port);
}

/* Buffers that the application does not give back must starve neither other
 * sockets nor TCP: see base/mbuf.h. */
static bool room(struct net *net, const struct udp_sock *s)
{
	u32 held = s->nqueued + s->held;

	if (held >= net->conf.udp.rcv_queue)
		return false;
	if (likely(mbuf_share(net->pool, held)) || mbuf_own(net->pool, held))
		return true;
	if (held < MBUF_OWN)
		tcp_short(net, TCP_POOL_OWN_MBUFS, held);
	return false;
}

/* In one piece, if it fits a frame. */
static void queue(struct net *net, struct udp_sock *s, struct mbuf *m,
		  const struct pkt *p)
{
	const struct udp_hdr *udp = p->l4;
	struct be32 saddr = p->src;
	u16 sport = be16_host(udp->sport);

	mbuf_pull(m, (u32)((u8 *)(p->l4) - m->data) + UDP_LEN);
	m->udp.parts = NULL;
	if (unlikely(m->next) && !mbuf_flatten(net->pool, m))
		m = last_first(m);
	m->udp.saddr = saddr;
	addr_hold(net, saddr);
	m->udp.sport = sport;
	m->udp.next = NULL;
	*s->tail = m;
	s->tail = &m->udp.next;
	s->nqueued++;
	udp_mark_ready(net, s);
}

bool udp_in(struct net *net, struct mbuf *m, struct pkt *p, u64 now)
{
	const struct udp_hdr *udp = p->l4;
	struct udp_sock *s;
	u32 len;

	if (unlikely(p->first_len < UDP_LEN))
		return net_drop(net, m, &net->stat->drop_short);
	len = be16_host(udp->len);
	if (unlikely(len < UDP_LEN || len > p->l4_len))
		return net_drop(net, m, &net->stat->drop_short);
	s = udp_find(&net->udp, p->dst, be16_host(udp->dport));
	if (unlikely(!s))
		return no_port(net, m, p, now);
	if (unlikely(len < p->l4_len)) {
		mbuf_trim(net->pool, m, (u32)((u8 *)p->l4 - m->data) + len);
		p->l4_len = len;
		p->first_len = min(p->first_len, len);
	}
	/* RFC 8200 section 8.1: with IPv6 there always is one. */
	if ((udp->cksum || addr_is_v6(p->dst)) &&
	    !ip_l4_cksum_ok(net, m, p, udp->cksum))
		return net_drop(net, m, &net->stat->drop_checksum);
	if (unlikely(!room(net, s)))
		return net_drop(net, m, &net->stat->drop_udp_full);
	queue(net, s, m, p);
	return true;
}

/* SPDX-License-Identifier: MIT */
/* UDP (RFC 768): demultiplexing by local port, checksums always, datagrams
 * up to what fits the frame. */
#ifndef NET_UDP_H
#define NET_UDP_H

#include "base/be.h"
#include "base/mbuf.h"
#include "base/ref.h"
#include "ix/abi.h"

struct net;
struct pkt;

struct udp_conf {
	u32 max_sockets; /* per thread */
	u32 rcv_queue;	 /* datagrams waiting for or held by the app */
};

struct udp_sock {
	struct be32 ip; /* own address, or zero: any */
	u16 port;	/* 0: socket free */
	u16 gen;	/* counts the times it was freed */
	u64 cookie;
	u32 held;		   /* datagrams with the application */
	u32 nqueued;		   /* datagrams not yet delivered */
	struct mbuf *head, **tail; /* queue, through mbuf.udp.next */
	struct udp_sock *next_ready;
	bool ready;
	struct ref16 next_hash; /* of the bucket, or free */
	u16 neigh;
	struct mbuf *held_head; /* with the application */
};

struct udp {
	struct udp_sock *socks; /* conf.max_sockets of them */
	struct ref16 buckets[256]; /* by port */
	struct ref16 free;	   /* list through next_hash */
	u16 port_count;		   /* ephemeral ports chosen so far */
	struct udp_sock *ready_head, **ready_tail;
	/* Sends that never reached the NIC (no neighbour, queue full), like
	 * nicq.sent: a list through mbuf.tx.next, see udp_take_sent(). */
	struct mbuf *sent;
};

size_t udp_bytes(const struct udp_conf *conf);
void udp_init(struct net *net, void *mem);

/* Takes @m, or false: net_leave(). For ports nobody bound: ICMP port
 * unreachable. */
bool udp_in(struct net *net, struct mbuf *m, struct pkt *p, u64 now);

/* @port 0: one is chosen (RFC 6056) from those of this thread, the same range
 * as TCP's: the other threads forward what comes to it. Socket index, or
 * -EADDRINUSE, -EADDRNOTAVAIL, -ENOBUFS. */
int udp_bind(struct net *net, struct be32 ip, u16 port, u64 cookie);

/* Drops what is queued, takes back what the application holds. */
void udp_unbind(struct net *net, u32 sock);

/* Sends the @n ranges as one datagram, in place where the NIC gathers, else
 * copied. @sg addresses are the dataplane's. Bytes sent, or -EMSGSIZE (more
 * than a frame holds), -ENOBUFS (try again later), -EHOSTUNREACH. The mbuf
 * carries @cookie and the socket, and comes back through nicq.sent. */
s64 udp_sendv(struct net *net, u32 sock, struct be32 dst, u16 port,
	      const struct ix_sg *sg, u32 n, u64 cookie, u64 now);

/* The application is done with the datagram whose payload began at @data.
 * 0 or -EINVAL (not held by this socket). */
int udp_recv_done(struct net *net, u32 sock, const u8 *data);

/* ---- events: here -> dp/event.c */

/* Next socket with datagrams to deliver, or NULL; it is off the list then,
 * and must be put back (udp_mark_ready()) if some are left. */
struct udp_sock *udp_next_ready(struct net *net);
void udp_mark_ready(struct net *net, struct udp_sock *s);

/* The oldest datagram, or NULL: its payload is udp.parts, then data and len;
 * udp.saddr and udp.sport its source. It counts as held by the application
 * until udp_recv_done(data) or udp_unbind(). */
struct mbuf *udp_deliver(struct net *net, struct udp_sock *s);

/* Sends that ended without the NIC, or NULL: to be treated like nicq.sent. */
struct mbuf *udp_take_sent(struct net *net);

/* The socket that sent @m; NULL if it was unbound meanwhile. */
struct udp_sock *udp_sender(struct net *net, const struct mbuf *m);

/* ---- udp_sock.c: who has which port -> udp.c: what passes through them */

/* The socket that takes what is sent to @ip; zero: any that would clash. */
struct udp_sock *udp_find(struct udp *u, struct be32 ip, u16 port);

/* Of threads, to which ephemeral ports are dealt out in turn. */
u32 udp_nthreads(const struct net *net);

/* @m is on no list any more. */
void udp_free(struct net *net, struct mbuf *m);

static inline u32 udp_index(const struct udp *u, const struct udp_sock *s)
{
	return (u32)(s - u->socks);
}

#endif

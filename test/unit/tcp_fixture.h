/* SPDX-License-Identifier: MIT */
/*
 * TCP on the net fixture, with a peer that is played by hand: tcp_put() is a
 * segment from the peer, tcp_get() the next one that we sent. The peer's
 * neighbour entry is known. tcpfix_teardown() finds lost buffers, connections,
 * ranges and timers.
 */
#ifndef TEST_UNIT_TCP_FIXTURE_H
#define TEST_UNIT_TCP_FIXTURE_H

#include "net_fixture.h"

#include "net/tcp_int.h"

enum {
	PORT = 80, /* tcpfix_listen() */
	PEER_PORT = 4000,
	PEER_ISS = 0xfffffff0, /* wraps soon */
	PEER_WND = 60000,
	PEER_MSS = 1460,
};

/* The peer's view of one connection. */
struct tcp_peer {
	struct be32 ip;
	u16 port, our_port;
	u32 seq, ack; /* next to send, next expected */
	u16 wnd;
	bool ts; /* send timestamps */
	u32 tsval, tsecr;
};

/* A segment from us, options taken apart. */
struct tcp_out {
	u32 seq, ack, len;
	u16 wnd, sport, dport;
	u8 flags;
	const u8 *payload; /* until the next tcp_get() */
	struct tcp_opts opt;
};

int tcpfix_setup(void **state);
int tcpfix_teardown(void **state);
/* Begins again with what has been changed in f->net.conf.tcp. */
void tcpfix_renew(struct fixture *f);
#define TCP_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, tcpfix_setup, tcpfix_teardown)

/* One segment from the peer; then output, as the loop does it. */
void tcp_put(struct fixture *f, const struct tcp_peer *p, u8 flags,
	     const void *data, u32 len);
/* The same at @seq instead of p->seq. */
void tcp_put_at(struct fixture *f, const struct tcp_peer *p, u32 seq, u8 flags,
		const void *data, u32 len);
/* A SYN (or SYN-ACK) with MSS, and as @p says with timestamps. */
void tcp_put_syn(struct fixture *f, const struct tcp_peer *p, u8 flags);
/* Time goes on: timers, output. */
void tcp_pass(struct fixture *f, u64 ns);

/* The next segment from us; its checksum was right. */
bool tcp_get(struct fixture *f, struct tcp_out *out);
/* The same, which must be there and have exactly these flags. */
struct tcp_out tcp_want(struct fixture *f, u8 flags);
void tcp_want_none(struct fixture *f);
u32 tcp_drain(struct fixture *f); /* how many there were */

struct tcp_peer tcp_peer_new(void);
void tcpfix_listen(struct fixture *f, u32 backlog);
/* A passive connection through its handshake; not yet knocked. */
struct tcp_conn *tcp_shake(struct fixture *f, struct tcp_peer *p);
/* ... knocked and accepted. */
struct tcp_conn *tcp_accepted(struct fixture *f, struct tcp_peer *p);
/* An active one, established; p->port is the one connected to. */
struct tcp_conn *tcp_connected(struct fixture *f, struct tcp_peer *p);

/* Takes all news off the list; returns those of @c (0: none), and puts no
 * limits on what it had received. Told-dead connections are reaped. */
u8 tcp_news(struct fixture *f, struct tcp_conn *c);
/* What @c has received and not yet told, up to @n bytes of it. */
u32 tcp_read(struct fixture *f, struct tcp_conn *c, u8 *buf, u32 n);

#endif

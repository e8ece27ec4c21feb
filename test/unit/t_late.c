/* SPDX-License-Identifier: MIT */
/*
 * When the application has its memory back: not before every packet that refers
 * to it has been read. The NIC reads late (fake_nic.hold), or takes nothing
 * (tx_limit), and the peer acknowledges what it has not got.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dp/late.h"
#include "net/tcp_move.h"
#include "rig.h"

enum {
	LEN = 1000,	 /* in place */
	LARGE = 5 * 1440 /* ... in a packet of many segments */
};

struct late {
	struct rig *r;
	struct rig_peer p;
	u64 h;
};

static struct late begin(void)
{
	struct late l = { .r = rig_new() };

	l.r->nic.q.caps = NIC_GATHER;
	l.r->conf.net.tcp.timestamps = true; /* for the fast path */
	rig_start(l.r);
	rig_listen(l.r, 4);
	l.h = rig_accept_mss(l.r, &l.p, 42, 1460);
	return l;
}

/* In one segment, which goes as far as the NIC lets it. */
static void send(struct late *l, u32 off)
{
	rig_send(l->r, l->h, off, LEN);
	assert_int_equal(rig_one(l->r), LEN);
}

static void ack(struct late *l, u32 bytes)
{
	l->p.ack += bytes;
	rig_inject_tcp(l->r, &l->p, TCP_ACK, NULL, 0);
}

/* What one iteration tells, which is nothing else: bytes. */
static u32 told(struct late *l)
{
	const struct ix_event *e = l->r->up.events;

	if (!rig_poll(l->r) || !l->r->up.nevents)
		return 0;
	assert_int_equal(l->r->up.nevents, 1);
	assert_int_equal(e->type, IX_EV_SENT);
	assert_int_equal(e->handle, l->h);
	return e->acked;
}

static void assert_nothing_told(struct late *l)
{
	rig_poll(l->r);
	assert_int_equal(l->r->up.nevents, 0);
}

static void assert_dead_told(struct late *l)
{
	assert_int_equal(rig_poll(l->r), 1);
	assert_int_equal(l->r->up.events[0].type, IX_EV_DEAD);
	assert_int_equal(l->r->up.events[0].handle, l->h);
}

static u32 unread(const struct rig *r)
{
	return r->nic.q.in_place[0].put - r->nic.q.in_place[0].done;
}

/* Bytes that were acknowledged earlier are told earlier; data does not wait. */
static void told_when_read(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;
	u32 had;

	r->nic.hold = true;
	send(&l, 0);
	had = r->nic.nheld;
	assert_int_equal(unread(r), 1);
	l.p.ack += LEN;
	rig_inject_tcp(r, &l.p, TCP_ACK | TCP_PSH, "next", 4);
	assert_int_equal(rig_poll(r), 1);
	assert_int_equal(r->up.events[0].type, IX_EV_RECV);
	assert_int_equal(r->up.events[0].acked, 0);
	send(&l, LEN);
	assert_int_equal(r->up.nevents, 0);
	ack(&l, LEN);
	assert_nothing_told(&l);
	fake_nic_release_first(&r->nic, had);
	assert_int_equal(told(&l), LEN);
	assert_nothing_told(&l);
	fake_nic_release(&r->nic);
	assert_int_equal(told(&l), LEN);
	assert_nothing_told(&l);
	rig_end(r);
}

/* With nothing to be read all is told at once, by reception itself. */
static void told_at_once(void **state)
{
	struct late l = begin();

	send(&l, 0);
	l.p.ack += LEN;
	rig_inject_tcp(l.r, &l.p, TCP_ACK | TCP_PSH, "next", 4);
	assert_int_equal(rig_poll(l.r), 1);
	assert_int_equal(l.r->up.events[0].acked, LEN);
	assert_false(l.r->dp.late.active);
	rig_end(l.r);
}

/* What is copied is D's own: what is short, and all while connections move. */
static void copies_do_not_wait(void **state)
{
	struct late l = begin();

	l.r->nic.hold = true;
	rig_send(l.r, l.h, 0, 100);
	assert_int_equal(rig_one(l.r), 100);
	ack(&l, 100);
	assert_int_equal(told(&l), 100);
	l.r->dp.net.copies = true;
	send(&l, 0);
	ack(&l, LEN);
	assert_int_equal(told(&l), LEN);
	rig_end(l.r);
}

/* A NIC that copies within tx(), but takes nothing: the second time that the
 * segment goes it waits, while the peer has it from the first one. */
static void waits_in_txq(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;

	send(&l, 0);
	rig_drain(r);
	r->nic.tx_limit = 0;
	for (u32 i = 0; i < 100 && !r->dp.net.ntx; i++) {
		rig_sleep(r, 20 * RIG_MS);
		rig_poll(r);
	}
	assert_int_equal(r->dp.net.ntx, 1);
	assert_int_equal(unread(r), 0);
	ack(&l, LEN);
	assert_nothing_told(&l);
	assert_nothing_told(&l);
	r->nic.tx_limit = UINT32_MAX;
	assert_int_equal(told(&l), LEN);
	assert_int_equal(r->dp.net.ntx, 0);
	rig_end(r);
}

/* A segment of several in txq is acknowledged; those behind it go on waiting.
 */
static void txq_in_turn(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;

	r->nic.tx_limit = 0;
	send(&l, 0);
	ack(&l, LEN);
	assert_nothing_told(&l);
	send(&l, LEN);
	ack(&l, LEN);
	assert_nothing_told(&l);
	assert_int_equal(r->dp.net.ntx, 2);
	r->nic.tx_limit = 1;
	assert_int_equal(told(&l), LEN);
	assert_int_equal(told(&l), LEN);
	rig_end(r);
}

/* Those of many segments go by a way of their own, before and after the others:
 * who has to wait for both does, but for nothing that comes later. */
static void large_ones(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;

	r->dp.net.caps |= NIC_TSO;
	r->nic.hold = r->nic.large_full = true;
	send(&l, 0);
	ack(&l, LEN);
	assert_nothing_told(&l);
	for (u32 i = 0; i < 2; i++) {
		rig_send(r, l.h, LEN + i * LARGE, LARGE);
		assert_int_equal(rig_one(r), LARGE);
		ack(&l, i ? 0 : LARGE);
		assert_nothing_told(&l);
	}
	assert_int_equal(r->dp.net.ntx, 2);
	fake_nic_release(&r->nic);
	assert_int_equal(told(&l), LEN);
	assert_nothing_told(&l);
	send(&l, 0);
	r->nic.tx_limit = 1;
	r->nic.large_full = false;
	assert_int_equal(told(&l), LARGE);
	assert_int_equal(r->dp.net.ntx, 2);
	r->nic.large_full = true;
	ack(&l, LARGE);
	assert_nothing_told(&l);
	r->nic.tx_limit = UINT32_MAX;
	r->nic.large_full = false;
	assert_nothing_told(&l);
	assert_int_equal(r->dp.net.ntx, 0);
	assert_int_equal(unread(r), 1);
	fake_nic_release(&r->nic);
	assert_int_equal(told(&l), LARGE);
	rig_end(r);
}

/* What a NIC loses it does not read: nobody waits for more than is left. */
static void lost_ones(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;

	r->nic.hold = true;
	send(&l, 0);
	ack(&l, LEN);
	assert_nothing_told(&l);
	fake_nic_lose(&r->nic);
	assert_int_equal(told(&l), LEN);
	rig_end(r);
}

/* The end of a connection is, too, told after what waits. */
static void dead_waits(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;

	r->nic.hold = true;
	send(&l, 0);
	rig_inject_tcp(r, &l.p, TCP_RST | TCP_ACK, NULL, 0);
	assert_nothing_told(&l);
	assert_int_equal(r->stat.tcp_conns, 0);
	assert_nothing_told(&l);
	fake_nic_release(&r->nic);
	assert_dead_told(&l);
	assert_nothing_told(&l);
	rig_end(r);
}

/* ... of one, too, that dies before it is told that it is connected, but has
 * sent. */
static void dead_waits_untold(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;
	struct ix_call *c = rig_call(r, IX_CONNECT);
	struct rig_seg seg;

	c->port = 4000;
	c->ip = addr_of_ipv4(rig_peer_ip);
	l.h = (u64)rig_one(r);
	assert_true(rig_segment(r, &seg));
	l.p = (struct rig_peer){ .seq = 77,
				 .ack = seg.seq + 1,
				 .sport = 4000,
				 .dport = seg.sport };
	rig_inject_tcp(r, &l.p, TCP_SYN | TCP_ACK, NULL, 0);
	dp_overrun(&r->dp, r->now);
	r->nic.hold = true;
	rig_send(r, l.h, 0, LEN);
	rig_inject_tcp(r, &l.p, TCP_RST | TCP_ACK, NULL, 0);
	assert_int_equal(rig_one(r), LEN);
	assert_int_equal(unread(r), 1);
	assert_int_equal(r->up.nevents, 1);
	assert_int_equal(r->up.events[0].type, IX_EV_CONNECTED);
	assert_int_equal(r->up.events[0].len, 0);
	assert_nothing_told(&l);
	fake_nic_release(&r->nic);
	assert_dead_told(&l);
	rig_end(r);
}

static void sent_and_dead_wait(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;

	r->nic.hold = true;
	send(&l, 0);
	l.p.ack += LEN;
	rig_inject_tcp(r, &l.p, TCP_ACK, NULL, 0);
	rig_inject_tcp(r, &l.p, TCP_RST | TCP_ACK, NULL, 0);
	assert_nothing_told(&l);
	fake_nic_release(&r->nic);
	assert_int_equal(rig_poll(r), 2);
	assert_int_equal(r->up.events[0].type, IX_EV_SENT);
	assert_int_equal(r->up.events[0].acked, LEN);
	assert_int_equal(r->up.events[1].type, IX_EV_DEAD);
	rig_end(r);
}

/* It ends in TIME-WAIT, is told so when that is over, and once. */
static void time_wait_waits(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;

	r->nic.hold = true;
	send(&l, 0);
	rig_call(r, IX_CLOSE)->handle = l.h;
	assert_int_equal(rig_one(r), 0);
	l.p.ack += LEN + 1;
	rig_inject_tcp(r, &l.p, TCP_ACK | TCP_FIN, NULL, 0);
	assert_nothing_told(&l);
	assert_int_equal(r->stat.tcp_time_wait, 1);
	assert_int_equal(r->dp.late.n, 2);
	for (u32 i = 0; i < 100 && r->stat.tcp_time_wait; i++) {
		rig_sleep(r, 100 * RIG_MS);
		assert_nothing_told(&l);
	}
	assert_int_equal(r->stat.tcp_time_wait, 0);
	assert_int_equal(r->dp.late.n, 3);
	fake_nic_release(&r->nic);
	assert_int_equal(rig_poll(r), 2);
	assert_int_equal(r->up.events[0].type, IX_EV_SENT);
	assert_int_equal(r->up.events[1].type, IX_EV_DEAD);
	assert_int_equal(r->dp.late.n, 0);
	rig_run(r);
	assert_nothing_told(&l);
	rig_end(r);
}

static s64 abort_it(struct late *l)
{
	rig_call(l->r, IX_ABORT)->handle = l->h;
	return rig_one(l->r);
}

/* The application aborts what waits: it hears of that as if it had died of
 * itself, when the NIC has read it. */
static void aborted_meanwhile(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;
	const struct ix_event *e = r->up.events;

	r->nic.hold = true;
	send(&l, 0);
	ack(&l, LEN / 2);
	assert_nothing_told(&l);
	assert_int_equal(abort_it(&l), -EBADF);
	assert_int_equal(r->stat.tcp_conns, 0);
	assert_int_equal(r->dp.net.ntx + r->nic.nheld, 2); /* RST, too */
	assert_nothing_told(&l);
	assert_int_equal(abort_it(&l), -EBADF);
	fake_nic_release(&r->nic);
	assert_int_equal(rig_poll(r), 2);
	assert_int_equal(e[0].type, IX_EV_SENT);
	assert_int_equal(e[0].acked, LEN / 2);
	assert_int_equal(e[1].type, IX_EV_DEAD);
	assert_int_equal(e[1].len, ECONNABORTED);
	rig_end(r);
}

/* ... in TIME-WAIT: DEAD comes anyway. */
static void aborted_at_end(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;

	r->nic.hold = true;
	send(&l, 0);
	rig_call(r, IX_CLOSE)->handle = l.h;
	assert_int_equal(rig_one(r), 0);
	l.p.ack += LEN + 1;
	rig_inject_tcp(r, &l.p, TCP_ACK | TCP_FIN, NULL, 0);
	assert_nothing_told(&l);
	assert_int_equal(abort_it(&l), -EBADF);
	assert_int_equal(r->stat.tcp_time_wait, 1);
	fake_nic_release(&r->nic);
	assert_int_equal(rig_poll(r), 2);
	assert_int_equal(r->up.events[1].type, IX_EV_DEAD);
	rig_end(r);
}

/* Who has nothing on its way is aborted at once. */
static void others_aborted(void **state)
{
	struct late l = begin(), other = l;
	struct rig *r = l.r;

	other.h = rig_accept_mss(r, &other.p, 43, 1460);
	r->nic.hold = true;
	send(&l, 0);
	assert_int_equal(abort_it(&other), 0);
	assert_nothing_told(&l);
	fake_nic_release(&r->nic);
	assert_int_equal(abort_it(&l), 0); /* nothing is unread */
	assert_nothing_told(&l);
	rig_end(r);
}

/* txq is looked at once: what comes behind, and after it, is found. */
static void aborted_in_turn(void **state)
{
	struct late l = begin(), ends[4] = { l, l, l, l };
	struct rig *r = l.r;

	for (u32 i = 1; i < 4; i++)
		ends[i].h = rig_accept_mss(r, &ends[i].p, 42 + i, 1460);
	r->nic.tx_limit = 0;
	rig_send(r, ends[0].h, 0, 100);
	assert_int_equal(rig_one(r), 100);
	assert_int_equal(abort_it(&ends[0]), 0);
	send(&ends[1], 0);
	assert_int_equal(r->dp.late.copies, 1);
	assert_int_equal(abort_it(&ends[1]), -EBADF);
	assert_int_equal(r->dp.late.copies, 2); /* RST, too */
	assert_nothing_told(&l);
	r->nic.tx_limit = UINT32_MAX;
	rig_poll(r);
	assert_int_equal(r->up.events[0].type, IX_EV_DEAD);
	assert_int_equal(r->dp.net.ntx, 0);
	r->nic.tx_limit = 0;
	send(&ends[2], 0);
	assert_int_equal(abort_it(&ends[2]), -EBADF);
	r->nic.tx_limit = UINT32_MAX;
	rig_poll(r);
	r->nic.tx_limit = 0;
	rig_send(r, ends[3].h, 0, 100);
	assert_int_equal(rig_one(r), 100);
	assert_int_equal(abort_it(&ends[3]), 0);
	r->nic.tx_limit = UINT32_MAX;
	rig_end(r);
}

/* The thread ends while DEAD waits: rig_end() sees that nothing is lost. */
static void ends_meanwhile(void **state)
{
	struct late l = begin();
	struct tcp *t = &l.r->dp.net.tcp;
	u32 free;

	l.r->nic.hold = true;
	send(&l, 0);
	free = tcp_slots_free(t, &l.r->conf.net.tcp);
	rig_inject_tcp(l.r, &l.p, TCP_RST | TCP_ACK, NULL, 0);
	assert_nothing_told(&l);
	assert_int_equal(tcp_slots_free(t, &l.r->conf.net.tcp), free);
	dp_shutdown(&l.r->dp, l.r->now);
	assert_int_equal(tcp_slots_free(t, &l.r->conf.net.tcp), free + 1);
	rig_end(l.r);
}

/* A datagram in place, of which a thread's end alone has to know. */
static void datagram_at_end(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;
	struct ix_call *c = rig_call(r, IX_UDP_BIND);
	u64 sock;

	c->port = 53;
	sock = (u64)rig_one(r);
	r->nic.hold = true;
	c = rig_send(r, sock, 0, LEN);
	c->op = IX_UDP_SENDV;
	c->port = 999;
	c->ip = addr_of_ipv4(rig_peer_ip);
	assert_int_equal(rig_one(r), LEN);
	assert_int_equal(r->nic.nheld, 1);
	assert_false(r->dp.late.active);
	dp_shutdown(&r->dp, r->now);
	assert_true(dp_unread(&r->dp));
	fake_nic_release(&r->nic);
	assert_false(dp_unread(&r->dp));
	rig_end(r);
}

/* The NIC reads nothing, its link is down: who waits does not keep the core
 * busy, but looks again, and reminds it. */
static void sleeps_meanwhile(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;
	u64 ns, kicks;

	r->nic.hold = true;
	send(&l, 0);
	ack(&l, LEN);
	assert_nothing_told(&l);
	assert_int_equal(rig_poll(r), -EAGAIN);
	ns = dp_next_deadline(&r->dp, r->now);
	assert_in_range(ns, 1, RIG_MS);
	kicks = r->nic.q.nr_kicks;
	rig_sleep(r, ns);
	assert_nothing_told(&l);
	assert_nothing_told(&l);
	assert_int_equal(r->nic.q.nr_kicks, kicks + 1);
	fake_nic_release(&r->nic);
	assert_int_equal(told(&l), LEN);
	assert_true(dp_next_deadline(&r->dp, r->now) > RIG_MS);
	rig_end(r);
}

/* What waits for the same is one, however often there is more of it. */
static void adds_up(void **state)
{
	struct late l = begin();

	l.r->nic.hold = true;
	send(&l, 0);
	for (u32 i = 0; i < 4; i++) {
		ack(&l, 10);
		assert_nothing_told(&l);
	}
	assert_int_equal(l.r->dp.late.n, 1);
	send(&l, 0);
	ack(&l, 10);
	assert_nothing_told(&l);
	assert_int_equal(l.r->dp.late.n, 2);
	fake_nic_release_first(&l.r->nic, l.r->nic.nheld - 1);
	assert_int_equal(told(&l), 40);
	fake_nic_release(&l.r->nic);
	assert_int_equal(told(&l), 10);
	rig_end(l.r);
}

/* Three by turns, since what is of one alone adds up. */
static void fill(struct late ends[3], u32 n)
{
	for (u32 i = 0; i < n; i++) {
		ack(&ends[i % 3], 10);
		assert_nothing_told(&ends[0]);
	}
}

/* More waits than there is room for: the rest stays with its connections, also
 * without a busy core; nobody else has to wait for that, and all is told in the
 * end. */
static void more_than_room(void **state)
{
	struct late l = begin(), ends[3] = { l, l, l }, other = l;
	struct rig *r = l.r;
	u32 room = r->dp.late.size, sum = 0, n = 0;

	assert_int_equal(room, 2 * RIG_CONNS);
	ends[1].h = rig_accept_mss(r, &ends[1].p, 43, 1460);
	ends[2].h = rig_accept_mss(r, &ends[2].p, 44, 1460);
	other.h = rig_accept_mss(r, &other.p, 45, 1460);
	r->nic.hold = true;
	for (u32 i = 0; i < 3; i++)
		send(&ends[i], i * LEN);
	fill(ends, room + 6);
	assert_int_equal(r->dp.late.n, room);
	assert_true(r->dp.late.full);
	for (u32 i = 0; i < 3; i++)
		ack(&ends[i], 10);
	rig_inject_tcp(r, &other.p, TCP_ACK | TCP_PSH, "next", 4);
	assert_int_equal(rig_poll(r), 1);
	assert_int_equal(r->up.events[0].type, IX_EV_RECV);
	assert_int_equal(r->up.events[0].handle, other.h);
	rig_poll(r);
	assert_in_range(dp_next_deadline(&r->dp, r->now), 1, RIG_MS);
	fake_nic_release(&r->nic);
	rig_poll(r);
	for (; n < r->up.nevents; n++) {
		assert_int_equal(r->up.events[n].type, IX_EV_SENT);
		sum += r->up.events[n].acked;
	}
	assert_int_equal(n, room + 2);
	assert_int_equal(sum, 10 * (room + 9));
	rig_poll(r);
	assert_false(r->dp.late.full);
	assert_true(dp_next_deadline(&r->dp, r->now) > RIG_MS);
	rig_end(r);
}

/* Where its counters begin is all the same. */
static void counters_wrap(void **state)
{
	static const u32 starts[] = { 0x7ffffffe, 0xfffffffe, 0xffffffff };

	for (u32 i = 0; i < ARRAY_SIZE(starts); i++) {
		struct late l = begin();
		struct rig *r = l.r;

		r->nic.q.in_place[0].put = starts[i];
		r->nic.q.in_place[0].done = starts[i];
		r->nic.hold = true;
		for (u32 k = 0; k < 4; k++) {
			send(&l, 0);
			ack(&l, LEN);
			assert_nothing_told(&l);
		}
		for (u32 k = 0; k < 4; k++) {
			while (r->nic.held[0]->nr_ext == 0)
				fake_nic_release_first(&r->nic, 1);
			assert_nothing_told(&l);
			fake_nic_release_first(&r->nic, 1);
			assert_int_equal(told(&l), LEN);
		}
		assert_false(dp_late_look(&r->dp));
		rig_end(r);
	}
}

static void forget_neighbours(struct net *net, u8 state)
{
	for (u32 i = 0; i < NEIGH_ENTRIES; i++) {
		struct neigh *e = &net->neighbours.entries[i];

		if (e->state == NEIGH_STATIC)
			e->state = state;
	}
}

/* Nobody knows when a neighbour will answer: what waits for it is copied. */
static void waits_for_neighbour(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;
	struct net *net = &r->dp.net;
	struct rig_seg seg;
	u8 was[LEN];

	forget_neighbours(net, NEIGH_ASKING);
	memset(r->arena, 'a', LEN);
	memset(was, 'a', LEN);
	send(&l, 0);
	assert_int_equal(net->neighbours.npending, 1);
	ack(&l, LEN);
	assert_int_equal(told(&l), LEN);
	memset(r->arena, 'b', LEN);
	rig_drain(r);
	neigh_add_static(net, rig_peer_ip, rig_peer_mac);
	rig_poll(r);
	rig_poll(r);
	assert_true(rig_segment(r, &seg));
	assert_int_equal(seg.len, LEN);
	assert_memory_equal(seg.payload, was, LEN);
	rig_end(r);
}

/* A large answer, too, which goes in segments then. */
static void large_waits_for_neighbour(void **state)
{
	struct late l = begin();
	struct rig *r = l.r;
	struct net *net = &r->dp.net;
	struct rig_seg seg;
	u32 got = 0;

	net->caps |= NIC_TSO;
	forget_neighbours(net, NEIGH_ASKING);
	rig_drain(r);
	rig_send(r, l.h, 0, LARGE);
	assert_int_equal(rig_one(r), LARGE);
	assert_int_equal(net->neighbours.npending, 5);
	assert_int_equal(r->stat.drop_no_route, 0);
	neigh_add_static(net, rig_peer_ip, rig_peer_mac);
	rig_poll(r);
	rig_poll(r);
	while (rig_segment(r, &seg))
		got += seg.len;
	assert_int_equal(got, LARGE);
	forget_neighbours(net, NEIGH_STALE);
	ack(&l, LARGE);
	assert_int_equal(told(&l), LARGE);
	r->nic.hold = r->nic.large_full = true;
	rig_send(r, l.h, 0, LARGE);
	assert_int_equal(rig_one(r), LARGE);
	assert_int_equal(net->txq[0]->flags & MBUF_LARGE, MBUF_LARGE);
	r->nic.large_full = false;
	rig_poll(r);
	rig_end(r);
}

/* ---- anything, in any order */

enum { CONNS = 4, EACH = RIG_ARENA / CONNS, TURNS = 40000 };

/* Its memory is EACH bytes, sent from in turn. */
struct one {
	struct rig_peer p;
	u64 h;		 /* 0: none */
	u32 sent, freed; /* bytes, running freely */
	u32 read;	 /* to be given back */
};

struct any {
	struct rig *r;
	struct one ones[CONNS];
	u64 seed;
	u32 sender; /* whose SENDV is the first call */
	struct one *aborter;
	u32 abort; /* the call's number */
	u32 aborts, deaths;
	u64 freed, waited;
};

static u32 below(struct any *a, u32 n)
{
	a->seed = a->seed * 6364136223846793005 + 1442695040888963407;
	return (u32)(a->seed >> 33) % n;
}

static void assert_unused(struct mbuf *const *pkts, u32 n, const u8 *from,
			  u32 len)
{
	for (u32 i = 0; i < n; i++) {
		const struct mbuf *m = pkts[i];

		for (u32 k = 0; k < m->nr_ext; k++)
			assert_true(m->ext[k].addr >= from + len ||
				    m->ext[k].addr + m->ext[k].len <= from);
	}
}

/* The application has it back: no packet refers to it. */
static void use_again(struct any *a, u32 i, u32 len)
{
	struct one *o = &a->ones[i];
	struct rig *r = a->r;

	assert_true(len <= o->sent - o->freed);
	a->freed += len;
	while (len) {
		u32 at = o->freed % EACH, part = min(len, EACH - at);
		const u8 *from = r->arena + i * EACH + at;

		assert_unused(r->nic.held, r->nic.nheld, from, part);
		assert_unused(r->dp.net.txq, r->dp.net.ntx, from, part);
		o->freed += part;
		len -= part;
	}
}

static void end_one(struct any *a, struct one *o)
{
	use_again(a, (u32)(o - a->ones), o->sent - o->freed);
	o->h = 0;
}

static void on_event(struct any *a, const struct ix_event *e)
{
	u32 i = (u32)e->cookie;
	struct one *o = &a->ones[i];

	assert_int_equal(e->handle, o->h);
	switch (e->type) {
	case IX_EV_RECV:
		o->read += e->len;
		use_again(a, i, e->acked);
		break;
	case IX_EV_SENT:
		use_again(a, i, e->acked);
		break;
	case IX_EV_DEAD:
		end_one(a, o);
		a->deaths++;
		break;
	}
}

static void turn(struct any *a)
{
	struct rig *r = a->r;
	u32 sends = r->down.ncalls;

	for (u32 i = 0; i < CONNS; i++) {
		struct ix_call *c;

		if (!a->ones[i].h || !a->ones[i].read)
			continue;
		c = rig_call(r, IX_RECV_DONE);
		c->handle = a->ones[i].h;
		c->bytes = a->ones[i].read;
		a->ones[i].read = 0;
	}
	rig_run(r);
	if (sends && r->up.results[0] > 0)
		a->ones[a->sender].sent += (u32)r->up.results[0];
	if (a->aborter && !r->up.results[a->abort])
		end_one(a, a->aborter);
	a->aborter = NULL;
	for (u32 i = 0; i < r->up.nevents; i++)
		on_event(a, &r->up.events[i]);
	a->waited += r->dp.late.n;
	rig_drain(r);
}

/* With nothing on its way. */
static void open_one(struct any *a, u32 i)
{
	struct rig *r = a->r;
	u32 limit = r->nic.tx_limit;

	r->nic.tx_limit = UINT32_MAX;
	r->nic.hold = false;
	do {
		turn(a);
	} while (r->up.nevents || r->dp.net.ntx || r->dp.late.n);
	a->ones[i] = (struct one){ 0 };
	a->ones[i].h = rig_accept_mss(r, &a->ones[i].p, i, 1460);
	r->nic.tx_limit = limit;
	r->nic.hold = true;
}

static void send_some(struct any *a, u32 i)
{
	struct one *o = &a->ones[i];
	u32 at = o->sent % EACH, room = EACH - (o->sent - o->freed);
	u32 len = min(min(100 + below(a, 4000), EACH - at), room);

	a->sender = i;
	if (len)
		rig_send(a->r, o->h, i * EACH + at, len);
}

/* Any of what was sent, got or not. */
static void acknowledge(struct any *a, struct one *o)
{
	const struct tcp_conn *c = &a->r->dp.net.tcp.conns[handle_index(o->h)];

	u32 flight = c->snd_max - c->snd_una;

	o->p.ack = c->snd_una + (below(a, 2) ? flight : below(a, flight + 1));
	rig_inject_tcp(a->r, &o->p, TCP_ACK | TCP_PSH, "x", below(a, 2));
}

static void abort_one(struct any *a, struct one *o)
{
	a->aborter = o;
	a->abort = a->r->down.ncalls;
	a->aborts++;
	rig_call(a->r, IX_ABORT)->handle = o->h;
}

static void happen(struct any *a, struct one *o)
{
	struct fake_nic *nic = &a->r->nic;

	switch (below(a, 10)) {
	case 0:
	case 1:
	case 2:
		acknowledge(a, o);
		break;
	case 3:
		nic->tx_limit = below(a, 4) ? UINT32_MAX : below(a, 3);
		break;
	case 4:
	case 5:
		fake_nic_release_first(nic, below(a, nic->nheld + 1));
		break;
	case 6:
		rig_sleep(a->r, below(a, 100) * RIG_MS);
		break;
	case 7:
		if (!below(a, 40))
			rig_inject_tcp(a->r, &o->p, TCP_RST | TCP_ACK, NULL, 0);
		break;
	case 8:
		if (!below(a, 40))
			abort_one(a, o);
		break;
	}
}

/* Whatever the NIC takes and reads, and a peer acknowledges, or when it ends:
 * what is told is memory that nothing refers to. */
static void anything(void **state)
{
	struct any a = { .r = rig_new(), .seed = 1 };
	struct rig *r = a.r;

	r->nic.q.caps = NIC_GATHER;
	r->conf.net.tcp.timestamps = true;
	rig_start(r);
	rig_listen(r, 4);
	r->nic.hold = true;
	for (u32 t = 0; t < TURNS; t++) {
		u32 i = below(&a, CONNS);

		if (!a.ones[i].h)
			open_one(&a, i);
		if (below(&a, 2))
			send_some(&a, i);
		happen(&a, &a.ones[i]);
		turn(&a);
	}
	assert_in_range(a.deaths, 50, TURNS);
	assert_in_range(a.aborts, 50, TURNS);
	assert_true(a.freed > (u64)TURNS * 100);
	assert_true(a.waited > TURNS);
	assert_true(r->stat.tcp_retransmits > 100);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_when_read),
		cmocka_unit_test(told_at_once),
		cmocka_unit_test(copies_do_not_wait),
		cmocka_unit_test(waits_in_txq),
		cmocka_unit_test(txq_in_turn),
		cmocka_unit_test(large_ones),
		cmocka_unit_test(lost_ones),
		cmocka_unit_test(dead_waits),
		cmocka_unit_test(dead_waits_untold),
		cmocka_unit_test(sent_and_dead_wait),
		cmocka_unit_test(time_wait_waits),
		cmocka_unit_test(aborted_meanwhile),
		cmocka_unit_test(aborted_at_end),
		cmocka_unit_test(others_aborted),
		cmocka_unit_test(aborted_in_turn),
		cmocka_unit_test(ends_meanwhile),
		cmocka_unit_test(datagram_at_end),
		cmocka_unit_test(sleeps_meanwhile),
		cmocka_unit_test(adds_up),
		cmocka_unit_test(more_than_room),
		cmocka_unit_test(counters_wrap),
		cmocka_unit_test(waits_for_neighbour),
		cmocka_unit_test(large_waits_for_neighbour),
		cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

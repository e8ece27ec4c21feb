/* SPDX-License-Identifier: MIT */
/*
 * The fast path of TCP (net/tcp_fast.h) against the long way. Two equal
 * dataplanes live through the same frames, calls and times; one of them never
 * finds the fast path open:
 *
 *	             frames, calls, time
 *	               |             |
 *	 tcp_fast_in, tcp_answer   never       (ld --wrap, see the hook)
 *	               |             |
 *	             fast    ==    slow
 *
 * Nobody may see a difference: not the application (events, results), not the
 * peer (frames sent, when), and not the stack itself later on (connections,
 * send ranges, timers, buffers, counters). All of it is compared bit by bit
 * after every iteration; events as doc/abi.md promises them, by connection.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cksum.h"
#include "base/word.h"
#include "net/tcp_answer.h"
#include "net/tcp_cc.h"

enum { CONNS = 4, LIMIT = 400, SMALL_MSS = 132 };

struct pair {
	struct rig *fast, *slow;
	u64 handle[CONNS]; /* with the application, 0: no more */
	u32 held[CONNS];   /* received, to be given back */
	u32 ahead[CONNS];  /* bytes on the way to the stack */
};

static const struct net *slow_net;

/* Which calls the fast dataplane answered at once: the slow one sends at the
 * same moment and is done with it, so that the order of frames and buffers is
 * the same. */
static bool at_once[IX_MAX_CALLS];
static u32 nanswers, nrepeated;

u32 __real_tcp_fast_in(struct net *net, struct mbuf *const *pkts, u32 n,
		       u64 now);
u32 __wrap_tcp_fast_in(struct net *net, struct mbuf *const *pkts, u32 n,
		       u64 now);
void __wrap_dp_dispatch(struct dp *dp, u64 now);

/* tcp_answer_later(), and what it left to tcp_output_all(). */
static s64 answer_slowly(struct net *net, struct tcp_conn *c, u32 done,
			 const u8 *addr, u32 len, u64 now)
{
	struct tcp_conn **tail = net->tcp.out_tail;
	bool marked = c->flags & TCP_F_ON_OUT;
	s64 n = tcp_answer_later(net, c, done, addr, len);

	if (!at_once[nrepeated++])
		return n;
	tcp_output(net, c, now);
	if (!marked && c->flags & TCP_F_ON_OUT) {
		c->flags &= ~(u32)TCP_F_ON_OUT;
		*tail = NULL;
		net->tcp.out_tail = tail;
	}
	return n;
}

u32 __wrap_tcp_fast_in(struct net *net, struct mbuf *const *pkts, u32 n,
		       u64 now)
{
	return net == slow_net ? 0 : __real_tcp_fast_in(net, pkts, n, now);
}

static s64 hooked_answer(struct net *net, struct tcp_conn *c, u32 done,
			 const u8 *addr, u32 len, u64 now)
{
	u32 ntx = net->ntx;
	s64 n;

	if (net == slow_net)
		return answer_slowly(net, c, done, addr, len, now);
	n = tcp_answer(net, c, done, addr, len, now);
	at_once[nanswers++] = net->ntx != ntx;
	return n;
}

/* The gate, where the answer is inline, once more with the hook in its place.
 */
#define dp_dispatch __wrap_dp_dispatch
#define tcp_answer hooked_answer
#include "dp/syscall.c"
#undef tcp_answer
#undef dp_dispatch

/* ---- comparing */

__attribute__((format(printf, 1, 2))) static void differ(const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	panic(text);
}

static void same(const void *fast, const void *slow, size_t n, const char *what)
{
	const u8 *a = fast, *b = slow;
	size_t i = 0;

	if (!memcmp(a, b, n))
		return;
	while (a[i] == b[i])
		i++;
	differ("fast path: %s, byte %zu: 0x%02x, not 0x%02x", what, i, a[i],
	       b[i]);
}

#define SAME(p, field, what)                                                 \
	same(&(p)->fast->field, &(p)->slow->field, sizeof((p)->fast->field), \
	     what)

/* What a buffer says of its place in the stream: out of order, or not. */
static bool same_place(const struct mbuf *a, const struct mbuf *b, bool ooo)
{
	if (ooo)
		return a->tcp.seq == b->tcp.seq;
	return a->tcp.off_done == b->tcp.off_done &&
	       a->tcp.off_told == b->tcp.off_told;
}

/* Buffers of a connection: which, and what they hold. */
static void same_chain(const struct mbuf *a, const struct mbuf *b, bool ooo,
		       const char *what)
{
	for (; a && b; a = a->next, b = b->next) {
		if (a->index != b->index || a->len != b->len ||
		    !same_place(a, b, ooo))
			differ("fast path: %s: %u+%u, not %u+%u", what,
			       a->index, a->len, b->index, b->len);
		same(a->data, b->data, a->len, what);
	}
	if (a || b)
		differ("fast path: %s: length", what);
}

/* A copy without what may not be equal: addresses. */
static struct tcp_conn naked(const struct tcp_conn *c)
{
	struct tcp_conn n = *c;

	n.rx_head = n.rx_tail = n.rx_next = n.ooo = NULL;
	n.next_ready = n.next_out = NULL;
	n.link = n.timer.node = (struct list){ 0 };
	if (n.state == TCP_CLOSED) /* is_lost() */
		n.rx_told = 0;
	return n;
}

static void same_conn(const struct tcp_conn *fast, const struct tcp_conn *slow)
{
	struct tcp_conn a = naked(fast), b = naked(slow);

	same(&a, &b, sizeof(a), "struct tcp_conn");
	if (timer_is_set(&fast->timer) != timer_is_set(&slow->timer))
		differ("fast path: timer");
	if (fast->state == TCP_CLOSED)
		return;
	same_chain(fast->rx_head, slow->rx_head, false, "receive list");
	same_chain(fast->rx_next, slow->rx_next, false, "what is to be told");
	same_chain(fast->ooo, slow->ooo, true, "out of order");
	if (!fast->rx_head != !fast->rx_tail)
		differ("fast path: end of the receive list");
}

static void same_ranges(const struct pair *p)
{
	const struct tcp *a = &p->fast->dp.net.tcp, *b = &p->slow->dp.net.tcp;

	SAME(p, dp.net.tcp.range_free, "free ranges");
	SAME(p, dp.net.tcp.nranges_used, "ranges used");
	SAME(p, dp.net.tcp.ranges_left, "ranges left");
	for (u32 i = 0; i < a->nranges_used; i++) {
		const struct tcp_range *x = &a->ranges[i], *y = &b->ranges[i];

		if (x->addr - p->fast->arena != y->addr - p->slow->arena ||
		    x->len != y->len || x->next.raw != y->next.raw)
			differ("fast path: range %u", i);
	}
}

static void same_cc(const struct pair *p)
{
	SAME(p, dp.net.tcp.cc_free, "free states");
	SAME(p, dp.net.tcp.ncc_used, "states used");
	same(p->fast->dp.net.tcp.cc_states, p->slow->dp.net.tcp.cc_states,
	     p->fast->dp.net.tcp.ncc_used * sizeof(struct tcp_cc_state),
	     "states of congestion control");
}

static void same_frames(const struct pair *p)
{
	const struct fake_frame *a, *b;

	do {
		a = fake_nic_collect(&p->fast->nic);
		b = fake_nic_collect(&p->slow->nic);
		if (!a || !b)
			break;
		if (a->len != b->len)
			differ("fast path: frame of %u bytes, not %u", a->len,
			       b->len);
		same(a->data, b->data, a->len, "frame");
	} while (true);
	if (a || b)
		differ("fast path: sends %s", a ? "more" : "less");
}

/* What one of them tells of @handle. Where a recv ends is not promised, nor
 * whether a sent comes alone or with it: only the sums are. */
struct told {
	const struct ix_up *up;
	u64 handle;
	u32 i; /* events that have been looked at */
	struct ix_event e;
	bool any; /* @e has not been compared yet */
	u64 acked;
	u32 room; /* the latest */
};

static bool is_data(const struct ix_event *e)
{
	return e->type == IX_EV_RECV && e->len;
}

/* The next one; false: no more. */
static bool next_event(struct told *t)
{
	while (!t->any && t->i < t->up->nevents) {
		t->e = t->up->events[t->i++];
		if (t->e.handle != t->handle)
			continue;
		t->any = t->e.type != IX_EV_SENT;
		if (!t->any || (is_data(&t->e) && t->e.acked)) {
			t->acked += t->e.acked;
			t->room = t->e.room;
		}
	}
	return t->any;
}

/* As much of both as there is. */
static void same_data(struct told *a, struct told *b)
{
	u32 len = min(a->e.len, b->e.len);

	if (a->e.addr != b->e.addr)
		differ("fast path: event: address");
	a->e.addr = b->e.addr += len;
	a->e.len -= len;
	b->e.len -= len;
	a->any = a->e.len;
	b->any = b->e.len;
}

static void same_event(struct told *a, struct told *b)
{
	const struct ix_event *x = &a->e, *y = &b->e;
	bool ip = x->type == IX_EV_KNOCK || x->type == IX_EV_UDP_RECV;
	bool addr = x->type == IX_EV_UDP_RECV || x->type == IX_EV_UDP_PART;

	if (is_data(x) && is_data(y)) {
		same_data(a, b);
		return;
	}
	same(x, y, offsetof(struct ix_event, addr), "event");
	if (addr && x->addr != y->addr)
		differ("fast path: event: address");
	if (ip)
		same(&x->ip, &y->ip, sizeof(x->ip), "event: peer");
	a->any = b->any = false;
}

/* A reset takes what has not been told: the fast path has told it sooner. */
static bool is_lost(const struct told *fast, const struct told *slow)
{
	return fast->any && is_data(&fast->e) && slow->any &&
	       slow->e.type == IX_EV_DEAD && slow->e.error;
}

/* All that is told of @handle, a socket or a timer as well. */
static void same_events_of(const struct pair *p, u64 handle)
{
	struct told a = { .up = &p->fast->up, .handle = handle };
	struct told b = { .up = &p->slow->up, .handle = handle };

	for (;;) {
		bool more = next_event(&a);

		if (next_event(&b) != more)
			differ("fast path: %s events", more ? "more" : "fewer");
		if (!more)
			break;
		if (is_lost(&a, &b))
			a.any = false;
		else
			same_event(&a, &b);
	}
	same(&a.acked, &b.acked, sizeof(a.acked), "acknowledged");
	same(&a.room, &b.room, sizeof(a.room), "room");
}

static void same_events(const struct pair *p)
{
	for (u32 i = 0; i < p->fast->up.nevents; i++)
		same_events_of(p, p->fast->up.events[i].handle);
	for (u32 i = 0; i < p->slow->up.nevents; i++)
		same_events_of(p, p->slow->up.events[i].handle);
}

/* How events are counted is theirs: one recv with a sent, or both. */
static void same_counters(const struct pair *p)
{
	struct ix_stat a = p->fast->stat, b = p->slow->stat;

	a.events = b.events = 0;
	same(&a, &b, sizeof(a), "counters");
}

static void same_all(const struct pair *p)
{
	const struct rig *a = p->fast, *b = p->slow;

	same_events(p);
	SAME(p, up.nresults, "number of results");
	same(a->up.results, b->up.results,
	     a->up.nresults * sizeof(a->up.results[0]), "results");
	same_frames(p);
	for (u32 i = 0; i < a->conf.net.tcp.max_conns; i++)
		same_conn(&a->dp.net.tcp.conns[i], &b->dp.net.tcp.conns[i]);
	same_ranges(p);
	same_cc(p);
	SAME(p, dp.net.tcp.loss_free, "free recoveries");
	SAME(p, dp.net.tcp.nlosses_used, "recoveries used");
	same(a->dp.net.tcp.losses, b->dp.net.tcp.losses,
	     a->dp.net.tcp.nlosses_used * sizeof(a->dp.net.tcp.losses[0]),
	     "recoveries");
	SAME(p, dp.net.tcp.dup, "what came twice");
	SAME(p, dp.net.addrs.nused, "ids of IPv6 addresses");
	SAME(p, dp.net.addrs.free, "free ids");
	same(a->dp.net.addrs.addrs, b->dp.net.addrs.addrs,
	     a->dp.net.addrs.nused * sizeof(a->dp.net.addrs.addrs[0]),
	     "IPv6 addresses");
	SAME(p, dp.net.tcp.ncounted, "connections counted");
	SAME(p, dp.net.tcp.nhalf, "half-open connections");
	SAME(p, dp.net.tcp.hand, "whom to relieve next");
	same(p->fast->dp.net.tcp.sources, p->slow->dp.net.tcp.sources,
	     sizeof(u32) << (32 - p->fast->dp.net.tcp.source_shift),
	     "connections of a source");
	SAME(p, dp.net.tcp.challenge_second, "second of challenge ACKs");
	SAME(p, dp.net.tcp.challenges_left, "challenge ACKs left");
	same_counters(p);
	SAME(p, dp.pool.nfree, "free buffers");
	same(a->dp.pool.free, b->dp.pool.free, a->dp.pool.nfree * sizeof(u32),
	     "which buffers are free");
	SAME(p, dp.net.wheel.count, "timers set");
	SAME(p, dp.net.wheel.busy, "timers");
}

/* ---- what happens to both: records of an opcode, see the end, and: */

static void inject(const struct pair *p, const void *frame, u32 len)
{
	fake_nic_inject(&p->fast->nic, frame, len);
	fake_nic_inject(&p->slow->nic, frame, len);
}

static u32 near(struct fuzz_in *in)
{
	return (u32)(signed char)fuzz_8(in);
}

/* The sum of the pseudo header alone, in TCP's header at @h. */
static void partial_sum(u8 *frame, u32 len, struct tcp_hdr *h)
{
	const struct ipv4_hdr *ip = (const void *)(frame + ETH_LEN);
	const struct ipv6_hdr *ip6 = (const void *)(frame + ETH_LEN);
	u16 l4_len = (u16)(len - (u32)((u8 *)h - frame));
	u64 sum;

	if ((u8 *)h == (u8 *)(ip + 1))
		sum = ip_pseudo_sum(ip->src, ip->dst, ip->proto, l4_len);
	else
		sum = ip6_pseudo_sum(&ip6->src, &ip6->dst, ip6->next, l4_len);
	h->cksum = cksum_fold(sum);
}

/* One byte, with checksums right again or not; or padding; or as the kernel
 * hands out what a neighbour on the same machine sent: the sum of the pseudo
 * header alone. Returns the length. */
static u32 damage(u8 *frame, u32 len, struct tcp_hdr *h, struct fuzz_in *in)
{
	u16 where = fuzz_16(in);

	if (where == 0xffff) {
		partial_sum(frame, len, h);
		return len;
	}
	if (where == 0xfffe)
		return len + 4;
	frame[(where & 0x7fff) % len] ^= fuzz_8(in);
	if (where & 0x8000)
		rig_fix(frame, len);
	return len;
}

static void set_tos(u8 *frame, u8 tos)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)frame;

	if (be16_host(eth->type) == ETH_TYPE_IPV4)
		frame[ETH_LEN + 1] = tos;
	else
		store16(frame + ETH_LEN, be16((u16)(0x6000 | tos << 4)).raw);
}

/* What a peer in its right mind sends: the next in order, acknowledging all.
 * Byte 0: connection, and what is a little different; 1: length. */
static void segment(struct pair *p, struct fuzz_in *in)
{
	u8 odd = fuzz_8(in),
	   frame[ETH_LEN + IPV6_LEN + TCP_LEN + 12 + 2048] = { 0 };
	u32 i = odd & 3;
	const struct tcp_conn *c = &p->fast->dp.net.tcp.conns[i];
	struct tcp_hdr *h = fuzz_headers(p->fast, c, frame);
	struct be32 *ts = (struct be32 *)(h + 1);
	u32 flight = c->snd_max - c->snd_una, len = fuzz_8(in), head;

	*h = (struct tcp_hdr){ .sport = c->flow.rport, .dport = c->flow.lport };
	h->seq = be32(c->rcv_nxt + p->ahead[i] + (odd & 4 ? near(in) : 0));
	h->ack = be32(c->snd_una +
		      (odd & 8 ? fuzz_16(in) % (flight + 1) : flight));
	h->win = be16(odd & 16 ? fuzz_16(in)
			       : (u16)(c->snd_wnd >> c->wscale_snd));
	h->flags = odd & 32 ? fuzz_8(in) : TCP_ACK;
	set_tos(frame, odd & 32		      ? fuzz_8(in)
		       : c->flags & TCP_F_ECN ? IP_ECT_0
					      : 0);
	ts[0] = be32(0x0101080a);
	ts[1] = be32(c->ts_recent + (odd & 64 ? near(in) : 0));
	ts[2] = be32(tcp_tsval(c, p->fast->now));
	len = len < 200 ? len % 100 : (len - 199) * 33;
	head = c->flags & TCP_F_TS ? TCP_LEN + 12 : TCP_LEN;
	h->off = (u8)(head << 2);
	memset((u8 *)h + head, 'x', len);
	p->ahead[i] += len;
	len += (u32)((u8 *)h - frame) + head;
	rig_fix(frame, len);
	if (odd & 128)
		len = damage(frame, len, h, in);
	inject(p, frame, len);
}

/* As in the other targets. */
static void any(const struct pair *p, struct fuzz_in *in,
		void (*send)(struct rig *, struct fuzz_in *))
{
	struct fuzz_in again = *in;

	send(p->slow, &again);
	send(p->fast, in);
}

/* Byte 0: connection, and the call: send, give back, close, or answer: give
 * all back, or one more, and send; 1: how much; 2: where in the arena. */
static void add_call(struct pair *p, struct fuzz_in *in)
{
	u8 what = fuzz_8(in), n = fuzz_8(in), kind = what >> 2;
	u32 i = what & 3, off = (u32)fuzz_8(in) << 8, done = 0;
	u32 len = n < 199 ? n + 1u : (n - 199u) * 200;
	struct rig *both[] = { p->fast, p->slow };

	if (!p->handle[i] || p->fast->down.ncalls == IX_MAX_CALLS)
		return;
	if (kind % 4 == 1)
		done = min(len, p->held[i]);
	else if (kind & 4)
		done = p->held[i] + (kind == 7);
	for (u32 k = 0; k < ARRAY_SIZE(both); k++) {
		struct ix_call *c = rig_send(both[k], p->handle[i], off, len);

		if (kind % 4 == 1) {
			c->op = IX_RECV_DONE;
			c->sg = 0;
			c->bytes = done;
		} else if (kind == 2) {
			c->op = IX_CLOSE;
			c->sg = 0;
			c->how = n & 1 ? IX_CLOSE_ALL : IX_CLOSE_WRITE;
		} else {
			c->done = done;
		}
	}
	p->held[i] -= min(done, p->held[i]);
}

/* What the application has been told; the events are the same for both. */
static void learn(struct pair *p)
{
	for (u32 i = 0; i < p->fast->up.nevents; i++) {
		const struct ix_event *e = &p->fast->up.events[i];

		for (u32 k = 0; k < CONNS; k++) {
			if (e->handle != p->handle[k])
				continue;
			if (e->type == IX_EV_RECV)
				p->held[k] += e->len;
			else if (e->type == IX_EV_DEAD)
				p->handle[k] = 0;
		}
	}
}

/* In the second run the stack acknowledges what came in the first. */
static void iterate(struct pair *p, u32 runs)
{
	for (u32 i = 0; i < runs; i++) {
		nanswers = nrepeated = 0;
		rig_run(p->fast);
		rig_run(p->slow);
		same_all(p);
		learn(p);
	}
	memset(p->ahead, 0, sizeof(p->ahead));
}

/* 0: to where a timer is due; else as long as fuzz_time() says. */
static void sleep_both(const struct pair *p, struct fuzz_in *in)
{
	u64 due = dp_next_deadline(&p->slow->dp, p->slow->now);

	if (in->left && *in->p)
		fuzz_time(p->fast, in);
	else if (fuzz_8(in), due < 100000 * RIG_MS)
		rig_sleep(p->fast, due);
	p->slow->now = p->fast->now;
}

/* A router: the first segment in flight of a connection was too large. */
static void too_big(const struct pair *p, u32 conn)
{
	const struct tcp_conn *c = &p->fast->dp.net.tcp.conns[conn];
	u8 frame[ETH_LEN + IPV4_LEN + ICMP_LEN + IPV4_LEN + TCP_LEN] = { 0 };
	struct eth_hdr *eth = (struct eth_hdr *)frame;
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(eth + 1), *was;
	struct icmp_hdr *icmp = (struct icmp_hdr *)(ip + 1);
	struct tcp_hdr *h;

	memcpy(eth->dst, p->fast->nic.q.mac, 6);
	memcpy(eth->src, rig_peer_mac, 6);
	eth->type = be16(ETH_TYPE_IPV4);
	*ip = (struct ipv4_hdr){ .ver_ihl = 0x45,
				 .ttl = 64,
				 .proto = IP_PROTO_ICMP,
				 .src = c->flow.raddr,
				 .dst = c->flow.laddr };
	*icmp = (struct icmp_hdr){ .type = ICMP_UNREACHABLE,
				   .code = ICMP_UNREACH_NEEDFRAG,
				   .rest = be32(560) };
	was = (struct ipv4_hdr *)(icmp + 1);
	*was = (struct ipv4_hdr){ .ver_ihl = 0x45,
				  .len = be16(1500),
				  .proto = IP_PROTO_TCP,
				  .src = c->flow.laddr,
				  .dst = c->flow.raddr };
	h = (struct tcp_hdr *)(was + 1);
	*h = (struct tcp_hdr){ .sport = c->flow.lport,
			       .dport = c->flow.rport,
			       .seq = be32(c->snd_una) };
	rig_fix(frame, sizeof(frame));
	inject(p, frame, sizeof(frame));
}

static void limit_nic(const struct pair *p, u8 x)
{
	p->fast->nic.tx_limit = p->slow->nic.tx_limit =
		x & 1 ? UINT32_MAX : x >> 2 & 3;
	p->fast->nic.hold = p->slow->nic.hold = x & 2;
}

/* What is sent: bytes that tell where they stand. */
static void fill(const struct pair *p)
{
	static u8 bytes[RIG_ARENA];
	static bool filled;

	for (u32 i = 0; !filled && i < RIG_ARENA; i++)
		bytes[i] = (u8)(i * 7 + (i >> 8) * 3);
	filled = true;
	memcpy(p->fast->arena, bytes, RIG_ARENA);
	memcpy(p->slow->arena, bytes, RIG_ARENA);
}

/* One with timestamps, one with small segments, scaled windows and ECN, too,
 * one without: that always goes the long way; and one of IPv6. */
static void open_pair(struct pair *p, struct fuzz_in *in)
{
	struct fuzz_in again = *in;
	struct rig *both[] = { fuzz_rig(&again), fuzz_rig(in) };
	struct rig_peer peer;

	*p = (struct pair){ .fast = both[0], .slow = both[1] };
	slow_net = &p->slow->dp.net;
	fill(p);
	for (u32 i = 0; i < ARRAY_SIZE(both); i++) {
		p->handle[0] = rig_accept_ts(both[i], &peer, 0);
		p->handle[1] = rig_accept_ecn(both[i], &peer, 1, SMALL_MSS);
		p->handle[2] = rig_accept(both[i], &peer, 2);
		p->handle[3] = rig_accept_ip6(both[i], &peer, 3);
	}
	same_all(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct pair p;

	open_pair(&p, &in);
	for (u32 i = 0; in.left && i < LIMIT; i++) {
		u8 op = fuzz_8(&in), x;

		switch (op & 7) {
		case 0:
			sleep_both(&p, &in);
			break;
		case 1:
			any(&p, &in, fuzz_segment);
			break;
		case 2:
		case 3:
			add_call(&p, &in);
			break;
		case 4:
			x = fuzz_8(&in);
			if (x & 0x80)
				too_big(&p, (x & 3) % CONNS);
			else
				limit_nic(&p, x);
			break;
		case 7:
			any(&p, &in, op & 0x20 ? fuzz_ip6 : fuzz_ip);
			break;
		default:
			segment(&p, &in);
		}
		if (!(op & 0x80)) /* else the next is of the same iteration */
			iterate(&p, op & 0x40 ? 1 : 2);
	}
	p.fast->down.ncalls = p.slow->down.ncalls = 0;
	rig_end(p.fast);
	rig_end(p.slow);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "tcp_fixture.h"

#include "net/tcp_cc.h"
#include "net/tcp_loss.h"

void tcpfix_renew(struct fixture *f)
{
	const struct tcp_conf *conf = &f->net.conf.tcp;
	size_t own = (tcp_bytes(conf) + 63) & ~63ul;
	size_t bytes = own + tcp_slot_bytes(conf);

	free(f->tcp_mem);
	f->tcp_mem = aligned_alloc(CACHE_LINE, bytes);
	memset(f->tcp_mem, 0, bytes);
	tcp_init(&f->net, f->tcp_mem, (void *)((u8 *)f->tcp_mem + own), 0, 1);
}

int tcpfix_setup(void **state)
{
	struct fixture *f = fix_start();

	f->net.conf.tcp = (struct tcp_conf){
		.max_conns = 16,
		.max_listeners = 4,
		.max_ranges = 64,
		.conn_ranges = 32,
		.patience_ms = 1000,
		.snd_buf = 65536,
		.rcv_buf = 60000,
		.rcv_mbufs = 64,
		.rto_initial_us = 100000,
		.rto_min_us = 5000,
		.rto_max_us = 10000000,
		.delack_us = 1000,
		.time_wait_ms = 1000,
		.fin_timeout_ms = 2000,
		.orphan_timeout_ms = 100000,
		.retries = 4,
		.syn_retries = 2,
		.init_cwnd = 10,
		.port_min = 40000,
		.port_max = 40999,
		.challenge_acks = 10,
	};
	tcpfix_renew(f);
	f->net.wheel.fire[TIMER_TCP] = tcp_timer;
	f->net.wheel.fire[TIMER_SHARE] = tcp_watch;
	fix_know_peer(f);
	*state = f;
	return 0;
}

static u32 cc_states_free(const struct tcp *t)
{
	u32 n = 0;

	for (struct ref32 r = t->cc_free; r.raw;
	     r = t->cc_states[ref32_index(r)].next)
		n++;
	return n;
}

static u32 losses_free(const struct tcp *t)
{
	u32 n = 0;

	for (struct ref16 r = t->loss_free; r.raw;
	     r = t->losses[ref16_index(r)].next)
		n++;
	return n;
}

static u32 ranges_free(const struct tcp *t)
{
	u32 n = 0;

	for (struct ref32 r = t->range_free; r.raw;
	     r = t->ranges[ref32_index(r)].next)
		n++;
	return n;
}

int tcpfix_teardown(void **state)
{
	struct fixture *f = *state;
	struct tcp *t = &f->net.tcp;

	tcp_abort_all(&f->net, f->now);
	tcp_output_all(&f->net, f->now);
	assert_int_equal(t->nconn_free, t->nconns_used);
	assert_int_equal(ranges_free(t), t->nranges_used);
	assert_int_equal(losses_free(t), t->nlosses_used);
	assert_int_equal(t->losses_left, tcp_losses(&f->net.conf.tcp));
	for (u32 i = 0; i < ARRAY_SIZE(t->losses_held); i++)
		assert_int_equal(t->losses_held[i], 0);
	assert_int_equal(cc_states_free(t), t->ncc_used);
	assert_int_equal(f->stat.tcp_conns, 0);
	assert_int_equal(f->stat.tcp_time_wait, 0);
	assert_int_equal(t->ncounted, 0);
	assert_int_equal(t->nhalf, 0);
	for (u32 i = 0; i < 1u << (32 - t->source_shift); i++)
		assert_int_equal(t->sources[i], 0);
	assert_int_equal(f->net.wheel.count, 0);
	for (u32 i = 0; i <= t->table_mask; i++)
		assert_int_equal(t->table[i].conn.raw, 0);
	free(f->tcp_mem);
	fix_stop(f);
	return 0;
}

/* ---- the peer sends */

static u32 put_ts(u8 *opt, const struct tcp_peer *p)
{
	struct be32 w[3] = { be32(0x0101080a), be32(p->tsval), be32(p->tsecr) };

	memcpy(opt, w, sizeof(w));
	return sizeof(w);
}

static void put(struct fixture *f, const struct tcp_peer *p, u32 seq, u8 flags,
		const u8 *opt, u32 opt_len, const void *data, u32 len)
{
	struct fix_seg s = {
		.src = p->ip,
		.sport = p->port,
		.dport = p->our_port,
		.seq = seq,
		.ack = flags & TCP_ACK ? p->ack : 0,
		.flags = flags,
		.win = p->wnd,
		.opt = opt,
		.opt_len = opt_len,
	};

	fix_in(f, fix_tcp(f, &s, data, len));
	tcp_output_all(&f->net, f->now);
}

void tcp_put_at(struct fixture *f, const struct tcp_peer *p, u32 seq, u8 flags,
		const void *data, u32 len)
{
	u8 opt[12];

	put(f, p, seq, flags, opt, p->ts ? put_ts(opt, p) : 0, data, len);
}

void tcp_put(struct fixture *f, const struct tcp_peer *p, u8 flags,
	     const void *data, u32 len)
{
	tcp_put_at(f, p, p->seq, flags, data, len);
}

void tcp_put_syn(struct fixture *f, const struct tcp_peer *p, u8 flags)
{
	u8 opt[16] = { TCP_OPT_MSS, 4, PEER_MSS >> 8, PEER_MSS & 255 };

	put(f, p, p->seq, flags, opt, 4 + (p->ts ? put_ts(opt + 4, p) : 0),
	    NULL, 0);
}

void tcp_pass(struct fixture *f, u64 ns)
{
	u64 end = f->now + ns;

	for (;;) {
		u64 wait = wheel_next(&f->net.wheel, f->now);

		if (wait > end - f->now)
			break;
		f->now += max(wait, (u64)1);
		wheel_run(&f->net.wheel, &f->net, f->now);
		tcp_output_all(&f->net, f->now);
	}
	f->now = end;
	wheel_run(&f->net.wheel, &f->net, f->now);
	tcp_output_all(&f->net, f->now);
}

/* ---- we send */

bool tcp_get(struct fixture *f, struct tcp_out *out)
{
	struct fix_frame *t = fix_tx(f);
	const struct tcp_hdr *h;
	u32 hlen;

	if (!t)
		return false;
	assert_non_null(t->ip);
	assert_int_equal(t->ip->proto, IP_PROTO_TCP);
	assert_memory_equal(t->eth->dst, fix_peer_mac, 6);
	h = t->l4;
	hlen = (u32)(h->off >> 4) * 4;
	assert_true(hlen >= TCP_LEN && hlen <= t->l4_len);
	*out = (struct tcp_out){
		.seq = be32_host(h->seq),
		.ack = be32_host(h->ack),
		.len = t->l4_len - hlen,
		.wnd = be16_host(h->win),
		.sport = be16_host(h->sport),
		.dport = be16_host(h->dport),
		.flags = h->flags,
		.payload = (const u8 *)h + hlen,
	};
	assert_true(
		tcp_opt_parse((const u8 *)(h + 1), hlen - TCP_LEN, &out->opt));
	return true;
}

struct tcp_out tcp_want(struct fixture *f, u8 flags)
{
	struct tcp_out out;

	assert_true(tcp_get(f, &out));
	assert_int_equal(out.flags, flags);
	return out;
}

void tcp_want_none(struct fixture *f)
{
	assert_int_equal(f->net.ntx, 0);
}

u32 tcp_drain(struct fixture *f)
{
	struct tcp_out out;
	u32 n = 0;

	while (tcp_get(f, &out))
		n++;
	return n;
}

/* ---- connections */

struct tcp_peer tcp_peer_new(void)
{
	return (struct tcp_peer){
		.ip = FIX_PEER,
		.port = PEER_PORT,
		.our_port = PORT,
		.seq = PEER_ISS,
		.wnd = PEER_WND,
	};
}

void tcpfix_listen(struct fixture *f, u32 backlog)
{
	assert_int_equal(tcp_listen(&f->net, be32(0), PORT, backlog), 0);
}

static struct tcp_conn *find(struct fixture *f, const struct tcp_peer *p)
{
	return tcp_find(&f->net, flow_make(p->ip, FIX_IP, be16(p->port),
					   be16(p->our_port)));
}

struct tcp_conn *tcp_shake(struct fixture *f, struct tcp_peer *p)
{
	struct tcp_out out;
	struct tcp_conn *c;

	tcp_put_syn(f, p, TCP_SYN);
	out = tcp_want(f, TCP_SYN | TCP_ACK);
	assert_int_equal(out.ack, p->seq + 1);
	p->seq++;
	p->ack = out.seq + 1;
	p->tsecr = out.opt.tsval;
	tcp_put(f, p, TCP_ACK, NULL, 0);
	c = find(f, p);
	assert_non_null(c);
	assert_int_equal(c->state, TCP_ESTABLISHED);
	return c;
}

struct tcp_conn *tcp_accepted(struct fixture *f, struct tcp_peer *p)
{
	struct tcp_conn *c;

	if (!tcp_find_listener(&f->net, FIX_IP, PORT))
		tcpfix_listen(f, 16);
	c = tcp_shake(f, p);
	assert_int_equal(tcp_news(f, c), TCP_EV_KNOCK);
	assert_int_equal(tcp_accept(&f->net, c, 0xacce), 0);
	return c;
}

struct tcp_conn *tcp_connected(struct fixture *f, struct tcp_peer *p)
{
	struct tcp_conn *c;
	struct tcp_out out;

	assert_int_equal(
		tcp_connect(&f->net, FIX_PEER, p->port, 0xc0, &c, f->now), 0);
	tcp_output_all(&f->net, f->now);
	out = tcp_want(f, TCP_SYN);
	p->our_port = out.sport;
	p->ack = out.seq + 1;
	p->tsecr = out.opt.tsval;
	tcp_put_syn(f, p, TCP_SYN | TCP_ACK);
	p->seq++;
	out = tcp_want(f, TCP_ACK);
	assert_int_equal(out.ack, p->seq);
	assert_int_equal(tcp_news(f, c), TCP_EV_CONNECTED);
	assert_int_equal(c->error, 0);
	return c;
}

u8 tcp_news(struct fixture *f, struct tcp_conn *c)
{
	struct tcp_conn *r;
	u8 events = 0;

	while ((r = tcp_next_ready(&f->net))) {
		if (!(r->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE))) {
			if (r == c)
				events |= r->events & TCP_EV_KNOCK;
			r->events &= (u8)~TCP_EV_KNOCK;
			continue; /* the rest waits for the answer */
		}
		if (r == c)
			events |= r->events;
		if (r->events & TCP_EV_DEAD ||
		    (r->events & TCP_EV_CONNECTED && r->error))
			tcp_dead_told(&f->net, r);
		r->events = 0;
		r->acked = 0;
	}
	tcp_reap(&f->net);
	return events;
}

u32 tcp_read(struct fixture *f, struct tcp_conn *c, u8 *buf, u32 n)
{
	const u8 *data;
	u32 len, at = 0;

	while (tcp_next_rx(c, &data, &len)) {
		assert_true(at + len <= n);
		memcpy(buf + at, data, len);
		at += len;
	}
	return at;
}

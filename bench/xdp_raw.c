/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: echo without a stack, straight on a NIC's queue. UDP frames
 * whose addresses the server swaps; it answers ARP too. Works on any --nic.
 *
 *   xdp_raw --nic SPEC --ip A echo
 *   xdp_raw --nic SPEC --ip B --peer A pingpong
 *   xdp_raw --nic SPEC --ip B --peer A --outstanding N flood
 *   xdp_raw --nic SPEC --ip B --peer A --size 1472 pour
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cksum.h"
#include "bench/clock.h"
#include "bench/raw.h"

enum {
	BATCH = 64,
	PORT = 9,
	STALL_NS = 100 * 1000 * 1000, /* without an answer: count as lost */
	CLOCK_EVERY = 1024, /* empty polls between looks at the clock */
	PROTO_NONE = 253, /* for experiments (RFC 3692): nobody answers that */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = 1;
}

/* Sends all; the NIC takes what it can now, the rest is dropped. */
static u32 send_all(struct raw *r, struct mbuf **pkts, int n)
{
	int took = n ? r->q->ops->tx(r->q, pkts, n, 0) : 0;

	if (took || r->q->tx_pending)
		r->q->ops->kick(r->q);
	for (int i = took; i < n; i++)
		mbuf_free_chain(r->q->pool, pkts[i]);
	return (u32)took;
}

static int receive(struct raw *r, struct mbuf **pkts)
{
	r->q->ops->reclaim(r->q);
	return r->q->ops->rx(r->q, pkts, BATCH, 0);
}

/* Back to where it came from. */
static void turn_round(struct raw *r, struct mbuf *m)
{
	struct eth_hdr *eth = (void *)m->data;
	struct ipv4_hdr *ip = (void *)(eth + 1);
	struct udp_hdr *udp = (void *)(ip + 1);
	struct be32 src = ip->src;
	struct be16 sport = udp->sport;

	memcpy(eth->dst, eth->src, 6);
	memcpy(eth->src, r->q->mac, 6);
	ip->src = ip->dst;
	ip->dst = src;
	udp->sport = udp->dport;
	udp->dport = sport;
	if (unlikely(r->q->caps & NIC_TX_CSUM))
		udp->cksum = cksum_fold((u64)ip->src.raw + ip->dst.raw +
					be16(IP_PROTO_UDP).raw + udp->len.raw);
	else
		udp->cksum = 0; /* none: over veth it may be partial */
}

static bool is_udp(const struct mbuf *m)
{
	const struct eth_hdr *eth = (const void *)m->data;
	const struct ipv4_hdr *ip = (const void *)(eth + 1);

	return m->len >= RAW_HEADERS && be16_host(eth->type) == ETH_TYPE_IPV4 &&
	       ip->proto == IP_PROTO_UDP;
}

static bool answer_arp(struct raw *r, struct mbuf *m)
{
	struct eth_hdr *eth = (void *)m->data;
	struct arp_hdr *arp = (void *)(eth + 1);

	if (m->len < ETH_LEN + ARP_LEN ||
	    be16_host(eth->type) != ETH_TYPE_ARP ||
	    be16_host(arp->op) != ARP_REQUEST || arp->tpa.raw != r->ip.raw)
		return false;
	memcpy(eth->dst, eth->src, 6);
	memcpy(eth->src, r->q->mac, 6);
	arp->op = be16(ARP_REPLY);
	memcpy(arp->tha, arp->sha, 6);
	memcpy(arp->sha, r->q->mac, 6);
	arp->tpa = arp->spa;
	arp->spa = r->ip;
	send_all(r, &m, 1);
	return true;
}

/* Keeps the UDP packets of a batch. */
static int filter(struct raw *r, struct mbuf **pkts, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++) {
		if (likely(is_udp(pkts[i])))
			pkts[kept++] = pkts[i];
		else if (!answer_arp(r, pkts[i]))
			mbuf_free_chain(r->q->pool, pkts[i]);
	}
	return kept;
}

static int echo_batch(struct raw *r)
{
	struct mbuf *pkts[BATCH];
	int n = filter(r, pkts, receive(r, pkts));

	for (int i = 0; i < n; i++)
		turn_round(r, pkts[i]);
	r->packets += send_all(r, pkts, n);
	return n;
}

static void echo(struct raw *r)
{
	u64 end = r->seconds ? clock_ns() + r->seconds * NS_PER_SEC : 0;

	for (u32 turn = 0; !stop; turn++) {
		for (u32 i = 0; i < r->queues; i++) {
			r->q = r->nic->q[i];
			echo_batch(r);
		}
		if (end && !(turn % CLOCK_EVERY) && clock_ns() > end)
			break;
	}
}

/* The payload is what was in the buffer. */
static void write_request(struct raw *r, struct mbuf *m, u8 proto)
{
	struct eth_hdr *eth = (void *)m->data;
	struct ipv4_hdr *ip = (void *)(eth + 1);
	struct udp_hdr *udp = (void *)(ip + 1);

	m->len = RAW_HEADERS + r->payload;
	memcpy(eth->dst, r->peer_mac, 6);
	memcpy(eth->src, r->q->mac, 6);
	eth->type = be16(ETH_TYPE_IPV4);
	*ip = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.len = be16((u16)(m->len - ETH_LEN)),
		.frag = be16(IP_DF),
		.ttl = IP_TTL,
		.proto = proto,
		.src = r->ip,
		.dst = r->peer,
	};
	ip->cksum = (u16)~cksum_fold(cksum_add(0, ip, sizeof(*ip)));
	udp->sport = be16(PORT);
	udp->dport = be16(PORT);
	udp->len = be16((u16)(UDP_LEN + r->payload));
	udp->cksum = 0;
}

static u32 send_frames(struct raw *r, u32 n, u8 proto)
{
	struct mbuf *pkts[BATCH];
	u32 i;

	for (i = 0; i < n && i < BATCH; i++) {
		pkts[i] = mbuf_alloc(r->q->pool);
		if (!pkts[i])
			break;
		write_request(r, pkts[i], proto);
	}
	return send_all(r, pkts, (int)i);
}

static u32 send_requests(struct raw *r, u32 n)
{
	return send_frames(r, n, IP_PROTO_UDP);
}

static void learn_peer(struct raw *r, const struct mbuf *m)
{
	memcpy(r->peer_mac, ((const struct eth_hdr *)m->data)->src, 6);
}

/* One packet to and fro at a time; each round trip into the histogram. */
static void pingpong(struct raw *r)
{
	u64 sent, now = clock_ns(), end = now + r->seconds * NS_PER_SEC;
	struct mbuf *pkts[BATCH];

	while (!stop && now < end) {
		int n = 0;

		sent = clock_ns();
		send_requests(r, 1);
		while (!n && !stop) {
			n = filter(r, pkts, receive(r, pkts));
			now = clock_ns();
			if (now - sent > STALL_NS)
				break;
		}
		if (!n) {
			r->lost++;
			continue;
		}
		hist_add(&r->rtt, now - sent);
		learn_peer(r, pkts[0]);
		r->packets += (u32)n;
		for (int i = 0; i < n; i++)
			mbuf_free_chain(r->q->pool, pkts[i]);
	}
}

/* A batch of answers goes back at once as new requests. */
static u32 turn_batch(struct raw *r, struct mbuf **pkts, int n)
{
	learn_peer(r, pkts[0]);
	r->packets += (u32)n;
	for (int i = 0; i < n; i++)
		turn_round(r, pkts[i]);
	return send_all(r, pkts, n);
}

/* Always so many on the way. */
static void flood(struct raw *r)
{
	u64 now = clock_ns(), end = now + r->seconds * NS_PER_SEC, last = now;
	u64 seen = 0;
	struct mbuf *pkts[BATCH];
	u32 flying = 0;

	for (u32 turn = 0; !stop && now < end; turn++) {
		int n = filter(r, pkts, receive(r, pkts));

		if (n)
			flying -= (u32)n - turn_batch(r, pkts, n);
		else if (r->q->tx_pending)
			r->q->ops->kick(r->q);
		if (flying < r->outstanding)
			flying += send_requests(r, r->outstanding - flying);
		if (turn % CLOCK_EVERY)
			continue;
		now = clock_ns();
		if (r->packets != seen) {
			seen = r->packets;
			last = now;
		} else if (now - last > STALL_NS) {
			r->lost += flying;
			flying = 0;
		}
	}
}

/* Waits for an answer, whose sender is the peer. */
static void find_peer(struct raw *r)
{
	struct mbuf *pkts[BATCH];
	int n = 0;

	while (!n && !stop) {
		u64 sent = clock_ns();

		send_requests(r, 1);
		while (!n && !stop && clock_ns() - sent < STALL_NS)
			n = filter(r, pkts, receive(r, pkts));
	}
	if (n)
		learn_peer(r, pkts[0]);
	for (int i = 0; i < n; i++)
		mbuf_free_chain(r->q->pool, pkts[i]);
}

/* As many as the NIC takes, which nobody answers. */
static void pour(struct raw *r)
{
	u64 end;

	find_peer(r);
	r->started = clock_ns();
	end = r->started + r->seconds * NS_PER_SEC;
	while (!stop && clock_ns() < end) {
		r->q->ops->reclaim(r->q);
		r->packets += send_frames(r, BATCH, PROTO_NONE);
	}
}

static void report(const struct raw *r, const char *mode)
{
	double seconds = (double)(r->stopped - r->started) / NS_PER_SEC;

	printf(r->json ? "{ \"mode\": \"%s\", \"packets\": %llu, "
			 "\"seconds\": %.3f, \"per_second\": %.0f, "
			 "\"lost\": %llu, \"drops\": %llu, \"kicks\": %llu, "
			 "\"rtt_ns\": { \"mean\": %.0f, \"p50\": %llu, "
			 "\"p99\": %llu } }\n"
		       : "%s: %llu packets in %.3f s, %.0f/s, lost %llu, "
			 "dropped "
			 "%llu, kicks %llu, round trip mean %.0f p50 %llu p99 "
			 "%llu ns\n",
	       mode, (unsigned long long)r->packets, seconds,
	       (double)r->packets / seconds, (unsigned long long)r->lost,
	       (unsigned long long)(r->q->nr_drops + r->q->nr_late),
	       (unsigned long long)r->q->nr_kicks,
	       r->rtt.n ? hist_mean(&r->rtt) : 0.0,
	       (unsigned long long)hist_quantile(&r->rtt, 0.5),
	       (unsigned long long)hist_quantile(&r->rtt, 0.99));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct raw r = {
		.payload = 64,
		.outstanding = 64,
		.cpu = -1,
		.queues = 1,
	};
	static const struct {
		const char *name;
		void (*run)(struct raw *);
	} modes[] = {
		{ "echo", echo },
		{ "pingpong", pingpong },
		{ "flood", flood },
		{ "pour", pour },
	};
	struct sigaction sa = { .sa_handler = on_signal };
	const char *mode = raw_parse(&r, argc, argv);
	size_t i = 0;

	while (i < ARRAY_SIZE(modes) && strcmp(modes[i].name, mode))
		i++;
	if (i == ARRAY_SIZE(modes))
		raw_usage();
	if (modes[i].run != echo && !r.seconds)
		r.seconds = 2;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	hist_init(&r.rtt);
	memset(r.peer_mac, 0xff, 6);
	raw_open(&r);
	r.started = clock_ns();
	modes[i].run(&r);
	r.stopped = clock_ns();
	if (r.nic->update_drops)
		r.nic->update_drops(r.nic);
	report(&r, modes[i].name);
	raw_close(&r);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* A thread's TCP before there is a connection: memory, settings. */
#include "base/carve.h"
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

enum {
	DELACK_OF_PEERS_US = 40000, /* Linux: TCP_DELACK_MIN */
	CROWD = 1024, /* connections that a cache near the core may hold */
};

static u32 table_size(const struct tcp_conf *conf)
{
	return pow2_above(conf->max_conns + conf->max_conns / 2);
}

static size_t nports(const struct tcp_conf *conf)
{
	return conf->per_port ? 65536 : 0;
}

size_t tcp_bytes(const struct tcp_conf *conf)
{
	return align_line(sizeof(struct tcp_slot) * (size_t)table_size(conf)) +
	       align_line(sizeof(u32) * (size_t)conf->max_conns) +
	       align_line(sizeof(struct tcp_listener) * conf->max_listeners) +
	       align_line(sizeof(u32) * (size_t)pow2_above(conf->max_conns)) +
	       align_line(sizeof(u32) * nports(conf)) +
	       align_line(sizeof(struct tcp_range) * (size_t)tcp_ranges(conf)) +
	       align_line(tcp_cc_bytes(conf)) +
	       align_line(tcp_loss_bytes(conf));
}

void tcp_configured(struct net *net)
{
	const struct tcp_conf *conf = &net->conf.tcp;
	struct tcp *t = &net->tcp;

	t->rto_initial = ticks_of_us(conf->rto_initial_us);
	t->rto_min = ticks_of_us(conf->rto_min_us);
	t->rto_max = ticks_of_us(conf->rto_max_us);
	t->rto_slack = min(t->rto_min, ticks_of_us(DELACK_OF_PEERS_US));
	t->time_wait_ticks = ticks_of_us(conf->time_wait_ms * 1000ull);
	t->patience = ticks_of_us(conf->patience_ms * 1000ull);
}

/* What has never been used is not touched here: a page of it becomes real
 * memory only when a connection is made in it. */
void tcp_init(struct net *net, void *memory, struct tcp_conn *conns, u32 thread,
	      u32 nthreads)
{
	const struct tcp_conf *conf = &net->conf.tcp;
	struct tcp *t = &net->tcp;
	u8 *mem = memory;
	u32 slots = table_size(conf), nsources = pow2_above(conf->max_conns);

	*t = (struct tcp){ .read_at = UINT64_MAX };
	t->conns = conns;
	t->nslots = conf->max_conns * nthreads;
	t->first_conn = conf->max_conns * thread;
	t->table = carve(&mem, sizeof(*t->table) * (size_t)slots);
	t->table_mask = slots - 1;
	t->table_shift = 32 - (u32)__builtin_ctz(slots);
	for (u32 i = 0; i < ARRAY_SIZE(t->factor); i++)
		t->factor[i] = hash_sip(net->secret, &i, sizeof(i)) | 1;
	t->conn_free = carve(&mem, sizeof(u32) * (size_t)conf->max_conns);
	t->listeners = carve(&mem, sizeof(*t->listeners) * conf->max_listeners);
	t->sources = carve(&mem, sizeof(u32) * (size_t)nsources);
	t->source_shift = 32 - (u32)__builtin_ctz(nsources);
	t->ports = carve(&mem, sizeof(u32) * nports(conf));
	t->ranges = carve(&mem, sizeof(*t->ranges) * (size_t)tcp_ranges(conf));
	t->cc_states = carve(&mem, tcp_cc_bytes(conf));
	t->losses = carve(&mem, tcp_loss_bytes(conf));
	t->losses_left = tcp_losses(conf);
	t->ranges_left = conf->max_ranges;
	t->crowd = CROWD;
	t->copy_max = net->caps & NIC_TX_CSUM ? 0 : TCP_COPY_MAX;
	timer_init(&t->watch, TIMER_SHARE);
	t->challenge_second = UINT64_MAX;
	tcp_configured(net);
	tcp_tune_window(net);
	t->ready_tail = &t->ready_head;
	t->out_tail = &t->out_head;
	t->more_tail = &t->more_head;
	t->out_room = TCP_OUT_ROOM;
	list_init(&t->time_wait);
	list_init(&t->silent);
	for (u32 i = 0; i < conf->max_listeners; i++) {
		list_init(&t->listeners[i].half);
		list_init(&t->listeners[i].conns);
	}
}

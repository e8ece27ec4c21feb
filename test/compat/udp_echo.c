/* SPDX-License-Identifier: MIT */
/*
 * A UDP echo server in the manner of the original's servers: a pool of
 * answers made before any thread runs, one thread per core, errors ignored.
 *
 *	udp_echo pool    answers are copies, freed by udp_sent
 *	udp_echo place   the received memory is sent, in two pieces, and given
 *	                 back by udp_sent; a tuple per call of the batch
 */
#include <assert.h>
#include <string.h>

#include <ixev.h>
#include <mempool.h>

#include "cores.h"

enum { BATCH_DEPTH = 4096, ANSWERS = 1024, MAX_DATAGRAM = 9000 };

struct answer {
	struct ip_tuple dest;
	char data[MAX_DATAGRAM];
};

static struct mempool_datastore answer_store;
static __thread struct mempool answer_pool;
static __thread struct ip_tuple *ids;
static __thread struct sg_entry (*pieces)[2];

static struct ip_tuple back(const struct ip_tuple *id)
{
	return (struct ip_tuple){ .src_ip = id->dst_ip,
				  .dst_ip = id->src_ip,
				  .src_port = id->dst_port,
				  .dst_port = id->src_port };
}

static void pool_recv(void *addr, size_t len, struct ip_tuple *id)
{
	struct answer *a = mempool_alloc(&answer_pool);

	assert(len <= MAX_DATAGRAM);
	if (a) {
		a->dest = back(id);
		memcpy(a->data, addr, len);
		ix_udp_send(a->data, len, &a->dest, (unsigned long)a);
	}
	ix_udp_recv_done(addr);
}

static void pool_sent(unsigned long cookie)
{
	mempool_free(&answer_pool, (struct answer *)cookie);
}

static void place_recv(void *addr, size_t len, struct ip_tuple *id)
{
	int i = ix_bsys_idx();

	ids[i] = back(id);
	pieces[i][0] = (struct sg_entry){ addr, len / 3 };
	pieces[i][1] =
		(struct sg_entry){ (char *)addr + len / 3, len - len / 3 };
	ix_udp_sendv(pieces[i], 2, &ids[i], (unsigned long)addr);
}

static void place_sent(unsigned long cookie)
{
	ix_udp_recv_done((char *)cookie + 1); /* anywhere in the buffer */
}

static void ignore()
{
}

static struct ix_ops ops = {
	.udp_recv = pool_recv,
	.udp_sent = pool_sent,
	.tcp_connected = ignore,
	.tcp_knock = ignore,
	.tcp_recv = ignore,
	.tcp_sent = ignore,
	.tcp_dead = ignore,
};

static void *server_main(void *arg)
{
	int ret = ix_init(&ops, BATCH_DEPTH);

	if (ret || mempool_create(&answer_pool, &answer_store)) {
		fprintf(stderr, "cannot start: %d\n", ret);
		exit(1);
	}
	ids = calloc(BATCH_DEPTH, sizeof(*ids));
	pieces = calloc(BATCH_DEPTH, sizeof(*pieces));
	while (1) {
		ix_poll();
		karr->len = 0;
		ix_handle_events();
	}
}

int main(int argc, char *argv[])
{
	if (argc == 2 && !strcmp(argv[1], "place")) {
		ops.udp_recv = place_recv;
		ops.udp_sent = place_sent;
	}
	if (mempool_create_datastore(&answer_store, ANSWERS,
				     sizeof(struct answer), 0,
				     MEMPOOL_DEFAULT_CHUNKSIZE, "answer"))
		return 1;
	on_all_cores(server_main);
	return 0;
}

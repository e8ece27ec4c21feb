/* SPDX-License-Identifier: MIT */
/*
 * sums: a UDP server on every elastic thread that answers each datagram by its
 * length and FNV-1a sum, in one line: a small answer to the largest one.
 *
 *	ix run ... -- sums PORT
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "ix/ix.h"
#include "ix/ixev.h"

static uint16_t port;

static void answer(struct ixev_udp *u, void *data, size_t len,
		   const struct ix_addr *ip, uint16_t from)
{
	const uint8_t *p = data;
	uint64_t sum = 0xcbf29ce484222325;
	char line[64];
	int n;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * 0x100000001b3;
	n = snprintf(line, sizeof(line), "%zu %016" PRIx64, len, sum);
	ixev_udp_send(u, ip, from, line, (size_t)n);
	ixev_udp_recv_done(u, data);
}

static void *serve(void *arg)
{
	struct ixev_udp udp;

	if (ixev_init_thread() || ixev_udp_bind(&udp, NULL, port, answer)) {
		fprintf(stderr, "sums: cannot bind\n");
		exit(1);
	}
	ixev_loop();
	ixev_exit_thread();
	return arg;
}

int main(int argc, char **argv)
{
	static struct ixev_conn_ops none;
	pthread_t others[IX_MAX_THREADS];
	int n;

	if (argc != 2 || ixev_init(&none))
		return 1;
	port = (uint16_t)atoi(argv[1]);
	n = ix_nthreads() - 1;
	for (int i = 0; i < n; i++)
		pthread_create(&others[i], NULL, serve, NULL);
	serve(NULL);
	for (int i = 0; i < n; i++)
		pthread_join(others[i], NULL);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What the echo servers on Linux have in common: options, listening sockets, a
 * thread per core, each with a socket of its own (SO_REUSEPORT).
 */
#ifndef BENCH_LINUX_SERVER_H
#define BENCH_LINUX_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct server_conf {
	const char *name;
	uint16_t port;
	uint16_t ports; /* how many, from that on */
	int threads;
	int busy_poll_us; /* 0: sleep when there is nothing to do */
	bool udp;
};

enum { SERVER_MAX_PORTS = 64 };

/* @letters: of the options that the server has: p, t, b, u, n. False: usage. */
bool server_parse(struct server_conf *conf, const char *letters, int argc,
		  char **argv);

/* A socket that listens on the @i-th port, or -1 with errno. @type: SOCK_STREAM
 * or SOCK_DGRAM, and flags. Accepted sockets inherit TCP_NODELAY and the
 * busy-polling. */
int server_listen(const struct server_conf *conf, uint16_t i, int type);

/* Ends only with the program. */
void server_run(const struct server_conf *conf,
		void (*serve)(const struct server_conf *conf));

/* Says why, ends the program. */
_Noreturn void server_die(const struct server_conf *conf, const char *what);

#endif

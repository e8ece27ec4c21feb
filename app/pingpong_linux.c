/* SPDX-License-Identifier: MIT */
/* pingpong over blocking Linux sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pingpong.h"

static int fail(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	return 1;
}

/* All @len bytes, or false at the end of the stream or an error. */
static bool read_all(int fd, void *buf, size_t len)
{
	char *to = buf;
	ssize_t n;

	for (; len; to += n, len -= (size_t)n) {
		n = read(fd, to, len);
		if (n <= 0)
			return false;
	}
	return true;
}

static bool write_all(int fd, const void *buf, size_t len)
{
	const char *from = buf;
	ssize_t n;

	for (; len; from += n, len -= (size_t)n) {
		n = send(fd, from, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
	}
	return true;
}

static void set_options(int fd, const struct pp_options *o)
{
	int one = 1, us = (int)o->busy_poll;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (us && setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us)))
		fail("SO_BUSY_POLL");
}

/* One connection, until the client closes it. */
static void serve(int fd, char *buf)
{
	struct pp_header h;
	uint32_t i;

	while (read_all(fd, &h, sizeof(h))) {
		if (h.magic != PP_MAGIC || !h.size || h.size > PP_MAX_SIZE)
			return;
		for (i = 0; i < h.iters; i++) {
			if (!read_all(fd, buf, h.size) ||
			    !write_all(fd, buf, h.size))
				return;
		}
	}
}

/* To both families, if the kernel has IPv6. */
static int listen_on(uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool v6 = fd >= 0;

	if (!v6)
		fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 ||
	    (v6 ? bind(fd, (struct sockaddr *)&in6, sizeof(in6))
		: bind(fd, (struct sockaddr *)&in, sizeof(in))) ||
	    listen(fd, 16))
		return -1;
	return fd;
}

static int run_server(const struct pp_options *o, char *buf)
{
	int fd = listen_on(o->port), conn;

	if (fd < 0)
		return fail("cannot listen");
	while ((conn = accept(fd, NULL, NULL)) >= 0) {
		set_options(conn, o);
		serve(conn, buf);
		close(conn);
	}
	return fail("accept");
}

static bool series(int fd, char *buf, uint32_t size, uint64_t *rtt, uint32_t n)
{
	struct pp_header h = { .magic = PP_MAGIC,
			       .size = size,
			       .iters = n + PP_WARMUP };
	uint64_t begin;
	uint32_t i;

	if (!write_all(fd, &h, sizeof(h)))
		return false;
	for (i = 0; i < n + PP_WARMUP; i++) {
		begin = pp_now();
		if (!write_all(fd, buf, size) || !read_all(fd, buf, size))
			return false;
		if (i >= PP_WARMUP)
			rtt[i - PP_WARMUP] = pp_now() - begin;
	}
	return true;
}

/* Of either family. -1: it has said why. */
static int connect_to(const struct pp_options *o)
{
	struct addrinfo want = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM };
	struct addrinfo *to;
	char port[8];
	int fd;

	snprintf(port, sizeof(port), "%u", o->port);
	if (getaddrinfo(o->host, port, &want, &to)) {
		fprintf(stderr, "pingpong: '%s' is no address\n", o->host);
		return -1;
	}
	fd = socket(to->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen)) {
		fail("cannot connect");
		fd = -1;
	}
	freeaddrinfo(to);
	return fd;
}

static int run_client(const struct pp_options *o, char *buf)
{
	int fd = connect_to(o);
	uint64_t *rtt;
	uint32_t i, n;
	bool ok = true;

	if (fd < 0)
		return 1;
	set_options(fd, o);
	for (i = 0; ok && i < o->nsizes; i++) {
		n = pp_iters(o, o->sizes[i]);
		rtt = malloc(n * sizeof(*rtt));
		ok = rtt && series(fd, buf, o->sizes[i], rtt, n);
		if (ok)
			pp_report(o, o->sizes[i], rtt, n);
		free(rtt);
	}
	close(fd);
	return ok ? 0 : fail("connection lost");
}

int pp_run_linux(const struct pp_options *o)
{
	static char buf[PP_MAX_SIZE];

	return o->server ? run_server(o, buf) : run_client(o, buf);
}

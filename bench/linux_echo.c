/* SPDX-License-Identifier: MIT */
/*
 * The baseline: a good echo server on Linux sockets. One thread per core,
 * each with its own listening socket (SO_REUSEPORT) and its own epoll
 * instance; edge-triggered, non-blocking, without Nagle's delay. A message
 * costs two system calls, read and write: a short read means that the queue
 * is empty, so there is no third one to hear EAGAIN. --busy-poll: before it
 * sleeps the kernel polls the NIC, whose interrupts then stay off
 * (SO_PREFER_BUSY_POLL, EPIOCSPARAMS).
 */
#include "bench/busy_poll.h"
#include "bench/linux_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, BUF = 65536 };

/* Unsent bytes, only while the socket takes no more. */
struct conn {
	int fd;
	bool eof;
	char *rest;
	size_t rest_len, rest_at;
};

struct server {
	const struct server_conf *conf;
	int epoll, listener[SERVER_MAX_PORTS];
	struct epoll_event events[MAX_EVENTS];
	char buf[BUF];
};

/* Polling needs a NIC's queue with a number: says once whether there is one. */
static void say_napi(int fd)
{
	static bool said;
	unsigned int id = 0;
	socklen_t len = sizeof(id);

	if (said)
		return;
	said = true;
	getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &len);
	printf("linux_echo: busy-polling: %s\n",
	       id ? "the kernel polls the interface's queue"
		  : "the interface has no queue to poll (NAPI id 0)");
	fflush(stdout);
}

static int watch(int epoll, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void drop(struct conn *c)
{
	close(c->fd);
	free(c->rest);
	free(c);
}

static void accept_all(struct server *s, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));

		if (s->conf->busy_poll_us)
			say_napi(fd);
		if (c)
			c->fd = fd;
		if (!c || watch(s->epoll, fd,
				EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c)) {
			free(c);
			close(fd);
		}
	}
	/* Whoever is connected and not accepted would wait for ever. */
	if (errno == EMFILE || errno == ENFILE)
		server_die(s->conf, "accept");
}

/* True: all of it is sent. */
static bool flush_rest(struct conn *c)
{
	while (c->rest_at < c->rest_len) {
		ssize_t n = send(c->fd, c->rest + c->rest_at,
				 c->rest_len - c->rest_at, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		c->rest_at += (size_t)n;
	}
	free(c->rest);
	c->rest = NULL;
	c->rest_len = c->rest_at = 0;
	return true;
}

/* False: the connection is broken. What the socket does not take is kept. */
static bool answer(struct conn *c, const char *buf, size_t len)
{
	ssize_t n = send(c->fd, buf, len, MSG_NOSIGNAL);

	if (n == (ssize_t)len)
		return true;
	if (n < 0 && errno != EAGAIN)
		return false;
	if (n < 0)
		n = 0;
	c->rest_len = len - (size_t)n;
	c->rest = malloc(c->rest_len);
	if (!c->rest)
		return false;
	memcpy(c->rest, buf + n, c->rest_len);
	return true;
}

/* Echoes until the socket has no more to read or takes no more to write.
 * False: the connection is over. */
static bool echo(struct server *s, struct conn *c, bool hup)
{
	if (c->rest && !flush_rest(c))
		return errno == EAGAIN;
	for (;;) {
		ssize_t n = recv(c->fd, s->buf, BUF, 0);

		if (!n)
			return false;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!answer(c, s->buf, (size_t)n))
			return false;
		if (c->rest || (n < BUF && !hup))
			return true;
	}
}

/* What an event is about, if that is a socket that listens, else NULL: a
 * connection. */
static const int *listener_of(const struct server *s, const void *ptr)
{
	return ptr >= (const void *)s && ptr < (const void *)(s + 1) ? ptr
								     : NULL;
}

static _Noreturn void serve_tcp(struct server *s)
{
	for (;;) {
		int n = epoll_wait(s->epoll, s->events, MAX_EVENTS, -1);

		for (int i = 0; i < n; i++) {
			void *of = s->events[i].data.ptr;
			const int *listener = listener_of(s, of);
			uint32_t what = s->events[i].events;

			if (listener)
				accept_all(s, *listener);
			else if (!echo(s, of,
				       what & (EPOLLRDHUP | EPOLLHUP |
					       EPOLLERR)))
				drop(of);
		}
	}
}

/* Datagrams in batches: two system calls for up to 64. */
static _Noreturn void serve_udp(struct server *s)
{
	enum { BATCH = 64, SIZE = 2048 };
	static __thread char bufs[BATCH][SIZE];
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec iov[BATCH];
	struct sockaddr_in from[BATCH];

	for (;;) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ bufs[i], SIZE };
			m[i].msg_hdr = (struct msghdr){
				.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &iov[i],
				.msg_iovlen = 1,
			};
		}
		n = recvmmsg(s->listener[0], m, BATCH, 0, NULL);
		if (n <= 0 && !s->conf->busy_poll_us)
			epoll_wait(s->epoll, s->events, MAX_EVENTS, -1);
		for (int i = 0; i < n; i++)
			iov[i].iov_len = m[i].msg_len;
		if (n > 0)
			sendmmsg(s->listener[0], m, (unsigned int)n, 0);
	}
}

static void serve(const struct server_conf *conf)
{
	struct server *s = calloc(1, sizeof(*s));
	int type = conf->udp ? SOCK_DGRAM : SOCK_STREAM;

	if (!s)
		server_die(conf, "memory");
	s->conf = conf;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (uint16_t i = 0; i < conf->ports; i++) {
		int *fd = &s->listener[i];

		*fd = server_listen(conf, i, type | SOCK_NONBLOCK);
		if (*fd < 0 || watch(s->epoll, *fd, EPOLLIN, fd))
			server_die(conf, "listen");
	}
	if (conf->busy_poll_us)
		busy_poll(s->epoll, (uint32_t)conf->busy_poll_us);
	if (conf->udp)
		serve_udp(s);
	serve_tcp(s);
}

int main(int argc, char **argv)
{
	struct server_conf conf = {
		.name = "linux_echo", .port = 7, .ports = 1, .threads = 1
	};

	if (!server_parse(&conf, "ptbun", argc, argv))
		return 2;
	server_run(&conf, serve);
	return 1;
}

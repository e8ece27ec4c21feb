/* SPDX-License-Identifier: MIT */
/* Honest clients: threads that send a message, compare the answer, and note
 * how long it took. */
#include "attacker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 65536, ROOM = 2 * MESSAGE_MAX, PING_MS = 20 };

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct client_thread {
	struct honest *h;
	enum client i;
	union address server, from;
	bool kv, v6;
	uint64_t rng, serial;
	uint8_t *out, *want, *got;
	size_t nout, nwant;
};

static union address address(bool v6, uint32_t ip, uint16_t port)
{
	const struct be128 addr = addr6(ip);
	union address a = { 0 };

	if (v6) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		memcpy(&a.in6.sin6_addr, &addr, sizeof(addr));
	} else {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		a.in.sin_addr.s_addr = htonl(ip);
	}
	return a;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void nap_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void harm(struct honest *h, const char *format, ...)
{
	va_list args;

	if (atomic_exchange(&h->harmed, true))
		return;
	va_start(args, format);
	vsnprintf(h->why, sizeof(h->why), format, args);
	va_end(args);
}

static uint64_t draw(struct client_thread *c)
{
	c->rng ^= c->rng << 13;
	c->rng ^= c->rng >> 7;
	c->rng ^= c->rng << 17;
	return c->rng;
}

static void fill(struct client_thread *c, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t x = draw(c);

		memcpy(p + i, &x, len - i < 8 ? len - i : 8);
	}
}

static size_t size_of_next(struct client_thread *c)
{
	switch (c->i) {
	case C_SMALL:
		return 64;
	case C_BULK:
		return MESSAGE_MAX;
	default:
		return 2 + draw(c) % 2048 / 2 * 2;
	}
}

/* A set and a get of it; the request's length is even. */
static void compose_kv(struct client_thread *c, size_t len)
{
	int head = snprintf((char *)c->out, ROOM, "set honest%d 0 0 %zu\r\n",
			    c->i, len);
	int end;

	fill(c, c->out + head, len);
	end = sprintf((char *)c->out + head + len, "\r\nget honest%d\r\n",
		      c->i);
	c->nout = (size_t)head + len + (size_t)end;
	c->nwant = (size_t)sprintf((char *)c->want,
				   "STORED\r\nVALUE honest%d 0 %zu\r\n", c->i,
				   len);
	memcpy(c->want + c->nwant, c->out + head, len);
	memcpy(c->want + c->nwant + len, "\r\nEND\r\n", 7);
	c->nwant += len + 7;
	if (c->nout % 2)
		compose_kv(c, len - 1);
}

static void compose(struct client_thread *c)
{
	size_t len = size_of_next(c);

	if (c->kv) {
		compose_kv(c, len);
		return;
	}
	fill(c, c->out, len);
	memcpy(c->want, c->out, len);
	c->nout = c->nwant = len;
}

static bool send_all(struct client_thread *c, int fd)
{
	for (size_t at = 0; at < c->nout;) {
		ssize_t n = send(fd, c->out + at, c->nout - at, MSG_NOSIGNAL);

		if (n <= 0) {
			harm(c->h, "client %d: sending: %s", c->i,
			     strerror(errno));
			return false;
		}
		at += (size_t)n;
	}
	return true;
}

static bool receive_all(struct client_thread *c, int fd)
{
	for (size_t at = 0; at < c->nwant;) {
		ssize_t n = recv(fd, c->got + at, c->nwant - at, 0);

		if (n <= 0) {
			harm(c->h, "client %d: receiving: %s", c->i,
			     n ? strerror(errno) : "closed");
			return false;
		}
		if (memcmp(c->got + at, c->want + at, (size_t)n)) {
			harm(c->h, "client %d: wrong bytes", c->i);
			return false;
		}
		at += (size_t)n;
	}
	return true;
}

static void note(_Atomic uint64_t *longest, uint64_t ns)
{
	if (ns > *longest)
		*longest = ns;
}

/* One message, and its answer. @began: with the connection, if that is new. */
static bool exchange(struct client_thread *c, int fd, uint64_t began)
{
	compose(c);
	if (!send_all(c, fd) || !receive_all(c, fd))
		return false;
	note(c->i == C_CHURN ? &c->h->new_longest : &c->h->longest,
	     now_ns() - began);
	c->h->bytes += c->nout + c->nwant;
	c->h->messages[c->i]++;
	return true;
}

static socklen_t address_len(const struct client_thread *c)
{
	return c->v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int dial(struct client_thread *c)
{
	const struct timeval limit = { .tv_sec = LIMIT_S };
	socklen_t len = sizeof(union address);
	union address own;
	int one = 1,
	    fd = socket(c->server.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, &c->from.any, address_len(c)) ||
	    connect(fd, &c->server.any, address_len(c))) {
		harm(c->h, "client %d: connecting: %s", c->i, strerror(errno));
		close(fd);
		return -1;
	}
	getsockname(fd, &own.any, &len);
	c->h->port[c->i] = ntohs(c->v6 ? own.in6.sin6_port : own.in.sin_port);
	return fd;
}

static void churn(struct client_thread *c)
{
	while (!c->h->stop) {
		uint64_t began = now_ns();
		int fd = dial(c);
		bool done;

		if (fd < 0)
			return;
		done = exchange(c, fd, began);
		close(fd);
		if (!done)
			return;
		nap_ms(3);
	}
}

/* Of the idle one, first and last messages only. */
static bool may_go(struct client_thread *c)
{
	if (c->i != C_IDLE || !c->serial)
		return true;
	return atomic_exchange(&c->h->ask, false);
}

static void keep(struct client_thread *c)
{
	int fd = dial(c);

	if (fd < 0)
		return;
	while (!c->h->stop) {
		if (may_go(c) && !exchange(c, fd, now_ns()))
			break;
		c->serial++;
		if (c->i != C_BULK)
			nap_ms(1);
	}
	close(fd);
}

static void *client_main(void *arg)
{
	struct client_thread *c = arg;

	c->out = malloc(ROOM);
	c->want = malloc(ROOM);
	c->got = malloc(ROOM);
	c->rng = 88172645463325252ull + (uint64_t)c->i;
	if (c->i == C_CHURN)
		churn(c);
	else
		keep(c);
	return NULL;
}

/* Does the next packet answer a ping of ours? IPv4 gives its own header, too.
 */
static bool hear_ping(const struct client_thread *c, int fd)
{
	const uint8_t type = c->v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
	const ssize_t at = c->v6 ? 0 : 20;
	uint8_t buf[256];

	return recv(fd, buf, sizeof(buf), 0) >= at + 8 && buf[at] == type &&
	       buf[at + 4] == 0x10 && buf[at + 5] == 0x57;
}

static void send_ping(const struct client_thread *c, int fd)
{
	struct icmphdr p = { .type = c->v6 ? ICMP6_ECHO : ICMP_ECHO };

	p.un.echo.id = htons(0x1057);
	p.checksum = (uint16_t) ~(p.type + p.un.echo.id); /* v6: the kernel's */
	send(fd, &p, sizeof(p), 0);
}

static void *ping_main(void *arg)
{
	struct client_thread *c = arg;
	struct timeval wait = { .tv_usec = PING_MS * 1000 };
	int fd = socket(c->server.any.sa_family, SOCK_RAW | SOCK_CLOEXEC,
			c->v6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
	uint64_t answered = now_ns();

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	connect(fd, &c->server.any, address_len(c));
	while (!c->h->stop) {
		uint64_t until = now_ns() + PING_MS * 1000000ull;

		send_ping(c, fd);
		while (now_ns() < until && !c->h->stop) {
			if (!hear_ping(c, fd))
				continue;
			note(&c->h->ping_longest, now_ns() - answered);
			answered = now_ns();
			c->h->pings++;
		}
	}
	note(&c->h->ping_longest, now_ns() - answered);
	close(fd);
	return NULL;
}

void honest_run(const struct attack *a, uint32_t gateway_client)
{
	struct client_thread t[NR_CLIENTS + 1] = { 0 };
	pthread_t id[NR_CLIENTS + 1], control;

	pthread_create(&control, NULL, stall_control, a->honest);
	for (int i = 0; i <= NR_CLIENTS; i++) {
		uint32_t from = i == C_GATEWAY ? gateway_client : a->client;

		t[i].h = a->honest;
		t[i].i = (enum client)i;
		t[i].kv = a->kv;
		t[i].v6 = a->v6;
		t[i].server =
			address(a->v6, a->ix, i < NR_CLIENTS ? a->port : 0);
		t[i].from = address(a->v6, from, 0);
		pthread_create(&id[i], NULL,
			       i < NR_CLIENTS ? client_main : ping_main, &t[i]);
	}
	for (int i = 0; i <= NR_CLIENTS; i++)
		pthread_join(id[i], NULL);
	pthread_join(control, NULL);
}

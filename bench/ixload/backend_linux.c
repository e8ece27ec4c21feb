/* SPDX-License-Identifier: MIT */
/*
 * ixload on Linux sockets: one epoll instance per thread, edge-triggered,
 * non-blocking sockets without Nagle's delay. With --busy-poll the kernel polls
 * the NIC's queue before the thread sleeps.
 */
#include "bench/busy_poll.h"
#include "bench/ixload/load.h"
#include "bench/clock.h"
#include "bench/pin.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, RX_BYTES = 65536 };

struct linux_conn {
	struct load_conn load;
	int fd;
	bool connecting;
	bool blocked; /* send() took less than asked */
};

struct linux_thread {
	int epoll;
	uint8_t rx[RX_BYTES];
	struct epoll_event events[MAX_EVENTS];
};

static struct linux_conn *self(struct load_conn *c)
{
	return (struct linux_conn *)c;
}

static int allow_files(uint64_t n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= n)
		return 0;
	r.rlim_cur = n;
	if (r.rlim_max < n)
		r.rlim_max = n;
	if (!setrlimit(RLIMIT_NOFILE, &r))
		return 0;
	fprintf(stderr,
		"ixload: %lu connections need %lu open files; raise the limit "
		"(ulimit -n)\n",
		(unsigned long)n - 64, (unsigned long)n);
	return -EMFILE;
}

static int linux_init(struct load_opts *o)
{
	if (!o->threads)
		o->threads = 1;
	return allow_files((uint64_t)o->conns + 64);
}

static int linux_thread_init(struct load_thread *t)
{
	struct linux_thread *lt = calloc(1, sizeof(*lt));

	if (!lt)
		return -ENOMEM;
	pin_to(t->index, t->opts->threads);
	prctl(PR_SET_TIMERSLACK, 1000); /* ns: arrivals must not be late */
	lt->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (lt->epoll < 0)
		return -errno;
	if (t->opts->busy_poll_us)
		busy_poll(lt->epoll, t->opts->busy_poll_us);
	t->backend_priv = lt;
	return 0;
}

static void set_options(struct load_thread *t, int fd)
{
	int one = 1, us = (int)t->opts->busy_poll_us;

	if (!t->opts->udp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (us && setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us)) &&
	    !t->first_errno)
		t->first_errno = errno;
}

static int watch(struct load_thread *t, struct linux_conn *c)
{
	struct linux_thread *lt = t->backend_priv;
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = c,
	};

	return epoll_ctl(lt->epoll, EPOLL_CTL_ADD, c->fd, &ev) ? -errno : 0;
}

static int linux_dial(struct load_conn *load)
{
	struct linux_conn *c = self(load);
	struct load_thread *t = load->t;
	struct sockaddr_storage to = t->opts->to;
	int err;

	((struct sockaddr_in *)&to)->sin_port =
		htons(load->port); /* IPv6, too */
	c->fd = socket(to.ss_family,
		       (t->opts->udp ? SOCK_DGRAM : SOCK_STREAM) |
			       SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0);
	if (c->fd < 0)
		return -errno;
	set_options(t, c->fd);
	c->connecting = true;
	c->blocked = false;
	err = connect(c->fd, (struct sockaddr *)&to, t->opts->to_len) ? -errno
								      : 0;
	if (!err || err == -EINPROGRESS)
		err = watch(t, c);
	if (err)
		close(c->fd);
	return err;
}

static int64_t linux_send(struct load_conn *load, const void *buf, uint32_t len,
			  bool stable)
{
	struct linux_conn *c = self(load);
	ssize_t n = send(c->fd, buf, len, MSG_NOSIGNAL);

	if (n == (ssize_t)len)
		return n;
	c->blocked = true;
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	load->dead = true; /* the socket will say so: EPOLLERR or EPOLLHUP */
	return -errno;
}

static void linux_close(struct load_conn *load, bool reset)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	int fd = self(load)->fd;

	if (reset && !load->t->opts->udp)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	load_released(load);
}

static void open_failed(struct linux_conn *c, int err)
{
	close(c->fd);
	load_open_failed(&c->load, err);
}

static void connected(struct linux_conn *c)
{
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	c->connecting = false;
	if (err)
		open_failed(c, err);
	else
		load_opened(&c->load);
}

/* Edge-triggered: until nothing is left. */
static void receive(struct linux_conn *c)
{
	struct linux_thread *lt = c->load.t->backend_priv;

	while (c->load.state == CONN_OPEN) {
		ssize_t n = recv(c->fd, lt->rx, sizeof(lt->rx), 0);

		if (n > 0) {
			/* The answer may be to what this batch has sent. */
			c->load.t->now = clock_ns();
			load_input(&c->load, lt->rx, (uint32_t)n);
			/* Short: the queue was empty, an edge will follow. */
			if (n < RX_BYTES && !c->load.t->opts->udp)
				return;
		} else if (n < 0 && errno == EAGAIN) {
			return;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (c->load.t->opts->udp) {
			c->load.t->first_errno = n < 0 ? errno : 0;
			return;
		} else {
			load_closed(&c->load, n ? errno : 0);
		}
	}
}

static void handle(const struct epoll_event *ev)
{
	struct linux_conn *c = ev->data.ptr;

	if (c->load.state == CONN_DIALING && c->connecting &&
	    ev->events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		connected(c);
	if (c->load.state != CONN_OPEN)
		return;
	if (ev->events & EPOLLOUT && c->blocked) {
		c->blocked = false;
		load_writable(&c->load);
	}
	if (ev->events & EPOLLIN)
		receive(c);
	/* RDHUP may come with the last data, or after it. */
	if (ev->events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP) &&
	    !c->load.t->opts->udp)
		receive(c);
}

/* Spins when sleeping would be longer than the wait. */
static int wait_events(struct load_thread *t, uint64_t ns)
{
	struct linux_thread *lt = t->backend_priv;
	struct timespec ts = clock_timespec(ns);

	if (ns < 100000)
		return epoll_wait(lt->epoll, lt->events, MAX_EVENTS, 0);
	return epoll_pwait2(lt->epoll, lt->events, MAX_EVENTS, &ts, NULL);
}

static void linux_loop(struct load_thread *t)
{
	struct linux_thread *lt = t->backend_priv;
	uint64_t wait;

	while ((wait = load_step(t, clock_ns())) != LOAD_END) {
		int n = wait_events(t, wait);

		t->now = clock_ns();
		for (int i = 0; i < n; i++)
			handle(&lt->events[i]);
	}
	for (uint32_t i = 0; i < t->nconns; i++) {
		struct load_conn *c = load_conn_at(t, i);

		if (c->state == CONN_OPEN || c->state == CONN_DIALING)
			load_end(c, t->opts->rst || c->out);
	}
}

const struct load_backend backend_linux = {
	.name = "linux",
	.conn_bytes = sizeof(struct linux_conn),
	.init = linux_init,
	.alloc = malloc,
	.thread_init = linux_thread_init,
	.loop = linux_loop,
	.dial = linux_dial,
	.send = linux_send,
	.close = linux_close,
};

/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server: libmicrohttpd, on one thread.
 *
 * Who connects is nobody we know. A connection has one request and WEB_SECONDS
 * for all of it, whatever it sends or leaves out; there are WEB_CONNS at a
 * time, and others wait until one ends.
 */
#include "cp/web.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	WEB_CONNS = 64,
	WEB_SECONDS = 10,
	WEB_HEADERS = 16 << 10, /* bytes of a request, and of an answer's */
	WEB_LOOK_MS = 500,	/* is a connection late? */
};

struct conn {
	int fd; /* -1: free */
	double until;
};

struct web {
	struct MHD_Daemon *mhd;
	struct web_address at;
	int stop_fd; /* eventfd */
	pthread_t thread;
	struct conn conns[WEB_CONNS];
	bool open; /* some of them are */
	struct web_source source;
};

double web_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- connections, and their time */

static void note_conn(void *arg, struct MHD_Connection *c, void **slot,
		      enum MHD_ConnectionNotificationCode what)
{
	struct web *w = arg;
	struct conn *conn = *slot;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED && conn)
		conn->fd = -1;
	for (int i = 0; what == MHD_CONNECTION_NOTIFY_STARTED && i < WEB_CONNS;
	     i++) {
		if (w->conns[i].fd >= 0)
			continue;
		w->conns[i] = (struct conn){
			.fd = MHD_get_connection_info(
				      c, MHD_CONNECTION_INFO_CONNECTION_FD)
				      ->connect_fd,
			.until = web_seconds() + WEB_SECONDS,
		};
		*slot = &w->conns[i];
		return;
	}
}

/* Those that are late end as if the peer had; true: there are others. */
static bool end_late(struct web *w)
{
	double now = web_seconds();
	bool open = false;

	for (int i = 0; i < WEB_CONNS; i++) {
		if (w->conns[i].fd < 0)
			continue;
		open = true;
		if (now > w->conns[i].until)
			shutdown(w->conns[i].fd, SHUT_RDWR);
	}
	return open;
}

static void *serve(void *arg)
{
	struct web *w = arg;
	struct pollfd fds[] = {
		{ .events = POLLIN,
		  .fd = MHD_get_daemon_info(w->mhd, MHD_DAEMON_INFO_EPOLL_FD)
				->epoll_fd },
		{ .events = POLLIN, .fd = w->stop_fd },
	};

	while (!fds[1].revents) {
		/* Once more when the last one has ended: where there were too
		 * many, libmicrohttpd listens again only then. */
		bool had = w->open;

		w->open = end_late(w);
		poll(fds, ARRAY_SIZE(fds), had || w->open ? WEB_LOOK_MS : -1);
		MHD_run(w->mhd);
	}
	return NULL;
}

/* ---- start and end */

/* Signals are for the threads of who calls. */
static int start_thread(struct web *w)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&w->thread, NULL, serve, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

static int start(struct web *w, int fd)
{
	int err;

	w->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (w->stop_fd < 0)
		return -errno;
	w->mhd = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, web_answer, &w->source,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)WEB_CONNS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)WEB_HEADERS, MHD_OPTION_NOTIFY_CONNECTION, note_conn, w,
		MHD_OPTION_END);
	if (!w->mhd) {
		close(w->stop_fd);
		return -ENOMEM;
	}
	err = start_thread(w);
	if (err) {
		MHD_stop_daemon(w->mhd); /* closes fd, too */
		close(w->stop_fd);
	}
	return err;
}

int web_start(struct web **out, const struct web_conf *conf, char *why,
	      size_t why_len)
{
	struct web *w = calloc(1, sizeof(*w));
	int fd, err;

	if (!w)
		return -ENOMEM;
	for (int i = 0; i < WEB_CONNS; i++)
		w->conns[i].fd = -1;
	snprintf(w->source.dir, sizeof(w->source.dir), "%s", conf->dir);
	fd = web_listen(&w->at, conf->listen, why, why_len);
	w->source.local = w->at.local;
	err = fd < 0 ? fd : start(w, fd);
	if (fd >= 0 && err)
		snprintf(why, why_len, "HTTP server: %s", strerror(-err));
	if (err) {
		free(w);
		return err;
	}
	*out = w;
	return 0;
}

void web_stop(struct web *w)
{
	const u64 one = 1;

	if (write(w->stop_fd, &one, sizeof(one)) < 0)
		return; /* cannot be: nobody else has written */
	pthread_join(w->thread, NULL);
	MHD_stop_daemon(w->mhd);
	close(w->stop_fd);
	free(w);
}

const char *web_url(const struct web *w)
{
	return w->at.url;
}

bool web_is_local(const struct web *w)
{
	return w->at.local;
}

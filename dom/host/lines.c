/* SPDX-License-Identifier: MIT */
#include "dom/host/lines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FULL_MS = 100 };

struct lines_client {
	struct lines_peer peer;
	int fd;
	bool ready; /* poll() said so */
	bool ends;  /* when the answer is out */
	u64 seen;   /* ns: when it sent or took something last */
	u64 began;  /* ns: the request that is not yet whole; or the answer */
	char *out;  /* answer, to be freed; NULL: none */
	struct lines_fds pass; /* with its first byte */
	size_t out_len, out_at;
	u32 in_len;
	char in[LINES_REQUEST + 1];
};

/* ---- the socket */

/* Nobody has descriptors to pass to us, and to drop one may take as long as its
 * maker likes: a connection that lingers. Linux before 6.16 cannot refuse them:
 * struct hurry is for that. */
static void refuse_descriptors(int fd)
{
	int no = 0;

	setsockopt(fd, SOL_SOCKET, LINES_PASSRIGHTS, &no, sizeof(no));
}

/* NULL where nothing can be passed to us. */
static struct hurry *hurry(struct lines *l)
{
	int yes = 1;
	socklen_t len = sizeof(yes);

	if (!getsockopt(l->fd, SOL_SOCKET, LINES_PASSRIGHTS, &yes, &len) &&
	    !yes)
		return NULL;
	return &l->hurry;
}

/* The mask is the process's, and other threads may make files meanwhile: so
 * the mode is set afterwards. */
int lines_listen(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	refuse_descriptors(fd);
	unlink(path);
	if (!bind(fd, (const void *)&a, sizeof(a)) && !chmod(path, 0666) &&
	    !listen(fd, LINES_CLIENTS))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* ---- clients */

static void close_passed(struct lines_fds *pass)
{
	while (pass->n)
		close(pass->fd[--pass->n]);
}

/* With all that was passed to it, and read by nobody. */
static void hang_up(struct lines *l, int fd)
{
	struct hurry *h = hurry(l);

	hurry_begin(h);
	close(fd);
	hurry_end(h);
}

static void drop(struct lines *l, u32 i)
{
	struct lines_client *c = l->clients[i];

	if (l->gone)
		l->gone(l->arg, c->peer.id);
	close_passed(&c->pass);
	hang_up(l, c->fd);
	free(c->out);
	free(c);
	l->clients[i] = l->clients[--l->n];
}

static u32 untrusted_of(const struct lines *l, uid_t uid)
{
	u32 n = 0;

	for (u32 i = 0; i < l->n; i++)
		n += l->clients[i]->peer.uid == uid &&
		     !l->clients[i]->peer.trusted;
	return n;
}

static u32 of_trust(const struct lines *l, bool trusted)
{
	u32 n = 0;

	for (u32 i = 0; i < l->n; i++)
		n += l->clients[i]->peer.trusted == trusted;
	return n;
}

/* The one that has been silent longest of those with this trust; l->n: none. */
static u32 most_silent(const struct lines *l, bool trusted)
{
	u32 found = l->n;

	for (u32 i = 0; i < l->n; i++) {
		const struct lines_client *c = l->clients[i];

		if (c->peer.trusted == trusted &&
		    (found == l->n || c->seen < l->clients[found]->seen))
			found = i;
	}
	return found;
}

/* May @peer come? Room is made among its like; or among the others, where more
 * are such by now than were when they came. */
static bool admit(struct lines *l, const struct lines_peer *peer)
{
	bool full = of_trust(l, peer->trusted) >= LINES_CLIENTS;

	if (!peer->trusted && untrusted_of(l, peer->uid) >= LINES_OF_USER)
		return false;
	if (full || l->n == LINES_PLACES)
		drop(l, most_silent(l, full == peer->trusted));
	return true;
}

/* Who has not asked yet has room for a line. */
static void say_full(int fd)
{
	char why[80];
	struct iovec iov = { why,
			     (size_t)snprintf(why, sizeof(why),
					      "{\"error\": \"%d connections "
					      "of one user at a time\"}\n",
					      LINES_OF_USER) };
	const struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static struct lines_client *greet(struct lines *l, int fd, u64 now)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct lines_client *c;
	struct lines_peer peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return NULL;
	peer = (struct lines_peer){ .id = ++l->ids,
				    .uid = cred.uid,
				    .gid = cred.gid,
				    .pid = cred.pid,
				    .fd = fd,
				    .trusted = l->trusts(l->arg, cred.uid) };
	if (!admit(l, &peer)) {
		say_full(fd);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (c)
		*c = (struct lines_client){ .peer = peer,
					    .fd = fd,
					    .seen = now };
	return c;
}

/* A few, so that who connects all the time does not keep us. */
static void welcome(struct lines *l, u64 now)
{
	l->full = false;
	for (u32 i = 0; i < LINES_OF_USER; i++) {
		int fd = accept4(l->fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct lines_client *c = fd < 0 ? NULL : greet(l, fd, now);

		if (c)
			l->clients[l->n++] = c;
		else if (fd >= 0)
			hang_up(l, fd);
		else
			l->full = errno != EAGAIN && errno != EINTR;
	}
}

/* ---- in and out: false, the client has gone, or has to */

/* What is left of the answer, with the descriptors if there are any. */
static ssize_t send_part(struct lines_client *c)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(c->pass.fd))];
	} control = { .h = { .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS } };
	size_t len = c->pass.n * sizeof(c->pass.fd[0]);
	struct iovec iov = { c->out + c->out_at, c->out_len - c->out_at };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (c->pass.n) {
		control.h.cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(&control.h), c->pass.fd, len);
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(len);
	}
	return sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool put(struct lines_client *c, u64 now)
{
	ssize_t n = send_part(c);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	close_passed(&c->pass);
	c->seen = now;
	c->out_at += (size_t)n;
	if (c->out_at < c->out_len)
		return true;
	free(c->out);
	c->out = NULL;
	c->began = c->in_len ? c->seen : 0;
	return !c->ends;
}

/* Takes @out, whose end becomes the line's. */
static bool say(struct lines_client *c, char *out, u64 now)
{
	if (!out)
		return false;
	c->out_len = strlen(out) + 1;
	out[c->out_len - 1] = '\n';
	c->out = out;
	c->out_at = 0;
	c->began = now;
	return put(c, now);
}

static bool refuse_long(struct lines_client *c, u64 now)
{
	c->ends = true;
	return say(c, strdup("{\"error\": \"the request is too long\"}"), now);
}

/* The first line of what has come, if it is whole. */
static bool take_line(struct lines *l, struct lines_client *c, u64 now)
{
	char *end = memchr(c->in, '\n', c->in_len);
	size_t len = end ? (size_t)(end - c->in) : 0;
	char *out;

	if (!end && c->in_len == LINES_REQUEST)
		return refuse_long(c, now);
	if (!end)
		return true;
	*end = 0;
	c->peer.trusted = l->trusts(l->arg, c->peer.uid); /* now, not once */
	out = l->answer(l->arg, &c->peer, c->in, len, &c->pass);
	c->in_len -= (u32)len + 1;
	memmove(c->in, end + 1, c->in_len);
	return say(c, out, now);
}

static bool get(struct lines *l, struct lines_client *c, u64 now)
{
	struct hurry *h = hurry(l);
	ssize_t n;

	hurry_begin(h);
	n = recv(c->fd, c->in + c->in_len, LINES_REQUEST - c->in_len,
		 MSG_DONTWAIT);
	hurry_end(h);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	c->seen = now;
	c->began = c->began ? c->began : c->seen;
	c->in_len += (u32)n;
	return true;
}

static bool serve(struct lines *l, struct lines_client *c, u64 now)
{
	bool ok = true;

	if (c->ready && c->out)
		ok = put(c, now);
	else if (c->ready)
		ok = get(l, c, now);
	if (ok && !c->out)
		ok = take_line(l, c, now);
	return ok && (!c->began || now - c->began < LINES_SLOW_NS);
}

/* ---- rounds */

static bool has_line(const struct lines_client *c)
{
	return !c->out && memchr(c->in, '\n', c->in_len);
}

/* ms until a client has taken too long, at most @ms. */
static int patience(const struct lines *l, int ms, u64 now)
{
	if (l->full && (ms < 0 || ms > FULL_MS))
		ms = FULL_MS;
	for (u32 i = 0; i < l->n; i++) {
		const struct lines_client *c = l->clients[i];
		u64 due = c->began + LINES_SLOW_NS, left;

		if (has_line(c))
			return 0;
		if (!c->began)
			continue;
		left = due > now ? (due - now) / 1000000 + 1 : 0;
		if (ms < 0 || left < (u64)ms)
			ms = (int)left;
	}
	return ms;
}

u32 lines_wait(struct lines *l, const int *fds, u32 n, int ms, u64 now)
{
	struct pollfd p[LINES_WAITED + 1 + LINES_PLACES];
	struct pollfd *listening = p + n, *client = listening + 1;
	u32 readable = 0;

	for (u32 i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	*listening =
		(struct pollfd){ .fd = l->full ? -1 : l->fd, .events = POLLIN };
	for (u32 i = 0; i < l->n; i++)
		client[i] = (struct pollfd){ .fd = l->clients[i]->fd,
					     .events = l->clients[i]->out
							       ? POLLOUT
							       : POLLIN };
	if (poll(p, n + 1 + l->n, patience(l, ms, now)) < 0)
		memset(p, 0, sizeof(p));
	for (u32 i = 0; i < l->n; i++)
		l->clients[i]->ready = client[i].revents;
	for (u32 i = 0; i < n; i++)
		readable |= (u32) !!p[i].revents << i;
	return readable;
}

/* From the last one on: who is dropped is replaced by the last one. */
void lines_serve(struct lines *l, u64 now)
{
	for (u32 i = l->n; i-- > 0;)
		if (!serve(l, l->clients[i], now))
			drop(l, i);
	welcome(l, now);
}

/* Maybe by another thread than served it. */
void lines_close(struct lines *l)
{
	hurry_free(&l->hurry);
	while (l->n)
		drop(l, 0);
	hang_up(l, l->fd);
	hurry_free(&l->hurry);
}

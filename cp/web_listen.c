/* SPDX-License-Identifier: MIT */
/* Where the HTTP server listens. */
#include "cp/web.h"

#include "cp/number.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WEB_BACKLOG = 64 };

/* The C library takes any number for a port, and 16 bits of it. */
static bool is_port(const char *text)
{
	u64 n;

	return number_in(text, 0, 65535, &n);
}

/* ADDRESS:PORT to its parts, an IPv6 address without its brackets. */
static bool split(const char *listen, char *host, size_t len, const char **port)
{
	const char *colon = strrchr(listen, ':');
	size_t n = colon ? (size_t)(colon - listen) : 0;

	if (n > 2 && listen[0] == '[' && listen[n - 1] == ']') {
		listen++;
		n -= 2;
	} else if (memchr(listen, ':', n)) {
		return false;
	}
	if (!n || n >= len || !is_port(colon + 1))
		return false;
	memcpy(host, listen, n);
	host[n] = 0;
	*port = colon + 1;
	return true;
}

static bool is_loopback(const struct sockaddr *a)
{
	const struct sockaddr_in *v4 = (const void *)a;
	const struct sockaddr_in6 *v6 = (const void *)a;

	if (a->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* The port may be one of the kernel's choice. */
static int name(struct web_address *out, int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char host[INET6_ADDRSTRLEN + 16], port[8];
	bool v6;

	if (getsockname(fd, (struct sockaddr *)&a, &len))
		return -errno;
	if (getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return -EINVAL;
	v6 = a.ss_family == AF_INET6;
	snprintf(out->url, sizeof(out->url), "http://%s%s%s:%s/", v6 ? "[" : "",
		 host, v6 ? "]" : "", port);
	out->local = is_loopback((struct sockaddr *)&a);
	return 0;
}

/* A listening socket, or -errno. */
static int listen_at(const struct addrinfo *a)
{
	const int one = 1;
	int fd = socket(a->ai_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, WEB_BACKLOG))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int web_listen(struct web_address *out, const char *where, char *why,
	       size_t why_len)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	};
	struct addrinfo *a;
	const char *port;
	char host[64];
	int fd, err;

	if (!split(where, host, sizeof(host), &port) ||
	    getaddrinfo(host, port, &hints, &a)) {
		snprintf(why, why_len,
			 "%s is no address and port, such as " WEB_LISTEN
			 " or [::1]:9940",
			 where);
		return -EINVAL;
	}
	fd = listen_at(a);
	freeaddrinfo(a);
	err = fd < 0 ? fd : name(out, fd);
	if (err)
		snprintf(why, why_len, "%s: %s", where, strerror(-err));
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

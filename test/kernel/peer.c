/* SPDX-License-Identifier: MIT */
/*
 * Linux's end of a transfer, in the words of test/e2e/xfer.c, and what Linux
 * knows of the connection afterwards (TCP_INFO).
 *
 *	peer OPTIONS send|recv|both HOST PORT BYTES
 *	peer OPTIONS serve PORT         one connection of xfer's --dial
 *
 *	-c ALGORITHM    of congestion control
 *	-f              opens with Fast Open
 *
 * One line: "ok ecn=1 sack=1 retrans=0 ce=12 dsacks=0 reordered=0".
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PERIOD = 1000003, CHUNK = 1 << 16, LIMIT_S = 40 };

static char pattern[PERIOD + CHUNK];
static const char *algorithm;
static bool fast_open;

static void pattern_make(void)
{
	uint32_t x = 1;

	for (int i = 0; i < PERIOD; i++) {
		x = x * 1103515245 + 12345;
		pattern[i] = (char)(x >> 24);
	}
	memcpy(pattern + PERIOD, pattern, CHUNK);
}

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void set(int fd, int level, int option, const void *value, socklen_t len)
{
	if (setsockopt(fd, level, option, value, len))
		die("setsockopt");
}

static void prepare(int fd)
{
	const int on = 1;

	if (algorithm)
		set(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm,
		    (socklen_t)strlen(algorithm));
	if (fast_open)
		set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
}

/* Patient: the server may just be starting. */
static int dial(const char *host, const char *port)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICHOST };
	struct addrinfo *a;

	if (getaddrinfo(host, port, &want, &a))
		die(host);
	for (int i = 0; i < 50; i++) {
		int fd = socket(a->ai_family, SOCK_STREAM, 0);

		prepare(fd);
		if (!connect(fd, a->ai_addr, a->ai_addrlen))
			return fd;
		close(fd);
		usleep(100000);
	}
	die("connect");
	return -1;
}

static int take(const char *port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)atoi(port)) };
	int l = socket(AF_INET6, SOCK_STREAM, 0), fd;
	const int on = 1;

	prepare(l);
	set(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(l, (struct sockaddr *)&at, sizeof(at)) || listen(l, 4))
		die("listen");
	puts("ready");
	fflush(stdout);
	fd = accept(l, NULL, NULL);
	if (fd < 0)
		die("accept");
	return fd;
}

static void send_all(int fd, uint64_t n)
{
	for (uint64_t pos = 0; pos < n;) {
		uint64_t left = n - pos;
		ssize_t k = write(fd, pattern + pos % PERIOD,
				  left < CHUNK ? left : CHUNK);

		if (k <= 0)
			die("write");
		pos += (uint64_t)k;
	}
}

static void recv_all(int fd, uint64_t n)
{
	static char buf[CHUNK];

	for (uint64_t pos = 0; pos < n;) {
		uint64_t left = n - pos;
		ssize_t k = read(fd, buf, left < CHUNK ? left : CHUNK);

		if (k <= 0)
			die("read");
		if (memcmp(buf, pattern + pos % PERIOD, (size_t)k)) {
			errno = EBADMSG;
			die("wrong bytes");
		}
		pos += (uint64_t)k;
	}
}

static void line_of(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && read(fd, line + n, 1) == 1)
		if (line[n++] == '\n')
			break;
	line[n] = 0;
}

static void expect_verdict(int fd, uint64_t n)
{
	char line[64], want[64];

	snprintf(want, sizeof(want), "ok %llu\n", (unsigned long long)n);
	line_of(fd, line, sizeof(line));
	if (strcmp(line, want)) {
		errno = EBADMSG;
		die(line);
	}
}

static void expect_end(int fd)
{
	char c;

	if (read(fd, &c, 1))
		die("end");
}

/* ---- both at once: a process for what is sent */

static pid_t send_beside(int fd, uint64_t n)
{
	pid_t child = fork();

	if (child)
		return child;
	alarm(LIMIT_S);
	send_all(fd, n);
	_exit(0);
}

static void join(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) < 0 || status) {
		errno = EPIPE;
		die("the sending half");
	}
}

static void work(int fd, bool sends, bool receives, uint64_t n, bool hears)
{
	pid_t child = sends ? send_beside(fd, n) : 0;
	char line[64];

	if (receives)
		recv_all(fd, n);
	if (child)
		join(child);
	if (sends && hears)
		expect_verdict(fd, n);
	if (receives && !hears) {
		int len = snprintf(line, sizeof(line), "ok %llu\n",
				   (unsigned long long)n);

		if (write(fd, line, (size_t)len) != len)
			die("write");
	}
}

static void client(int fd, const char *what, const char *bytes)
{
	bool sends = strcmp(what, "recv"), receives = strcmp(what, "send");
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %s\n",
			 !sends	    ? "send"
			 : receives ? "both"
				    : "recv",
			 bytes);

	if (write(fd, line, (size_t)n) != n)
		die("write");
	work(fd, sends, receives, strtoull(bytes, NULL, 10), true);
	expect_end(fd);
}

/* The other side of xfer --dial: its word is what we are to do. */
static void server(int fd)
{
	char line[64], what[16];
	unsigned long long n;

	line_of(fd, line, sizeof(line));
	if (sscanf(line, "%15s %llu", what, &n) != 2) {
		errno = EBADMSG;
		die("command");
	}
	work(fd, strcmp(what, "recv"), strcmp(what, "send"), n, false);
	shutdown(fd, SHUT_WR);
	expect_end(fd);
}

static void tell(int fd)
{
	struct tcp_info i = { 0 };
	socklen_t len = sizeof(i);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len))
		die("TCP_INFO");
	printf("ok ecn=%d sack=%d retrans=%u ce=%u dsacks=%u reordered=%u\n",
	       !!(i.tcpi_options & TCPI_OPT_ECN),
	       !!(i.tcpi_options & TCPI_OPT_SACK), i.tcpi_total_retrans,
	       i.tcpi_delivered_ce, i.tcpi_dsack_dups, i.tcpi_reord_seen);
}

int main(int argc, char **argv)
{
	int c, fd;

	while ((c = getopt(argc, argv, "c:f")) >= 0) {
		if (c == 'c')
			algorithm = optarg;
		else if (c == 'f')
			fast_open = true;
		else
			return 2;
	}
	argv += optind;
	argc -= optind;
	alarm(LIMIT_S);
	pattern_make();
	if (argc == 2 && !strcmp(argv[0], "serve")) {
		fd = take(argv[1]);
		server(fd);
	} else if (argc == 4) {
		fd = dial(argv[1], argv[2]);
		client(fd, argv[0], argv[3]);
	} else {
		return 2;
	}
	tell(fd);
	return 0;
}

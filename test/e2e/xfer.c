/* SPDX-License-Identifier: MIT */
/*
 * xfer: the IX end of the tests in this directory; peer/ is the Linux end.
 * A client says in one line what the server shall do; all bytes are those of
 * one known pattern, checked by whoever receives them.
 *
 *	send N      N bytes, then FIN
 *	recv N      takes N bytes, answers "ok N\n" or "wrong OFFSET\n", FIN
 *	both N      both at once, "ok N\n" behind the N bytes
 *	shut N      N bytes and FIN at once, but goes on receiving: until FIN
 *	slow N MS   as recv, but nothing for a second, then 100 KB every MS
 *	drip N MS   as send, but 1000 bytes every MS
 *	abort N     N bytes, then RST
 *	hold        reads nothing, keeps the connection
 *
 * How connections end is told on stdout: "COMMAND: SENT RECEIVED ERRNO".
 *
 *	ix run ... -- xfer [--port N] [--backlog N] [--send-limit BYTES]
 *	ix run ... -- xfer --dial IP:PORT [COMMAND N]
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ix/ix.h"
#include "ix/ixev.h"

enum { PERIOD = 1000003, CHUNK = 100000, DRIP = 1000 };
enum { NS_PER_MS = 1000000 };

/* What is still to be done in each direction. */
enum {
	SENDS = 1,
	RECEIVES = 2,
	TELLS = 4, /* the verdict is sent when all has come */
	HEARS = 8, /* ... received */
	PACED = 16,
	SHUTS = 32, /* FIN when all is sent; goes on receiving */
	ABORTS = 64,
	HOLDS = 128,
	CLIENT = 256,
};

static const struct command {
	const char *name;
	unsigned int server, client;
} commands[] = {
	{ "send", SENDS, CLIENT | RECEIVES },
	{ "recv", RECEIVES | TELLS, CLIENT | SENDS | HEARS },
	{ "both", SENDS | RECEIVES | TELLS, CLIENT | SENDS | RECEIVES | HEARS },
	{ "shut", SENDS | SHUTS, CLIENT | RECEIVES },
	{ "slow", RECEIVES | TELLS | PACED, CLIENT | SENDS | HEARS },
	{ "drip", SENDS | PACED, CLIENT | RECEIVES },
	{ "abort", SENDS | ABORTS, CLIENT | RECEIVES },
	{ "hold", HOLDS, CLIENT },
	{ NULL, 0, 0 },
};

struct conn {
	struct ixev_ctx ctx;
	struct ixev_timer timer;
	const struct command *command;
	unsigned int does;
	unsigned int pause; /* ms */
	char line[64];
	unsigned int nline;
	bool ended;
	uint64_t tx_todo, tx_pos, rx_todo, rx_pos;
	uint64_t budget; /* bytes until the timer; not PACED: endless */
	int64_t wrong;	 /* offset of the first wrong byte, or -1 */
};

static uint16_t port; /* 0: those that `ix run` was given, else 5001 */
static uint32_t backlog = 1024;
static char *pattern;	    /* twice: any PERIOD bytes are in one piece */
static const char *dial_to; /* client */
static char **dial_words;
static int status;

static void pattern_make(void)
{
	uint32_t x = 1;

	pattern = ix_alloc_pages(2 * PERIOD);
	for (int i = 0; pattern && i < PERIOD; i++) {
		x = x * 1103515245 + 12345;
		pattern[i] = (char)(x >> 24);
	}
	if (pattern)
		memcpy(pattern + PERIOD, pattern, PERIOD);
}

static void conn_end(struct conn *c)
{
	if (c->ended)
		return;
	c->ended = true;
	printf("%s: %lu %lu %s\n", c->command ? c->command->name : "nothing",
	       (unsigned long)c->tx_pos, (unsigned long)c->rx_pos,
	       c->wrong >= 0 ? "WRONG" : strerrorname_np(ixev_error(&c->ctx)));
	fflush(stdout);
	ixev_timer_cancel(&c->timer);
	if (c->does & ABORTS)
		ixev_abort(&c->ctx);
	else
		ixev_close(&c->ctx);
	if (c->does & CLIENT) {
		status = ixev_error(&c->ctx) || c->wrong >= 0 || c->tx_todo ||
			 c->rx_todo;
	}
}

/* ---- the two directions; true: finished */

static bool transmit(struct conn *c)
{
	while (c->tx_todo && c->budget) {
		uint64_t len = c->tx_todo;
		ssize_t n;

		if (len > PERIOD)
			len = PERIOD;
		if (len > c->budget)
			len = c->budget;
		n = ixev_send_zc(&c->ctx, pattern + c->tx_pos % PERIOD, len);
		if (n <= 0)
			return false;
		c->tx_pos += (uint64_t)n;
		c->tx_todo -= (uint64_t)n;
		c->budget -= (uint64_t)n;
	}
	return !c->tx_todo;
}

static void check(struct conn *c, const char *data, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		uint64_t pos = c->rx_pos + done;

		n = len - done < PERIOD ? len - done : PERIOD;
		if (c->wrong < 0 &&
		    memcmp(data + done, pattern + pos % PERIOD, n))
			c->wrong = (int64_t)pos;
	}
}

static bool receive(struct conn *c)
{
	const void *data;
	size_t len;

	while (c->rx_todo && c->budget &&
	       (data = ixev_recv_peek(&c->ctx, &len))) {
		if (len > c->rx_todo)
			len = c->rx_todo;
		if (len > c->budget)
			len = c->budget;
		check(c, data, len);
		ixev_recv_zc(&c->ctx, len);
		c->rx_pos += len;
		c->rx_todo -= len;
		c->budget -= len;
	}
	return !c->rx_todo;
}

static void tell(struct conn *c)
{
	char text[64];
	int n;

	if (c->wrong >= 0)
		n = snprintf(text, sizeof(text), "wrong %ld\n", (long)c->wrong);
	else
		n = snprintf(text, sizeof(text), "ok %lu\n",
			     (unsigned long)c->rx_pos);
	ixev_send(&c->ctx, text, (size_t)n);
	c->does &= ~(unsigned int)TELLS;
}

/* The verdict: one line. True: it is complete. */
static bool hear(struct conn *c)
{
	while (c->nline < sizeof(c->line) - 1 &&
	       ixev_recv(&c->ctx, &c->line[c->nline], 1) == 1) {
		if (c->line[c->nline++] != '\n')
			continue;
		if (strncmp(c->line, "ok ", 3))
			c->wrong = 0;
		return true;
	}
	return false;
}

static void shut(struct conn *c)
{
	ixev_shutdown_write(&c->ctx);
	c->does &= ~(unsigned int)SHUTS;
	c->does |= RECEIVES;
	c->rx_todo = UINT64_MAX;
	c->budget = UINT64_MAX;
}

static void work(struct conn *c)
{
	bool done = true;

	if (c->does & SENDS)
		done &= transmit(c);
	if (done && (c->does & SHUTS)) {
		shut(c);
		done = false;
	}
	if (c->does & RECEIVES)
		done &= receive(c);
	if (done && (c->does & TELLS))
		tell(c);
	if (done && (c->does & HEARS))
		done = hear(c);
	if (done && !(c->does & HOLDS))
		conn_end(c);
}

static void ticked(void *arg)
{
	struct conn *c = arg;

	c->budget = c->does & SENDS ? DRIP : CHUNK;
	ixev_timer_add_ns(&c->timer, c->pause * (uint64_t)NS_PER_MS);
	work(c);
}

/* ---- the command */

static int begin(struct conn *c, bool client)
{
	unsigned long n = 0;
	char name[16] = "";

	sscanf(c->line, "%15s %lu %u", name, &n, &c->pause);
	for (c->command = commands; c->command->name; c->command++)
		if (!strcmp(name, c->command->name))
			break;
	if (!c->command->name)
		return -EINVAL;
	c->does = client ? c->command->client : c->command->server;
	c->tx_todo = c->does & SENDS ? n : 0;
	c->rx_todo = c->does & RECEIVES ? n : 0;
	c->budget = UINT64_MAX;
	c->nline = 0;
	if (c->does & PACED) {
		c->budget = 0;
		ixev_timer_add_ns(&c->timer, 1000ull * NS_PER_MS);
	}
	return 0;
}

/* False: not yet complete. */
static bool read_command(struct conn *c)
{
	while (c->nline < sizeof(c->line) - 1) {
		if (ixev_recv(&c->ctx, &c->line[c->nline], 1) != 1)
			return false;
		if (c->line[c->nline++] == '\n')
			break;
	}
	if (begin(c, false)) {
		c->command = NULL;
		conn_end(c);
	}
	return c->command;
}

/* Nothing more will come: of use only to whoever waits for it. */
static void hung_up(struct conn *c)
{
	size_t len;

	if (ixev_error(&c->ctx)) {
		conn_end(c);
		return;
	}
	if (ixev_recv_peek(&c->ctx, &len) || ixev_recv(&c->ctx, &len, 0))
		return;
	if (!c->command || (c->rx_todo && !c->tx_todo) ||
	    (c->does & (HEARS | HOLDS))) {
		if (c->rx_todo > UINT64_MAX / 2)
			c->rx_todo = 0;
		conn_end(c);
	}
}

static void handler(struct ixev_ctx *ctx, unsigned int reason)
{
	struct conn *c = (struct conn *)ctx;

	if (!c->ended && (c->command || read_command(c)))
		work(c);
	if (!c->ended && (reason & IXEVHUP))
		hung_up(c);
}

static struct conn *conn_new(void)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->wrong = -1;
	ixev_ctx_init(&c->ctx);
	ixev_timer_init(&c->timer, ticked, c);
	ixev_set_handler(&c->ctx, IXEVIN | IXEVOUT | IXEVHUP, handler);
	return c;
}

static struct ixev_ctx *xfer_accept(struct ip_tuple *id)
{
	struct conn *c = conn_new();

	return c ? &c->ctx : NULL;
}

static void xfer_release(struct ixev_ctx *ctx)
{
	struct conn *c = (struct conn *)ctx;

	if (c->does & CLIENT)
		ixev_loop_stop();
	free(c);
}

static void xfer_dialed(struct ixev_ctx *ctx, long ret)
{
	struct conn *c = (struct conn *)ctx;

	if (ret) {
		printf("dial: 0 0 %s\n", strerrorname_np((int)-ret));
		fflush(stdout);
		status = 1;
		c->ended = true;
		ixev_close(ctx);
		return;
	}
	work(c);
}

static struct ixev_conn_ops xfer_ops = {
	.accept = xfer_accept,
	.release = xfer_release,
	.dialed = xfer_dialed,
};

/* ---- threads and options */

static int dial(const char *to, char **words)
{
	struct conn *c = conn_new();
	char host[64], *colon;
	struct ix_addr ip;
	unsigned int number;

	snprintf(host, sizeof(host), "%s", to);
	colon = strrchr(host, ':'); /* those before are of an IPv6 address */
	if (!c || !colon || sscanf(colon, ":%u", &number) != 1)
		return -EINVAL;
	*colon = 0;
	if (ix_addr_parse(&ip, host))
		return -EINVAL;
	for (; *words; words++) {
		strncat(c->line, *words, sizeof(c->line) / 4);
		strcat(c->line, words[1] ? " " : "\n");
	}
	ixev_dial_addr(&c->ctx, &ip, (uint16_t)number);
	if (ixev_send(&c->ctx, c->line, strlen(c->line)) <= 0)
		return -EIO;
	return begin(c, true);
}

static int serve(void)
{
	int ret = ixev_init_thread();

	if (!ret && port)
		ret = ixev_listen(NULL, port, backlog);
	if (!ret)
		ret = ixev_loop();
	ixev_exit_thread();
	return ret;
}

/* The other threads are there, too, for what comes to their queues. */
static int client(void)
{
	int ret = ixev_init_thread();

	if (!ret)
		ret = dial(dial_to, dial_words);
	if (!ret)
		ret = ixev_loop();
	ixev_exit_thread();
	kill(getpid(), SIGTERM); /* ends their loops */
	return ret;
}

static void *run(void *first)
{
	int ret = dial_to && first ? client() : serve();

	if (ret)
		fprintf(stderr, "xfer: %s\n", strerror(-ret));
	return (void *)(intptr_t)ret;
}

static int run_all(void)
{
	pthread_t others[IX_MAX_THREADS];
	int n = ix_nthreads() - 1, i;
	void *ret;

	for (i = 0; i < n; i++)
		if (pthread_create(&others[i], NULL, run, NULL))
			return 1;
	ret = run(others);
	for (i = 0; i < n; i++)
		pthread_join(others[i], NULL);
	return ret ? 1 : status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "backlog", required_argument, NULL, 'b' },
		{ "dial", required_argument, NULL, 'd' },
		{ "send-limit", required_argument, NULL, 's' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "p:b:d:s:", options, NULL)) >= 0) {
		if (c == 'p')
			port = (uint16_t)atoi(optarg);
		else if (c == 'b')
			backlog = (uint32_t)atoi(optarg);
		else if (c == 'd')
			dial_to = optarg;
		else if (c == 's')
			ixev_set_send_limit((uint32_t)atoi(optarg));
		else
			return 2;
	}
	c = ixev_init(&xfer_ops);
	if (!c)
		pattern_make();
	if (c || !pattern) {
		fprintf(stderr, "xfer: no dataplane: %s\n", strerror(-c));
		return 1;
	}
	if (!port && !*ix_domain()->ports)
		port = 5001;
	dial_words = argv + optind;
	return run_all();
}

/* SPDX-License-Identifier: MIT */
/*
 *	attacker IFACE SERVER PORT echo|kv STAT ATTACK
 *	attacker --list echo|kv|echo6
 *
 * One attack on the server. STAT prints its counters. Exit status 0: no
 * honest client was harmed, and afterwards the server has given back all that
 * the attack made it take; 1: the attack has succeeded.
 */
#include "attacker.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	CLIENT = 0x0a510002,	     /* 10.81.0.2 */
	GATEWAY = 0x0a510003,	     /* another address of the same host */
	GATEWAY_CLIENT = 0x0a630002, /* 10.99.0.2, beyond it */
	BEFORE_MS = 300,
	LEAST_MS = 300,
	REST_S = 30, /* for the server to give everything back */
	MS = 1000000,
	COUNTERS_MAX = 1 << 14, /* bytes of JSON */
};

static const struct attack_kind *const all[] = {
	attacks_blind, attacks_acks,   attacks_hoard,
	attacks_flood, attacks_window, attacks_lies,
	attacks_junk,  attacks_lies6,  attacks_junk6,
};

bool success(struct attack *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!*a->why)
		vsnprintf(a->why, sizeof(a->why), format, args);
	va_end(args);
	return false;
}

uint32_t random32(struct attack *a)
{
	a->rng ^= a->rng << 13;
	a->rng ^= a->rng >> 7;
	a->rng ^= a->rng << 17;
	return (uint32_t)(a->rng >> 16);
}

/* All counters, as they are now; empty: the server is gone. */
static void read_counters(const struct attack *a, char text[COUNTERS_MAX])
{
	FILE *f = popen(a->stat, "r");
	size_t n = f ? fread(text, 1, COUNTERS_MAX - 1, f) : 0;

	text[n] = 0;
	if (f)
		pclose(f);
}

static int64_t value_of(const char *text, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(text, key);
	return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

int64_t counter(struct attack *a, const char *name)
{
	char text[COUNTERS_MAX];

	read_counters(a, text);
	return value_of(text, name);
}

/* ---- the clients' progress */

static void set_mark(struct attack *a)
{
	for (int i = 0; i < NR_CLIENTS; i++)
		a->mark[i] = a->honest->messages[i];
	a->mark_pings = a->honest->pings;
}

static bool must_go_on(int client)
{
	return client != C_IDLE;
}

/* The first client that has had no answer to a message sent after the mark,
 * or NR_CLIENTS: the pinger; -1: all have. */
static int waits(const struct attack *a)
{
	for (int i = 0; i < NR_CLIENTS; i++)
		if (must_go_on(i) && a->honest->messages[i] < a->mark[i] + 2)
			return i;
	return a->honest->pings < a->mark_pings + 2 ? NR_CLIENTS : -1;
}

bool more(struct attack *a)
{
	uint64_t since = now_ns() - a->began;

	if (a->gone || *a->why || a->honest->harmed)
		return false;
	if (since < a->least ||
	    (waits(a) >= 0 && since < LIMIT_S * 1000ull * MS))
		return true;
	if (waits(a) >= 0)
		success(a, "client %d gets no answers meanwhile", waits(a));
	return false;
}

void once_more(struct attack *a, uint32_t least_ms)
{
	set_mark(a);
	a->least = least_ms * (uint64_t)MS;
	a->began = now_ns();
}

void wait_more(struct attack *a)
{
	while (more(a))
		hear(a, 5);
}

static bool all_go_on(struct attack *a, const char *when)
{
	once_more(a, 0);
	wait_more(a);
	if (a->honest->harmed)
		success(a, "%s", a->honest->why);
	return !*a->why || success(a, "%s", when);
}

struct pace {
	uint64_t at, messages, bytes;
};

static struct pace pace_now(const struct attack *a)
{
	struct pace p = { .at = now_ns(), .bytes = a->honest->bytes };

	for (int i = 0; i < NR_CLIENTS; i++)
		p.messages += a->honest->messages[i];
	return p;
}

static uint64_t per_second(struct pace from, struct pace to)
{
	return (to.messages - from.messages) * 1000 * MS / (to.at - from.at);
}

bool keeps_pace(struct attack *a)
{
	const uint64_t until = now_ns() + LIMIT_S * 1000ull * MS;

	do {
		const struct pace from = pace_now(a);

		while (now_ns() - from.at < BEFORE_MS * (uint64_t)MS)
			hear(a, 5);
		a->pace_full = max(a->pace_full, per_second(from, pace_now(a)));
	} while (a->pace_full < a->pace / 2 && now_ns() < until &&
		 !a->honest->harmed);
	return a->pace_full >= a->pace / 2 ||
	       success(a, "%llu of %llu messages a second are left",
		       (unsigned long long)a->pace_full,
		       (unsigned long long)a->pace);
}

/* The idle one has heard nothing until now. */
static bool idle_lives(struct attack *a)
{
	uint64_t until = now_ns() + LIMIT_S * 1000ull * MS;

	a->honest->ask = true;
	while (a->honest->messages[C_IDLE] < 2 && !a->honest->harmed &&
	       now_ns() < until)
		hear(a, 1);
	if (a->honest->harmed)
		return success(a, "%s", a->honest->why);
	return a->honest->messages[C_IDLE] >= 2 ||
	       success(a, "the idle client gets no answer");
}

/* ---- the server afterwards */

static bool at_rest(struct attack *a)
{
	uint64_t until = now_ns() + REST_S * 1000ull * MS;
	char now[COUNTERS_MAX];
	int64_t conns, held;

	do {
		read_counters(a, now);
		conns = value_of(now, "tcp_conns");
		held = value_of(now, "mbufs_total") -
		       value_of(now, "mbufs_free") -
		       value_of(now, "mbufs_posted");
		if (!conns && !held)
			return true;
		hear(a, 50);
		puppets_end(a); /* what it has not heard of */
	} while (conns >= 0 && now_ns() < until);
	if (conns < 0)
		return success(a, "the server is gone");
	return success(a, "%lld connections and %lld buffers are left",
		       (long long)conns, (long long)held);
}

/* ---- one attack */

static pid_t start_clients(struct attack *a)
{
	pid_t child;

	a->honest = mmap(NULL, sizeof(*a->honest), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	child = fork();
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	honest_run(a, GATEWAY_CLIENT);
	_exit(0);
}

static bool clients_begin(struct attack *a)
{
	uint64_t until = now_ns() + LIMIT_S * 1000ull * MS;

	while (!a->honest->messages[C_IDLE] && !a->honest->harmed &&
	       now_ns() < until)
		hear(a, 1);
	return all_go_on(a, "before the attack");
}

static void print_pace(const char *when, struct pace from, struct pace to)
{
	double s = (double)(to.at - from.at) / 1e9;

	printf("%s %.0f/s %.1f MB/s", when,
	       (double)(to.messages - from.messages) / s,
	       (double)(to.bytes - from.bytes) / s / 1e6);
}

static void print_stall(const char *whose, uint64_t took, uint64_t allowed)
{
	printf("%s %.0f of %.0f ms", whose, (double)took / MS,
	       (double)allowed / MS);
}

static void verdict(struct attack *a, const char *name, const struct pace p[3])
{
	printf("%s %s: %llu frames, %u handshakes, %.1f s; honest clients ",
	       *a->why ? "FAIL" : "PASS", name, (unsigned long long)a->sent,
	       a->opened, (double)(p[2].at - p[1].at) / 1e9);
	print_pace("before", p[0], p[1]);
	print_pace(", during", p[1], p[2]);
	if (a->pace_full)
		printf(", full %llu/s", (unsigned long long)a->pace_full);
	print_stall(", longest", a->honest->longest, a->allowed[0]);
	print_stall(", new", a->honest->new_longest, a->allowed[1]);
	print_stall(", ping", a->honest->ping_longest, a->allowed[2]);
	printf("%s%s\n", *a->why ? "; SUCCEEDED: " : "", a->why);
	fflush(stdout);
}

/* What is counted of the attack alone begins here. */
static void attack_begins(struct attack *a, pid_t clients)
{
	stall_begin(a, clients);
	a->sent = 0;
	once_more(a, LEAST_MS);
}

static void run(struct attack *a, const struct attack_kind *kind)
{
	pid_t child = start_clients(a);
	struct pace p[3] = { 0 };

	if (clients_begin(a)) {
		p[0] = pace_now(a);
		for (uint64_t t = now_ns(); now_ns() - t < BEFORE_MS * (u64)MS;)
			hear(a, 5);
		a->floods = kind->on & FLOOD;
		attack_begins(a, child);
		p[1] = pace_now(a);
		a->pace = per_second(p[0], p[1]);
		kind->fn(a);
		p[2] = pace_now(a);
		if (a->honest->harmed)
			success(a, "%s", a->honest->why);
		if (!*a->why && all_go_on(a, "afterwards") && stall_judge(a))
			idle_lives(a);
		puppets_end(a);
	}
	a->honest->stop = true;
	for (uint64_t t = now_ns(); !waitpid(child, NULL, WNOHANG);) {
		hear(a, 5);
		if (now_ns() - t > (LIMIT_S + 2) * 1000ull * MS)
			kill(child, SIGKILL);
	}
	if (a->honest->harmed)
		success(a, "%s", a->honest->why);
	at_rest(a);
	verdict(a, kind->name, p);
}

static const struct attack_kind *find(const char *name)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(all); i++)
		for (const struct attack_kind *k = all[i]; k->name; k++)
			if (!strcmp(k->name, name))
				return k;
	return NULL;
}

static int list(const char *program)
{
	uint32_t on = !strcmp(program, "kv")	  ? ON_KV
		      : !strcmp(program, "echo6") ? ON_ECHO6
						  : ON_ECHO;

	for (uint32_t i = 0; i < ARRAY_SIZE(all); i++)
		for (const struct attack_kind *k = all[i]; k->name; k++)
			if (k->on & on)
				puts(k->name);
	return 0;
}

/* The server's address, of either family. */
static bool set_server(struct attack *a, const char *text)
{
	struct be128 addr;

	a->v6 = inet_pton(AF_INET6, text, &addr) == 1;
	a->ix = a->v6 ? addr_of(addr) : ntohl(inet_addr(text));
	return a->ix && a->ix != INADDR_NONE;
}

int main(int argc, char **argv)
{
	static struct attack attack = { .client = CLIENT,
					.gateway = GATEWAY,
					.naddrs = PUPPET_ADDRS,
					.rng = 0x9e3779b97f4a7c15 };
	struct attack *a = &attack;
	const struct attack_kind *kind;

	if (argc == 3 && !strcmp(argv[1], "--list"))
		return list(argv[2]);
	if (argc != 7 || !(kind = find(argv[6])) || !set_server(a, argv[2])) {
		fprintf(stderr, "usage: see attacker.c\n");
		return 1;
	}
	a->port = (uint16_t)atoi(argv[3]);
	a->kv = !strcmp(argv[4], "kv");
	a->stat = argv[5];
	if (wire_open(a, argv[1])) {
		printf("FAIL %s: no way to the server\n", kind->name);
		return 1;
	}
	run(a, kind);
	return *a->why != 0;
}

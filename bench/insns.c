/* SPDX-License-Identifier: MIT */
/*
 * Instructions per message on the server, for bench/figures/counts.py:
 *
 *	valgrind --tool=callgrind --toggle-collect=run_program
 *		--toggle-collect=client_turn insns [xdp:]PROGRAM ROUNDS
 *	valgrind --tool=callgrind --cache-sim=yes --instr-atstart=no
 *		--collect-atstart=no insns [xdp:]PROGRAM ROUNDS CONNS
 *
 * Two dataplanes on one wire in one thread. The server's application is one of
 * our programs as it is, but for the name of its main(); this file is the
 * domain that it runs in. Counted is what happens in run_program() and not in
 * client_turn(): the server's dataplane, libix, ixev and the program. The
 * client asks on 64 connections at a time, so that batches are full. Of two
 * runs the difference is what the rounds cost that one has more than the other.
 *
 * With CONNS the 64 are others each time, of so many in turn, and cache misses
 * are counted: of the last rounds, when the cache is full of what it mostly is.
 * The client uses the same cache, as a neighbour on the core would.
 *
 * With xdp: the server's NIC is AF_XDP's, and the kernel's side of its rings,
 * which is not counted, in xdp_kernel.c.
 *
 * The program rival is another stack in place of all of the server: rivals/.
 */
#include "bench/rivals/rival.h"
#include "bench/xdp_kernel.h"
#include "conf/conf.h"
#include "ix/ix.h"
#include "test/lab/lab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

enum {
	BATCH = 64, /* connections asked at a time */
	PORT = 7,
	NPORTS = 16,
	PER_PORT = 32768, /* connections: source ports are few */
	WARM = 99,	  /* rounds, besides one of all connections */
	MISSES = 200,	  /* rounds of which cache misses are counted */
	MAX_ARGS = 8,
};

/* The programs' main()s: see bench/meson.build. */
int app_echo_main(int argc, char **argv);
int example_echo_ix_main(void);
int bench_echo_raw_main(void);
int app_kv_main(int argc, char **argv);

static int echo_ix_main(int argc, char **argv)
{
	return example_echo_ix_main();
}

static int echo_raw_main(int argc, char **argv)
{
	return bench_echo_raw_main();
}

static int rival_main(int argc, char **argv);

struct exchange {
	const char *question, *answer;
};

#define TEXT64 \
	"64 bytes that come back as they are, every one of them compared."
_Static_assert(sizeof(TEXT64) == 64 + 1, "the message of all echo figures");
#define ECHOES_64 .first = { TEXT64, TEXT64 }, .usual = { TEXT64, TEXT64 }

/* Facebook's USR: most are a GET of a key of 19 bytes, a value of 2. */
#define KEY "a-key-of-19-letters"

static const struct program {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *argv[MAX_ARGS];
	struct exchange first; /* once on each connection */
	struct exchange usual;
	bool ip6;
	bool churn; /* each message on a connection of its own */
} programs[] = {
	{
		.name = "echo",
		.main = app_echo_main,
		.argv = { "echo" },
		ECHOES_64,
	},
	{
		.name = "echo_ix",
		.main = echo_ix_main,
		.argv = { "echo_ix" },
		ECHOES_64,
	},
	{
		.name = "echo_raw",
		.main = echo_raw_main,
		.argv = { "echo_raw" },
		ECHOES_64,
	},
	{
		.name = "churn",
		.main = app_echo_main,
		.argv = { "echo" },
		ECHOES_64,
		.churn = true,
	},
	{
		.name = "echo6",
		.main = app_echo_main,
		.argv = { "echo" },
		ECHOES_64,
		.ip6 = true,
	},
	{
		.name = "kv_get",
		.main = app_kv_main,
		.argv = { "kv", "-m", "2", "-I", "64k" },
		.first = { "set " KEY " 0 0 2\r\nme\r\n", "STORED\r\n" },
		.usual = { "get " KEY "\r\n",
			   "VALUE " KEY " 0 2\r\nme\r\nEND\r\n" },
	},
	{
		.name = "rival",
		.main = rival_main,
		.argv = { "rival" },
		ECHOES_64,
	},
};

static const struct program *program;
static struct lab lab;
static struct xdp_kernel kernel;
static bool on_xdp;
static u64 rounds, last_round;
static u32 nconns = BATCH, next_conn;
/* Connections that were begun, are open, wait for an answer. */
static u32 nbegun, nopen, waiting;
static struct client_conn {
	u64 handle;
	size_t got; /* bytes of the answer */
} * conns;
static bool counts_misses, counting;

/* ---- the client: bare calls and events, not counted */

static struct ix_call *call(u16 op)
{
	return lab_call(&lab.end[LAB_CLIENT], op);
}

static const struct exchange *exchange(void)
{
	return rounds * BATCH > nconns ? &program->usual : &program->first;
}

static void ask(struct client_conn *conn)
{
	struct lab_node *e = &lab.end[LAB_CLIENT];
	struct ix_call *c = call(IX_SENDV);
	u32 i = e->down->ncalls - 1;

	e->down->sgs[i] = (struct ix_sg){
		.addr = (u64)e->arena,
		.len = (u32)strlen(exchange()->question),
	};
	c->handle = conn->handle;
	c->sg = i;
	c->nsgs = 1;
	conn->got = 0;
	waiting++;
}

static void fail(const char *what)
{
	fprintf(stderr, "insns: %s: %s\n", program->name, what);
	exit(1);
}

static void on_recv(struct client_conn *conn, const struct ix_event *ev)
{
	const char *answer = exchange()->answer;
	struct ix_call *c = call(IX_RECV_DONE);

	c->handle = ev->handle;
	c->bytes = ev->len;
	if (!ev->len || ev->len > strlen(answer) - conn->got ||
	    memcmp((void *)ev->addr, answer + conn->got, ev->len))
		fail("wrong answer");
	conn->got += ev->len;
	if (conn->got < strlen(answer))
		return;
	if (program->churn)
		call(IX_CLOSE)->handle = ev->handle;
	else
		waiting--;
}

static void on_connected(struct client_conn *conn, const struct ix_event *ev)
{
	conn->handle = ev->handle;
	nopen++;
	if (program->churn)
		ask(conn);
}

static void client_event(const struct ix_event *ev)
{
	struct client_conn *conn = &conns[ev->cookie];

	if (ev->type == IX_EV_CONNECTED && !ev->error) {
		on_connected(conn, ev);
	} else if (ev->type == IX_EV_RECV && ev->len) {
		on_recv(conn, ev);
	} else if (ev->type == IX_EV_DEAD && !ev->error && program->churn) {
		waiting--;
	} else if (ev->type != IX_EV_SENT &&
		   !(program->churn && ev->type == IX_EV_RECV)) {
		fail("a connection has ended");
	}
}

static struct ix_addr server(void)
{
	struct be128 ip = LAB_IP6(LAB_SERVER);
	struct ix_addr a;

	memcpy(&a, &ip, sizeof(a));
	return program->ip6 ? a : addr_of_ipv4(be32(LAB_IP(LAB_SERVER)));
}

static void connect_some(void)
{
	for (u32 i = 0; i < BATCH && nbegun < nconns; i++) {
		struct ix_call *c = call(IX_CONNECT);

		c->ip = server();
		c->port = (u16)(PORT + nbegun / PER_PORT);
		c->cookie = nbegun++;
	}
}

/* All answers are there: the next question on as many connections. */
static void next_round(void)
{
	if (nopen < nbegun || waiting)
		return;
	if (nbegun < nconns) {
		connect_some();
		return;
	}
	rounds++;
	if (program->churn) {
		nopen = nbegun = 0;
		connect_some();
		return;
	}
	strcpy((char *)lab.end[LAB_CLIENT].arena, exchange()->question);
	for (int i = 0; i < BATCH; i++)
		ask(&conns[next_conn++ % nconns]);
}

/* After the client's turn. */
static void count_misses(void)
{
	if (rounds + 2 * MISSES > last_round)
		CALLGRIND_START_INSTRUMENTATION; /* with an empty cache */
	counting = rounds + MISSES > last_round;
	if (counting)
		CALLGRIND_TOGGLE_COLLECT;
}

static __attribute__((noinline)) void client_turn(void)
{
	struct lab_node *e = &lab.end[LAB_CLIENT];
	int n;

	if (counting)
		CALLGRIND_TOGGLE_COLLECT;
	if (on_xdp && !xdp_kernel_tx(&kernel))
		fail("the wire is full");
	n = lab_step(&lab, LAB_CLIENT, true);
	e->down->ncalls = 0;
	for (int i = 0; i < n; i++)
		client_event(&e->up->events[i]);
	next_round();
	if (on_xdp)
		xdp_kernel_rx(&kernel);
	if (counts_misses)
		count_misses();
	__asm__ volatile(""); /* not a tail call */
}

/* ---- the domain that the server runs in */

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	*port = (struct ix_port){ .down = lab.end[LAB_SERVER].down,
				  .up = lab.end[LAB_SERVER].up,
				  .domain = d };
	return 0;
}

/* Never waits: without events the program comes again. */
static int run_io(struct ix_port *port)
{
	struct lab_node *e = &lab.end[LAB_SERVER];

	if (port->down->flags & IX_RUN_FLUSH) {
		dp_flush(e->dp, lab.now);
		return 0;
	}
	client_turn();
	if (rounds > last_round)
		return -ESHUTDOWN;
	if (lab_step(&lab, LAB_SERVER, true) < 0)
		e->up->nevents = 0;
	return 0;
}

static int nothing(struct ix_port *port)
{
	return 0;
}

static void close_domain(struct ix_domain *d)
{
}

static int open_domain(void)
{
	static uint16_t ports[NPORTS + 1];
	static struct ix_domain domain = {
		.name = "lab",
		.abi_version = IX_ABI_VERSION,
		.nthreads = 1,
		.page_size = 4096,
		.ports = ports,
		.attach = attach,
		.run_io = run_io,
		.detach = nothing,
		.close = close_domain,
	};

	for (int i = 0; i < NPORTS; i++)
		ports[i] = (uint16_t)(PORT + i);
	domain.arena = lab.end[LAB_SERVER].arena;
	domain.arena_len = lab.end[LAB_SERVER].arena_len;
	return ix_init_domain(&domain);
}

/* Our own dataplane at the server's end is never run. */
static int rival_main(int argc, char **argv)
{
	struct wire_queue *w = lab.link[LAB_SERVER].queues[0];

	rival_open(w, LAB_IP(LAB_SERVER), 0xffffff00, PORT);
	for (client_turn(); rounds <= last_round; client_turn())
		rival_turn(w, lab.now);
	return 0;
}

/* What callgrind counts. */
static __attribute__((noinline)) int run_program(void)
{
	int argc = 0;
	int status;

	while (program->argv[argc])
		argc++;
	status = program->main(argc, (char **)program->argv);
	__asm__ volatile(""); /* not a tail call */
	return status;
}

static int usage(void)
{
	fputs("usage: insns [xdp:]PROGRAM ROUNDS [CONNS]\n", stderr);
	return 2;
}

static const struct program *find_program(const char *name)
{
	on_xdp = !strncmp(name, "xdp:", 4);
	if (on_xdp)
		name += 4;
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (!strcmp(programs[i].name, name))
			return &programs[i];
	return NULL;
}

static int open_lab(const struct dp_conf *conf)
{
	int err = lab_wire(&lab);

	if (!err && on_xdp) {
		xdp_kernel_init(&kernel, lab.link[LAB_SERVER].queues[0]);
		lab.end[LAB_SERVER].nic = &kernel.q.q;
	}
	if (!err)
		err = lab_start(&lab, conf);
	xdp_kernel_frames(&kernel, lab.end[LAB_SERVER].frames);
	return err;
}

int main(int argc, char **argv)
{
	struct conf conf;

	program = argc == 3 || argc == 4 ? find_program(argv[1]) : NULL;
	if (!program)
		return usage();
	counts_misses = argc == 4;
	if (counts_misses)
		nconns = (u32)max(strtoull(argv[3], NULL, 10), BATCH + 0ull);
	conns = calloc(nconns, sizeof(*conns));
	last_round = WARM + nconns / BATCH + strtoull(argv[2], NULL, 10);
	conf_init(&conf);
	conf.dp.net.ip6.nown = program->ip6;
	conf.dp.net.tcp.time_wait_ms = 1;
	lab_conf_conns(&conf.dp, max(conf.dp.net.tcp.max_conns, nconns * 2));
	if (!conns || open_lab(&conf.dp) || open_domain())
		fail("cannot start");
	strcpy((char *)lab.end[LAB_CLIENT].arena, program->first.question);
	connect_some();
	if (run_program())
		fail("has failed");
	printf("{\"messages\":%lu,\"compiler\":\"%s\"}\n",
	       (unsigned long)last_round * BATCH, __VERSION__);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The control socket's verbs, on a dataplane with two elastic threads on a
 * wire; and the whole of it once, from its socket on. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/host/ctl.h"
#include "net/neigh_int.h"

static const struct host_domain domain = { "test", "none", false };
static char dir[] = "/tmp/t_ctl.XXXXXX";
static struct ctl ctl;
static struct host *h;
static bool stop;
static pthread_t ids[2];
static const char *max_conns = "64";

static struct lines_peer root = { .id = 1, .trusted = true };
static struct lines_peer nobody = { .id = 2, .uid = 65534 };

static void set(struct conf *c, const char *name, const char *text)
{
	struct conf_err e;

	if (conf_set(c, name, text, &e))
		fail_msg("%s", e.text);
}

static void *elastic(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		host_serve(arg, 1000000);
	return NULL;
}

static int setup(void **state)
{
	struct conf c;
	char nic[64], why[256];

	snprintf(nic, sizeof(nic), "wire:%s/wire", dir);
	conf_init(&c);
	set(&c, "nic", nic);
	set(&c, "ip", "10.0.0.1/24");
	c.cores.n = 2; /* both on core 0: not every machine has more */
	set(&c, "arena", "2M");
	set(&c, "mbufs", "1024");
	set(&c, "tcp.max_conns", max_conns);
	set(&c, "name", "t_ctl");
	set(&c, "stat_dir", dir);
	if (host_open(&h, &c, &domain, why, sizeof(why)))
		fail_msg("%s", why);
	ctl = (struct ctl){ .host = h, .owner = 1000 };
	stop = false;
	for (int i = 0; i < 2; i++)
		pthread_create(&ids[i], NULL, elastic, &h->threads[i]);
	return 0;
}

static void end_threads(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(ids[i], NULL);
}

static int teardown(void **state)
{
	if (!stop)
		end_threads();
	host_close(h);
	return 0;
}

static char *ask_for(const struct lines_peer *peer, const char *line,
		     struct lines_fds *pass)
{
	char *out;

	pthread_mutex_lock(&ctl.busy);
	out = ctl_answer(&ctl, peer, line, strlen(line), pass);
	pthread_mutex_unlock(&ctl.busy);
	assert_non_null(out);
	return out;
}

static char *ask_as(const struct lines_peer *peer, const char *line)
{
	struct lines_fds pass = { 0 };
	char *out = ask_for(peer, line, &pass);

	assert_int_equal(pass.n, 0);
	return out;
}

static void expect(const struct lines_peer *peer, const char *line,
		   const char *words)
{
	char *out = ask_as(peer, line);

	if (!strstr(out, words))
		fail_msg("%s: %s", line, out);
	free(out);
}

/* ---- requests */

static void nonsense(void **state)
{
	static const char *const lines[] = {
		"",
		"{",
		"[]",
		"\"do\"",
		"null",
		"{}",
		"{\"do\":1}",
		"{\"do\":\"about\"}x",
		"{1:2}",
		"[\"do\"]",
		"{\"Do\":\"about\"}",
		"\xff\xfe",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		expect(&root, lines[i],
		       "{\"error\":\"a request is {\\\"do\\\"");
	expect(&root, "{\"do\":\"frob\"}", "there is no verb \\\"frob\\\"");
	expect(&root, "{\"do\":\"about\",\"x\":1}",
	       "about: there is no \\\"x\\\"");
	expect(&root, "{\"do\":\"flows\",\"por\":1}",
	       "there is no \\\"por\\\"");
	expect(&root, "{\"do\":\"flows\",\"port \":1}", "there is no");
	expect(&root, "{\"do\":\"flows\",\"\":1}", "there is no");
	expect(&root, "{\"do\":\"verbs\"}", "\"set\":true");
}

static void deep(void **state)
{
	char line[LINES_REQUEST];

	memset(line, '[', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	expect(&root, line, "error");
	memcpy(line, "{\"do\":", 6);
	expect(&root, line, "error");
}

static void numbers(void **state)
{
	static const char *const bad[] = { "-1",    "2",    "0.5", "1e300",
					   "\"0\"", "null", "[]",  "true" };
	char line[80];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(line, sizeof(line), "{\"do\":\"flows\",\"thread\":%s}",
			 bad[i]);
		expect(&root, line, "thread: a whole number from 0 to 1");
	}
}

/* ---- who may what */

static void rights(void **state)
{
	expect(&nobody, "{\"do\":\"set\",\"settings\":{\"batch\":\"1\"}}",
	       "only root and who has started");
	expect(&nobody, "{\"do\":\"about\"}", "\"may_change\":false");
	assert_int_equal(h->conf.dp.batch, 64);
	assert_true(ctl_may_change(&ctl, 0));
	assert_true(ctl_may_change(&ctl, 1000));
	assert_false(ctl_may_change(&ctl, 1001));
	h->ctl = &ctl;
	ctl_bar(h, 1000);
	assert_false(ctl_may_change(&ctl, 1000));
	assert_true(ctl_may_change(&ctl, 0));
	ctl_bar(h, 0);
	assert_false(ctl_may_change(&ctl, 0));
	ctl.bars = false;
	h->ctl = NULL;
}

/* ---- settings */

static void live(void **state)
{
	const struct dp *dp = h->threads[1].dp;

	expect(&root,
	       "{\"do\":\"set\",\"settings\":{\"batch\":\"7\",\"spin\":\"9us\","
	       "\"tcp.rto_min\":\"70ms\",\"tcp.retries\":\"3\","
	       "\"app_timeout\":\"20ms\",\"idle\":\"adaptive\"}}",
	       "\"ok\":true");
	end_threads();
	assert_int_equal(dp->conf.batch, 7);
	assert_int_equal(dp->net.conf.tcp.retries, 3);
	assert_int_equal(dp->net.conf.tcp.rto_min_us, 70000);
	assert_int_equal(dp->net.tcp.rto_min, ticks_of_us(70000));
	assert_int_equal(h->threads[0].spin.limit_ns, 9000);
	assert_int_equal(h->threads[0].limit_ns, 20000000);
	assert_int_equal(h->conf.dp.batch, 7);
	expect(&nobody, "{\"do\":\"get\"}",
	       "\"batch\":{\"value\":\"7\",\"live\":true}");
	expect(&nobody, "{\"do\":\"log\"}",
	       "\"text\":\"ix: batch = 7, by uid 0\"");
}

/* All of them, or none. */
static void not_live(void **state)
{
	static const char *const bad[][2] = {
		{ "\"mtu\":\"1400\"", "mtu: only at start" },
		{ "\"batch\":\"0\"", "batch: 0 is out of range" },
		{ "\"bath\":\"1\"", "did you mean batch" },
		{ "\"batch\":1", "batch: its value, as a text" },
		{ "\"tcp.rto_min\":\"61s\"", "out of range" },
		{ "\"tcp.rto_max\":\"1ms\"", "tcp.rto_min is above" },
	};
	char line[160];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(line, sizeof(line),
			 "{\"do\":\"set\",\"settings\":{\"tcp.retries\":\"3\","
			 "%s}}",
			 bad[i][0]);
		expect(&root, line, bad[i][1]);
	}
	expect(&root, "{\"do\":\"set\"}", "settings: {");
	expect(&root, "{\"do\":\"set\",\"settings\":[]}", "settings: {");
	end_threads();
	assert_int_equal(h->threads[0].dp->net.conf.tcp.retries, 15);
}

/* Neighbours that the first thread knows and never asks for. */
static u32 known(u32 host)
{
	const struct neigh *e =
		neigh_find(&h->threads[0].dp->net, be32(0x0a000000 + host));

	return e && e->state == NEIGH_STATIC ? e->mac[5] : 0;
}

static void neighbours(void **state)
{
	expect(&root,
	       "{\"do\":\"set\",\"settings\":{\"arp.static\":"
	       "\"10.0.0.7=02:00:00:00:00:07,10.0.0.8=02:00:00:00:00:08\"}}",
	       "\"ok\":true");
	expect(&root,
	       "{\"do\":\"set\",\"settings\":{\"batch\":\"7\",\"arp.static\":"
	       "\"10.0.0.9=02:00:00:00:00:09,10.9.0.1=02:00:00:00:00:01\"}}",
	       "10.9.0.1 is not on our link");
	end_threads();
	assert_int_equal(known(7), 7);
	assert_int_equal(known(8), 8);
	assert_int_equal(known(9), 0);
	assert_int_equal(h->threads[0].dp->conf.batch, 64);
	assert_int_equal(h->conf.arp.n, 2);
}

static void mark(struct dp *dp, void *arg, u64 now)
{
	struct neigh *e = neigh_find(&dp->net, be32(0x0a000007));

	assert_non_null(e);
	e->mac[5] = 99;
}

/* Whoever sets something else does not touch them. */
static void neighbours_stay(void **state)
{
	expect(&root,
	       "{\"do\":\"set\",\"settings\":{\"arp.static\":"
	       "\"10.0.0.7=02:00:00:00:00:07\"}}",
	       "\"ok\":true");
	assert_int_equal(host_call(&h->threads[0], mark, NULL), 0);
	expect(&root, "{\"do\":\"set\",\"settings\":{\"batch\":\"7\"}}",
	       "\"ok\":true");
	end_threads();
	assert_int_equal(h->threads[0].dp->conf.batch, 7);
	assert_int_equal(known(7), 99);
}

/* A thread that does not answer: the others are as before. */
static void one_does_not_answer(void **state)
{
	end_threads();
	stop = false;
	pthread_create(&ids[0], NULL, elastic, &h->threads[0]);
	expect(&root,
	       "{\"do\":\"set\",\"settings\":{\"arp.static\":"
	       "\"10.0.0.9=02:00:00:00:00:09\"}}",
	       "thread 1 does not answer: nothing is changed");
	expect(&root, "{\"do\":\"set\",\"settings\":{\"batch\":\"7\"}}",
	       "thread 1 does not answer: nothing is changed");
	stop = true;
	pthread_join(ids[0], NULL);
	assert_int_equal(known(9), 0);
	assert_int_equal(h->threads[0].dp->conf.batch, 64);
	assert_int_equal(h->conf.dp.batch, 64);
	expect(&root, "{\"do\":\"flows\",\"thread\":1}",
	       "thread 1 does not answer");
}

/* ---- connections */

/* As many on the first thread, to where nobody answers. */
static void connect_some(struct dp *dp, void *arg, u64 now)
{
	u32 n = *(u32 *)arg;
	struct tcp_conn *c;

	for (u32 i = 0; i < n; i++)
		assert_int_equal(tcp_connect(&dp->net, be32(0x0a000002 + i % 4),
					     (u16)(7 + i), 0, &c, now),
				 0);
}

static u32 count(const char *line, const char *words)
{
	char *out = ask_as(&nobody, line);
	u32 n = 0;

	for (const char *at = out; (at = strstr(at, words)); at++)
		n++;
	free(out);
	return n;
}

/* Where to go on after @most connections from @from on. */
static u32 next_from(u32 most, u32 from)
{
	char line[80], *out, *at;
	u32 next;

	snprintf(line, sizeof(line),
		 "{\"do\":\"flows\",\"thread\":0,\"most\":%u,\"from\":%u}",
		 most, from);
	out = ask_as(&nobody, line);
	at = strstr(out, "\"thread\":0,\"from\":");
	assert_non_null(at);
	next = (u32)atoi(at + strlen("\"thread\":0,\"from\":"));
	free(out);
	return next;
}

static u32 count_from(u32 most, u32 from)
{
	char line[80];

	snprintf(line, sizeof(line),
		 "{\"do\":\"flows\",\"thread\":0,\"most\":%u,\"from\":%u}",
		 most, from);
	return count(line, "\"id\":");
}

static void flows(void **state)
{
	u32 n = 50;

	assert_int_equal(host_call(&h->threads[0], connect_some, &n), 0);
	assert_int_equal(count("{\"do\":\"flows\"}", "\"id\":"), 50);
	expect(&nobody, "{\"do\":\"flows\"}", "\"thread\":1,\"from\":0");
	assert_int_equal(count("{\"do\":\"flows\",\"thread\":1}", "\"id\":"),
			 0);
	assert_int_equal(count("{\"do\":\"flows\",\"thread\":1}", "\"from\":"),
			 0);
	assert_int_equal(count_from(20, 0), 20);
	assert_int_equal(count_from(20, next_from(20, 0)), 20);
	assert_int_equal(count_from(20, next_from(20, next_from(20, 0))), 10);
	assert_int_equal(count("{\"do\":\"flows\",\"port\":8}", "\"id\":"), 1);
	assert_int_equal(
		count("{\"do\":\"flows\",\"addr\":\"10.0.0.2\"}", "\"id\":"),
		13);
	assert_int_equal(
		count("{\"do\":\"flows\",\"addr\":\"10.0.0.1\"}", "\"id\":"),
		50);
	assert_int_equal(count("{\"do\":\"flows\",\"state\":\"syn-sent\"}",
			       "\"syn-sent\""),
			 50);
	assert_int_equal(count("{\"do\":\"flows\",\"state\":\"established\"}",
			       "\"id\":"),
			 0);
	expect(&nobody, "{\"do\":\"flows\",\"port\":9}",
	       "\"remote\":{\"addr\":\"10.0.0.4\",\"port\":9}");
	expect(&nobody, "{\"do\":\"flows\",\"addr\":\"10.0.0\"}",
	       "addr: an address");
	expect(&nobody, "{\"do\":\"flows\",\"state\":1}", "state: a text");
}

static int setup_large(void **state)
{
	int err;

	max_conns = "65536";
	err = setup(state);
	max_conns = "64";
	return err;
}

/* In a large table: one answer is about a whole thread. */
static void few_flows(void **state)
{
	u32 n = 3;

	assert_int_equal(host_call(&h->threads[0], connect_some, &n), 0);
	assert_int_equal(count("{\"do\":\"flows\"}", "\"id\":"), 3);
	expect(&nobody, "{\"do\":\"flows\"}", "\"thread\":1,\"from\":0");
	assert_int_equal(count("{\"do\":\"flows\",\"thread\":1}", "\"from\":"),
			 0);
}

/* ---- copies of packets */

static int capture(const struct lines_peer *peer)
{
	struct lines_fds pass = { 0 };
	char *out = ask_for(peer, "{\"do\":\"capture\",\"snap\":96}", &pass);

	if (!strstr(out, "\"threads\":2"))
		fail_msg("%s", out);
	free(out);
	assert_int_equal(pass.n, 1);
	return pass.fd[0];
}

/* As ctl.c has it when the connection has ended. */
static void gone(u64 id)
{
	pthread_mutex_lock(&ctl.busy);
	ctl_capture_gone(&ctl, id);
	pthread_mutex_unlock(&ctl.busy);
}

static void no_capture(void **state)
{
	expect(&nobody, "{\"do\":\"capture\"}",
	       "only root and who has started");
	expect(&root, "{\"do\":\"capture\",\"snap\":0}",
	       "snap: a whole number");
	expect(&root, "{\"do\":\"capture\",\"bytes\":1}",
	       "bytes: a whole number");
	end_threads();
	expect(&root, "{\"do\":\"capture\"}", "a thread does not answer");
	assert_int_equal(h->capture.by, 0);
}

static const struct ix_capture *ring_of(int fd)
{
	const struct ix_capture *r =
		mmap(NULL, IX_CAPTURE_DATA, PROT_READ, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(r, MAP_FAILED);
	return r;
}

/* One at a time, until that one's connection ends; the next one's packets are
 * in memory of its own. */
static void one_looks(void **state)
{
	const struct lines_peer other = { .id = 9, .trusted = true };
	const struct ix_capture *first, *second;
	int fd = capture(&root);
	u32 n = 4;

	first = ring_of(fd);
	assert_int_equal(first->snap, 96);
	expect(&other, "{\"do\":\"capture\"}", "somebody looks at its packets");
	gone(other.id);
	gone(nobody.id);
	assert_int_equal(h->capture.by, root.id);
	assert_int_equal(host_call(&h->threads[0], connect_some, &n), 0);
	for (int i = 0; i < 5000 && !READ_ONCE(first->packets); i++)
		usleep(1000);
	assert_int_not_equal(first->packets, 0);
	gone(root.id);
	assert_int_equal(h->capture.by, 0);
	assert_null(h->threads[0].dp->capture.ring);
	n = (u32)first->packets;
	close(fd);
	fd = capture(&other);
	second = ring_of(fd);
	assert_int_equal(host_call(&h->threads[0], connect_some, &n), 0);
	for (int i = 0; i < 5000 && !READ_ONCE(second->packets); i++)
		usleep(1000);
	assert_int_not_equal(second->packets, 0);
	assert_int_equal(first->packets, n);
	munmap((void *)first, IX_CAPTURE_DATA);
	munmap((void *)second, IX_CAPTURE_DATA);
	close(fd);
	gone(other.id);
}

static void cannot_write(int fd)
{
	void *p = mmap(NULL, IX_CAPTURE_DATA, PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);

	assert_ptr_equal(p, MAP_FAILED);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1ll << 40), -1);
	assert_int_equal(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, IX_CAPTURE_DATA),
			 -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	p = mmap(NULL, IX_CAPTURE_DATA, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mprotect(p, IX_CAPTURE_DATA, PROT_READ | PROT_WRITE),
			 -1);
	munmap(p, IX_CAPTURE_DATA);
}

/* Whatever way the reader opens it. */
static void only_read(void **state)
{
	int fd = capture(&root), again;
	char path[64];

	cannot_write(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	if (again >= 0) {
		cannot_write(again);
		close(again);
	}
	close(fd);
	gone(root.id);
}

/* ---- what was reported */

static void log_lines(void **state)
{
	char line[64];

	for (int i = 0; i < LOG_LINES + 10; i++) {
		snprintf(line, sizeof(line), "line %d\x1b[1m\n", i);
		log_add(&h->log, line);
	}
	assert_int_equal(count("{\"do\":\"log\"}", "\"time\":"), LOG_LINES);
	expect(&nobody, "{\"do\":\"log\",\"most\":1}",
	       "\"text\":\"line 265?[1m\"}],\"next\":267");
	assert_int_equal(
		count("{\"do\":\"log\",\"from\":0,\"most\":99}", "\"time\":"),
		99);
	expect(&nobody, "{\"do\":\"log\",\"from\":0}", "\"text\":\"line 10?");
	assert_int_equal(count("{\"do\":\"log\",\"from\":267}", "\"time\":"),
			 0);
	expect(&nobody, "{\"do\":\"log\",\"from\":999}", "\"next\":999");
}

/* ---- from the socket on */

static int confine(void *arg)
{
	*(pthread_t *)arg = pthread_self();
	return 0;
}

static int refuse(void *arg)
{
	return -EPERM;
}

static void whole(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char text[4096] = "", why[256];
	pthread_t by = 0;
	int fd;

	assert_int_equal(ctl_open(h, refuse, NULL, why, sizeof(why)), -EPERM);
	assert_null(h->ctl);
	assert_int_equal(ctl_open(h, confine, &by, why, sizeof(why)), 0);
	assert_true(by && !pthread_equal(by, pthread_self()));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/%d.sock", dir, getpid());
	for (int i = 0; i < 3; i++) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(fd, (const void *)&a, sizeof(a)), 0);
		assert_int_equal(send(fd, "{\"do\":\"about\"}\n", 15, 0), 15);
		ctl_hold(h); /* as a fork would */
		ctl_release(h);
		assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
		assert_non_null(strstr(text, "\"name\":\"t_ctl\""));
		close(fd);
	}
	ctl_close(h);
	assert_int_equal(access(a.sun_path, F_OK), -1);
	ctl_close(h);
}

/* ---- the end in peace */

static void drain(void **state)
{
	u32 n = 5;

	expect(&nobody, "{\"do\":\"drain\"}", "only root and who has started");
	expect(&root, "{\"do\":\"drain\",\"drains\":1}",
	       "drains: true or false");
	assert_int_equal(host_call(&h->threads[0], connect_some, &n), 0);
	expect(&root, "{\"do\":\"drain\"}",
	       "{\"drains\":true,\"connections\":5,\"left\":0");
	assert_true(h->threads[0].dp->net.tcp.drains);
	assert_true(h->threads[1].dp->net.tcp.drains);
	expect(&root, "{\"do\":\"drain\",\"drains\":false}",
	       "{\"drains\":false,\"connections\":5");
	assert_false(h->threads[0].dp->net.tcp.drains);
	assert_false(h->threads[1].dp->net.tcp.drains);
	end_threads();
	expect(&root, "{\"do\":\"drain\"}", "thread 0 does not answer");
}

/* As older commands look, too. */
static void who_has_which(void **state)
{
	expect(&nobody, "{\"do\":\"groups\"}", "\"threads\":[{\"thread\":0");
	expect(&root, "{\"do\":\"cores\"}", "\"threads\":[{\"thread\":0");
	expect(&nobody, "{\"do\":\"cores\"}", "only root and who has started");
}

/* ---- ... beside another one on the NIC */

static u64 entry[4096];
static u32 heir = 1;
static struct flows divided = { .entry = entry, .mask = 4095, .heir = &heir };
static u32 drained; /* threads, when others were passed */
static u32 successor = 4711;
static bool passed; /* to it, as soon as it is there */
static u32 leaving; /* threads that end then */

static u32 pass(struct nic *nic, bool back)
{
	__atomic_store_n(&passed, !back, __ATOMIC_RELAXED);
	while (__atomic_load_n(&leaving, __ATOMIC_RELAXED))
		sched_yield();
	drained = 0;
	for (u32 i = 0; i < 2; i++)
		drained += h->threads[i].dp->net.tcp.drains;
	return back ? 0 : successor;
}

static void pass_on(bool late)
{
	drained = 99;
	divided.all = false;
	divided.late = late;
	expect(&root, "{\"do\":\"drain\"}", "\"successor\":4711");
	assert_int_equal(drained, late ? 2 : 0);
	assert_true(h->threads[1].dp->net.tcp.drains);
	expect(&root, "{\"do\":\"drain\",\"drains\":false}",
	       "\"drains\":false");
	assert_int_equal(drained, 0);
}

/* Who learns late which connections there are is told when there will be no
 * more; else there are, until all that is on its way has come. */
static void drain_beside(void **state)
{
	h->nic->flows = &divided;
	h->nic->pass = pass;
	for (u32 i = 0; i < 2; i++)
		h->threads[i].dp->net.flows = &divided;
	pass_on(true);
	pass_on(false);
	h->nic->flows = NULL;
}

static void begin_thread(u32 i, void *(*fn)(void *))
{
	stop = false;
	pthread_create(&ids[i], NULL, fn, &h->threads[i]);
}

static void end_thread(u32 i)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(ids[i], NULL);
}

static bool drains(u32 i)
{
	return h->threads[i].dp->net.tcp.drains;
}

static void drain_fails(void)
{
	expect(&root, "{\"do\":\"drain\"}", "thread 1 does not answer");
}

/* The other one does not go on to drain by itself; unless it did before. */
static void drain_is_undone(void **state)
{
	end_threads();
	begin_thread(0, elastic);
	drain_fails();
	assert_false(drains(0));
	begin_thread(1, elastic);
	expect(&root, "{\"do\":\"drain\"}", "\"drains\":true");
	end_threads();
	begin_thread(0, elastic);
	drain_fails();
	assert_true(drains(0));
	end_thread(0);
}

/* Is told, and says nothing any more. */
static void *told_once(void *arg)
{
	struct host_thread *t = arg;

	while (!t->dp->net.tcp.drains &&
	       !__atomic_load_n(&stop, __ATOMIC_RELAXED))
		host_serve(t, 1000000);
	return NULL;
}

/* Says which flows it has, and no more. */
static void *kept_once(void *arg)
{
	while (!__atomic_load_n(&passed, __ATOMIC_RELAXED))
		host_serve(arg, 1000000);
	__atomic_store_n(&leaving, 0, __ATOMIC_RELAXED);
	return NULL;
}

static void begin_leaving(u32 i)
{
	passed = false;
	leaving = 1;
	begin_thread(i, kept_once);
}

/* Whose flows are not known must not become the successor's. */
static void drain_is_undone_beside(void **state)
{
	h->nic->flows = &divided;
	h->nic->pass = pass;
	divided.all = false;
	divided.late = true;
	end_threads();
	begin_thread(0, elastic);
	drained = 99;
	drain_fails();
	assert_int_equal(drained, 99);
	assert_false(drains(0));
	begin_thread(1, told_once);
	drain_fails();
	assert_int_equal(drained, 2);
	assert_false(divided.all);
	assert_false(drains(0));
	end_threads();
	h->nic->flows = NULL;
}

/* Before a successor is there: nobody would answer. */
static void drain_is_undone_alone(void **state)
{
	h->nic->flows = &divided;
	h->nic->pass = pass;
	divided.all = divided.late = false;
	successor = 0;
	end_threads();
	begin_thread(0, elastic);
	begin_leaving(1);
	drain_fails();
	assert_false(divided.all);
	assert_false(passed);
	assert_false(drains(0));
	end_threads();
	successor = 4711;
	h->nic->flows = NULL;
}

/* Each that does not answer is waited for. */
static void drain_ends_at_the_first(void **state)
{
	end_threads();
	begin_thread(1, told_once);
	expect(&root, "{\"do\":\"drain\"}", "thread 0 does not answer");
	assert_false(drains(1));
	end_thread(1);
}

/* Of a successor that there will be, too. */
static void drain_does_not_begin(void **state)
{
	h->nic->flows = &divided;
	h->nic->pass = pass;
	divided.all = divided.late = false;
	successor = 0;
	end_threads();
	begin_thread(1, elastic);
	begin_leaving(0);
	expect(&root, "{\"do\":\"drain\"}", "thread 0 does not answer");
	assert_false(divided.all);
	assert_false(passed);
	end_threads();
	successor = 4711;
	h->nic->flows = NULL;
}

/* What goes on to come to the successor would be lost to us. */
static void back_but_one(void **state)
{
	h->nic->flows = &divided;
	h->nic->pass = pass;
	divided.all = divided.late = false;
	expect(&root, "{\"do\":\"drain\"}", "\"successor\":4711");
	assert_true(divided.all);
	end_threads();
	begin_thread(1, elastic);
	drained = 99;
	expect(&root, "{\"do\":\"drain\",\"drains\":false}",
	       "thread 0 does not answer");
	assert_int_equal(drained, 1);
	assert_false(divided.all);
	assert_false(drains(1));
	end_thread(1);
	h->nic->flows = NULL;
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
#define LARGE(t) cmocka_unit_test_setup_teardown(t, setup_large, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nonsense),
		TEST(deep),
		TEST(numbers),
		TEST(rights),
		TEST(live),
		TEST(not_live),
		TEST(neighbours),
		TEST(neighbours_stay),
		TEST(flows),
		TEST(whole),
		TEST(one_does_not_answer),
		TEST(log_lines),
		TEST(no_capture),
		TEST(one_looks),
		TEST(only_read),
		TEST(who_has_which),
		TEST(drain),
		TEST(drain_beside),
		TEST(drain_is_undone),
		TEST(drain_is_undone_beside),
		TEST(drain_is_undone_alone),
		TEST(drain_does_not_begin),
		TEST(drain_ends_at_the_first),
		TEST(back_but_one),
		LARGE(few_flows),
	};
	char path[64];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(path, sizeof(path), "%s/wire", dir);
	unlink(path);
	rmdir(dir);
	return failed;
}

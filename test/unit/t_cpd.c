/* SPDX-License-Identifier: MIT */
/* ixcpd without processes: settings, claims, rights. */
#include "test.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cp/daemon/cpd.h"

enum { MB = 1 << 20 };

/* ---- settings */

static char path[] = "/tmp/t_cpd-XXXXXX";

static int read_text(const char *text, struct cpd_conf **out,
		     struct conf_err *e)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
	return cpd_conf_read(out, path, e);
}

static const char kv[] =
	"cores = \"2-5\"; memory = \"8G\"; admins = \"root,alice\";\n"
	"dataplanes: { kv: {\n"
	"program = [ \"ix-kv\", \"-m\", \"a,b\" ]; nic = \"xdp:eth0\";\n"
	"ip = \"10.0.0.2/24\"; port = \"11211\"; min_cores = 1; max_cores = "
	"3;\n"
	"memory = \"2G\"; latency = \"200us\"; policy = \"energy\";\n"
	"priority = 7; owner = \"bob\"; tcp: { rto_min = \"20ms\"; };\n"
	"}; };\n";

static void settings_are_read(void **state)
{
	const struct plane_conf *p;
	struct cpd_conf *c;
	struct conf_err e;
	u64 own;

	assert_int_equal(read_text(kv, &c, &e), 0);
	assert_int_equal(c->cores.n, 4);
	assert_true(c->memory == 8ull << 30);
	assert_int_equal(c->nplanes, 1);
	p = c->plane[0];
	assert_string_equal(p->name, "kv");
	assert_int_equal(p->argc, 3);
	assert_string_equal(p->argv[0], "ix-kv");
	assert_string_equal(p->argv[2], "a,b");
	assert_null(p->argv[3]);
	assert_int_equal(p->max_cores, 3);
	assert_int_equal(p->latency_us, 200);
	assert_int_equal(p->policy, POLICY_ENERGY);
	assert_int_equal(p->ix.dp.net.tcp.rto_min_us, 20000);
	assert_string_equal(p->ix.name, "kv");
	/* What the dataplane needs is not the application's. */
	own = plane_own_memory(&p->ix, 3);
	assert_true(own > 3ull * 16384 * 2048);
	assert_true(p->ix.app_memory == (2ull << 30) - own);
	assert_true(plane_memory(&p->ix, 3) == 2ull << 30);
	cpd_conf_free(c);
}

/* Of all tables at their full size, with both families, the buffers' left out,
 * which are a thread's; doc/performance.md has what is resident. */
static void a_connection_is_small(void **state)
{
	struct conf c;
	u64 tables, own;

	conf_init(&c);
	c.dp.net.tcp.max_conns = 250000;
	c.dp.net.ip6.nown = IP6_OWN;
	tables = plane_own_memory(&c, 1) -
		 c.dp.mbufs * (MBUF_SIZE + sizeof(struct mbuf) + sizeof(u32));
	assert_true(tables + sizeof(struct dp) <= 250000 * 512ull);
	own = plane_own_memory(&c, 1);
	c.xdp_gather = XDP_GATHER_ON; /* each may wait for the NIC, twice */
	assert_int_equal(plane_own_memory(&c, 1) - own,
			 (2 * 250000 - 1024) * sizeof(struct dp_held));
}

static void rules_are_read(void **state)
{
	static const char text[] =
		"rules: { web: { user = \"alice,17\"; nic = \"xdp:eth0\";\n"
		"ports = \"80,8000-8099\"; queues = \"2-3\"; cores = 2;\n"
		"priority = 7; policy = \"background\"; latency = \"1ms\"; };\n"
		"lab: { group = \"staff\"; nic = \"tap:t0,10.0.0.1/24\";\n"
		"ip = \"10.0.0.2/24\"; memory = \"2G\"; dataplanes = 3; }; "
		"};\n";
	struct cpd_conf *c;
	struct conf_err e;
	const struct rule *r;

	assert_int_equal(read_text(text, &c, &e), 0);
	assert_int_equal(c->nrules, 2);
	r = c->rule[0];
	assert_string_equal(r->name, "web");
	assert_int_equal(r->cores, 2);
	assert_int_equal(r->min_cores, 1);
	assert_int_equal(r->priority, 7);
	assert_int_equal(r->policy, POLICY_BACKGROUND);
	assert_int_equal(r->latency_us, 1000);
	assert_int_equal(r->dataplanes, 1);
	assert_int_equal(r->each, 0);
	assert_true(r->memory == 1ull << 30);
	assert_int_equal(r->huge_pages, 0);
	assert_true(rule_lists(r->ports, 80) && rule_lists(r->ports, 8000) &&
		    rule_lists(r->ports, 8099));
	assert_false(rule_lists(r->ports, 8) || rule_lists(r->ports, 81) ||
		     rule_lists(r->ports, 800) || rule_lists(r->ports, 8100));
	assert_false(rule_lists("", 0) || rule_lists("", 80));
	assert_int_equal(c->rule[1]->dataplanes, 3);
	assert_true(c->rule[1]->memory == 2ull << 30);
	assert_true(c->rule[1]->ip.ip.raw);
	cpd_conf_free(c);
}

static void wrong(const char *text, const char *why)
{
	struct cpd_conf *c;
	struct conf_err e;

	assert_true(read_text(text, &c, &e) < 0);
	if (!strstr(e.text, why))
		fail_msg("\"%s\" without \"%s\"", e.text, why);
}

#define PLANE(settings)                                           \
	"dataplanes: { kv: { program = \"kv\"; nic = \"tap:t\"; " \
	"ip = \"10.0.0.2/24\";\n" settings "}; };"

static void mistakes_are_told(void **state)
{
	wrong("coers = 3;", ":1: there is no setting coers");
	wrong("cores = \"x\";", "is not a list of cores");
	wrong("dataplanes: { kv: { nic = \"tap:t\"; ip = \"10.0.0.2/24\"; }; "
	      "};",
	      "kv: program is missing");
	wrong(PLANE("cores = \"1\";"), ":2: cores: not here");
	wrong(PLANE("app_memory = \"1G\";"), "memory says how much");
	wrong(PLANE("app-memory = \"1G\";"), "memory says how much");
	wrong("cores = \"0,5000\";", "cores: 5000: below 1024");
	wrong(PLANE("min_cores = 3; max_cores = 2;"), "min_cores is above");
	wrong(PLANE("memory = \"300M\";"), "300 MB are not enough");
	wrong(PLANE("policy = \"magic\";"), "is not one of latency");
	wrong(PLANE("mtuu = 3;"), "did you mean mtu?");
	wrong(PLANE("mtu = 100;"), "mtu: below 576");
	wrong("dataplanes: { kv: { program = 7; }; };",
	      "program: a list of texts");
	wrong(PLANE("any_program = true;"), "only in domain process");
	wrong(PLANE("any_program = true; domain = \"process\"; user = "
		    "\"root\";"),
	      "not as root");
	wrong("dataplanes: { k*v: { }; };", "no name for a dataplane");
	wrong("dataplanes: { kv = 7; };", "not a group");
}

#define RULE(settings) "rules: { web: { " settings " }; };"

static void mistakes_in_rules_are_told(void **state)
{
	wrong(RULE("nic = \"xdp:e\"; ports = \"1\";"), "user, or group");
	wrong(RULE("user = \"a\"; nic = \"wire:w\";"), "xdp:IFACE or tap");
	wrong(RULE("user = \"a\"; nic = \"xdp:e\";"), "ip, or ports");
	wrong(RULE("user = \"a\"; nic = \"xdp:e\"; ports = \"80,x\";"),
	      "ports: a list");
	wrong(RULE("user = \"a\"; nic = \"xdp:e\"; ports = \"9-8\";"),
	      "ports: a list");
	wrong(RULE("user = \"a\"; nic = \"xdp:e\"; ports = \"65536\";"),
	      "up to 65535");
	wrong(RULE("user = \"a\"; nic = \"tap:t\"; ports = \"80\";"),
	      "only with xdp");
	wrong(RULE("user = \"a\"; nic = \"xdp:e\"; queues = \"1\"; "
		   "ip = \"10.0.0.1/8\";"),
	      "only with ports");
	wrong(RULE("user = \"a\"; nic = \"xdp:e\"; ports = \"80\"; "
		   "min_cores = 2;"),
	      "min_cores is above");
	wrong(RULE("mbufs = 7;"), "a rule has no setting mbufs");
	wrong("rules: { w-b_: { user = \"a\"; nic = \"tap:t\"; "
	      "ip = \"10.0.0.2/24\"; dataplanes = 32; }; };\n"
	      "dataplanes: { w-b_-7: { program = \"kv\"; nic = \"tap:u\"; "
	      "ip = \"10.0.0.3/24\"; }; };",
	      "is called so");
	wrong("rules: { a: { user = \"a\"; nic = \"tap:t\"; ip = "
	      "\"10.0.0.2/24\"; dataplanes = 32; };\n"
	      "b: { user = \"a\"; nic = \"tap:t\"; ip = \"10.0.0.2/24\"; "
	      "dataplanes = 32; };\n"
	      "c: { user = \"a\"; nic = \"tap:t\"; ip = \"10.0.0.2/24\"; "
	      "}; };",
	      "more than 64 dataplanes");
}

static void names_are_files(void **state)
{
	assert_true(cpd_name_ok("kv-2_a"));
	assert_false(cpd_name_ok(""));
	assert_false(cpd_name_ok("../kv"));
	assert_false(cpd_name_ok("a.b"));
	assert_false(cpd_name_ok("-a"));
	assert_true(cpd_name_ok("12345678901234567890123456789012"));
	assert_false(cpd_name_ok("123456789012345678901234567890123"));
}

static void programs_are_files(void **state)
{
	struct cpd_conf conf = { .ix = "/bin/sh" };
	const struct cpd c = { .conf = &conf };
	char own[PATH_MAX], out[PATH_MAX];

	assert_int_equal(spawn_find_ix(&c, out), 0);
	strcpy(conf.ix, "/bin");
	assert_int_equal(spawn_find_ix(&c, out), -EACCES);
	strcpy(conf.ix, "/bin/none/of/these");
	assert_int_equal(spawn_find_ix(&c, out), -ENOENT);
	/* Nothing is beside us. */
	conf.ix[0] = 0;
	spawn_find_ix(&c, out);
	assert_true(readlink("/proc/self/exe", own, sizeof(own)) > 0);
	assert_int_not_equal(strncmp(out, own, strrchr(out, '/') - out), 0);
	assert_string_equal(strrchr(out, '/'), "/ix");
}

static void users_are_listed_whole(void **state)
{
	assert_true(cpd_listed("root,alice", "alice"));
	assert_true(cpd_listed("alice", "alice"));
	assert_false(cpd_listed("malice", "alice"));
	assert_false(cpd_listed("ali", "alice"));
	assert_false(cpd_listed("alice2", "alice"));
	assert_false(cpd_listed("", "alice"));
	assert_false(cpd_listed("alice,,bob", ""));
}

/* ---- claims */

static void set(struct conf *c, const char *name, const char *text)
{
	struct conf_err e;

	assert_int_equal(conf_set(c, name, text, &e), 0);
}

static struct conf on(const char *nic, const char *ip, const char *ports)
{
	struct conf c;

	conf_init(&c);
	set(&c, "nic", nic);
	set(&c, "ip", ip);
	set(&c, "port", ports);
	if (ports[0]) {
		set(&c, "ports_only", "true");
		set(&c, "tcp.port_min", "20000");
		set(&c, "tcp.port_max", "20009");
	}
	return c;
}

/* What is said of @a beside @b; "": nothing. */
static const char *beside(struct conf a, struct conf b, u64 memory)
{
	static struct conf_err e;
	static const struct conf_cores none;
	struct claim c = {
		.name = "new", .conf = &a, .threads = 2, .memory = memory
	};
	struct claim o = { .name = "old",
			   .pid = 7,
			   .conf = &b,
			   .min_cores = 1,
			   .threads = 2,
			   .memory = 64 * MB };
	struct claim_limits l = { &none, 100 * MB };

	e.text[0] = 0;
	if (claim_check(&c, &o, 1, &l, &e))
		assert_true(e.text[0]);
	else
		assert_false(e.text[0]);
	return e.text;
}

static void nics_are_not_shared(void **state)
{
	struct conf a = on("xdp:a", "10.0.0.1/24", "");

	assert_string_equal(beside(on("xdp:a", "10.0.0.2/24", ""), a, 0),
			    "xdp:a is old's (process 7)");
	assert_string_equal(beside(on("xdp:b", "10.0.0.2/24", ""), a, 0), "");
	/* Whatever address Linux's side is to have. */
	a = on("tap:a,10.0.0.8/24", "10.0.0.1/24", "");
	assert_string_equal(
		beside(on("tap:a,10.0.0.9/24", "10.0.0.2/24", ""), a, 0),
		"tap:a,10.0.0.9/24 is old's (process 7), as tap:a,10.0.0.8/24");
	assert_string_equal(beside(on("tap:a", "10.0.0.2/24", ""), a, 0),
			    "tap:a is old's (process 7), as tap:a,10.0.0.8/24");
	assert_string_equal(beside(on("tap:aa", "10.0.0.2/24", ""), a, 0), "");
	assert_string_equal(
		beside(on("tap:aa,10.0.0.8/24", "10.0.0.2/24", ""), a, 0), "");
}

static void addresses_are_one_s(void **state)
{
	struct conf a = on("xdp:a", "10.0.0.1/24,2001:db8::1/64", "");

	assert_string_equal(beside(on("xdp:b", "10.0.0.1/16", ""), a, 0),
			    "address 10.0.0.1 is old's (process 7)");
	assert_string_equal(
		beside(on("xdp:b", "10.0.0.3/24,2001:db8::1/64", ""), a, 0),
		"address 2001:db8::1 is old's (process 7)");
	a = on("xdp:a", "10.0.0.1/24,10.1.0.1/24", "");
	assert_string_equal(
		beside(on("xdp:b", "10.0.0.3/24,10.1.0.1/24", ""), a, 0),
		"address 10.1.0.1 is old's (process 7)");
	assert_string_equal(
		beside(on("xdp:b", "10.0.0.3/24,10.1.0.2/24", ""), a, 0), "");
	/* Wires are networks of their own. */
	a = on("wire:/w", "10.0.0.1/24", "");
	assert_string_equal(beside(on("wire:/w", "10.0.0.1/24", ""), a, 0), "");
}

static void ports_are_one_s(void **state)
{
	struct conf a = on("xdp:a", "10.0.0.1/24", "80,443");

	assert_string_equal(
		beside(on("xdp:a", "10.0.0.1/24", "8080,443"), a, 0),
		"port 443 of xdp:a is old's (process 7)");
	/* Those that it chooses from are its, too. */
	assert_string_equal(beside(on("xdp:a", "10.0.0.1/24", "20005"), a, 0),
			    "port 20000 of xdp:a is old's (process 7)");
}

/* Who shares an interface has queues of its own there, two here, and ports. */
static void queues_are_one_s(void **state)
{
	struct conf a = on("xdp:a", "10.0.0.1/24", "80"), b = a;

	set(&b, "port", "81");
	set(&a, "tcp.port_min", "30000");
	set(&a, "tcp.port_max", "30009");
	assert_string_equal(beside(b, a, 0), "xdp:a is old's (process 7)");
	set(&a, "nic_shared", "true");
	assert_string_equal(beside(b, a, 0), "xdp:a is old's (process 7)");
	set(&b, "nic_shared", "true");
	set(&a, "nic_queue", "1");
	assert_string_equal(beside(b, a, 0),
			    "queue 1 of xdp:a is old's (process 7)");
	set(&a, "nic_queue", "2");
	assert_string_equal(beside(b, a, 0), "");
	assert_string_equal(beside(a, b, 0), "");
	set(&b, "port", "81,80");
	assert_string_equal(beside(b, a, 0),
			    "port 80 of xdp:a is old's (process 7)");
}

static struct claim granted(const char *name, pid_t pid, const struct conf *c,
			    bool may_succeed)
{
	return (struct claim){ .name = name,
			       .pid = pid,
			       .conf = c,
			       .min_cores = 1,
			       .threads = 1,
			       .memory = MB,
			       .owner = "17",
			       .may_succeed = may_succeed };
}

/* Of a user, and one rule: it and its successor. */
static void a_device_is_a_pair_s(void **state)
{
	static const struct conf_cores none;
	const struct claim_limits l = { &none, 1024 * MB };
	struct conf a = on("tap:a", "10.0.0.1/24", ""), b;
	struct claim c = granted("r-3", 9, &a, true);
	struct claim o[] = { granted("r-1", 7, &a, false),
			     granted("r-2", 8, &a, true) };
	struct conf_err e;

	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	set(&a, "nic_shared", "true");
	assert_int_equal(claim_check(&c, o, 1, &l, &e), 0);
	assert_int_equal(claim_check(&c, o, 2, &l, &e), -EBUSY);
	assert_string_equal(e.text, "tap:a is r-1's (process 7), and its "
				    "successor's: one of them is to end first");
	o[0].ends = true;
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	assert_string_equal(e.text,
			    "tap:a is r-1's (process 7), which is just ending");
	o[0].ends = false;
	o[0].owner = "18";
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	o[0].owner = NULL; /* root's, which is called so */
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	o[0].owner = "17";
	o[0].name = "rr-1";
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	o[0].name = "r-1";
	/* The rule has changed since. */
	b = a;
	set(&b, "nic", "tap:a,10.0.0.9/24");
	c.conf = &b;
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	assert_string_equal(e.text, "tap:a,10.0.0.9/24 is r-1's (process 7), "
				    "as tap:a");
	o[0].name = "rr-1";
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	o[0].name = "r-1";
}

/* On AF_XDP of its queues, all of them, and with its ports. */
static void queues_are_a_pair_s(void **state)
{
	static const struct conf_cores none;
	const struct claim_limits l = { &none, 1024 * MB };
	struct conf a = on("xdp:a", "10.0.0.1/24", "80"), b;
	struct claim c = granted("r-3", 9, &b, true);
	struct claim o[] = { granted("r-1", 7, &a, false),
			     granted("r-2", 8, &a, true) };
	struct conf_err e;

	set(&a, "nic_shared", "true");
	b = a;
	assert_int_equal(claim_check(&c, o, 1, &l, &e), 0);
	assert_int_equal(claim_check(&c, o, 2, &l, &e), -EBUSY);
	c.may_succeed = false; /* who has not asked for it */
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	assert_string_equal(e.text, "port 80 of xdp:a is r-1's (process 7)");
	c.may_succeed = true;
	c.threads = 2;
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	c.threads = 1;
	o[0].owner = "18";
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	o[0].owner = "17";
	set(&b, "nic_queue", "1");
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
	b = on("xdp:a", "10.0.0.1/24", "80,81");
	set(&b, "nic_shared", "true");
	assert_int_equal(claim_check(&c, o, 1, &l, &e), -EBUSY);
}

static void memory_is_accounted(void **state)
{
	struct conf a = on("xdp:a", "10.0.0.1/24", "");
	struct conf b = on("xdp:b", "10.0.0.2/24", "");

	assert_string_equal(beside(b, a, 36 * MB), "");
	assert_string_equal(beside(b, a, 37 * MB),
			    "memory: 37 MB are wanted, 64 MB of 100 MB are in "
			    "use");
	assert_true(beside(b, a, UINT64_MAX)[0]);
}

/* The arena takes 2 pages of each. */
static void huge_pages_are_one_s(void **state)
{
	struct huge_pages h = { .total = 100, .free = 60, .promised = 3 };
	struct conf a = on("xdp:a", "10.0.0.1/24", "");
	struct claim o[] = { { .name = "old", .conf = &a, .huge = 20 },
			     { .name = "none", .conf = &a } };
	struct conf_err e;

	set(&a, "arena", "3M");
	/* Of the old one's none is taken yet. */
	assert_int_equal(claim_huge_left(o, 2, &h), 37);
	assert_int_equal(claim_huge(37, o, 2, &h, &e), 0);
	assert_int_equal(claim_huge(58, o, 2, &h, &e), -EBUSY);
	assert_string_equal(e.text, "huge pages: 58 are wanted, 37 of 100 can "
				    "be had (old has 20, others have 43)");
	/* Some, all but the arena, which is promised to it by then. */
	o[0].touched = 17;
	assert_int_equal(claim_huge_left(o, 2, &h), 54);
	o[0].touched = 18;
	assert_int_equal(claim_huge_left(o, 2, &h), 57);
	/* Whoever ends takes no more. */
	o[0].touched = 0;
	o[0].ends = true;
	assert_int_equal(claim_huge_left(o, 2, &h), 57);
	h.promised = 61;
	assert_int_equal(claim_huge_left(o, 2, &h), 0);
	h = (struct huge_pages){ 0 };
	assert_int_equal(claim_huge(38, o, 2, &h, &e), -EBUSY);
	assert_string_equal(e.text, "huge pages: 38 are wanted, the machine "
				    "has none (sysctl vm.nr_hugepages)");
	/* vm.nr_hugepages has been lowered below what it has been given. */
	h = (struct huge_pages){ .total = 12, .free = 12 };
	o[0].ends = false;
	assert_int_equal(claim_huge(13, o, 2, &h, &e), -EBUSY);
	assert_string_equal(e.text, "huge pages: 13 are wanted, 0 of 12 can "
				    "be had (old has 20, others have 0)");
}

enum { PAGES = 100, GIVEN = 20, ARENA_PAGES = 2 };

/* What is left, at most, when GIVEN of PAGES are one's that has mapped all and
 * touched so many of them, or none yet. */
static void none_is_given_twice(struct claim *o, bool mapped, u32 touched)
{
	struct huge_pages h = { .total = PAGES,
				.free = PAGES - touched,
				.promised = mapped ? GIVEN - touched : 0 };
	u64 left;
	struct conf_err e;

	o->touched = touched;
	left = claim_huge_left(o, 1, &h);
	assert_true(left <= PAGES - GIVEN);
	if (left)
		assert_int_equal(claim_huge((u32)left, o, 1, &h, &e), 0);
	/* What there will be when it has touched them is not refused for ever,
	 * and what there will not be is. */
	if (left < PAGES - GIVEN)
		assert_int_equal(claim_huge(PAGES - GIVEN, o, 1, &h, &e),
				 -EAGAIN);
	assert_int_equal(claim_huge(PAGES - GIVEN + 1, o, 1, &h, &e),
			 mapped ? -EBUSY : -EAGAIN);
}

static void who_touches_slowly_keeps_them(void **state)
{
	struct conf a = on("xdp:a", "10.0.0.1/24", "");
	struct claim o = { .name = "slow", .conf = &a, .huge = GIVEN };
	struct huge_pages h = { .total = PAGES,
				.free = PAGES - (GIVEN - ARENA_PAGES),
				.promised = ARENA_PAGES };

	set(&a, "arena", "4M");
	none_is_given_twice(&o, false, 0);
	for (u32 i = 0; i <= GIVEN; i++)
		none_is_given_twice(&o, true, i);
	o.touched = GIVEN - ARENA_PAGES;
	assert_int_equal(claim_huge_left(&o, 1, &h), PAGES - GIVEN);
	/* A new life: all is mapped anew. */
	none_is_given_twice(&o, false, 0);
}

/* Machine 1-4; another one with 2,3,4 of which it is sure of the first. */
static int cores_beside(u32 min_cores, u32 most, struct conf_cores *out,
			struct conf_err *e)
{
	struct conf other = on("xdp:a", "10.0.0.1/24", ""), own = other;
	struct conf_cores all = { 4, { 1, 2, 3, 4 } };
	struct claim o = { .name = "old", .conf = &other, .min_cores = 1 };
	struct claim c = { .name = "new",
			   .conf = &own,
			   .min_cores = min_cores };
	struct claim_limits l = { &all, 0 };

	other.cores = (struct conf_cores){ 3, { 2, 3, 4 } };
	return claim_cores(&c, most, &o, 1, &l, out, e);
}

static void cores_are_chosen_apart(void **state)
{
	struct conf_cores out;
	struct conf_err e;

	assert_int_equal(cores_beside(1, 4, &out, &e), 0);
	/* nobody's; then what the other one gives back first; never what it is
	 * sure of */
	assert_int_equal(out.n, 3);
	assert_int_equal(out.core[0], 1);
	assert_int_equal(out.core[1], 4);
	assert_int_equal(out.core[2], 3);
	assert_int_equal(cores_beside(4, 4, &out, &e), -EBUSY);
	assert_string_equal(e.text, "cores: 4 are wanted at least, 3 can be "
				    "had (old has 1)");
}

/* ---- requests */

static struct cpd cpd;
static struct plane planes[2];
static struct plane_conf confs[2];

static int begin(void **state)
{
	static struct cpd_conf conf;

	memset(&cpd, 0, sizeof(cpd));
	memset(planes, 0, sizeof(planes));
	memset(&conf, 0, sizeof(conf));
	for (u32 i = 0; i < 2; i++) {
		memset(&confs[i], 0, sizeof(confs[i]));
		snprintf(confs[i].name, sizeof(confs[i].name), "p%u", i);
		planes[i].conf = &confs[i];
		planes[i].declared = true;
		planes[i].ask.fd = -1;
		cpd.plane[i] = &planes[i];
	}
	cpd.n = 2;
	cpd.conf = &conf;
	cpd.path = "/nonexistent";
	return 0;
}

/* Does it say "ok"? */
static bool ask(uid_t uid, const char *line)
{
	struct lines_peer peer = { .uid = uid,
				   .trusted = verb_trusts(&cpd, uid) };
	char *out = verb_answer(&cpd, &peer, line, strlen(line), NULL);
	cJSON *answer = cJSON_Parse(out);
	bool ok = cJSON_IsTrue(cJSON_GetObjectItem(answer, "ok"));

	assert_non_null(answer);
	assert_true(ok != cJSON_HasObjectItem(answer, "error"));
	cJSON_Delete(answer);
	free(out);
	return ok;
}

static uid_t nobody(void)
{
	const struct passwd *pw = getpwnam("nobody");

	return pw ? pw->pw_uid : 65534;
}

static void everybody_may_look(void **state)
{
	assert_true(ask(nobody(), "{\"do\": \"status\"}"));
}

static void root_may_change(void **state)
{
	assert_true(ask(0, "{\"do\": \"up\", \"name\": \"p1\"}"));
	assert_true(planes[1].wanted);
	assert_false(planes[0].wanted);
	assert_true(ask(0, "{\"do\": \"down\", \"name\": \"p1\"}"));
	assert_false(planes[1].wanted);
	assert_true(planes[1].held);
	assert_true(ask(0, "{\"do\": \"policy\", \"name\": \"p1\", "
			   "\"policy\": \"energy\"}"));
	assert_int_equal(confs[1].policy, POLICY_ENERGY);
}

static void others_may_not(void **state)
{
	static const char *const verbs[] = { "up", "down", "restart",
					     "policy" };
	char line[128];

	for (u32 i = 0; i < ARRAY_SIZE(verbs); i++) {
		snprintf(line, sizeof(line),
			 "{\"do\": \"%s\", \"name\": \"p0\", \"policy\": "
			 "\"energy\"}",
			 verbs[i]);
		assert_false(ask(nobody(), line));
	}
	assert_false(ask(nobody(), "{\"do\": \"reload\"}"));
	assert_false(planes[0].wanted || planes[0].held || confs[0].policy);
}

static void the_owner_may(void **state)
{
	strcpy(confs[0].owner, "daemon,nobody");
	assert_true(ask(nobody(), "{\"do\": \"up\", \"name\": \"p0\"}"));
	assert_true(planes[0].wanted);
	assert_false(ask(nobody(), "{\"do\": \"up\", \"name\": \"p1\"}"));
	assert_false(ask(nobody(), "{\"do\": \"reload\"}"));
	strcpy(cpd.conf->admins, "nobody");
	assert_true(ask(nobody(), "{\"do\": \"up\", \"name\": \"p1\"}"));
}

#define OTHER "{\"do\": \"up\", \"name\": \"p0\", \"program\": "

/* Only where the settings leave it to the owner, and while nothing runs. */
static void the_owner_chooses_the_program(void **state)
{
	strcpy(confs[0].owner, "nobody");
	assert_true(plane_argument(&confs[0], "declared"));
	assert_false(ask(nobody(), OTHER "[\"a\", \"b\"]}"));
	confs[0].any_program = true;
	assert_false(ask(nobody(), OTHER "[]}"));
	assert_false(ask(nobody(), OTHER "\"a\"}"));
	assert_false(ask(nobody(), OTHER "[\"a\", 7]}"));
	planes[0].state = PLANE_UP;
	assert_false(ask(nobody(), OTHER "[\"a\", \"b\"]}"));
	assert_false(planes[0].wanted);
	assert_int_equal(confs[0].argc, 1);
	assert_string_equal(confs[0].argv[0], "declared");
	planes[0].state = PLANE_DOWN;
	assert_true(ask(nobody(), OTHER "[\"a\", \"b\"]}"));
	assert_true(planes[0].wanted);
	assert_int_equal(confs[0].argc, 2);
	assert_string_equal(confs[0].argv[1], "b");
	assert_null(confs[0].argv[2]);
}

static void nonsense_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"{}",
		"[]",
		"null",
		"7",
		"\"up\"",
		"{\"do\": 7}",
		"{\"do\": \"up\"}",
		"{\"do\": \"up\", \"name\": 7}",
		"{\"do\": \"up\", \"name\": \"none\"}",
		"{\"do\": \"policy\", \"name\": \"p0\"}",
		"{\"do\": \"reload\"}",
	};

	for (u32 i = 0; i < ARRAY_SIZE(lines); i++)
		assert_false(ask(0, lines[i]));
	planes[0].declared = false;
	assert_false(ask(0, "{\"do\": \"up\", \"name\": \"p0\"}"));
}

/* Is who asks for what planes[1] has to ask again? */
static bool is_to_ask_again(const char *why)
{
	static const char line[] =
		"{\"do\": \"open\", \"settings\": {\"nic\": \"tap:t0\", "
		"\"ip\": \"10.0.0.2/24\", \"nic_shared\": \"true\"}}";
	struct lines_peer peer = { .uid = nobody() };
	char *out = verb_answer(&cpd, &peer, line, strlen(line), NULL);
	bool again = strstr(out, "again");

	if (!strstr(out, why))
		fail_msg("%s", out);
	free(out);
	return again;
}

static void make_rule(struct rule *r, u32 dataplanes)
{
	*r = (struct rule){ .name = "p",
			    .nic = "tap:t0,10.0.0.1/24",
			    .ip = { .ip = be32(0x0a000002) },
			    .cores = 1,
			    .memory = 1ull << 40,
			    .dataplanes = dataplanes };
	snprintf(r->user, sizeof(r->user), "%u", nobody());
	cpd.conf->rule[cpd.conf->nrules++] = r;
}

static void what_somebody_keeps_is_not_had_soon(void **state)
{
	static struct rule r;

	make_rule(&r, 1);
	strcpy(confs[1].name, "p-1");
	planes[1].granted = true;
	planes[1].state = PLANE_STOPS;
	planes[1].due = 1000;
	assert_true(is_to_ask_again("at a time"));
	cpd.now = 1000;
	assert_false(is_to_ask_again("at a time"));
}

/* For files of the daemon's. */
static char dir[] = "/tmp/t_cpd_dir-XXXXXX";

static int begin_with_files(void **state)
{
	begin(state);
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	cpd.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int end_with_files(void **state)
{
	static const char *const files[] = { "p-1.lock",       "p-2.lock",
					     "p1.user",	       "cpuset.cpus",
					     "cgroup.freeze",  "nr_hugepages",
					     "free_hugepages", "resv_hugepages",
					     "status" };

	for (u32 i = 0; i < ARRAY_SIZE(files); i++)
		unlinkat(cpd.dir_fd, files[i], 0);
	close(cpd.dir_fd);
	return rmdir(dir);
}

static void make_file(const char *name, const char *text)
{
	int fd = openat(cpd.dir_fd, name,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static char first_of(const char *name)
{
	int fd = openat(cpd.dir_fd, name, O_RDONLY | O_CLOEXEC);
	char c;

	assert_true(fd >= 0);
	assert_int_equal(read(fd, &c, 1), 1);
	close(fd);
	return c;
}

/* What could not be written is tried again; who has no core stands still, but
 * not when the group is not the daemon's any more. */
static void a_group_is_told(void **state)
{
	struct conf_cores *all = &cpd.conf->cores;
	struct core_set none = { 0 }, one = { 0 };
	cpu_set_t before, here;

	sched_getaffinity(0, sizeof(before), &before);
	all->core[all->n++] = (u16)sched_getcpu();
	CPU_ZERO(&here);
	CPU_SET(all->core[0], &here);
	assert_int_equal(sched_setaffinity(0, sizeof(here), &here), 0);
	core_add(&one, 3);
	strcpy(cpd.conf->background, dir);
	make_file("cgroup.freeze", "1");
	background_give(&cpd, &one);
	assert_int_equal(first_of("cgroup.freeze"), '1');
	make_file("cpuset.cpus", "-");
	background_give(&cpd, &one);
	assert_int_equal(first_of("cpuset.cpus"), '3');
	assert_int_equal(first_of("cgroup.freeze"), '0');
	background_give(&cpd, &none);
	assert_int_equal(first_of("cgroup.freeze"), '1');
	background_leave(&cpd);
	assert_int_equal(first_of("cgroup.freeze"), '0');
	background_give(&cpd, &none);
	assert_int_equal(first_of("cgroup.freeze"), '1');
	sched_setaffinity(0, sizeof(before), &before);
}

static void a_group_is_not_ours(void **state)
{
	assert_false(background_is_ours(""));
	assert_false(background_is_ours("/nonexistent"));
	assert_false(background_is_ours("/tmp"));
	if (!access("/sys/fs/cgroup", F_OK) &&
	    !access("/proc/self/cgroup", F_OK))
		assert_true(background_is_ours("/sys/fs/cgroup"));
}

/* A machine with so many. */
static void have_huge(const char *nr, const char *free_, const char *resv)
{
	snprintf(cpd.conf->hugepages, sizeof(cpd.conf->hugepages), "%s", dir);
	make_file("nr_hugepages", nr);
	make_file("free_hugepages", free_);
	make_file("resv_hugepages", resv);
}

/* Of 32 pages for packets a core, and 128 for the arena. */
static int claim_pages(u32 plane, const char *pages)
{
	struct plane *p = &planes[plane];
	int err;
	char nic[16], ip[16];

	snprintf(nic, sizeof(nic), "tap:t%u", plane);
	snprintf(ip, sizeof(ip), "10.0.%u.2/24", plane);
	p->conf->ix = on(nic, ip, "");
	p->conf->min_cores = p->conf->max_cores = 2;
	set(&p->conf->ix, "pages", pages);
	err = plane_claim(&cpd, p);
	return err ? err : huge_claim(&cpd, p);
}

static void huge_pages_are_given_to_who_asks(void **state)
{
	u64 total;

	cpd.conf->cores = (struct conf_cores){ 4, { 1, 2, 3, 4 } };
	cpd.conf->memory = 1ull << 40;
	have_huge("300\n", "280\n", "30\n");
	assert_int_equal(huge_left(&cpd, &total), 250);
	assert_int_equal(total, 300);
	assert_int_equal(claim_pages(0, "huge"), 0);
	assert_int_equal(planes[0].huge, 192);
	assert_int_equal(planes[0].running.pages, PAGES_HUGE);
	planes[0].state = PLANE_ROOM;
	assert_int_equal(huge_left(&cpd, &total), 58);
	assert_int_equal(claim_pages(1, "huge"), -EAGAIN);
	assert_string_equal(planes[1].why,
			    "huge pages: 192 are wanted, 58 of 300 can be had "
			    "(p0 has 192, others have 50)");
	assert_int_equal(planes[1].huge, 0);
	/* Who has been given none takes none. */
	assert_int_equal(claim_pages(1, "auto"), 0);
	assert_int_equal(planes[1].huge, 0);
	assert_int_equal(planes[1].running.pages, PAGES_TRANSPARENT);
	planes[1].state = PLANE_ROOM;
	assert_int_equal(huge_left(&cpd, &total), 58);
	planes[0].state = PLANE_WAITS;
	assert_int_equal(huge_left(&cpd, &total), 250);
	/* All are in use by what none of them is. */
	have_huge("300\n", "0\n", "0\n");
	assert_int_equal(claim_pages(0, "huge"), -EBUSY);
	assert_non_null(strstr(planes[0].why, "0 of 300 can be had (others "
					      "have 300)"));
}

/* As soon as somebody reads how many are free, the 20 that are mapped have been
 * touched. */
static void *touch(void *arg)
{
	int fd = openat(cpd.dir_fd, "free_hugepages", O_WRONLY | O_CLOEXEC);

	make_file("resv_hugepages", "0\n");
	if (write(fd, "100\n", 4) != 4)
		abort();
	close(fd);
	return NULL;
}

static void what_is_touched_meanwhile_is_not_free(void **state)
{
	pthread_t t;
	u64 total;

	have_huge("100\n", "", "20\n");
	unlinkat(cpd.dir_fd, "free_hugepages", 0);
	assert_int_equal(mkfifoat(cpd.dir_fd, "free_hugepages", 0600), 0);
	assert_int_equal(pthread_create(&t, NULL, touch, NULL), 0);
	assert_int_equal(huge_left(&cpd, &total), 80);
	pthread_join(t, NULL);
}

static void touched_pages_are_counted(void **state)
{
	char status[64];

	snprintf(status, sizeof(status), "%s/status", dir);
	assert_int_equal(huge_in_status(status), 0);
	make_file("status", "Name:\tix\nVmSwap:\t 4 kB\n"
			    "HugetlbPages:\t    8192 kB\nThreads:\t3\n");
	assert_int_equal(huge_in_status(status), 4);
}

static void says_no(const char *line, const char *why)
{
	struct lines_peer peer = { .uid = nobody() };
	char *out = verb_answer(&cpd, &peer, line, strlen(line), NULL);

	if (!strstr(out, why))
		fail_msg("%s", out);
	free(out);
}

/* A rule's word comes before the machine's. */
static void a_rule_grants_huge_pages(void **state)
{
	static const char line[] =
		"{\"do\": \"open\", \"settings\": {\"nic\": \"tap:t0\", "
		"\"ip\": \"10.0.0.2/24\", \"pages\": \"huge\"}}";
	static struct rule r;

	make_rule(&r, 1);
	cpd.conf->cores = (struct conf_cores){ 1, { 1 } };
	cpd.conf->memory = 1ull << 40;
	have_huge("160\n", "159\n", "0\n");
	says_no(line, "p grants you 0 huge pages; 160 (mbufs, arena) are");
	r.huge_pages = 159;
	says_no(line, "p grants you 159 huge pages; 160 (mbufs, arena) are");
	r.huge_pages = 160;
	says_no(line, "160 are wanted, 159 of 160 can be had (others have 1)");
	assert_int_equal(cpd.n, 2);
	/* Who does not ask, as an ix that knows none, is not refused any. */
	assert_false(is_to_ask_again("who asks has ended"));
}

/* The device may go while its keeper joins it. */
static void who_ends_has_no_successor(void **state)
{
	static struct rule r;
	struct plane *p = &planes[1];
	pid_t child = fork();

	if (!child)
		_exit(0);
	make_rule(&r, 2);
	strcpy(confs[1].name, "p-1");
	snprintf(confs[1].owner, sizeof(confs[1].owner), "%u", nobody());
	p->running = on("tap:t0,10.0.0.1/24", "10.0.0.2/24", "");
	set(&p->running, "nic_shared", "true");
	p->granted = true;
	p->state = PLANE_UP;
	p->lock_fd = -1;
	p->pid_fd = (int)syscall(SYS_pidfd_open, child, 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(is_to_ask_again("which is just ending"));
	close(p->pid_fd);
	p->pid_fd = -1;
	/* Beside who goes on it would have the device. */
	assert_false(is_to_ask_again("cores: 1 are wanted"));
	p->state = PLANE_STOPS;
	p->due = 1000;
	assert_true(is_to_ask_again("which is just ending"));
	close(p->lock_fd);
}

/* Since when planes[1] has run, found again with @text in its file. */
static u64 found_since(const char *text)
{
	int fd = openat(cpd.dir_fd, "p1.user", O_WRONLY | O_CREAT | O_TRUNC,
			0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	planes[1].declared = planes[1].granted = false;
	grant_find(&cpd, &planes[1]);
	assert_true(planes[1].granted);
	assert_string_equal(confs[1].owner, "17");
	return planes[1].since;
}

/* Not after now, whatever its file says. */
static void who_is_found_again_has_begun(void **state)
{
	cpd.now = 1000;
	assert_int_equal(found_since("17 999"), 999);
	assert_int_equal(found_since("17 1001"), 1000);
	assert_int_equal(found_since("17 99999999999999999999"), 1000);
	assert_int_equal(found_since("17 -1"), 1000);
	assert_int_equal(found_since("17 yesterday"), 1000);
	assert_int_equal(found_since("17 9x"), 1000);
	assert_int_equal(found_since("17 "), 1000);
	assert_int_equal(found_since("17"), 1000);
}

/* Those that are declared no longer, and run, have places, too. */
static void there_is_room_for_so_many(void **state)
{
	static struct rule r;

	make_rule(&r, 1);
	while (cpd.n < CPD_PLANES)
		cpd.plane[cpd.n++] = &planes[0];
	assert_false(is_to_ask_again("64 dataplanes, and room for no more"));
}

/* Of what is for a group others get some, too. */
static void one_user_has_his_part(void **state)
{
	static struct rule r;

	make_rule(&r, 3);
	r.each = 1;
	strcpy(confs[1].name, "p-1");
	snprintf(confs[1].owner, sizeof(confs[1].owner), "%u", nobody());
	planes[1].granted = true;
	planes[1].state = PLANE_STOPS;
	cpd.now = 1;
	assert_false(is_to_ask_again("one user 1 at a time"));
	planes[1].due = 2;
	assert_true(is_to_ask_again("one user 1 at a time"));
	strcpy(confs[1].owner, "1");
	assert_true(is_to_ask_again("grants 3 at a time"));
}

/* ---- what a user's dataplane says: planes[1], beside planes[0] */

enum { IDLE = 10, BUSY = 1000, MS = 1000000 };

static int begin_granted(void **state)
{
	begin(state);
	cpd.now = 1000 * (u64)MS;
	cpd.conf->cores = (struct conf_cores){ 3, { 1, 2, 3 } };
	for (u32 i = 0; i < 2; i++) {
		planes[i].state = PLANE_UP;
		planes[i].fixed = true;
		planes[i].has = 1;
		confs[i].min_cores = 1;
		confs[i].latency_us = 500;
	}
	planes[0].running.cores = (struct conf_cores){ 1, { 1 } };
	planes[1].running.cores = (struct conf_cores){ 2, { 2, 3 } };
	planes[1].has = 2;
	planes[1].granted = true;
	return 0;
}

/* For @ms, that @p runs on @cores, each so busy. What it is told. */
static u32 hears_of(struct plane *p, u32 ms, u32 cores, u32 busy)
{
	struct policy_load l = { .n = cores };
	u64 until = cpd.now + ms * (u64)MS;
	u32 answer = 0, pause;

	for (u32 i = 0; i < cores; i++)
		l.thread[i].busy = busy;
	while (cpd.now < until) {
		cpd.now += 10 * MS;
		heard_load(&cpd, p, &l);
		answer = heard_cores(p, &pause);
		assert_in_range(pause, CPD_SAMPLE_MS, 1000);
		cores_step(&cpd);
	}
	return answer;
}

static u32 hears(u32 ms, u32 cores, u32 busy)
{
	return hears_of(&planes[1], ms, cores, busy);
}

static bool is_free(u32 core)
{
	const struct core_set s = cores_free(&cpd);

	return core_has(&s, core);
}

static void cores_follow_what_is_said(void **state)
{
	assert_int_equal(hears(100, 2, BUSY), 2);
	assert_int_equal(hears(1000, 2, IDLE), 1);
	/* Not before it says that it has left it. */
	assert_false(is_free(3));
	assert_int_equal(hears(10, 1, IDLE), 1);
	assert_true(is_free(3));
	assert_int_equal(hears(30, 1, BUSY), 2);
	assert_false(is_free(3));
	assert_int_equal(hears(10, 2, BUSY), 2);
	assert_int_equal(planes[1].has, 2);
}

/* Cores that it was not told to have are not its, whatever it says. */
static void cores_are_not_taken_by_saying_so(void **state)
{
	hears(1000, 2, IDLE);
	hears(10, 1, IDLE);
	planes[0].running.cores = (struct conf_cores){ 2, { 1, 3 } };
	planes[0].has = 2;
	assert_int_equal(hears(100, 2, IDLE), 1);
	assert_int_equal(planes[1].has, 1);
	assert_int_equal(hears(100, IX_MAX_THREADS, BUSY), 1);
	assert_int_equal(planes[1].has, 1);
	assert_int_equal(planes[0].has, 2);
}

static u32 pause_of(const struct plane *p)
{
	u32 ms;

	heard_cores(p, &ms);
	return ms;
}

/* Who has little to do, and does as told, has nothing to say for a while. */
static void calm_ones_say_little(void **state)
{
	assert_int_equal(hears(1000, 2, IDLE), 1);
	assert_int_equal(pause_of(&planes[1]), CPD_SAMPLE_MS);
	hears(10, 1, IDLE);
	assert_int_equal(pause_of(&planes[1]), 1000);
	hears(10, 1, 100);
	assert_int_equal(pause_of(&planes[1]), CPD_SAMPLE_MS);
	hears(10, 1, IDLE);
	assert_int_equal(pause_of(&planes[1]), 1000);
}

/* More cores than its rule has there are not for it. */
static void load_may_be_any(void **state)
{
	struct policy_load l = { .n = IX_MAX_THREADS };

	for (u32 i = 0; i < l.n; i++)
		l.thread[i] = (struct policy_thread){ UINT32_MAX, UINT32_MAX,
						      UINT32_MAX };
	for (u32 i = 0; i < 500; i++) {
		cpd.now += 10 * MS;
		heard_load(&cpd, &planes[1], &l);
		assert_in_range(cores_occupied(&planes[1]), 1, 2);
	}
}

/* It is told, and does not do it: then it is as if it had to have them. */
static void who_does_not_leave_keeps(void **state)
{
	assert_int_equal(hears(1000, 2, IDLE), 1);
	hears(20000, 2, IDLE);
	assert_true(planes[1].fixed);
	assert_int_equal(planes[1].has, 2);
	assert_false(is_free(3));
	assert_int_equal(hears(1000, 2, IDLE), 0);
}

/* Its refusal is said until then. */
static void who_leaves_late_has_left(void **state)
{
	hears(1000, 2, IDLE);
	assert_int_equal(hears(3500, 2, IDLE), 1);
	assert_string_not_equal(planes[1].why, "");
	hears(10, 1, IDLE);
	assert_true(is_free(3));
	assert_string_equal(planes[1].why, "");
}

static void who_is_silent_keeps(void **state)
{
	hears(1000, 2, IDLE);
	hears(10, 1, IDLE);
	assert_int_equal(hears(30, 1, BUSY), 2);
	assert_false(planes[1].fixed);
	for (u32 i = 0; i < 11; i++) {
		cpd.now += 1000 * (u64)MS;
		cores_step(&cpd);
	}
	/* Perhaps it does as told. */
	assert_true(planes[1].fixed);
	assert_int_equal(planes[1].has, 2);
	assert_false(is_free(3));
	assert_int_equal(hears(10, 2, BUSY), 2);
	assert_false(planes[1].fixed);
}

/* Who has ended may be there as long as it likes, not on cores that it left. */
static void who_ends_takes_nothing(void **state)
{
	planes[0].granted = true;
	planes[0].running.cores = (struct conf_cores){ 2, { 1, 3 } };
	hears(1000, 2, IDLE);
	hears(10, 1, IDLE);
	hears_of(&planes[0], 100, 1, BUSY);
	assert_int_equal(hears_of(&planes[0], 100, 2, BUSY), 2);
	planes[1].state = PLANE_STOPS;
	assert_int_equal(hears_of(&planes[0], 100, 2, BUSY), 2);
}

/* Its user's word is no keeper's. */
static void the_keeper_says_it(void **state)
{
	strcpy(confs[1].owner, "nobody");
	assert_true(ask(0, "{\"do\": \"load\", \"name\": \"p1\", "
			   "\"busy\": [10, 20], \"delay_us\": [7]}"));
	assert_int_equal(planes[1].load.n, 2);
	assert_int_equal(planes[1].load.thread[1].busy, 20);
	assert_int_equal(planes[1].load.thread[0].delay_us, 7);
	assert_true(ask(0, "{\"do\": \"load\", \"name\": \"p1\", "
			   "\"busy\": [-1, \"x\"]}"));
	assert_int_equal(planes[1].load.thread[0].busy, 1000);
	assert_false(ask(nobody(), "{\"do\": \"load\", \"name\": \"p1\", "
				   "\"busy\": [10]}"));
	assert_false(ask(0, "{\"do\": \"load\", \"name\": \"p0\", "
			    "\"busy\": [10]}"));
	assert_false(ask(0, "{\"do\": \"load\", \"name\": \"p1\"}"));
}

static void sets_are_printed(void **state)
{
	struct core_set s = { 0 };
	char text[64];

	cores_print(&s, text, sizeof(text));
	assert_string_equal(text, "");
	core_add(&s, 0);
	core_add(&s, 2);
	core_add(&s, 3);
	core_add(&s, POLICY_CORES - 1);
	cores_print(&s, text, sizeof(text));
	assert_string_equal(text, "0,2-3,1023");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(a_connection_is_small),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(rules_are_read),
		cmocka_unit_test(mistakes_in_rules_are_told),
		cmocka_unit_test(names_are_files),
		cmocka_unit_test(programs_are_files),
		cmocka_unit_test(users_are_listed_whole),
		cmocka_unit_test(nics_are_not_shared),
		cmocka_unit_test(addresses_are_one_s),
		cmocka_unit_test(ports_are_one_s),
		cmocka_unit_test(queues_are_one_s),
		cmocka_unit_test(a_device_is_a_pair_s),
		cmocka_unit_test(queues_are_a_pair_s),
		cmocka_unit_test(memory_is_accounted),
		cmocka_unit_test(huge_pages_are_one_s),
		cmocka_unit_test(who_touches_slowly_keeps_them),
		cmocka_unit_test(cores_are_chosen_apart),
		cmocka_unit_test_setup(everybody_may_look, begin),
		cmocka_unit_test_setup(root_may_change, begin),
		cmocka_unit_test_setup(others_may_not, begin),
		cmocka_unit_test_setup(the_owner_may, begin),
		cmocka_unit_test_setup(the_owner_chooses_the_program, begin),
		cmocka_unit_test_setup(nonsense_is_refused, begin),
		cmocka_unit_test_setup(what_somebody_keeps_is_not_had_soon,
				       begin),
		cmocka_unit_test_setup_teardown(
			huge_pages_are_given_to_who_asks, begin_with_files,
			end_with_files),
		cmocka_unit_test_setup_teardown(
			what_is_touched_meanwhile_is_not_free, begin_with_files,
			end_with_files),
		cmocka_unit_test_setup_teardown(touched_pages_are_counted,
						begin_with_files,
						end_with_files),
		cmocka_unit_test_setup_teardown(a_rule_grants_huge_pages,
						begin_with_files,
						end_with_files),
		cmocka_unit_test_setup_teardown(who_ends_has_no_successor,
						begin_with_files,
						end_with_files),
		cmocka_unit_test_setup_teardown(who_is_found_again_has_begun,
						begin_with_files,
						end_with_files),
		cmocka_unit_test_setup_teardown(
			a_group_is_told, begin_with_files, end_with_files),
		cmocka_unit_test(a_group_is_not_ours),
		cmocka_unit_test_setup(there_is_room_for_so_many, begin),
		cmocka_unit_test_setup(one_user_has_his_part, begin),
		cmocka_unit_test_setup(cores_follow_what_is_said,
				       begin_granted),
		cmocka_unit_test_setup(calm_ones_say_little, begin_granted),
		cmocka_unit_test_setup(cores_are_not_taken_by_saying_so,
				       begin_granted),
		cmocka_unit_test_setup(load_may_be_any, begin_granted),
		cmocka_unit_test_setup(who_does_not_leave_keeps, begin_granted),
		cmocka_unit_test_setup(who_leaves_late_has_left, begin_granted),
		cmocka_unit_test_setup(who_is_silent_keeps, begin_granted),
		cmocka_unit_test_setup(who_ends_takes_nothing, begin_granted),
		cmocka_unit_test_setup(the_keeper_says_it, begin_granted),
		cmocka_unit_test(sets_are_printed),
	};
	int failed;

	close(mkstemp(path));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}

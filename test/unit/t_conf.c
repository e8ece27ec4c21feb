/* SPDX-License-Identifier: MIT */
/* conf/: every type and its errors, names, arguments, files, and that what is
 * written is read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"

static struct conf conf;
static struct conf_err err;

static int setup(void **state)
{
	(void)state;
	conf_init(&conf);
	return 0;
}

static void ok(const char *name, const char *text)
{
	err.text[0] = 0;
	if (conf_set(&conf, name, text, &err))
		fail_msg("%s = %s: %s", name, text, err.text);
}

static const char *get(const char *name)
{
	static char out[CONF_TEXT];

	conf_print(&conf, conf_find(name), out, sizeof(out));
	return out;
}

/* Refused with @code and a message that contains @words; nothing changes. */
static void bad(const char *name, const char *text, int code, const char *words)
{
	struct conf before = conf;
	int got = conf_set(&conf, name, text, &err);

	if (got != code || !strstr(err.text, words))
		fail_msg("%s = %s: %d, \"%s\"", name, text, got, err.text);
	assert_memory_equal(&before, &conf, sizeof(conf));
}

static void defaults(void **state)
{
	assert_int_equal(conf.dp.net.tcp.rto_min_us, 50000);
	assert_int_equal(conf.dp.net.tcp.time_wait_ms, 1000);
	assert_int_equal(conf.dp.net.tcp.rcv_buf, 256 << 10);
	assert_int_equal(conf.dp.net.tcp.port_max, 60999);
	assert_int_equal(conf.dp.batch, 64);
	assert_int_equal(conf.idle, IDLE_ADAPTIVE);
	assert_int_equal(conf.xdp_gather, XDP_GATHER_OFF);
	assert_true(conf.dp.net.tcp.wscale);
	assert_int_equal(conf.cores.n, 0);
}

/* Each default is in range, has a help text, and a name that is its own. */
static void table(void **state)
{
	for (size_t i = 0; i < conf_nr_settings; i++) {
		const struct setting *s = &conf_settings[i];

		ok(s->name, s->def);
		assert_true(strlen(s->help) > 8);
		assert_ptr_equal(conf_find(s->name), s);
		assert_true(s->offset + s->size <= sizeof(struct conf));
	}
}

static void type_bool(void **state)
{
	static const char *const yes[] = { "true", "yes", "ON", "1" };
	static const char *const no[] = { "false", "No", "off", "0" };

	for (int i = 0; i < 4; i++) {
		ok("ports_only", yes[i]);
		assert_true(conf.dp.net.ports_only);
		ok("ports_only", no[i]);
		assert_false(conf.dp.net.ports_only);
	}
	bad("ports_only", "2", -EINVAL, "true or false");
	bad("ports_only", "", -EINVAL, "true or false");
}

static void type_u32(void **state)
{
	ok("batch", "1");
	ok("batch", "0x40");
	assert_int_equal(conf.dp.batch, 64);
	bad("batch", "0", -ERANGE, "out of range 1 to 256");
	bad("batch", "257", -ERANGE, "out of range 1 to 256");
	bad("batch", "-1", -EINVAL, "not a number");
	bad("batch", "7x", -EINVAL, "not a number");
	bad("batch", "", -EINVAL, "not a number");
	bad("batch", "99999999999999999999999", -EINVAL, "not a number");
	bad("batch", "4294967297", -ERANGE, "out of range");
	/* A 16-bit member must not reach into its neighbour. */
	ok("tcp.port_max", "65535");
	ok("tcp.port_min", "1");
	assert_int_equal(conf.dp.net.tcp.port_max, 65535);
}

static void type_size(void **state)
{
	ok("arena", "2G");
	assert_int_equal(conf.arena, 2ull << 30);
	assert_string_equal(get("arena"), "2G");
	ok("arena", "3145728");
	assert_string_equal(get("arena"), "3M");
	ok("tcp.snd_buf", "64k");
	assert_int_equal(conf.dp.net.tcp.snd_buf, 65536);
	ok("tcp.snd_buf", "2049");
	assert_string_equal(get("tcp.snd_buf"), "2049");
	bad("arena", "1M", -ERANGE, "out of range 2M to 1T");
	bad("arena", "4Q", -EINVAL, "a size");
	bad("arena", "99999999999T", -EINVAL, "a size");
}

static void type_duration(void **state)
{
	ok("tcp.rto_min", "5ms");
	assert_int_equal(conf.dp.net.tcp.rto_min_us, 5000);
	assert_string_equal(get("tcp.rto_min"), "5ms");
	ok("tcp.rto_min", "1500us");
	assert_string_equal(get("tcp.rto_min"), "1500us");
	ok("tcp.rto_max", "1min");
	assert_int_equal(conf.dp.net.tcp.rto_max_us, 60000000);
	/* Whoever shakes hands and is gone does not stay for ever. */
	assert_string_equal(get("tcp.keep_idle"), "5min");
	ok("tcp.keep_idle", "0");
	assert_string_equal(get("tcp.keep_idle"), "0s");
	bad("tcp.rto_min", "50", -EINVAL, "such as 50ms");
	bad("tcp.rto_min", "50 furlongs", -EINVAL, "such as 50ms");
	bad("tcp.rto_min", "1ns", -EINVAL, "multiple of 1us");
	bad("tcp.rto_min", "99us", -ERANGE, "100us to 1min");
	bad("tcp.delack", "500ms", -ERANGE, "0"); /* RFC 9293, MUST-40 */
	bad("tcp.rto_min", "9999999999999min", -EINVAL, "multiple");
}

static void type_words(void **state)
{
	char longer[300];

	ok("nic", "xdp:eth0");
	assert_string_equal(conf.nic, "xdp:eth0");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	bad("nic", longer, -ERANGE, "longer than 255");
	bad("nic", "a\nb", -EINVAL, "line break");
	ok("idle", "block");
	assert_int_equal(conf.idle, IDLE_BLOCK);
	ok("xdp_mode", "ZEROCOPY");
	assert_int_equal(conf.xdp_mode, XDP_MODE_ZEROCOPY);
	bad("idle", "blo", -EINVAL, "spin|adaptive|block");
	bad("idle", "", -EINVAL, "spin|adaptive|block");
}

static void type_addresses(void **state)
{
	ok("ip", "10.1.2.3/24");
	assert_int_equal(be32_host(conf.ip.ip), 0x0a010203);
	assert_int_equal(be32_host(conf.ip.mask), 0xffffff00);
	ok("ip", "10.1.2.3/32");
	assert_int_equal(be32_host(conf.ip.mask), 0xffffffff);
	bad("ip", "10.1.2.3", -EINVAL, "10.1.2.3/24");
	bad("ip", "10.1.2.3/33", -EINVAL, "prefix");
	bad("ip", "10.1.2/24", -EINVAL, "prefix");
	ok("gateway", "10.1.2.1");
	ok("ip", "2001:db8::1/64, 10.1.2.3/24,fd00::2/56");
	assert_int_equal(be32_host(conf.ip.ip), 0x0a010203);
	assert_int_equal(conf.ip.nip6, 2);
	assert_int_equal(conf.ip.ip6[0].ip.b[15], 1);
	assert_int_equal(conf.ip.ip6[1].bits, 56);
	bad("ip", "2001:db8::1", -EINVAL, "2001:db8::1/64");
	bad("ip", "2001:db8::1/129", -EINVAL, "prefix");
	ok("ip", "10.1.2.3/24,10.1.2.4/24,fd00::2/64,192.168.1.1/16");
	assert_int_equal(conf.ip.nalso, 2);
	assert_int_equal(be32_host(conf.ip.also[0].ip), 0x0a010204);
	assert_int_equal(be32_host(conf.ip.also[1].mask), 0xffff0000);
	assert_int_equal(conf.ip.nip6, 1);
	bad("ip", "10.0.0.1/8,10.0.0.2/8,10.0.0.3/8,10.0.0.4/8,10.0.0.5/8,"
		  "10.0.0.6/8,10.0.0.7/8,10.0.0.8/8,10.0.0.9/8",
	    -ERANGE, "more than 8");
	bad("ip", "::1:1/64,::1:2/64,::1:3/64,::1:4/64,::1:5/64,::1:6/64,"
		  "::1:7/64,::1:8/64",
	    -ERANGE, "more than 7");
	ok("gateway", "fe80::1,10.1.2.1");
	assert_int_equal(be32_host(conf.gateway.ip), 0x0a010201);
	assert_int_equal(conf.gateway.ip6.b[15], 1);
	bad("gateway", "fe80::1,fe80::2", -EINVAL, "second one");
	bad("gateway", "gw", -EINVAL, "an address");
	ok("mac", "02:00:00:00:00:0A");
	assert_int_equal(conf.mac.b[5], 10);
	ok("mac", "auto");
	assert_false(conf.mac.set);
	bad("mac", "02:00:00:00:00", -EINVAL, "Ethernet");
	bad("mac", "02:00:00:00:00:0g", -EINVAL, "Ethernet");
	bad("mac", "01:00:00:00:00:00", -EINVAL, "multicast");
}

static void type_lists(void **state)
{
	ok("port", "11211, 80");
	assert_int_equal(conf.ports.port[0], 11211);
	assert_int_equal(conf.ports.port[1], 80);
	assert_int_equal(conf.ports.port[2], 0);
	ok("port", "");
	assert_int_equal(conf.ports.port[0], 0);
	bad("port", "0", -EINVAL, "list of ports");
	bad("port", "65536", -EINVAL, "list of ports");
	bad("port", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", -ERANGE,
	    "more than 16");
	ok("cores", "0-2,5");
	assert_int_equal(conf.cores.n, 4);
	assert_int_equal(conf.cores.core[3], 5);
	assert_string_equal(get("cores"), "0,1,2,5");
	bad("cores", "3-1", -EINVAL, "list of cores");
	bad("cores", "0-70", -EINVAL, "list of cores");
	bad("cores", "1,0-2", -EINVAL, "core 1 twice");
	bad("cores", "", -EINVAL, "list of cores");
	ok("arp.static", "10.0.0.1=02:00:00:00:00:01,10.0.0.2="
			 "02:00:00:00:00:02");
	assert_int_equal(conf.arp.n, 2);
	assert_int_equal(conf.arp.e[1].mac[5], 2);
	bad("arp.static", "10.0.0.1", -EINVAL, "neighbours");
	bad("arp.static", "10.0.0=02:00:00:00:00:01", -EINVAL, "neighbours");
}

static void names(void **state)
{
	ok("ports-only", "true");
	bad("prots_only", "true", -ENOENT, "did you mean ports_only?");
	bad("tcp.rto_mim", "1ms", -ENOENT, "did you mean tcp.rto_min?");
	bad("rto_min", "1ms", -ENOENT, "did you mean tcp.rto_min?");
	bad("zzzzzzzzz", "1", -ENOENT, "--help lists them");
	bad("", "1", -ENOENT, "no setting");
	bad("tcp.rto", "1ms", -ENOENT,
	    "did you mean tcp.rto_initial, tcp.rto_min or tcp.rto_max?");
	bad("tcp.rto-m", "1ms", -ENOENT,
	    "did you mean tcp.rto_min or tcp.rto_max?");
	bad("bat", "1", -ENOENT, "did you mean batch?");
	bad("tcp", "1", -ENOENT, " or another?");
}

/* What is allowed is said, and nothing that is the help's alone. */
static void allowed(void **state)
{
	bad("tcp.rto_min", "-5ms", -EINVAL,
	    "\"-5ms\" is not a duration: a number and ns, us, ms, s or min, "
	    "such as 50ms (100us to 1min)");
	bad("batch", "many", -EINVAL, "\"many\" is not a number (1 to 256)");
	bad("arena", "big", -EINVAL,
	    "is not a size, such as 64K or 1G (2M to 1T)");
	bad("ip", "here/24", -EINVAL, "prefix, such as 10.0.0.1/24");
	bad("mac", "x", -EINVAL, "such as 02:00:00:00:00:01, or auto");
	bad("port", "http", -EINVAL, "ports, such as 80,443");
	for (size_t i = 0; i < conf_nr_settings; i++) {
		const struct setting *s = &conf_settings[i];

		if (s->type == CONF_STRING)
			continue;
		assert_true(conf_set(&conf, s->name, "?", &err) < 0);
		if (s->arg[0] && s->type != CONF_ENUM &&
		    strstr(err.text, s->arg) && s->type != CONF_DURATION)
			fail_msg("%s", err.text);
	}
}

static int arg(const char *a, const char *b)
{
	char *argv[3] = { (char *)a, (char *)b, NULL };

	return conf_arg(&conf, b ? 2 : 1, argv, &err);
}

static void arguments(void **state)
{
	assert_int_equal(arg("--mtu", "9000"), 2);
	assert_int_equal(conf.dp.net.mtu, 9000);
	assert_int_equal(arg("--mtu=1500", "x"), 1);
	assert_int_equal(conf.dp.net.mtu, 1500);
	assert_int_equal(arg("--ports_only", "--mtu"), 1);
	assert_true(conf.dp.net.ports_only);
	assert_int_equal(arg("--ports-only", "off"), 2);
	assert_false(conf.dp.net.ports_only);
	assert_int_equal(arg("--busy_poll", NULL), 1);
	assert_true(conf.busy_poll);
	assert_int_equal(arg("--mtu", NULL), -EINVAL);
	assert_non_null(strstr(err.text, "value is missing"));
	assert_int_equal(arg("--mtuu", "1"), -ENOENT);
	assert_int_equal(arg("mtu", "1"), -EINVAL);
}

static void check_fails(const char *name, const char *text, const char *words)
{
	struct conf before = conf;

	ok(name, text);
	assert_int_equal(conf_check(&conf, &err), -EINVAL);
	if (!strstr(err.text, words))
		fail_msg("%s = %s: \"%s\"", name, text, err.text);
	conf = before;
}

static void checks(void **state)
{
	static const char *const hosts[] = {
		"10.0.0.0/31",	 "10.0.0.255/31",      "10.0.0.0/32",
		"10.0.0.255/16", "223.255.255.254/24", NULL
	};

	assert_int_equal(conf_check(&conf, &err), -EINVAL);
	ok("nic", "xdp:eth0");
	assert_int_equal(conf_check(&conf, &err), -EINVAL);
	ok("ip", "10.0.0.1/24");
	assert_int_equal(conf_check(&conf, &err), 0);
	check_fails("gateway", "10.0.1.1", "not on the link");
	check_fails("gateway", "10.0.0.1", "our own address");
	check_fails("gateway", "10.0.0.0", "the network itself");
	check_fails("gateway", "10.0.0.255", "the broadcast address");
	check_fails("ip", "10.0.0.0/24", "10.0.0.0 is the address of the net");
	check_fails("ip", "10.0.0.255/24", "broadcast address of its network");
	check_fails("ip", "10.0.0.127/25", "broadcast address of its network");
	check_fails("ip", "255.255.255.255/32", "is the broadcast address");
	check_fails("ip", "224.0.0.1/24", "a multicast address");
	check_fails("ip", "239.255.255.255/8", "a multicast address");
	check_fails("ip", "240.0.0.1/24", "nobody may use");
	check_fails("ip", "127.0.0.1/8", "a loopback address");
	check_fails("ip", "0.1.2.3/8", "this network");
	for (const char *const *ip = hosts; *ip; ip++) {
		ok("ip", *ip);
		assert_int_equal(conf_check(&conf, &err), 0);
	}
	ok("ip", "10.0.0.1/24,192.168.0.1/16,10.1.0.1/24");
	assert_int_equal(conf_check(&conf, &err), 0);
	check_fails("gateway", "10.0.2.9", "not on the link");
	check_fails("gateway", "192.168.0.1", "our own address");
	check_fails("gateway", "10.1.0.255", "the broadcast address");
	ok("gateway", "192.168.77.9");
	assert_int_equal(conf_check(&conf, &err), 0);
	ok("gateway", "");
	check_fails("ip", "10.0.0.1/24,10.0.0.2/24,10.0.0.1/8", "twice");
	check_fails("ip", "10.0.0.1/24,224.0.0.1/24", "a multicast address");
	ok("ip", "10.0.0.1/24");
	check_fails("mtu", "68", "below 576");
	check_fails("ports_only", "true", "--port");
	check_fails("tcp.rto_max", "10ms", "rto_min is above");
	check_fails("tcp.port_max", "5", "port_min is above");
	check_fails("ring_size", "1000", "power of two");
	check_fails("ring_size", "32", "below 64");
	check_fails("tcp.wscale", "false", "needs tcp.wscale");
	check_fails("nic_shared", "true", "only with ports_only, or a tap");
	check_fails("nic_queue", "1", "only with nic_shared");
	ok("nic", "tap:x");
	ok("nic_shared", "true");
	assert_int_equal(conf_check(&conf, &err), 0);
	check_fails("nic_queue", "1", "only with nic_shared");
	check_fails("mac", "02:00:00:00:00:01", "not with mac");
	ok("nic_shared", "false");
	ok("nic", "xdp:eth0");
	ok("port", "80");
	ok("ports_only", "true");
	check_fails("nic", "tap:x", "only an xdp NIC");
	ok("ip", "fd00::1/64");
	assert_int_equal(conf_check(&conf, &err), 0);
	ok("ip", "");
	assert_int_equal(conf_check(&conf, &err), 0);
}

/* ---- files */

static char path[] = "/tmp/t_conf.XXXXXX";

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void file_fails(const char *text, const char *words)
{
	write_file(text);
	assert_true(conf_read_file(&conf, path, &err) < 0);
	if (!strstr(err.text, words) || !strstr(err.text, path))
		fail_msg("%s -> \"%s\"", text, err.text);
}

static void files(void **state)
{
	write_file("nic = \"tap:t0\";\nmtu = 1400;\nports_only = true;\n"
		   "port = [ 80, 443 ];\ncores = ( 0, \"2-3\" );\n"
		   "tcp: { rto_min = \"7ms\"; mss = 536; };\n");
	assert_int_equal(conf_read_file(&conf, path, &err), 0);
	assert_string_equal(conf.nic, "tap:t0");
	assert_int_equal(conf.dp.net.mtu, 1400);
	assert_true(conf.dp.net.ports_only);
	assert_int_equal(conf.ports.port[1], 443);
	assert_string_equal(get("cores"), "0,2,3");
	assert_int_equal(conf.dp.net.tcp.rto_min_us, 7000);
	assert_int_equal(conf.dp.net.tcp.mss, 536);

	file_fails("mtu = 1400;\nmtuu = 3;\n", ":2: there is no setting mtuu");
	file_fails("\n\ntcp: {\n rto_min = 50;\n};\n", ":4: tcp.rto_min:");
	file_fails("mtu = \"x\";\n", ":1: mtu: \"x\" is not a number");
	file_fails("mtu = 1.5;\n", ":1: mtu: \"1.5\" is not a number");
	file_fails("mtu = 70000;\n", ":1: mtu: 70000 is out of range");
	file_fails("mtu = true;\n", "is not a number");
	file_fails("mtu = ;\n", ":1: syntax error");
	file_fails("udp = 3;\n", "no setting udp");
	file_fails("arp: { static = ( { a = 1; } ); };\n", "not a value");
	unlink(path);
	assert_int_equal(conf_read_file(&conf, path, &err), -ENOENT);
}

/* Every setting away from its default, so that a forgotten one shows. */
static void set_all(void)
{
	ok("nic", "wire:/dev/shm/w");
	ok("name", "a name");
	ok("stat_dir", "/tmp/x");
	ok("ip", "192.168.7.9/20");
	ok("gateway", "192.168.7.1");
	ok("mac", "02:11:22:33:44:55");
	ok("port", "1,2,3");
	ok("cores", "1,3");
	ok("arp.static", "192.168.7.1=02:00:00:00:00:01");
	for (size_t i = 0; i < conf_nr_settings; i++) {
		const struct setting *s = &conf_settings[i];
		char text[32];

		if (s->type == CONF_BOOL)
			ok(s->name, strcmp(s->def, "true") ? "true" : "false");
		if (s->type != CONF_U32 && s->type != CONF_SIZE &&
		    s->type != CONF_DURATION)
			continue;
		conf_types[s->type].print(s, &s->max, text, sizeof(text));
		ok(s->name, text);
	}
	ok("idle", "spin");
	ok("domain", "vm");
	ok("pages", "small");
}

static void round_trip(void **state)
{
	struct conf before;
	FILE *f;

	set_all();
	before = conf;
	f = fopen(path, "w+");
	conf_dump(&conf, f);
	fclose(f);
	conf_init(&conf);
	if (conf_read_file(&conf, path, &err))
		fail_msg("%s", err.text);
	assert_memory_equal(&before, &conf, sizeof(conf));

	f = fopen(path, "w+");
	assert_int_equal(conf_write_lines(&conf, f), 0);
	rewind(f);
	conf_init(&conf);
	if (conf_read_lines(&conf, f, "lines", &err))
		fail_msg("%s", err.text);
	fclose(f);
	assert_memory_equal(&before, &conf, sizeof(conf));
	unlink(path);
}

static void lines_fail(const char *text, const char *words)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");

	assert_true(conf_read_lines(&conf, f, "here", &err) < 0);
	assert_non_null(strstr(err.text, words));
	fclose(f);
}

static void lines(void **state)
{
	lines_fail("# fine\n\n mtu = 1500 \nmtu\n", "here:4: \"mtu\" is not");
	assert_int_equal(conf.dp.net.mtu, 1500);
	lines_fail("mtu = x\n", "here:1: mtu: \"x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(defaults, setup),
		cmocka_unit_test_setup(table, setup),
		cmocka_unit_test_setup(type_bool, setup),
		cmocka_unit_test_setup(type_u32, setup),
		cmocka_unit_test_setup(type_size, setup),
		cmocka_unit_test_setup(type_duration, setup),
		cmocka_unit_test_setup(type_words, setup),
		cmocka_unit_test_setup(type_addresses, setup),
		cmocka_unit_test_setup(type_lists, setup),
		cmocka_unit_test_setup(names, setup),
		cmocka_unit_test_setup(allowed, setup),
		cmocka_unit_test_setup(arguments, setup),
		cmocka_unit_test_setup(checks, setup),
		cmocka_unit_test_setup(files, setup),
		cmocka_unit_test_setup(round_trip, setup),
		cmocka_unit_test_setup(lines, setup),
	};

	close(mkstemp(path));
	return cmocka_run_group_tests(tests, NULL, NULL);
}

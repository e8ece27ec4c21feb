/* SPDX-License-Identifier: MIT */
/* dom/host/grant_get.c: what a daemon, of another version perhaps, is asked
 * for, and what is made of its answer. */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dom/host/grant_conf.h"

static const char granted[] =
	"{\"ok\":true,\"settings\":{\"nic\":\"tap:t0,10.0.0.1/24\","
	"\"cores\":\"1\",\"nic_queue\":\"0\",\"nic_shared\":\"false\","
	"\"tcp.port_min\":\"49152\",\"tcp.port_max\":\"65535\"}}\n";

static char dir[] = "/tmp/t_grant_get-XXXXXX";

/* ---- a daemon for one connection */

static struct {
	int fd;
	const char *answers[3]; /* up to a NULL */
	char asked[4096];	/* the last one */
	u32 n;
} its;

static void *daemon_of_one(void *arg)
{
	int fd = accept(its.fd, NULL, NULL);
	FILE *f = fdopen(fd, "r+");

	for (its.n = 0; its.answers[its.n]; its.n++) {
		if (!fgets(its.asked, sizeof(its.asked), f))
			break;
		fflush(f);
		fputs(its.answers[its.n], f);
		fflush(f);
	}
	fclose(f);
	return NULL;
}

static int get(struct conf *c, const char *pages, char *why, size_t why_len)
{
	struct conf_err e;
	pthread_t t;
	int fd;

	conf_init(c);
	c->quiet = true;
	assert_int_equal(conf_set(c, "nic", "tap:t0", &e), 0);
	assert_int_equal(conf_set(c, "daemon", dir, &e), 0);
	assert_int_equal(conf_set(c, "pages", pages, &e), 0);
	assert_int_equal(pthread_create(&t, NULL, daemon_of_one, NULL), 0);
	fd = grant_get(c, why, why_len);
	pthread_join(t, NULL);
	if (fd > 0)
		close(fd);
	return fd;
}

static void answers(const char *first, const char *second)
{
	its.answers[0] = first;
	its.answers[1] = second;
}

/* Granted what all daemons grant; is it asked for @text? */
static bool asks(struct conf *c, const char *pages, const char *text)
{
	char why[256] = "";

	answers(granted, NULL);
	if (get(c, pages, why, sizeof(why)) <= 0)
		fail_msg("%s", why);
	return strstr(its.asked, text);
}

/* ---- */

/* An older daemon would refuse a setting that it does not know, and has not
 * shared huge pages out: they are nobody's to take all the same. */
static void who_wants_none_asks_for_none(void **state)
{
	struct conf c;

	assert_false(asks(&c, "auto", "\"pages\""));
	assert_int_equal(c.pages, PAGES_TRANSPARENT);
	assert_false(asks(&c, "transparent", "\"pages\""));
	assert_int_equal(c.pages, PAGES_TRANSPARENT);
	assert_false(asks(&c, "small", "\"pages\""));
	assert_int_equal(c.pages, PAGES_SMALL);
}

static void who_wants_them_asks(void **state)
{
	struct conf c;

	assert_true(asks(&c, "huge", "\"pages\":\"huge\""));
	assert_int_equal(c.pages, PAGES_HUGE);
}

static void an_older_daemon_says_no(void **state)
{
	char why[256];
	struct conf c;

	answers("{\"error\":\"pages: not to be asked\"}\n", NULL);
	assert_int_equal(get(&c, "huge", why, sizeof(why)), -EPERM);
	assert_string_equal(why, "ixcpd: pages: not to be asked");
}

/* It knows no settings of later. */
static void an_older_one_is_told_what_it_knows(void **state)
{
	static const char *const known[] = { "nic",	     "cores",
					     "nic_queue",    "nic_shared",
					     "tcp.port_min", "tcp.port_max" };
	struct conf_err e;
	struct conf c;
	cJSON *o;

	conf_init(&c);
	c.pages = PAGES_HUGE;
	o = grant_settings(&c, grant_given, grant_ngiven);
	assert_int_equal(grant_apply(&c, o, known, ARRAY_SIZE(known), &e), 0);
	cJSON_Delete(o);
}

static void what_may_be_had_soon_is_asked_for_again(void **state)
{
	char why[256] = "";
	struct conf c;

	answers("{\"error\":\"2 of 6 can be had\",\"again\":true}\n", granted);
	assert_true(get(&c, "huge", why, sizeof(why)) > 0);
	assert_int_equal(its.n, 2);
	assert_true(strstr(its.asked, "\"pages\":\"huge\""));
}

static int setup(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!mkdtemp(dir))
		return -1;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/ixcpd.sock", dir);
	its.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return its.fd < 0 || bind(its.fd, (void *)&a, sizeof(a)) ||
	       listen(its.fd, 1);
}

static int teardown(void **state)
{
	char path[64];

	close(its.fd);
	snprintf(path, sizeof(path), "%s/ixcpd.sock", dir);
	return unlink(path) || rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_wants_none_asks_for_none),
		cmocka_unit_test(who_wants_them_asks),
		cmocka_unit_test(an_older_daemon_says_no),
		cmocka_unit_test(an_older_one_is_told_what_it_knows),
		cmocka_unit_test(what_may_be_had_soon_is_asked_for_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

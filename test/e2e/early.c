/* SPDX-License-Identifier: MIT */
/*
 * early WHEN: a server that is told to end while it begins; WHEN: before its
 * threads attach, or when the first has. Exit 0: that is no failure.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ix/ix.h"
#include "ix/ixev.h"

enum { PORT = 9 };

static struct ixev_conn_ops no_ops;

static int fail(const char *what, int err)
{
	fprintf(stderr, "early: %s: %s\n", what, strerror(-err));
	return 1;
}

static int serve(void)
{
	struct ixev_udp udp;
	int err = ixev_init_thread();

	if (err)
		return fail("attach", err);
	err = ixev_listen(NULL, PORT, 1);
	if (err)
		return fail("listen", err);
	err = ixev_udp_bind(&udp, NULL, PORT, NULL);
	if (err)
		return fail("bind", err);
	err = ixev_loop();
	ixev_exit_thread();
	return err ? fail("loop", err) : 0;
}

static void *serve_thread(void *arg)
{
	return (void *)(intptr_t)serve();
}

/* The first thread has attached. */
static int second_comes_late(void)
{
	pthread_t second;
	void *status;
	int err = ixev_init_thread();

	if (err)
		return fail("attach", err);
	raise(SIGTERM);
	if (pthread_create(&second, NULL, serve_thread, NULL))
		return 1;
	err = ixev_loop();
	ixev_exit_thread();
	pthread_join(second, &status);
	return err ? fail("loop", err) : (int)(intptr_t)status;
}

int main(int argc, char **argv)
{
	if (argc != 2 || ixev_init(&no_ops))
		return 2;
	if (!strcmp(argv[1], "attached"))
		return second_comes_late();
	raise(SIGTERM);
	return serve();
}

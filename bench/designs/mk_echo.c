/* SPDX-License-Identifier: MIT */
/*
 * Echo on TCP port 7 in the manner of a microkernel: three processes, see
 * ipc.h.
 *
 *   mk_echo --nic SPEC --ip ADDR echo
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/designs/ipc.h"

static struct raw raw = { .cpu = -1, .queues = 1 };
static struct mailboxes box;

static void on_signal(int sig)
{
	driver_stop = true;
}

static void network_server(void)
{
	serve_network(&raw, &box);
}

static void application(void)
{
	serve_echo(&box);
}

/* Ends with the driver, and the driver with it. */
static pid_t start(const char *name, void (*run)(void))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, name);
	run();
	_exit(1);
}

int main(int argc, char **argv)
{
	const struct sigaction stop = { .sa_handler = on_signal };
	pid_t server, app;

	raw_parse(&raw, argc, argv);
	if (mailbox_open(box.driver) || mailbox_open(box.server) ||
	    mailbox_open(box.app))
		raw_die("no mailboxes");
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGCHLD, &stop, NULL);
	server = start("netserver", network_server);
	app = start("application", application);
	if (server < 0 || app < 0)
		raw_die("no processes");
	prctl(PR_SET_NAME, "driver");
	drive(&raw, &box);
	kill(server, SIGKILL);
	kill(app, SIGKILL);
	return 0;
}

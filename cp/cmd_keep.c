/* SPDX-License-Identifier: MIT */
/* ix keep SETTINGS CONNECTION PROCESS UID NAME: begun by ixcpd (grant.c there),
 * as root, for a dataplane that is a user's: opens its NIC, passes the queues
 * to it, and takes them back. CONNECTION and PROCESS (a pidfd) are descriptors.
 */
#include "cp/ix.h"
#include "cp/keep_ask.h"
#include "dom/host/grant_conf.h"
#include "dom/host/host.h"
#include "dom/host/lines.h"
#include "nic/keep_msg.h"
#include "nic/link_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct keep {
	struct conf given, conf; /* with what follows from it worked out */
	int conn, process, signals;
	uid_t uid;
	const char *name;
};

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int read_settings(struct keep *k, const char *path, struct conf_err *e)
{
	char why[NIC_WHY];
	int err;

	conf_init(&k->conf);
	err = conf_read_file(&k->conf, path, e);
	if (!err)
		err = conf_check(&k->conf, e);
	if (err)
		return err;
	k->given = k->conf;
	err = host_address(&k->conf, why, sizeof(why));
	return err ? conf_error(e, err, "%s", why) : 0;
}

static void answer(const struct keep *k, const struct conf_err *e)
{
	cJSON *o = cJSON_CreateObject();
	int n, yes = 1;
	char *text, *line;

	/* What comes after this is for us, memory with it. */
	setsockopt(k->conn, SOL_SOCKET, LINES_PASSRIGHTS, &yes, sizeof(yes));
	if (e)
		cJSON_AddStringToObject(o, "error", e->text);
	else
		cJSON_AddTrueToObject(o, "ok");
	if (!e)
		cJSON_AddItemToObject(
			o, "settings",
			grant_settings(&k->given, grant_given, grant_ngiven));
	text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	n = text ? asprintf(&line, "%s\n", text) : -1;
	free(text);
	if (n < 0)
		return;
	keep_send(k->conn, line, (size_t)n, NULL, 0);
	free(line);
}

/* The user has no packet socket to do it by; ours receives nothing. */
static void join_groups(const struct keep *k)
{
	int fd, err;

	if (strncmp(k->conf.nic, "xdp:", 4) || k->conf.dp.net.ports_only)
		return;
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	err = fd < 0 ? -errno : host_join_groups(fd, &k->conf);
	if (err)
		fprintf(stderr, "ix keep: %s: multicast groups: %s\n", k->name,
			strerror(-err));
}

/* For whom it is. */
static u32 peer(int conn)
{
	struct ucred c = { 0 };
	socklen_t len = sizeof(c);

	getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &c, &len);
	return (u32)c.pid;
}

static int keep(struct keep *k)
{
	const int until[2] = { k->process, k->signals };
	struct keep_ask ask = { .name = k->name, .fd = -1 };
	const struct keep_holder holder = { k->name, k->uid, keep_ask_cores,
					    &ask };
	struct nic_config cfg = host_nic_config(&k->conf);
	char lock[sizeof(k->conf.stat_dir) + 80], mark[LINK_MARK];

	cfg.frames_len = (size_t)k->conf.dp.mbufs * MBUF_SIZE * cfg.nqueues;
	cfg.umem_len = cfg.frames_len + k->conf.arena;
	cfg.kin = (u64)k->uid + 1;
	cfg.pid = peer(k->conn);
	snprintf(lock, sizeof(lock), "%s/ixcpd/%s.lock", k->conf.stat_dir,
		 k->name);
	if (!link_mark_of(AT_FDCWD, lock, mark))
		cfg.mark = mark;
	snprintf(ask.path, sizeof(ask.path), "%s/ixcpd.sock", k->conf.stat_dir);
	join_groups(k);
	return grant_keep(k->conn, &cfg, &holder, until);
}

int cmd_keep(int argc, char **argv)
{
	static struct keep k;
	struct conf_err e;
	int err;

	if (argc != 6) {
		fprintf(stderr, "ix keep: it is begun by ixcpd\n");
		return EXIT_USAGE;
	}
	k.conn = atoi(argv[2]);
	k.process = atoi(argv[3]);
	k.uid = (uid_t)strtoul(argv[4], NULL, 10);
	k.name = argv[5];
	k.signals = open_signals();
	err = read_settings(&k, argv[1], &e);
	answer(&k, err ? &e : NULL);
	if (!err)
		err = keep(&k);
	else
		fprintf(stderr, "ix keep: %s: %s\n", k.name, e.text);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

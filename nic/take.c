/* SPDX-License-Identifier: MIT */
/* A NIC that has been opened for us: nic_open() without its rights. */
#include "nic/keep_msg.h"
#include "nic/linux.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int no_answer(int err, char *why, size_t why_len)
{
	return nic_fail(err, why, why_len,
			"ixcpd's keeper of the NIC does not answer: %s",
			err == -ECONNRESET ? "it has gone" : strerror(-err));
}

int grant_ask(int fd, enum keep_what what, const struct nic_config *cfg,
	      struct keep_reply *reply, int *fds, u32 most, char *why,
	      size_t why_len)
{
	struct keep_request q = { .version = KEEP_VERSION, .what = what };
	bool memory = what == KEEP_OPEN && strncmp(cfg->spec, "tap:", 4);
	int err;

	q.len[0] = cfg->frames_len;
	q.len[1] = cfg->umem_len - cfg->frames_len;
	err = keep_send(fd, &q, sizeof(q), cfg->memfd,
			memory ? KEEP_MEMORY : 0);
	if (err)
		return no_answer(err, why, why_len);
	err = keep_receive(fd, reply, sizeof(*reply), fds, most);
	if (!err && !reply->err)
		return 0;
	keep_close_fds(fds, most);
	if (err)
		return no_answer(err, why, why_len);
	return nic_fail(reply->err, why, why_len, "%.*s", NIC_WHY - 1,
			reply->why);
}

static int say(struct nic *nic, const struct keep_request *q, const int *fds,
	       u32 n, struct keep_reply *reply)
{
	int err = keep_send(nic->kept.fd, q, sizeof(*q), fds, n);

	if (!err)
		err = keep_receive(nic->kept.fd, reply, sizeof(*reply), NULL,
				   0);
	return err ? err : reply->err;
}

int grant_say(struct nic *nic, const struct keep_request *q, const int *fds,
	      u32 n, struct keep_reply *reply)
{
	int err;

	pthread_mutex_lock(&nic->kept.asking);
	err = say(nic, q, fds, n, reply);
	pthread_mutex_unlock(&nic->kept.asking);
	return err;
}

/* The keeper does it. */
static int set_groups(struct nic *nic)
{
	struct keep_request q = { .version = KEEP_VERSION,
				  .what = KEEP_GROUPS };
	struct keep_reply r;

	memcpy(q.group_owner, nic->group_owner, sizeof(q.group_owner));
	return grant_say(nic, &q, NULL, 0, &r);
}

int grant_ask_cores(struct nic *nic, u32 cores, const struct keep_load *load,
		    u32 threads, struct keep_reply *reply)
{
	struct keep_request q = { .version = KEEP_VERSION,
				  .what = KEEP_LOAD,
				  .cores = cores };
	int err;

	memcpy(q.load, load, threads * sizeof(load[0]));
	/* Between two lives: who waits here answers nobody else. */
	if (pthread_mutex_trylock(&nic->kept.asking))
		return -EBUSY;
	err = say(nic, &q, NULL, 0, reply);
	pthread_mutex_unlock(&nic->kept.asking);
	return err;
}

static int take(const struct nic_config *cfg, const struct keep_reply *r,
		const int *fds, struct nic **out, char *why, size_t why_len)
{
	int err = -EPROTO;

	if (r->nqueues != cfg->nqueues || fds[r->nqueues - 1] < 0) {
		keep_close_fds(fds, KEEP_FDS);
		return nic_fail(err, why, why_len,
				"ixcpd's keeper of the NIC passed too few "
				"queues");
	}
	if (strncmp(cfg->spec, "tap:", 4))
		return xdp_take(cfg, r, fds, out, why, why_len);
	return tap_take(cfg, r, fds, out, why, why_len);
}

static void abandon(struct nic *nic)
{
	grant_leave_flows(nic);
	nic->close(nic);
}

int grant_take(const struct nic_config *cfg, struct nic **out, char *why,
	       size_t why_len)
{
	struct keep_reply r;
	int fds[KEEP_FDS], err;
	struct nic *nic;

	err = grant_ask(cfg->grant_fd, KEEP_OPEN, cfg, &r, fds, KEEP_FDS, why,
			why_len);
	if (err)
		return err;
	err = take(cfg, &r, fds, &nic, why, why_len);
	if (err)
		return err;
	nic->kept.fd = cfg->grant_fd;
	pthread_mutex_init(&nic->kept.asking, NULL);
	memcpy(nic->rss_key, r.rss_key, sizeof(r.rss_key));
	memcpy(nic->group_owner, r.group_owner, sizeof(r.group_owner));
	nic->apart = r.apart;
	nic->rss_control = r.rss_control;
	if (r.rss_control)
		nic->set_groups = set_groups;
	err = r.flows ? grant_take_flows(nic, &r, why, why_len) : 0;
	if (!err)
		*out = nic;
	else
		abandon(nic);
	return err;
}

/* ---- the link */

/* Without him nothing comes any more, and others may have it. */
static bool keeper_gone(const struct nic *nic)
{
	u8 byte;

	return !recv(nic->kept.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

static enum nic_link kept_link(struct nic *nic)
{
	if (keeper_gone(nic))
		return NIC_GONE;
	return nic->kept.link ? nic->kept.link(nic) : NIC_UP;
}

/* Of his end once; if that cannot be had, only what Linux tells. */
void grant_watch(struct nic *nic)
{
	struct epoll_event end = { .events = EPOLLRDHUP | EPOLLET };
	struct epoll_event news = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	nic->kept.link = nic->link;
	nic->link = kept_link;
	nic->kept.link_fd = nic->news_fd;
	if (fd < 0)
		return;
	epoll_ctl(fd, EPOLL_CTL_ADD, nic->kept.fd, &end);
	if (nic->news_fd >= 0)
		epoll_ctl(fd, EPOLL_CTL_ADD, nic->news_fd, &news);
	nic->news_fd = fd;
}

void grant_unwatch(struct nic *nic)
{
	if (nic->kept.link_fd >= 0 && nic->kept.link_fd != nic->news_fd)
		close(nic->kept.link_fd);
}

bool grant_changed(const struct nic *nic)
{
	struct epoll_event e;
	bool changed = keeper_gone(nic);

	while (nic->news_fd != nic->kept.link_fd &&
	       epoll_wait(nic->news_fd, &e, 1, 0) > 0 && !(e.events & EPOLLIN))
		changed = true;
	if (nic->kept.link_fd >= 0)
		changed |= linux_link_changed(nic->kept.link_fd);
	return changed;
}

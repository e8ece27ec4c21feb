/* SPDX-License-Identifier: MIT */
/* What the main thread waits for: signals to ix, ends, deadlines. */
#include "dom/process/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	NS_PER_MS = 1000000,
	GRACE_MS = 2000, /* from SIGTERM to SIGKILL */
	SAME_MS = 500,	 /* signals closer than this are one request */
	ASK_MS = 1000,	 /* Linux about its neighbours */
};

u64 proc_now_ms(void)
{
	return host_clock_os() / NS_PER_MS;
}

/* ---- signals to ix */

/* Without a pid namespace A would survive the keeper, which must kill it. */
void proc_watch_kill(const struct proc_watch *w)
{
	kill(w->pid, w->p->fence.namespaces ? SIGKILL : PROC_END_SIGNAL);
}

static void ask_to_go(struct proc_watch *w, int sig)
{
	w->leaving = true;
	if (!w->pid)
		return;
	if (w->deadline) { /* again, or the same request twice? */
		if (proc_now_ms() > w->deadline - GRACE_MS + SAME_MS)
			proc_watch_kill(w);
		return;
	}
	w->deadline = proc_now_ms() + GRACE_MS;
	kill(w->pid, sig);
}

/* A is in its own process group, which the terminal's signals do not reach. The
 * first one is forwarded, a second one kills. */
static void pass_on(struct proc_watch *w)
{
	struct signalfd_siginfo si;

	if (read(w->signal_fd, &si, sizeof(si)) == sizeof(si))
		ask_to_go(w, (int)si.ssi_signo);
}

/* Without its NIC A has no network any more. */
static void look_at_link(struct proc_watch *w)
{
	struct host *h = w->p->host;
	const char *news = host_link_news(h);

	if (news)
		proc_say(w->p, "%s", news);
	if (news && h->link.state == NIC_GONE)
		ask_to_go(w, SIGTERM);
}

int proc_watch_open(struct proc_watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return w->signal_fd < 0 ? -errno : 0;
}

void proc_watch_close(struct proc_watch *w, bool deliver)
{
	sigset_t none;

	close(w->signal_fd);
	sigemptyset(&none);
	if (deliver)
		sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- waiting */

static int timeout(const struct proc_watch *w)
{
	u64 now = proc_now_ms(), next = w->deadline ? w->deadline : w->expected;

	if (!next)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

/* A program that never attaches (not linked with libix, for example) does not
 * answer its peers: reported once. */
static void expect(struct proc_watch *w)
{
	if (!w->expected || proc_now_ms() < w->expected)
		return;
	w->expected = 0;
	if (!w->leaving && !proc_threads_came(w->p))
		proc_say(
			w->p,
			"ix: %s has not attached to its dataplane for %d s: is "
			"it linked with libix, and does it call it?\n",
			w->p->program, PROC_ATTACH_MS / 1000);
}

/* One poll() of all that the main thread waits for, of at most @ms (-1: no
 * limit). True: @fd, which may be -1, can be read or has hung up. */
static bool look_out(struct proc_watch *w, int fd, int ms)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = w->signal_fd, .events = POLLIN },
		{ .fd = w->p->report_fd, .events = POLLIN },
		{ .fd = w->p->host->nic->news_fd, .events = POLLIN },
	};
	bool asks = w->p->host->conf.dp.net.ports_only;

	if (asks && (ms < 0 || ms > ASK_MS))
		ms = ASK_MS;
	if (poll(fds, ARRAY_SIZE(fds), ms) < 0)
		return false;
	if (asks)
		host_read_neighbours(w->p->host);
	if (fds[1].revents)
		pass_on(w);
	if (fds[2].revents)
		proc_reports(w->p);
	if (fds[3].revents)
		look_at_link(w);
	return fds[0].revents;
}

void proc_watch_wait(struct proc_watch *w, int fd)
{
	while (!look_out(w, fd, timeout(w))) {
		expect(w);
		if (w->deadline && proc_now_ms() >= w->deadline) {
			proc_watch_kill(w);
			w->deadline = 0;
		}
	}
}

void proc_watch_sleep(struct proc_watch *w, u64 ms)
{
	u64 until = proc_now_ms() + ms, now;

	while ((now = proc_now_ms()) < until && !w->leaving)
		look_out(w, -1, (int)(until - now));
}

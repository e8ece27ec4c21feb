/* SPDX-License-Identifier: MIT */
/* Domain inline: the dataplane in the application's own process, crossed by a
 * function call. There is no wall 2: for trusted programs, tests, and as the
 * upper bound of speed. */
#include "dom/host/ctl.h"
#include "ix/dom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A crossing's two blocks, one after the other. */
struct batch {
	struct ix_down down;
	struct ix_up up;
};

struct inline_domain {
	struct ix_domain domain;
	struct host *host;
	pid_t pid;
	struct batch *batches[IX_MAX_THREADS];
};

/* libix opens one; atexit() takes no argument. */
static struct inline_domain *opened;

static struct inline_domain *self(struct ix_domain *d)
{
	return container_of(d, struct inline_domain, domain);
}

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	struct inline_domain *in = self(d);
	struct batch *b;
	int err;

	if (thread < 0 || thread >= d->nthreads)
		return -EINVAL;
	b = hugemem_private(sizeof(*b));
	if (!b)
		return -ENOMEM;
	err = host_attach(in->host, (u32)thread, &b->down, &b->up);
	/* run_io() says so. */
	if (err == -ESHUTDOWN)
		err = 0;
	if (err) {
		hugemem_private_free(b, sizeof(*b));
		return err;
	}
	in->batches[thread] = b;
	*port = (struct ix_port){ .down = &b->down,
				  .up = &b->up,
				  .domain = d,
				  .thread = thread,
				  .priv = &in->host->threads[thread] };
	return 0;
}

static int run_io(struct ix_port *port)
{
	return host_run_io(port->priv);
}

static int release(struct ix_port *port)
{
	host_release(port->priv);
	return 0;
}

static int take(struct ix_port *port)
{
	return host_take(port->priv);
}

/* A process ends with its last thread: the control socket's is not to be it.
 * With none attached there is nobody whom it could ask. */
static int detach(struct ix_port *port)
{
	struct host_thread *t = port->priv;
	bool any = false;

	host_impatient(t);
	host_detach(t);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the last two at once */
	for (u32 i = 0; i < t->host->nthreads; i++)
		any |= READ_ONCE(t->host->threads[i].attached);
	if (!any)
		ctl_end(t->host);
	return 0;
}

/* The batches are freed only here: after detach() the application may still
 * read the last events. */
static void close_domain(struct ix_domain *d)
{
	struct inline_domain *in = self(d);

	host_end_threads(in->host);
	ctl_close(in->host);
	host_close(in->host);
	for (int i = 0; i < d->nthreads; i++)
		hugemem_private_free(in->batches[i], sizeof(struct batch));
	free(in);
	opened = NULL;
}

/* For programs that exit without closing: peers get a reset, and the interface
 * is restored. Not in a child of fork(), which owns nothing of it. */
static void at_exit(void)
{
	if (!opened || opened->pid != getpid())
		return;
	host_end_threads(opened->host);
	ctl_close(opened->host);
	nic_close(opened->host->nic);
	for (u32 i = 0; i < opened->host->nthreads; i++)
		statfile_remove(&opened->host->threads[i].stat);
}

static int read_settings(struct conf *conf, struct conf_err *e)
{
	const char *text = getenv(IX_ENV_SETTINGS);
	int fd = text ? dup(atoi(text)) : -1;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	int err;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return conf_error(e, -ENOENT,
				  "no settings: start the program by ix run");
	}
	rewind(f);
	conf_init(conf);
	err = conf_read_lines(conf, f, "settings", e);
	fclose(f);
	return err ? err : conf_check(conf, e);
}

/* ps, top and pgrep show that it is on IX, as they do in the other domains;
 * unless it has given itself a name. Linux keeps 15 bytes. */
static void show_in_ps(const char *program)
{
	int fd = open("/proc/self/comm", O_RDWR | O_CLOEXEC);
	char now[16] = "", name[16];
	ssize_t n = fd < 0 ? 0 : read(fd, now, sizeof(now));

	if (n > 0)
		now[n - 1] = 0;
	snprintf(name, sizeof(name), "ix:%s", program);
	if (n > 0 && !strncmp(now, program, sizeof(now) - 1) &&
	    write(fd, name, strlen(name)) < 0)
		errno = 0; /* it keeps the old one */
	if (fd >= 0)
		close(fd);
}

int ix_domain_open(struct ix_domain **out, char *why, size_t why_len)
{
	static const struct host_domain inline_host = { "inline", "none",
							false };
	struct inline_domain *in = calloc(1, sizeof(*in));
	struct conf conf;
	struct conf_err e;
	int err;

	if (!in)
		return -ENOMEM;
	err = read_settings(&conf, &e);
	if (err)
		snprintf(why, why_len, "%s", e.text);
	else
		err = host_open(&in->host, &conf, &inline_host, why, why_len);
	if (err) {
		free(in);
		return err;
	}
	host_catch_signals();
	in->pid = getpid();
	opened = in;
	atexit(at_exit);
	if (!conf.quiet)
		fprintf(stderr, "ix: %s\n", in->host->about);
	in->host->program = program_invocation_short_name;
	show_in_ps(program_invocation_short_name);
	in->host->app_runs = true;
	in->host->app_lives = 1;
	if (ctl_open(in->host, NULL, NULL, why, why_len))
		fprintf(stderr, "ix: %s\n", why);
	in->domain = (struct ix_domain){
		.name = "inline",
		.abi_version = IX_ABI_VERSION,
		.nthreads = (int)in->host->nthreads,
		.arena = in->host->mem.arena.base,
		.arena_len = in->host->mem.arena.len,
		.page_size = in->host->mem.page_size,
		.ports = in->host->conf.ports.port,
		.attach = attach,
		.run_io = run_io,
		.release = release,
		.take = take,
		.detach = detach,
		.close = close_domain,
	};
	*out = &in->domain;
	return 0;
}

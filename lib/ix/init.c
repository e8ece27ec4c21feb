/* SPDX-License-Identifier: MIT */
/*
 * The domain: found by what `ix run` left in the environment, loaded from
 * $IX_LIBDIR/libix-$IX_DOMAIN.so, and its elastic threads.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ix/priv.h"

static struct {
	pthread_mutex_t lock; /* guards used */
	struct ix_domain *domain;
	struct ix_domain released; /* ... of ports that nobody drives */
	void *object;		   /* of dlopen(), or NULL */
	bool used[IX_MAX_THREADS];
} lib = { .lock = PTHREAD_MUTEX_INITIALIZER };

typedef int (*domain_open_fn)(struct ix_domain **out, char *why, size_t len);

/* The domain's object; prints why not. */
static domain_open_fn load_domain(const char *name)
{
	const char *dir = getenv(IX_ENV_LIBDIR);
	domain_open_fn open_fn = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s%slibix-%s.so", dir ? dir : "",
		 dir ? "/" : "", name);
	lib.object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (lib.object)
		*(void **)&open_fn = dlsym(lib.object, "ix_domain_open");
	if (!open_fn)
		fprintf(stderr, "ix: cannot load domain %s: %s\n", name,
			dlerror());
	return open_fn;
}

/* ---- ports between two threads: a crossing takes them first, and the test for
 * it costs those that are driven nothing */

static int take(struct ix_port *port)
{
	struct ix_domain *d = lib.domain;
	int ret = d->take ? d->take(port) : 0;

	if (!ret)
		port->domain = d;
	return ret;
}

static int take_and_run(struct ix_port *port)
{
	int ret = take(port);

	return ret ? ret : port->domain->run_io(port);
}

static int take_and_detach(struct ix_port *port)
{
	int ret = take(port);

	return ret ? ret : port->domain->detach(port);
}

int ix_release(struct ix_thread *t)
{
	struct ix_domain *d = t->port.domain;
	int ret = 0;

	if (d == &lib.released)
		return -EBUSY;
	if (d->release)
		ret = d->release(&t->port);
	if (!ret)
		t->port.domain = &lib.released;
	return ret;
}

/* ---- the domain */

int ix_init_domain(struct ix_domain *d)
{
	int ret;

	if (lib.domain)
		return -EBUSY;
	if (d->abi_version != IX_ABI_VERSION) {
		fprintf(stderr, "ix: domain %s speaks ABI %d, libix %d\n",
			d->name, d->abi_version, IX_ABI_VERSION);
		return -EPROTO;
	}
	ret = arena_init(d->arena, d->arena_len);
	if (ret)
		return ret;
	memset(lib.used, 0, sizeof(lib.used));
	lib.domain = d;
	lib.released = *d;
	lib.released.run_io = take_and_run;
	lib.released.detach = take_and_detach;
	return 0;
}

int ix_init(void)
{
	const char *name = getenv(IX_ENV_DOMAIN);
	char why[256] = "";
	struct ix_domain *d;
	domain_open_fn open_fn;
	int ret;

	if (lib.domain)
		return 0;
	if (!name) {
		fprintf(stderr, "ix: no dataplane; start this program with: "
				"ix run -- PROGRAM ARGUMENTS\n");
		return -ENODEV;
	}
	open_fn = load_domain(name);
	if (!open_fn)
		return -ENOENT;
	ret = open_fn(&d, why, sizeof(why));
	if (ret) {
		fprintf(stderr, "ix: cannot open domain %s: %s\n", name,
			why[0] ? why : strerror(-ret));
		return ret;
	}
	ret = ix_init_domain(d);
	if (ret)
		d->close(d);
	return ret;
}

void ix_exit(void)
{
	if (!lib.domain)
		return;
	if (lib.domain->close)
		lib.domain->close(lib.domain);
	arena_exit();
	lib.domain = NULL;
	/* The object stays loaded: its code may still be on some stack. */
}

const struct ix_domain *ix_domain(void)
{
	return lib.domain;
}

int ix_nthreads(void)
{
	return lib.domain ? lib.domain->nthreads : 0;
}

/* Reserves elastic thread @want, or the first free one if negative. */
static int claim(int want)
{
	int n = ix_nthreads(), got = -EBUSY, i;

	if (want >= n || want >= IX_MAX_THREADS)
		return -EINVAL;
	pthread_mutex_lock(&lib.lock);
	for (i = want < 0 ? 0 : want; i < n && i < IX_MAX_THREADS; i++) {
		if (!lib.used[i]) {
			lib.used[i] = true;
			got = i;
			break;
		}
		if (want >= 0)
			break;
	}
	pthread_mutex_unlock(&lib.lock);
	return got;
}

static void unclaim(int thread)
{
	pthread_mutex_lock(&lib.lock);
	lib.used[thread] = false;
	pthread_mutex_unlock(&lib.lock);
}

struct ix_thread *ix_attach(int thread)
{
	struct ix_thread *t;
	int ret;

	if (!lib.domain) {
		errno = ENODEV;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	thread = claim(thread);
	ret = thread < 0 ? thread
			 : lib.domain->attach(lib.domain, thread, &t->port);
	if (ret) {
		if (thread >= 0)
			unclaim(thread);
		free(t);
		errno = -ret;
		return NULL;
	}
	t->port.domain = lib.domain;
	t->port.thread = thread;
	return t;
}

int ix_detach(struct ix_thread *t)
{
	int thread = t->port.thread;
	int ret = t->port.domain->detach(&t->port);

	if (ret)
		return ret;
	unclaim(thread);
	free(t);
	return 0;
}

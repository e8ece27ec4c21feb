/* SPDX-License-Identifier: MIT */
/*
 * The application's system calls: those that servers use (seccomp.def), changed
 * by the user's file (+name, -name). A second filter restricts arguments:
 * deny.c. The kernel evaluates both.
 *
 * The filters are a second line of defence: memory protection, user and
 * capabilities do not depend on them. Only they keep an application that runs
 * as D's user from signalling D, and from punching holes into shared memory.
 */
#include "dom/process/process.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct entry {
	const char *name;
	bool allow;
};

#define ALLOW(name) { #name, true },
#define DENY(name) { #name, false },
static const struct entry defaults[] = {
#include "dom/process/seccomp.def"
};
#undef ALLOW
#undef DENY

enum {
	MAX_CHANGES = 128,
	DENIED = SCMP_ACT_ERRNO(EPERM),
};

/* ---- the user's file */

struct changes {
	u32 n;
	struct entry e[MAX_CHANGES];
	char name[MAX_CHANGES][40];
};

static bool read_line(struct changes *c, char *line)
{
	char *name = line + 1, *end = name + strcspn(name, " \t\r\n#");

	if (!line[strspn(line, " \t\r\n")] || line[0] == '#')
		return true;
	*end = 0;
	if ((line[0] != '+' && line[0] != '-') || c->n == MAX_CHANGES ||
	    strlen(name) >= sizeof(c->name[0]) ||
	    seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
		return false;
	strcpy(c->name[c->n], name);
	c->e[c->n].name = c->name[c->n];
	c->e[c->n++].allow = line[0] == '+';
	return true;
}

static int read_changes(struct changes *c, const char *path, char *why,
			size_t why_len)
{
	FILE *f;
	char line[256];
	int err = 0, n = 0;

	c->n = 0;
	if (!path[0])
		return 0;
	f = fopen(path, "re");
	if (!f) {
		err = -errno;
		snprintf(why, why_len, "%.200s: %s", path, strerror(-err));
		return err;
	}
	while (!err && fgets(line, sizeof(line), f)) {
		n++;
		if (!read_line(c, line))
			err = -EINVAL;
	}
	fclose(f);
	if (err)
		snprintf(why, why_len,
			 "%.200s:%d: +name or -name of a system call, please",
			 path, n);
	return err;
}

static const struct entry *changed(const struct changes *c, const char *name)
{
	const struct entry *last = NULL;

	for (u32 i = 0; i < c->n; i++)
		if (!strcmp(c->e[i].name, name))
			last = &c->e[i];
	return last;
}

/* ---- the filter */

static int rule(scmp_filter_ctx f, u32 action, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name), err;

	/* Unknown to libseccomp, or not on this architecture. */
	if (nr < 0)
		return 0;
	err = seccomp_rule_add(f, action, nr, 0);
	return err == -EACCES ? 0 : err; /* is the default */
}

static int add_lists(scmp_filter_ctx f, const struct changes *c)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(defaults) && !err; i++)
		if (!changed(c, defaults[i].name))
			err = rule(f,
				   defaults[i].allow ? SCMP_ACT_ALLOW : DENIED,
				   defaults[i].name);
	for (u32 i = 0; i < c->n && !err; i++)
		if (changed(c, c->e[i].name) == &c->e[i])
			err = rule(f, c->e[i].allow ? SCMP_ACT_ALLOW : DENIED,
				   c->e[i].name);
	return err;
}

/* ---- as a program for the kernel */

int proc_seccomp_export(struct sock_fprog *out, void *f)
{
	int fd = memfd_create("ix-seccomp", MFD_CLOEXEC);
	off_t len = -1;
	int err = fd < 0 ? -errno : seccomp_export_bpf(f, fd);

	if (!err)
		len = lseek(fd, 0, SEEK_CUR);
	if (len > 0) {
		out->filter = malloc((size_t)len);
		out->len = (u16)((size_t)len / sizeof(struct sock_filter));
	}
	if (!err &&
	    (!out->filter || pread(fd, out->filter, (size_t)len, 0) != len))
		err = -EIO;
	if (fd >= 0)
		close(fd);
	return err;
}

/* A binary search by number instead of a linear one. Calls of another
 * architecture (i386, x32) kill the program. */
static int tune(scmp_filter_ctx f)
{
	seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH,
				SCMP_ACT_KILL_PROCESS);
}

static int build_lists(struct proc *p, const struct changes *c)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err = f ? tune(f) : -ENOMEM;

	if (!err)
		err = add_lists(f, c);
	if (!err)
		err = proc_seccomp_export(&p->filters[0], f);
	seccomp_release(f);
	return err;
}

static int build_conditions(struct proc *p)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int err = f ? tune(f) : -ENOMEM;

	if (!err)
		err = proc_seccomp_conditions(p, f);
	if (!err)
		err = proc_seccomp_export(&p->filters[1], f);
	seccomp_release(f);
	return err;
}

int proc_seccomp_build(struct proc *p, char *why, size_t why_len)
{
	static struct changes c;
	int err = read_changes(&c, p->host->conf.seccomp, why, why_len);

	if (err)
		return err;
	err = build_lists(p, &c);
	if (!err)
		err = build_conditions(p);
	if (err)
		snprintf(why, why_len, "system call filter: %s",
			 strerror(-err));
	return err;
}

void proc_seccomp_free(struct proc *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(p->filters); i++) {
		free(p->filters[i].filter);
		p->filters[i].filter = NULL;
	}
}

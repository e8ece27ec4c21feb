/* SPDX-License-Identifier: MIT */
/*
 * ix-vmload NAME PATH ARGUMENTS: the program PATH, whose argv[0] is NAME.
 *
 *	1. the shared memory, whose descriptors $IX_PROCESS tells, at the
 *	   addresses that it has in the guest
 *	2. ld.so into VM_APP
 *	3. a stack there, with the arguments for ld.so to run PATH
 *	4. from now on mmap() and the like are trapped
 *	5. jump to ld.so
 */
#include "lib/vm/load/load.h"

#include "base/errno.h"
#include "base/mem.h"
#include "dom/process/shm.h"
#include "lib/vm/load/sys.h"

enum { MAX_ARGS = 4096, NFDS = 6 };

enum fd { FD_UP, FD_DOWN, FD_FRAMES, FD_ARENA, FD_ALIVE, FD_APP };

static u64 length(const char *s)
{
	u64 n = 0;

	while (s[n])
		n++;
	return n;
}

static _Noreturn void fail(const char *what, const char *why)
{
	const char *part[] = { "ix: ", what, ": ", why, "\n" };

	for (size_t i = 0; i < ARRAY_SIZE(part); i++)
		sys3(SYS_WRITE, 2, (u64)part[i], length(part[i]));
	for (;;)
		sys3(SYS_EXIT_GROUP, 126, 0, 0);
}

/* ---- shared memory */

static const char *find(char **env, const char *name)
{
	u64 n = length(name);

	for (; *env; env++)
		if (!memcmp(*env, name, n))
			return *env + n;
	return NULL;
}

static bool numbers(const char *s, s64 out[NFDS])
{
	for (int i = 0; i < NFDS; i++) {
		if (!s || *s < '0' || *s > '9')
			return false;
		for (out[i] = 0; *s >= '0' && *s <= '9'; s++)
			out[i] = out[i] * 10 + *s - '0';
		s += *s == ' ';
	}
	return true;
}

/* The descriptors stay open; libix closes them, as in domain process. If
 * they were replaced before we were executed, only the memory of the program
 * that did so is affected. */
static bool map(s64 fd, u64 at, u64 rights)
{
	s64 len = sys3(SYS_LSEEK, (u64)fd, 0, SEEK_TO_END);

	return len > 0 &&
	       sys(SYS_MMAP, at, (u64)len, rights,
		   MAP_IS_SHARED | MAP_IS_NOREPLACE, (u64)fd, 0) == (s64)at;
}

static void map_all(char **env)
{
	s64 fd[NFDS];

	if (!numbers(find(env, "IX_PROCESS="), fd))
		fail("domain vm", "start the program by ix run");
	if (!map(fd[FD_UP], VM_UP, MAY_READ) ||
	    !map(fd[FD_DOWN], VM_DOWN, MAY_READ | MAY_WRITE) ||
	    !map(fd[FD_FRAMES], VM_FRAMES, MAY_READ) ||
	    !map(fd[FD_ARENA], VM_ARENA, MAY_READ | MAY_WRITE) ||
	    !map(fd[FD_APP], VM_APP, 0))
		fail("domain vm", "cannot map the shared memory");
	rights_guest((struct proc_rights *)(VM_DOWN +
					    sys3(SYS_LSEEK, (u64)fd[FD_DOWN], 0,
						 SEEK_TO_END) -
					    (s64)sizeof(struct proc_rights)));
}

/* ---- the program */

static void find_stack(u64 *stack, struct load_stack *s)
{
	s->argc = stack[0];
	s->argv = (char **)(stack + 1);
	s->env = s->argv + s->argc + 1;
	stack = (u64 *)s->env;
	while (*stack++)
		;
	s->aux = stack;
}

/* ld.so --argv0 NAME PATH ARGUMENTS: it loads PATH itself. */
static u64 arguments(const struct load_stack *s, char *ld, char **out)
{
	u64 n = 0;

	out[n++] = ld;
	out[n++] = (char *)"--argv0";
	for (u64 i = 1; i < s->argc; i++)
		out[n++] = s->argv[i];
	return n;
}

void load_main(u64 *stack)
{
	static char ld[LOAD_PATH], *argv[MAX_ARGS + 2];
	struct load_stack s;
	struct load_elf elf;
	u64 rsp;

	find_stack(stack, &s);
	if (s.argc < 3)
		fail("domain vm", "start the program by ix run");
	if (s.argc > MAX_ARGS)
		fail(s.argv[1], "too many arguments");
	map_all(s.env);
	space_init();
	if (load_interpreter(s.argv[2], ld))
		fail(s.argv[2], "domain vm runs dynamically linked, "
				"position-independent (PIE) programs of x86-64 "
				"only");
	if (load_elf(ld, &elf))
		fail(ld, "cannot be loaded");
	rsp = load_stack(&s, argv, arguments(&s, ld, argv), &elf);
	if (!rsp || trap_start())
		fail(s.argv[1], "cannot be prepared");
	load_jump(elf.entry, rsp);
}

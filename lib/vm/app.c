/* SPDX-License-Identifier: MIT */
/* Domain vm, seen from the application: a crossing is SYSCALL. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dom/vm/guest/layout.h"
#include "lib/process/app.h"
#include "lib/vm/persona.h"

enum { ARCH_GET_FS = 0x1003, ALIVE = 4 /* of $IX_PROCESS */ };

static struct vm_persona personas[IX_MAX_THREADS];

/* In the process. A handler that ran beside ring 3 has left by siglongjmp():
 * now the thread is twice, here and there, on one stack. */
static void be_one(const struct vm_persona *p)
{
	static const char text[] =
		"ix: a signal handler left by siglongjmp() while its thread "
		"ran in ring 3: domain vm cannot do that\n";

	if (likely(!READ_ONCE(p->waits)))
		return;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		errno = 0; /* nobody listens */
	abort();
}

static void enter(struct vm_persona *p)
{
	be_one(p);
	vm_to_ring3(p, (u8 *)p->stack + VM_PERSONA_STACK);
}

/* After an exception in ring 3 a thread runs in the process, where the call is
 * unknown to Linux: it enters ring 3 again. */
static int run_io(struct ix_port *port)
{
	int ret = vm_run_io();

	while (unlikely(ret == -ENOSYS)) {
		if (READ_ONCE(proc_dom.end))
			return -(int)proc_dom.end;
		enter(&personas[port->thread]);
		ret = personas[port->thread].err;
		if (!ret)
			ret = vm_run_io();
	}
	return ret;
}

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	int err = proc_attach(d, thread, port);
	struct vm_persona *p;

	if (err)
		return err;
	p = &personas[thread];
	if (!p->stack)
		p->stack = aligned_alloc(64, VM_PERSONA_STACK);
	if (!p->stack) {
		proc_detach(port);
		return -ENOMEM;
	}
	p->thread = (u32)thread;
	syscall(SYS_arch_prctl, ARCH_GET_FS, &p->fs);
	enter(p);
	if (p->err)
		proc_detach(port);
	return p->err;
}

static void detach(struct ix_port *port)
{
	vm_from_ring3();
	be_one(&personas[port->thread]);
	proc_detach(port);
}

/* Everything was mapped before the program began: lib/vm/load/. */
static int find_all(void)
{
	const char *env = getenv(PROC_ENV);
	int fd[6];

	if (!env || sscanf(env, "%d %d %d %d %d %d", &fd[0], &fd[1], &fd[2],
			   &fd[3], &fd[4], &fd[5]) != 6)
		return -ENODEV;
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		if (i != ALIVE)
			close(fd[i]); /* mapped */
	proc_dom.alive = fd[ALIVE];
	proc_dom.info = (const struct proc_info *)VM_UP;
	if (proc_dom.info->version != PROC_VERSION)
		return -EPROTO;
	proc_dom.up = (const struct proc_up *)(VM_UP + PROC_PAGE);
	proc_dom.turns = (struct proc_turns *)VM_DOWN;
	proc_dom.down = (struct proc_down *)(VM_DOWN + PROC_TURNS);
	proc_dom.frames = (u8 *)VM_FRAMES;
	proc_dom.arena = (u8 *)VM_ARENA;
	return 0;
}

/* A child of fork() has another memory than the guest: ring 3 cannot run in it,
 * and must not be entered for it. */
static void become_child(void)
{
	WRITE_ONCE(proc_dom.end, ECHILD);
	for (size_t i = 0; i < ARRAY_SIZE(personas); i++)
		personas[i].waits = false;
}

__attribute__((visibility("default"))) int ix_domain_open(
	struct ix_domain **out, char *why, size_t why_len)
{
	int err = find_all();

	if (err) {
		snprintf(why, why_len, "start the program by ix run");
		return err;
	}
	err = -pthread_atfork(NULL, NULL, become_child);
	if (!err)
		err = proc_open(out, "vm");
	if (err)
		return err;
	(*out)->attach = attach;
	(*out)->run_io = run_io;
	(*out)->detach = detach;
	return 0;
}

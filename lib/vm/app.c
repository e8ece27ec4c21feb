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

_Static_assert(offsetof(struct ix_port, priv) == VM_PORT_PRIV, "move.S");

/* In the process. A handler that ran beside ring 3 has left by siglongjmp():
 * now the thread is twice, here and there, on one stack. */
static void be_one(void)
{
	static const char text[] =
		"ix: a signal handler left by siglongjmp() while its thread "
		"ran in ring 3: domain vm cannot do that\n";

	for (size_t i = 0; i < ARRAY_SIZE(personas); i++) {
		const struct vm_persona *p = &personas[i];

		if (likely(!READ_ONCE(p->waits)) || p->owner != pthread_self())
			continue;
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			errno = 0; /* nobody listens */
		abort();
	}
}

/* The calling thread is to be in the process, and the port its own. */
static int come_out(const struct vm_persona *p)
{
	if (READ_ONCE(p->owner) != pthread_self())
		return -EBUSY;
	vm_from_ring3();
	be_one();
	return 0;
}

static int enter(struct vm_persona *p)
{
	int err = come_out(p);

	if (err)
		return err;
	vm_to_ring3(p, (u8 *)p->stack + VM_PERSONA_STACK);
	return p->err;
}

/* A thread runs in the process after an exception in ring 3, and when it has
 * taken a port; or in ring 3 of another port. The call is unknown there: it
 * enters ring 3 of this one. */
static int run_io(struct ix_port *port)
{
	int ret = vm_run_io(port);

	while (unlikely(ret == -ENOSYS)) {
		if (READ_ONCE(proc_dom.end))
			return -(int)proc_dom.end;
		ret = enter(&personas[port->thread]);
		if (!ret)
			ret = vm_run_io(port);
	}
	return ret;
}

/* ---- who drives a port */

static int take(struct ix_port *port)
{
	struct vm_persona *p = &personas[port->thread];

	if (READ_ONCE(p->owner))
		return -EBUSY;
	vm_from_ring3(); /* which does not know arch_prctl() */
	syscall(SYS_arch_prctl, ARCH_GET_FS, &p->fs);
	WRITE_ONCE(p->owner, pthread_self());
	return 0;
}

static int release(struct ix_port *port)
{
	struct vm_persona *p = &personas[port->thread];
	int err = come_out(p);

	if (!err)
		WRITE_ONCE(p->owner, 0);
	return err;
}

static int detach(struct ix_port *port)
{
	int err = release(port);

	return err ? err : proc_detach(port);
}

static int settle(struct ix_port *port)
{
	struct vm_persona *p = &personas[port->thread];
	int err;

	if (!p->stack)
		p->stack = aligned_alloc(64, VM_PERSONA_STACK);
	if (!p->stack)
		return -ENOMEM;
	p->thread = (u32)port->thread;
	port->priv = (void *)(VM_RUN_IO + (u64)port->thread);
	err = take(port);
	/* Told to end: it stays in the process, where run_io() says so. */
	if (err || READ_ONCE(proc_dom.end) == ESHUTDOWN)
		return err;
	return enter(p);
}

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	int err;

	vm_from_ring3(); /* of a port that it has already */
	err = proc_attach(d, thread, port);
	if (err)
		return err;
	err = settle(port);
	if (err) {
		personas[thread].owner = 0;
		proc_detach(port);
	}
	return err;
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
	(*out)->release = release;
	(*out)->take = take;
	(*out)->detach = detach;
	return 0;
}

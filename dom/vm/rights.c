/* SPDX-License-Identifier: MIT */
/* Serves A's requests to change the rights of its pages in ring 3, which it
 * makes when it has changed them in the process (lib/vm/load/rights.c). A is
 * free to choose them: the memory is its own. */
#include "dom/process/process.h"
#include "dom/vm/vm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { LOOK_NS = 100000000 /* A can requeue us: handover.h */ };

static void serve(struct proc *p)
{
	struct vm_life *l = p->vm;
	const struct proc_rights *r = l->rights;
	u64 at = READ_ONCE(r->at), len = READ_ONCE(r->len);

	if (at < VM_APP || at > VM_APP + VM_APP_BYTES ||
	    len > VM_APP + VM_APP_BYTES - at || (at | len) % VM_PAGE)
		return;
	vm_mem_protect(&l->vm.mem, l->app_gpa, at, len, READ_ONCE(r->rights));
	for (u32 i = 0; i < p->nthreads; i++)
		vm_forget(&p->threads[i]);
}

static void *rights_thread(void *arg)
{
	struct proc *p = arg;
	struct proc_turns *t = &p->vm->rights->turns;
	u32 turn = 0, next;

	while (!load_acquire(&p->vm->rights_end)) {
		if (handover_wait(&t->d, &t->a, turn, host_clock_os() + LOOK_NS,
				  &next))
			continue;
		turn = next;
		serve(p);
		handover_pass(&t->d, &t->a, turn);
	}
	return NULL;
}

int vm_rights_open(struct proc *p)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&p->vm->rights_thread, NULL, rights_thread, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		p->vm->rights_thread = 0;
	return err;
}

void vm_rights_close(struct proc *p)
{
	if (!p->vm->rights_thread)
		return;
	store_release(&p->vm->rights_end, 1);
	pthread_join(p->vm->rights_thread, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * An elastic thread whose application is in ring 3. KVM_RUN returns when ring 0
 * makes a request, or when a signal has stopped the vCPU:
 *
 *	request: events, NIC, wake-ups	D serves it and resumes the guest
 *	request: a Linux call, ring 3	the persona serves it (PROC_WANT_*); its
 *	  has left, an exception	next crossing resumes the guest
 *	stopped in ring 3		D serves the network, and resumes it
 *	stopped in ring 0		resumed: ring 0 is serving the network,
 *					or asks D to before it returns
 *
 * host_call() stops it, too: the call is made when the network is served.
 */
#include "dom/vm/run.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FAULTS = 3, /* in a row, from files that were truncated */
	MOMENT_NS = 20000,
};

static struct guest guest_of(struct proc_thread *t)
{
	struct vm_life *l = t->proc->vm;
	u32 i = t->host->index;

	return (struct guest){ .t = t,
			       .host = t->host,
			       .state = &l->threads[i],
			       .vcpu = &l->vm.cpus[i],
			       .cpu = &l->vm.cpus[i].own->cpu,
			       .up = t->up };
}

/* ---- flushing a vCPU's TLB */

/* Interrupts are enabled in ring 3 only: the vCPU takes it before its next
 * instruction there. */
static void interrupt(const struct guest *g)
{
	struct kvm_interrupt i = { .irq = VM_FORGET };
	struct kvm_run *run = g->vcpu->run;
	bool can = run->if_flag && run->ready_for_interrupt_injection;

	run->request_interrupt_window = !can;
	if (can && ioctl(g->vcpu->fd, KVM_INTERRUPT, &i))
		vm_grave(g, "KVM_INTERRUPT");
}

/* Either we see `stale` here, or vm_forget() sees `inside`. */
static void go_inside(const struct guest *g)
{
	__atomic_exchange_n(&g->state->inside, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&g->state->stale, __ATOMIC_SEQ_CST)) {
		WRITE_ONCE(g->state->stale, 0);
		interrupt(g);
	}
}

void vm_forget(struct proc_thread *t)
{
	struct vm_thread *state = &t->proc->vm->threads[t->host->index];
	const struct timespec moment = { .tv_nsec = MOMENT_NS };

	__atomic_store_n(&state->stale, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&state->inside, __ATOMIC_SEQ_CST) &&
	       READ_ONCE(state->stale)) {
		WRITE_ONCE(t->proc->vm->vm.cpus[t->host->index]
				   .run->immediate_exit,
			   1);
		syscall(SYS_tgkill, getpid(), t->tid, SIGUSR1);
		nanosleep(&moment, NULL);
	}
}

/* ---- running */

/* Interrupts are on in ring 3, and off in ring 0. */
static bool in_ring3(const struct guest *g)
{
	return g->vcpu->run->if_flag;
}

/* A signal: the timer, vm_forget(), or the end. False: stop. */
static bool stopped(struct guest *g)
{
	u64 now = host_now(&g->host->clock);

	proc_limit_stop(&g->t->limit);
	WRITE_ONCE(g->vcpu->run->immediate_exit, 0);
	if (host_stopping() || READ_ONCE(g->t->down->end))
		g->cpu->stop = true;
	if (!in_ring3(g)) {
		g->cpu->late = now - g->cpu->worked_at >= g->host->limit_ns;
		g->cpu->call = host_called(g->host);
		g->due = now + g->host->limit_ns;
		return true;
	}
	if (host_stopping())
		return false;
	vm_look(g);
	return true;
}

/* KVM_RUN fails with EFAULT if a file has been truncated. Reading it here
 * raises SIGBUS, whose handler replaces the memory (dom/process/fault.c). */
static void mend(const struct guest *g)
{
	const struct nic *nic = g->host->host->nic;
	const volatile u8 *wire = nic->foreign;
	const volatile u8 *page = (const u8 *)g->host->stat.page;

	for (size_t i = 0; i < nic->foreign_len; i += VM_PAGE)
		(void)wire[i];
	(void)*page;
}

/* Runs the guest until the persona has something to do: 0, or -ESHUTDOWN. */
static int run(struct guest *g)
{
	int faults = 0;

	g->due = g->host->worked_at + g->host->limit_ns;
	for (;;) {
		u64 now = host_now(&g->host->clock);
		int err;

		proc_limit_begin(&g->t->limit, now, max(g->due, now + 1));
		go_inside(g);
		err = ioctl(g->vcpu->fd, KVM_RUN, 0) ? errno : 0;
		store_release(&g->state->inside, 0);
		proc_limit_end(&g->t->limit);
		if (err == EFAULT && faults++ < FAULTS) {
			mend(g);
		} else if (err == EINTR) {
			if (!stopped(g))
				return -ESHUTDOWN;
		} else if (!err && g->vcpu->run->exit_reason ==
					   KVM_EXIT_IRQ_WINDOW_OPEN) {
			interrupt(g);
		} else if (err || g->vcpu->run->exit_reason != KVM_EXIT_IO) {
			vm_grave(g, "KVM_RUN");
		} else {
			faults = 0;
			g->host->dp->stat->exits++;
			if (!vm_serve(g))
				return 0;
		}
	}
}

/* ---- crossings of the persona */

/* Where ring 3 continues, as A says. Checked, so that IRETQ cannot fault. */
static int place(struct guest *g)
{
	u64 rip = READ_ONCE(g->t->down->rip), rsp = READ_ONCE(g->t->down->rsp);
	u64 fs = READ_ONCE(g->t->down->fs);

	if (rip >= VM_USER_END || rsp >= VM_USER_END || fs >= VM_USER_END)
		return -EINVAL;
	g->cpu->enter.rip = rip;
	g->cpu->enter.rsp = rsp;
	return vm_set_fs(g->vcpu, fs);
}

/* PROC_ENTER instead of an answer: a signal handler has left the system call by
 * siglongjmp(). */
static bool awaits(const struct guest *g, bool answer)
{
	return !answer || g->state->waits == VM_WANT_LINUX;
}

int vm_enter(struct proc_thread *t, bool answer)
{
	struct guest g = guest_of(t);
	int err;

	if (!awaits(&g, answer))
		return -EINVAL;
	err = answer ? 0 : place(&g);
	if (err)
		return err;
	g.cpu->answer = READ_ONCE(t->down->answer);
	g.cpu->anew = !answer;
	g.up->want = PROC_WANT_NOTHING;
	if (!g.state->booted)
		g.state->native = vm_read_code(g.cpu);
	vm_give(&g);
	err = run(&g);
	vm_take(&g);
	return err;
}

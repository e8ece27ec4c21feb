/* SPDX-License-Identifier: MIT */
/*
 * An elastic thread whose application is in ring 3: KVM_RUN, until ring 0 wants
 * something of D, or the time limit's timer has stopped the vCPU.
 *
 *	from ring 0: events, doors	D does it, the guest goes on
 *	from ring 0: Linux's call,	back to the persona (PROC_WANT_*), whose
 *	  gone away, an exception	next crossing goes on from there
 *	stopped in ring 3		the network is looked after, the
 *					application goes on where it was
 *	stopped in ring 0		the network is being looked after
 */
#include "base/panic.h"
#include "dom/process/process.h"
#include "dom/vm/vm.h"
#include "nic/wire.h"
#include "nic/xdp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum { FAULTS = 3 /* in a row, of memory that another process has cut */ };

/* One thread's parts. */
struct guest {
	struct proc_thread *t;
	struct host_thread *host;
	struct vm_thread *state;
	struct vm_vcpu *vcpu;
	struct vm_cpu *cpu;
	struct proc_up *up;
	u64 due; /* the next look at the network */
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

/* ---- whose the dataplane is */

static void *exits_of(const struct vm_cpu *cpu)
{
	return cpu->wire ? (void *)&cpu->wire->exits : &cpu->xdp->exits;
}

static struct vm_code read_code(const struct vm_cpu *cpu)
{
	const struct dp *dp = cpu->dp;
	struct vm_code c = { .ops = dp->nic->ops,
			     .rss_key = dp->net.rss_key,
			     .group_owner = dp->net.group_owner };

	memcpy(&c.exits, exits_of(cpu), sizeof(c.exits));
	memcpy(c.fire, dp->net.wheel.fire, sizeof(c.fire));
	return c;
}

static void write_code(const struct vm_cpu *cpu, const struct vm_code *c)
{
	struct dp *dp = cpu->dp;

	dp->nic->ops = c->ops;
	dp->net.rss_key = c->rss_key;
	dp->net.group_owner = c->group_owner;
	memcpy(exits_of(cpu), &c->exits, sizeof(c->exits));
	memcpy(dp->net.wheel.fire, c->fire, sizeof(c->fire));
}

/* To D: the vCPU has stopped. */
static void take(struct guest *g)
{
	write_code(g->cpu, &g->state->native);
	g->host->worked_at = max(g->host->worked_at, g->cpu->worked_at);
}

/* To ring 0. */
static void give(struct guest *g)
{
	struct timespec ts;
	u64 now = host_now(&g->host->clock);

	clock_gettime(CLOCK_REALTIME, &ts);
	g->cpu->real_offset =
		(s64)((u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec - now);
	g->cpu->chores_at = g->host->chores_at;
	g->cpu->worked_at = g->host->worked_at;
	g->cpu->forwarded = g->host->forwarded;
	if (g->state->booted)
		write_code(g->cpu, &g->state->guest);
}

/* ---- the end of it all */

/* A broken invariant, or a guest that KVM cannot run: D ends, as it does when
 * its own code is wrong. */
static _Noreturn void grave(const struct guest *g, const char *what)
{
	const struct vm_regs *r = &g->cpu->regs;
	char text[400];

	snprintf(text, sizeof(text),
		 "%s: errno %d, exit %u, vector %llu, error %llx, rip %llx, "
		 "rsp %llx, "
		 "address %llx",
		 what, errno, g->vcpu->run->exit_reason,
		 (unsigned long long)r->vector, (unsigned long long)r->error,
		 (unsigned long long)r->rip, (unsigned long long)r->rsp,
		 (unsigned long long)g->cpu->cr2);
	panic(text);
}

static _Noreturn void guest_panic(const struct guest *g)
{
	const struct vm *vm = &g->t->proc->vm->vm;
	u64 at = g->cpu->arg - VM_TEXT;

	panic(at < vm->image_len ? (const char *)vm->image + at : "ring 0");
}

/* ---- what ring 0 wants */

/* Where ring 3 is: at an exception, or behind SYSCALL. */
static void copy_state(struct guest *g, u64 rip, u64 rflags)
{
	const struct vm_regs *r = &g->cpu->regs;
	struct proc_state *f = &g->up->state;
	struct kvm_xsave x;

	*f = (struct proc_state){
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rdi = r->rdi,
		.rsi = r->rsi,
		.rbp = r->rbp,
		.rbx = r->rbx,
		.rdx = r->rdx,
		.rax = r->rax,
		.rcx = r->rcx,
		.rsp = r->rsp,
		.rip = rip,
		.rflags = rflags,
	};
	if (!ioctl(g->vcpu->fd, KVM_GET_XSAVE, &x))
		memcpy(f->fx, x.region, sizeof(f->fx));
}

static int want(struct guest *g, enum proc_want want)
{
	const struct vm_regs *r = &g->cpu->regs;
	const u64 call[PROC_CALL] = { r->rax, r->rdi, r->rsi, r->rdx,
				      r->r10, r->r8,  r->r9 };

	memcpy(g->up->call, call, sizeof(call));
	if (want == PROC_WANT_FAULT)
		copy_state(g, r->rip, r->rflags);
	else if (r->rax == SYS_clone || r->rax == SYS_vfork)
		copy_state(g, r->rcx, r->r11);
	if (want == PROC_WANT_AWAY)
		g->up->call[0] = r->rdi;
	g->up->want = want;
	g->state->waits = g->cpu->want;
	return 0;
}

static void events(struct guest *g)
{
	take(g);
	g->cpu->answer = host_run_on(g->host, &g->t->down->end);
	give(g);
}

static void boot(struct guest *g)
{
	g->state->guest = read_code(g->cpu);
	g->state->guest.rss_key = g->t->proc->vm->tables->rss_key;
	g->state->guest.group_owner = g->t->proc->vm->tables->group_owner;
	g->state->booted = true;
	write_code(g->cpu, &g->state->guest);
}

static void wake_door(const struct guest *g)
{
	const struct wire_exits *exits = g->state->native.exits;

	exits->wake((struct wire_door *)g->cpu->arg);
}

static const struct xdp_exits *xdp_of(const struct guest *g)
{
	return g->state->native.exits;
}

/* True: it goes on; else what the persona is wanted for, in g->up. */
static bool serve(struct guest *g)
{
	switch ((enum vm_want)g->cpu->want) {
	case VM_WANT_START:
		boot(g);
		return true;
	case VM_WANT_EVENTS:
		events(g);
		return true;
	case VM_WANT_DOOR:
		wake_door(g);
		return true;
	case VM_WANT_SEND:
		xdp_of(g)->send(g->cpu->xdp);
		return true;
	case VM_WANT_RECV:
		xdp_of(g)->recv(g->cpu->xdp);
		return true;
	case VM_WANT_OTHERS:
		host_wake_others(g->host);
		return true;
	case VM_WANT_LINUX:
		return want(g, PROC_WANT_CALL);
	case VM_WANT_AWAY:
		return want(g, PROC_WANT_AWAY);
	case VM_WANT_FAULT:
		return want(g, PROC_WANT_FAULT);
	case VM_WANT_PANIC:
		guest_panic(g);
	case VM_WANT_GRAVE:
		break;
	}
	grave(g, "an exception in ring 0");
}

/* ---- running */

/* Interrupts are on in ring 3, and off in ring 0. */
static bool in_ring3(const struct guest *g)
{
	return g->vcpu->run->if_flag;
}

/* By a signal: the timer's, or of who wants us to end. False: that. */
static bool stopped(struct guest *g)
{
	u64 began = g->cpu->worked_at;

	proc_limit_stop(&g->t->limit);
	if (host_stopping() || READ_ONCE(g->t->down->end))
		g->cpu->stop = true;
	if (!in_ring3(g)) {
		g->due = host_now(&g->host->clock) + g->t->limit_ns;
		return true;
	}
	take(g);
	if (host_stopping())
		return false;
	g->due = proc_thread_look(g->t, began);
	give(g);
	g->cpu->worked_at = began;
	return true;
}

/* Memory of a file that another process has cut: reading it here makes it
 * whole (dom/process/fault.c). */
static void mend(const struct guest *g)
{
	const struct nic *nic = g->host->host->nic;
	const volatile u8 *wire = nic->foreign;
	const volatile u8 *page = (const u8 *)g->host->stat.page;

	for (size_t i = 0; i < nic->foreign_len; i += VM_PAGE)
		(void)wire[i];
	(void)*page;
}

/* Until the persona is wanted: 0, or -ESHUTDOWN. */
static int run(struct guest *g)
{
	int faults = 0;

	g->due = g->host->worked_at + g->t->limit_ns;
	for (;;) {
		u64 now = host_now(&g->host->clock);
		int err;

		proc_limit_begin(&g->t->limit, now, max(g->due, now + 1));
		err = ioctl(g->vcpu->fd, KVM_RUN, 0) ? errno : 0;
		proc_limit_end(&g->t->limit);
		if (err == EFAULT && faults++ < FAULTS) {
			mend(g);
		} else if (err == EINTR) {
			if (!stopped(g))
				return -ESHUTDOWN;
		} else if (err || g->vcpu->run->exit_reason != KVM_EXIT_IO) {
			grave(g, "KVM_RUN");
		} else {
			faults = 0;
			g->host->dp->stat->exits++;
			if (!serve(g))
				return 0;
		}
	}
}

/* ---- crossings of the persona */

/* Where ring 3 goes on. What A says is checked: IRETQ must not fault. */
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

static bool awaits(const struct guest *g, bool answer)
{
	if (g->state->waits == VM_WANT_LINUX)
		return answer;
	return !answer;
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
	g.up->want = PROC_WANT_NOTHING;
	if (!g.state->booted)
		g.state->native = read_code(g.cpu);
	give(&g);
	err = run(&g);
	take(&g);
	return err;
}

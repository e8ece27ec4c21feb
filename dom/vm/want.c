/* SPDX-License-Identifier: MIT */
/* Ring 0's requests, and the change of struct dp's owner between D and ring 0.
 */
#include "dom/vm/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "base/panic.h"
#include "nic/wire.h"
#include "nic/xdp.h"

/* ---- who owns the dataplane */

/* NULL: a hosted NIC runs in D only. */
static void *exits_of(const struct vm_cpu *cpu)
{
	if (cpu->wire)
		return &cpu->wire->exits;
	return cpu->xdp ? &cpu->xdp->exits : NULL;
}

struct vm_code vm_read_code(const struct vm_cpu *cpu)
{
	const struct dp *dp = cpu->dp;
	struct vm_code c = { .ops = dp->nic->ops };

	if (exits_of(cpu))
		memcpy(&c.exits, exits_of(cpu), sizeof(c.exits));
	memcpy(c.fire, dp->net.wheel.fire, sizeof(c.fire));
	return c;
}

static void write_code(const struct vm_cpu *cpu, const struct vm_code *c)
{
	struct dp *dp = cpu->dp;

	dp->nic->ops = c->ops;
	if (exits_of(cpu))
		memcpy(exits_of(cpu), &c->exits, sizeof(c->exits));
	memcpy(dp->net.wheel.fire, c->fire, sizeof(c->fire));
}

void vm_take(struct guest *g)
{
	write_code(g->cpu, &g->state->native);
	g->host->worked_at = max(g->host->worked_at, g->cpu->worked_at);
}

void vm_give(struct guest *g)
{
	struct timespec ts;
	u64 now = host_now(&g->host->clock);

	clock_gettime(CLOCK_REALTIME, &ts);
	g->cpu->real_offset =
		(s64)((u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec - now);
	g->cpu->chores_at = g->host->chores_at;
	g->cpu->spin_ns = g->host->spin.limit_ns;
	g->cpu->worked_at = g->host->worked_at;
	g->cpu->forwarded = g->host->forwarded;
	if (g->state->booted)
		write_code(g->cpu, &g->state->guest);
}

void vm_look(struct guest *g)
{
	u64 began = g->cpu->worked_at;

	vm_take(g);
	g->due = proc_thread_look(g->t, began);
	vm_give(g);
	g->cpu->worked_at = began;
	g->cpu->late = g->cpu->call = false;
}

/* ---- fatal errors */

_Noreturn void vm_grave(const struct guest *g, const char *what)
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

/* ---- requests */

/* Ring 3's registers, at an exception or after SYSCALL. */
static void copy_state(struct guest *g, u64 rip, u64 rflags)
{
	const struct vm_regs *r = &g->cpu->regs;
	struct proc_state *f = &g->up->state;
	struct kvm_xsave x;

	if (ioctl(g->vcpu->fd, KVM_GET_XSAVE, &x))
		vm_grave(g, "KVM_GET_XSAVE");
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
		.features = g->vcpu->xcr0,
		.xsave_len = g->vcpu->xsave_len,
	};
	memcpy(f->xsave, x.region, g->vcpu->xsave_len);
}

static int want(struct guest *g, enum proc_want want)
{
	const struct vm_regs *r = &g->cpu->regs;
	const u64 call[PROC_CALL] = { r->rax, r->rdi, r->rsi, r->rdx,
				      r->r10, r->r8,  r->r9 };

	memcpy(g->up->call, call, sizeof(call));
	if (want == PROC_WANT_FAULT)
		copy_state(g, r->rip, r->rflags);
	else if (r->rax == SYS_clone || r->rax == SYS_fork ||
		 r->rax == SYS_vfork)
		copy_state(g, r->rcx, r->r11);
	if (want == PROC_WANT_AWAY)
		g->up->call[0] = r->rdi;
	g->up->want = want;
	g->state->waits = g->cpu->want;
	return 0;
}

static void events(struct guest *g)
{
	vm_take(g);
	g->cpu->answer = host_run_on(g->host, &g->t->down->end);
	/* From here on it is the application's time. */
	g->host->worked_at = host_now(&g->host->clock);
	g->cpu->call = false;
	vm_give(g);
}

static void boot(struct guest *g)
{
	g->state->guest = vm_read_code(g->cpu);
	g->state->booted = true;
	write_code(g->cpu, &g->state->guest);
}

/* rx() or tx() of a hosted NIC. Its functions may call each other by `ops`. */
static void burst(const struct guest *g, bool send)
{
	const struct vm_burst *b = (const struct vm_burst *)g->cpu->arg;
	const struct nicq_ops *ops = g->state->native.ops;
	struct nicq *q = g->cpu->dp->nic;

	write_code(g->cpu, &g->state->native);
	if (send) {
		g->cpu->answer = ops->tx(q, b->pkts, b->n, b->now);
		ops->kick(q);
	} else {
		g->cpu->answer = ops->rx(q, b->pkts, b->n, b->now);
	}
	ops->reclaim(q);
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

bool vm_serve(struct guest *g)
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
	case VM_WANT_RX:
	case VM_WANT_TX:
		burst(g, g->cpu->want == VM_WANT_TX);
		return true;
	case VM_WANT_LOOK:
		vm_look(g);
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
	vm_grave(g, "an exception in ring 0");
}

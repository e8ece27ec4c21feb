/* SPDX-License-Identifier: MIT */
/* run_io: the dataplane's loop in ring 0, the counterpart of dom/host/run.c.
 * What needs a system call is a request to D, which works on the same struct
 * dp. */
#include "base/errno.h"
#include "base/panic.h"
#include "dom/vm/guest/guest.h"
#include "nic/wire.h"
#include "nic/xdp.h"

static void wake_door(struct wire_door *door)
{
	guest_ask(guest_cpu(), VM_WANT_DOOR, (u64)door);
}

static void xdp_send(struct xdp_q *q)
{
	(void)q;
	guest_ask(guest_cpu(), VM_WANT_SEND, 0);
}

static void xdp_recv(struct xdp_q *q)
{
	(void)q;
	guest_ask(guest_cpu(), VM_WANT_RECV, 0);
}

/* No wait(): D waits in VM_WANT_EVENTS. */
static const struct wire_exits wire_exits = { .wake = wake_door };
static const struct xdp_exits xdp_exits = { .send = xdp_send,
					    .recv = xdp_recv };

/* Without a way out for packets of many segments. */
static void bind_xdp(struct vm_cpu *cpu)
{
	xdp_bind(cpu->xdp, &xdp_exits);
	cpu->dp->net.caps &= ~(u32)NIC_TSO;
}

void guest_main(struct vm_cpu *cpu)
{
	if (cpu->dp) {
		dp_bind(cpu->dp);
		if (cpu->wire)
			wire_bind(cpu->wire, &wire_exits);
		else if (cpu->xdp)
			bind_xdp(cpu);
		else
			cpu->dp->nic->ops = &guest_hosted_ops;
	}
	guest_ask(cpu, VM_WANT_START, 0);
	guest_enter(cpu);
}

static COLD void wake_others(struct vm_cpu *cpu)
{
	cpu->forwarded = cpu->dp->passed;
	guest_ask(cpu, VM_WANT_OTHERS, 0);
}

static inline int step(struct vm_cpu *cpu, bool calls, u64 now)
{
	int n = dp_step(cpu->dp, calls, now);

	if (unlikely(cpu->dp->passed != cpu->forwarded))
		wake_others(cpu);
	return n;
}

/* Should D take over: to stop, for a chore, or to sleep? */
static inline bool for_host(const struct vm_cpu *cpu, u64 now)
{
	return READ_ONCE(cpu->stop) || READ_ONCE(cpu->call) ||
	       now >= cpu->chores_at || now - cpu->worked_at >= cpu->spin_ns;
}

/* Until there are event conditions. @n: result of the last iteration, at @now.
 */
static __attribute__((noinline)) s64 wait_for_events(struct vm_cpu *cpu, int n,
						     u64 now)
{
	u64 idle_since = now;

	for (; n <= 0; n = step(cpu, false, now)) {
		if (n != -EAGAIN)
			cpu->worked_at = now;
		if (for_host(cpu, now))
			return guest_ask(cpu, VM_WANT_EVENTS, 0);
		__builtin_ia32_pause();
		now = guest_now(cpu);
		if (n == -EAGAIN)
			cpu->dp->stat->idle_ns += now - idle_since;
		idle_since = now;
	}
	cpu->worked_at = now;
	return 0;
}

static COLD s64 run_special(struct vm_cpu *cpu, u32 flags, u64 now)
{
	bool bad = flags & ~(u32)IX_RUN_FLAGS;

	if (READ_ONCE(cpu->stop))
		return guest_ask(cpu, VM_WANT_EVENTS, 0);
	if (!bad)
		dp_flush(cpu->dp, now);
	guest_look(cpu);
	return bad ? -EINVAL : 0;
}

/* As host_run_io(): a batch with a failed call returns at once. */
s64 guest_run_io(struct vm_cpu *cpu)
{
	struct dp *dp = cpu->dp;
	u64 now, failed = dp->stat->calls_failed;
	u32 flags = READ_ONCE(dp->down->flags);
	int n;

	if (unlikely(READ_ONCE(cpu->call)))
		guest_look(cpu);
	now = guest_now(cpu);
	if (unlikely(flags & ~(u32)(IX_RUN_POLL | IX_RUN_MOVES) ||
		     READ_ONCE(cpu->stop)))
		return run_special(cpu, flags, now);
	n = step(cpu, true, now);
	if (n <= 0 && !(flags & IX_RUN_POLL) &&
	    dp->stat->calls_failed == failed)
		return wait_for_events(cpu, n, now);
	cpu->worked_at = now;
	return 0;
}

void panic(const char *what)
{
	guest_ask(guest_cpu(), VM_WANT_PANIC, (u64)what);
	__builtin_unreachable();
}

/* SPDX-License-Identifier: MIT */
/* One life of an application in a guest: a vCPU for each elastic thread. */
#include "dom/process/process.h"
#include "dom/vm/vm.h"
#include "nic/wire.h"
#include "nic/xdp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- vCPUs */

/* The guest has no clock but the time stamp counter. */
static int prepare_cpu(struct proc *p, u32 i)
{
	struct host_thread *t = &p->host->threads[i];
	struct vm_cpu *cpu = &p->vm->vm.cpus[i].own->cpu;

	if (!t->clock.tsc)
		host_clock_calibrate(&t->clock);
	if (!t->clock.tsc)
		return -ENODEV;
	cpu->dp = t->dp;
	if (!p->host->nic->hosted && !strncmp(p->host->conf.nic, "wire:", 5))
		cpu->wire = container_of(t->dp->nic, struct wire_queue, q);
	else if (!p->host->nic->hosted)
		cpu->xdp = container_of(t->dp->nic, struct xdp_q, q);
	cpu->tsc0 = t->clock.tsc0;
	cpu->ns0 = t->clock.ns0;
	cpu->ns_per_tsc = t->clock.ns_per_tsc;
	cpu->app_alias = (u64)p->vm->app;
	cpu->tables = p->vm->vm.mem.tables;
	cpu->tables_gpa = p->vm->vm.mem.tables_at;
	p->vcpu_fd[i] = p->vm->vm.cpus[i].fd;
	return 0;
}

/* Once, and not again for each life. */
static void tell(struct proc *p)
{
	char in_force[64];

	if (!p->host->conf.quiet && !p->host->app_lives &&
	    !vm_in_force(&p->vm->vm.cpus[0], in_force, sizeof(in_force)))
		proc_say(p, "ix: in force in the guest: %s\n", in_force);
}

static int open_life(struct proc *p, char *why, size_t why_len)
{
	int err = vm_open(&p->vm->vm, p->host->nthreads, why, why_len);

	if (err)
		return err;
	err = vm_share(p);
	if (err)
		return host_fail(err, why, why_len, "the guest's memory");
	for (u32 i = 0; i < p->host->nthreads && !err; i++) {
		err = prepare_cpu(p, i);
		if (err)
			return host_fail(err, why, why_len,
					 "time stamp counter");
		err = vm_boot(&p->vm->vm, &p->vm->vm.cpus[i], why, why_len);
	}
	if (err)
		return err;
	err = vm_rights_open(p);
	if (err)
		return host_fail(err, why, why_len, "thread");
	proc_confine_free(p); /* the last life's vCPU descriptors */
	err = proc_confine_build(p);
	if (err)
		return host_fail(err, why, why_len, "dropping rights");
	tell(p);
	return 0;
}

static void close_life(struct proc *p)
{
	struct vm_life *l = p->vm;

	if (!l)
		return;
	vm_rights_close(p);
	vm_close(&l->vm);
	vm_share_close(p);
	free(l);
	p->vm = NULL;
	memset(p->vcpu_fd, 0, sizeof(p->vcpu_fd));
}

static int open_guest(struct proc *p, char *why, size_t why_len)
{
	int err = vm_share_check(p, why, why_len);

	if (err)
		return err;
	p->vm = calloc(1, sizeof(*p->vm));
	if (!p->vm)
		return host_fail(-ENOMEM, why, why_len, "guest");
	err = open_life(p, why, why_len);
	if (err)
		close_life(p);
	return err;
}

static const struct host_domain domain = { "vm", "guest page tables", true };

const struct proc_guest vm_guest = { .domain = &domain,
				     .open = open_guest,
				     .close = close_life,
				     .enter = vm_enter };

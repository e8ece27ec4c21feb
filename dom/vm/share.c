/* SPDX-License-Identifier: MIT */
/* Guest memory of one life: what application and dataplane share, with the
 * rights of guest/layout.h, and the dataplane's own. */
#include "dom/process/process.h"
#include "dom/vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A writable mapping of shared memory in D: KVM gives ring 3 D's rights at
 * most. */
static u8 *map_shared(int fd, size_t len)
{
	u8 *p = mmap(NULL, len + VM_LARGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *at;

	if (p == MAP_FAILED)
		return NULL;
	at = (u8 *)(((u64)p + VM_LARGE - 1) & ~(u64)(VM_LARGE - 1));
	if (at > p)
		munmap(p, (size_t)(at - p));
	munmap(at + len, (size_t)(p + VM_LARGE - at));
	p = mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 0);
	if (p == MAP_FAILED)
		return NULL;
	madvise(p, len, MADV_DONTFORK);
	return p;
}

static int make_app(struct proc *p)
{
	p->app_fd = memfd_create("ix-app", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (p->app_fd < 0 || ftruncate(p->app_fd, VM_APP_BYTES) ||
	    fcntl(p->app_fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	p->vm->app = map_shared(p->app_fd, VM_APP_BYTES);
	return p->vm->app ? 0 : -ENOMEM;
}

/* Maps one part of memory for ring 3, and at another address for ring 0. */
static int both(struct vm_mem *m, const void *base, size_t len, u64 user,
		u32 user_rights, const void *ring0, u32 rights)
{
	s64 gpa = vm_mem_add(m, base, len);
	int err;

	if (gpa < 0)
		return (int)gpa;
	err = vm_mem_map(m, user, (u64)gpa, len, VM_USER | user_rights);
	return err ? err : vm_mem_map(m, (u64)ring0, (u64)gpa, len, rights);
}

/* The table of guest/layout.h. Rights on VM_APP come later: rights.c. */
static int share_sides(struct proc *p)
{
	struct vm_life *l = p->vm;
	struct vm_mem *m = &l->vm.mem;
	const struct hugemem *mem = &p->host->mem;
	u32 n = p->host->nthreads;
	s64 gpa = vm_mem_add(m, l->app, VM_APP_BYTES);
	int err = gpa < 0 ? (int)gpa
			  : vm_mem_map(m, (u64)l->app, (u64)gpa, VM_APP_BYTES,
				       VM_WRITE);

	l->app_gpa = (u64)gpa;
	if (!err)
		err = vm_mem_protect(m, l->app_gpa, VM_APP, VM_APP_BYTES,
				     PROT_NONE);
	if (!err)
		err = both(m, l->arena, mem->arena.len, VM_ARENA, VM_WRITE,
			   mem->arena.base, 0);
	if (!err)
		err = both(m, mem->frames.base, mem->frames.len, VM_FRAMES, 0,
			   mem->frames.base, VM_WRITE);
	if (!err)
		err = both(m, p->info, proc_up_bytes(n), VM_UP, 0, p->info,
			   VM_WRITE);
	if (!err)
		err = both(m, l->down, l->down_len, VM_DOWN, VM_WRITE, p->turns,
			   0);
	return err;
}

/* Of a mapping's flags in smaps. */
static bool has_flag(const char *flags, const char *flag)
{
	const char *at = strstr(flags, flag);

	return at && at[-1] == ' ' && at[2] == ' ';
}

/* Is it a VM_PFNMAP mapping, as the kernel's AF_XDP rings before Linux 6.3? Of
 * those KVM maps only the first page. */
static bool is_bare(const void *base)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool here = false, bare = false;
	char line[512];
	u64 from, to;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (u64)base >= from && (u64)base < to;
		else if (here && !strncmp(line, "VmFlags:", 8))
			bare = has_flag(line, "pf");
	}
	if (f)
		fclose(f);
	return bare;
}

int vm_share_check(struct proc *p, char *why, size_t why_len)
{
	struct nic *nic = p->host->nic;
	struct nic_part parts[NIC_PARTS];
	u32 n;

	n = nic->parts(nic, 0, parts);
	for (u32 i = 0; i < n; i++) {
		if (parts[i].len <= VM_PAGE || !is_bare(parts[i].base))
			continue;
		snprintf(why, why_len,
			 "domain vm: this Linux can give a guest AF_XDP rings "
			 "of one page only: --ring_size %u",
			 VM_XDP_RING);
		return -ENOSYS;
	}
	return 0;
}

/* A fork must not make it copy-on-write. */
static int share_parts(struct vm_mem *m, const struct nic_part *parts, u32 n)
{
	int err = 0;

	for (u32 k = 0; k < n && !err; k++) {
		madvise(parts[k].base, parts[k].len, MADV_DONTFORK);
		err = vm_mem_share(m, parts[k].base, parts[k].len, VM_WRITE);
	}
	return err;
}

/* The dataplane's own memory. */
static int share_thread(struct proc *p, u32 i)
{
	struct vm_mem *m = &p->vm->vm.mem;
	struct host_thread *t = &p->host->threads[i];
	struct nic *nic = p->host->nic;
	struct nic_part parts[NIC_PARTS];
	u32 n = nic->parts(nic, i, parts);
	int err = vm_mem_share(m, t->mem, t->mem_len, VM_WRITE);

	if (!err)
		err = vm_mem_share(m, t->stat.page, STATFILE_BYTES, VM_WRITE);
	return err ? err : share_parts(m, parts, n);
}

static int share_dataplane(struct proc *p)
{
	struct vm_mem *m = &p->vm->vm.mem;
	struct host *h = p->host;
	struct nic_part parts[NIC_PARTS];
	int err = vm_mem_share(m, h->groups, sizeof(*h->groups), 0);

	if (!err)
		err = vm_mem_map(m, (u64)m->tables, m->tables_at,
				 VM_TABLES_BYTES, 0);
	if (!err && h->shared)
		err = vm_mem_share(m, h->shared, h->shared_len, VM_WRITE);
	if (!err && h->capture.mem)
		err = vm_mem_share(m, h->capture.mem, host_capture_len(h),
				   VM_WRITE);
	if (!err && h->nic->flows)
		err = share_parts(m, parts, h->nic->flow_parts(h->nic, parts));
	for (u32 i = 0; i < h->nthreads && !err; i++)
		err = share_thread(p, i);
	return err;
}

int vm_share(struct proc *p)
{
	struct vm_life *l = p->vm;
	struct host *h = p->host;
	int err = make_app(p);

	if (err)
		return err;
	l->down_len = proc_down_bytes(h->nthreads);
	l->arena = map_shared(h->mem.arena.fd, h->mem.arena.len);
	l->down = map_shared(p->down_fd, l->down_len);
	l->rights = (struct proc_rights *)(l->down + l->down_len) - 1;
	if (!l->arena || !l->down)
		return -ENOMEM;
	err = share_sides(p);
	return err ? err : share_dataplane(p);
}

static void unmap(u8 *p, size_t len)
{
	if (p)
		munmap(p, len);
}

void vm_share_close(struct proc *p)
{
	struct vm_life *l = p->vm;

	unmap(l->app, VM_APP_BYTES);
	unmap(l->arena, p->host->mem.arena.len);
	unmap(l->down, l->down_len);
	if (p->app_fd > 0)
		close(p->app_fd);
	p->app_fd = 0;
}

/* SPDX-License-Identifier: MIT */
/* The initial state of a vCPU, in ring 0 and 64-bit mode: steps 2 and 3 of the
 * list in guest/entry.S. */
#include "dom/vm/bits.h"
#include "dom/vm/vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum {
	CPUID_ENTRIES = 256,
	TROUBLE = 1, /* index in the interrupt stack table */

	XSAVE_LEGACY = 512, /* bytes: x87 and SSE, as FXSAVE */
	XSAVE_BASE = 576,   /* ... and the header */

	/* SFMASK: TF, IF, DF, IOPL, NT, and AC, which would disable SMAP */
	SYSCALL_CLEARS =
		1 << 8 | 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 18,

	MSR_STAR = 0xc0000081,
	MSR_LSTAR = 0xc0000082,
	MSR_SFMASK = 0xc0000084,
	MSR_KERNEL_GS = 0xc0000102,
};

#define XCR0_BASE 3ull		/* x87 and SSE: always */
#define XCR0_TILES (3ull << 17) /* AMX: both bits, or none */

/* ---- IDT */

struct idt_gate {
	u16 low, selector, type, middle;
	u32 high, zero;
};

enum { GATE = 0x8e00 /* present, DPL 0, interrupt gate */ };

/* NMI, double fault, machine check: with a stack of their own (IST), since they
 * may come while RSP is ring 3's. */
static bool trusts_no_stack(u32 vector)
{
	return vector == 2 || vector == 8 || vector == 18;
}

/* Shared by all vCPUs, read-only. With DPL 0, INT n in ring 3 faults for every
 * vector. */
int vm_open_idt(struct vm *vm, char *why, size_t why_len)
{
	void *p = mmap(NULL, VM_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	if (p == MAP_FAILED)
		return vm_fail(why, why_len, "IDT");
	vm->idt = p;
	madvise(p, VM_PAGE, MADV_DONTFORK);
	for (u32 i = 0; i < 256; i++) {
		u64 at = i == VM_FORGET
				 ? vm->head->forget
				 : vm->head->vectors + i * VM_VECTOR_BYTES;

		vm->idt[i] = (struct idt_gate){
			.low = (u16)at,
			.selector = VM_CS0,
			.type = (u16)(GATE |
				      (trusts_no_stack(i) ? TROUBLE : 0)),
			.middle = (u16)(at >> 16),
			.high = (u32)(at >> 32),
		};
	}
	err = vm_mem_share(&vm->mem, vm->idt, VM_PAGE, 0);
	errno = -err;
	return err ? vm_fail(why, why_len, "IDT") : 0;
}

/* ---- GDT, TSS */

static void set_descriptors(struct vm_own *own)
{
	u64 tss = (u64)&own->tss, limit = sizeof(own->tss) - 1;

	own->gdt[VM_CS0 / 8] = 0x00af9b000000ffff;
	own->gdt[VM_DS0 / 8] = 0x00cf93000000ffff;
	own->gdt[VM_DS3 / 8] = 0x00cff3000000ffff;
	own->gdt[VM_CS3 / 8] = 0x00affb000000ffff;
	own->gdt[VM_TSS / 8] = limit | (tss & 0xffffff) << 16 | 0x8bull << 40 |
			       (tss >> 24 & 0xff) << 56;
	own->gdt[VM_TSS / 8 + 1] = tss >> 32;
	own->tss.rsp[0] = (u64)(&own->cpu.regs + 1);
	own->tss.ist[TROUBLE - 1] = (u64)(own->trouble + sizeof(own->trouble));
	own->tss.io_map = sizeof(own->tss); /* no I/O ports for ring 3 */
}

/* ---- registers */

static struct kvm_segment code_segment(void)
{
	return (struct kvm_segment){ .limit = ~0u,
				     .selector = VM_CS0,
				     .type = 11,
				     .present = 1,
				     .s = 1,
				     .l = 1,
				     .g = 1 };
}

static struct kvm_segment data_segment(void)
{
	return (struct kvm_segment){ .limit = ~0u,
				     .selector = VM_DS0,
				     .type = 3,
				     .present = 1,
				     .s = 1,
				     .db = 1,
				     .g = 1 };
}

/* Null selectors, as in Linux's 64-bit programs. */
static struct kvm_segment no_segment(u64 base)
{
	return (struct kvm_segment){ .base = base, .unusable = 1 };
}

static struct kvm_segment tss_segment(const struct vm_own *own)
{
	return (struct kvm_segment){ .base = (u64)&own->tss,
				     .limit = sizeof(own->tss) - 1,
				     .selector = VM_TSS,
				     .type = 11,
				     .present = 1 };
}

/* CR4's bits for what the guest's processor supports. */
static u64 protections(const struct kvm_cpuid2 *id)
{
	u64 cr4 = 0;

	for (u32 i = 0; i < id->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &id->entries[i];

		if (e->function != 7 || e->index)
			continue;
		cr4 |= (e->ebx & 1 << 7 ? CR4_SMEP : 0) |
		       (e->ebx & 1 << 20 ? CR4_SMAP : 0) |
		       (e->ecx & 1 << 2 ? CR4_UMIP : 0);
	}
	return cr4;
}

static bool has_xsave(const struct kvm_cpuid2 *id)
{
	for (u32 i = 0; i < id->nent; i++)
		if (id->entries[i].function == 1)
			return id->entries[i].ecx & 1 << 26;
	return false;
}

static int set_sregs(struct vm *vm, struct vm_vcpu *c,
		     const struct kvm_cpuid2 *id)
{
	struct kvm_sregs s;

	if (ioctl(c->fd, KVM_GET_SREGS, &s))
		return -errno;
	s.cs = code_segment();
	s.ss = data_segment();
	s.ds = s.es = s.fs = no_segment(0);
	s.gs = no_segment((u64)&c->own->cpu);
	s.tr = tss_segment(c->own);
	s.gdt.base = (u64)c->own->gdt;
	s.gdt.limit = sizeof(c->own->gdt) - 1;
	s.idt.base = (u64)vm->idt;
	s.idt.limit = VM_PAGE - 1;
	s.cr0 = CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE;
	s.cr3 = vm->mem.tables_at;
	s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | protections(id) |
		(has_xsave(id) ? CR4_OSXSAVE : 0);
	s.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	return ioctl(c->fd, KVM_SET_SREGS, &s) ? -errno : 0;
}

static int set_regs(const struct vm *vm, struct vm_vcpu *c)
{
	struct kvm_regs r = { .rip = vm->head->boot,
			      .rsp = c->own->cpu.stack,
			      .rflags = 2 };

	return ioctl(c->fd, KVM_SET_REGS, &r) ? -errno : 0;
}

static int set_msr(struct vm_vcpu *c, u32 index, u64 data)
{
	union {
		struct kvm_msrs head;
		u8 room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} m = { .head.nmsrs = 1 };

	m.head.entries[0] =
		(struct kvm_msr_entry){ .index = index, .data = data };
	return ioctl(c->fd, KVM_SET_MSRS, &m) == 1 ? 0 : -EINVAL;
}

static int set_msrs(const struct vm *vm, struct vm_vcpu *c)
{
	int err = set_msr(c, MSR_STAR,
			  (u64)(VM_DS3 - 8) << 48 | (u64)VM_CS0 << 32);

	if (!err)
		err = set_msr(c, MSR_LSTAR, vm->head->syscall);
	if (!err)
		err = set_msr(c, MSR_SFMASK, SYSCALL_CLEARS);
	return err ? err : set_msr(c, MSR_KERNEL_GS, 0);
}

/* Ring 3 may use the extended state that is enabled on the host, as far as KVM
 * supports it in guests. */
u64 vm_xcr0(const struct kvm_cpuid2 *id, u64 host)
{
	u64 has = XCR0_BASE;

	for (u32 i = 0; i < id->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &id->entries[i];

		if (e->function == 0xd && !e->index)
			has |= (u64)e->edx << 32 | e->eax;
	}
	has &= host;
	return (has & XCR0_TILES) == XCR0_TILES ? has : has & ~XCR0_TILES;
}

/* Each component's size and offset are a leaf of their own. */
size_t vm_xsave_bytes(const struct kvm_cpuid2 *id, u64 xcr0)
{
	size_t len = XSAVE_BASE;

	for (u32 i = 0; i < id->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &id->entries[i];

		if (e->function == 0xd && e->index >= 2 && e->index < 63 &&
		    xcr0 >> e->index & 1)
			len = max(len, (size_t)e->ebx + e->eax);
	}
	return len;
}

static int set_xcr0(struct vm_vcpu *c, const struct kvm_cpuid2 *id)
{
	struct kvm_xcrs x = { .nr_xcrs = 1 };
	u32 low, high;

	c->xsave_len = XSAVE_LEGACY;
	if (!has_xsave(id))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	c->xcr0 = vm_xcr0(id, (u64)high << 32 | low);
	c->xsave_len = vm_xsave_bytes(id, c->xcr0);
	if (c->xsave_len > sizeof(struct kvm_xsave))
		return -E2BIG;
	x.xcrs[0].value = c->xcr0;
	return ioctl(c->fd, KVM_SET_XCRS, &x) ? -errno : 0;
}

/* Does KVM really have them in force? It is asked, not believed. */
static int confirm(struct vm_vcpu *c, const struct kvm_cpuid2 *id)
{
	const u64 cr4 = protections(id);
	struct kvm_sregs s;

	if (ioctl(c->fd, KVM_GET_SREGS, &s))
		return -errno;
	return s.cr0 & CR0_WP && s.efer & EFER_NXE && (s.cr4 & cr4) == cr4
		       ? 0
		       : -ENOTSUP;
}

/* No TSC offset: D, ring 0 and ring 3 read the same clock. */
static int set_tsc(struct vm_vcpu *c)
{
	u64 zero = 0;
	struct kvm_device_attr a = { .group = KVM_VCPU_TSC_CTRL,
				     .attr = KVM_VCPU_TSC_OFFSET,
				     .addr = (u64)&zero };

	return ioctl(c->fd, KVM_SET_DEVICE_ATTR, &a) ? -errno : 0;
}

static struct kvm_cpuid2 *cpuid(struct vm *vm)
{
	struct kvm_cpuid2 *id =
		calloc(1, sizeof(*id) + CPUID_ENTRIES * sizeof(id->entries[0]));

	if (!id)
		return NULL;
	id->nent = CPUID_ENTRIES;
	if (!ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, id))
		return id;
	free(id);
	return NULL;
}

int vm_set_fs(struct vm_vcpu *c, u64 base)
{
	struct kvm_sregs s;

	if (ioctl(c->fd, KVM_GET_SREGS, &s))
		return -errno;
	s.fs = no_segment(base);
	return ioctl(c->fd, KVM_SET_SREGS, &s) ? -errno : 0;
}

int vm_boot(struct vm *vm, struct vm_vcpu *c, char *why, size_t why_len)
{
	struct kvm_cpuid2 *id = cpuid(vm);
	const char *step = "KVM_SET_CPUID2";
	int err;

	if (!id)
		return vm_fail(why, why_len, "KVM_GET_SUPPORTED_CPUID");
	set_descriptors(c->own);
	err = ioctl(c->fd, KVM_SET_CPUID2, id) ? -errno : 0;
	if (!err) {
		step = "the guest's XCR0";
		err = set_xcr0(c, id);
	}
	if (!err) {
		step = "long mode";
		err = set_sregs(vm, c, id);
	}
	if (!err) {
		step = "the MSRs of SYSCALL";
		err = set_msrs(vm, c);
	}
	if (!err) {
		step = "the guest's time stamp counter (Linux 5.16)";
		err = set_tsc(c);
	}
	if (!err) {
		step = "registers";
		err = set_regs(vm, c);
	}
	if (!err) {
		step = "WP, NX, SMEP, SMAP and UMIP of the guest";
		err = confirm(c, id);
	}
	free(id);
	errno = -err;
	return err ? vm_fail(why, why_len, step) : 0;
}

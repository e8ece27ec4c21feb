/* SPDX-License-Identifier: MIT */
/*
 * Domain vm: domain process (dom/process/process.h), except that the
 * application's elastic threads run in ring 3 of a guest and the dataplane in
 * its ring 0. A crossing is SYSCALL and SYSRET, without a VM exit.
 *
 *	D: elastic thread ---- KVM_RUN ----> ring 0: struct dp, the NIC's rings
 *	      |      ^                          |      ^
 *	      |      +---- VM_WANT_* -----------+   SYSCALL, exceptions
 *	      |                                 v      |
 *	      |                              ring 3: the application
 *	      v hand-over
 *	A: persona, the thread that makes Linux's calls for ring 3
 *
 * Ring 0 maps memory at the same addresses as D, so that the pointers in struct
 * dp are valid in both. One of them owns it at any time: ring 0 while the vCPU
 * runs, D while it is stopped in a VM_WANT_* request or in ring 3.
 *
 *   memory.c   guest memory: slots, page tables
 *   kvm.c      the virtual machine and its processors
 *   boot.c     a processor's registers and tables
 *   force.c    ... which of the processor's protections are in force
 *   probe.c    does /dev/kvm run rings 0 and 3?
 *   life.c     a life of A in a guest
 *   share.c    ... the memory that they share
 *   rights.c   ... page rights that A asks for
 *   run.c      an elastic thread in the guest
 *   want.c     what its ring 0 asks of D
 *   image.c    the guest's ring 0, guest/
 */
#ifndef DOM_VM_H
#define DOM_VM_H

#include <linux/kvm.h>
#include <pthread.h>

#include "dom/vm/guest/guest.h"

enum {
	VM_PAGE = 4096,
	VM_LARGE = 2 << 20,
	VM_TABLES = 256, /* pages of page tables, each for 2 MB or 1 GB */
	VM_SPLITS = VM_APP_BYTES / VM_LARGE, /* ... and for VM_APP's pages */
	VM_STACK = 32768,
	VM_XDP_RING = 128, /* entries that fit a page beside the indices */
};

#define VM_TABLES_BYTES ((size_t)(VM_TABLES + VM_SPLITS) * VM_PAGE)

/* ---- memory.c */

/* Rights of a mapping, besides reads in ring 0. */
enum {
	VM_WRITE = 1 << 1,
	VM_USER = 1 << 2,
	VM_EXEC = 1 << 3, /* else NX */
};

struct vm_mem {
	int vm_fd;
	u32 slots;
	u64 next; /* guest physical address of the next slot */
	u64 *tables;
	u64 tables_at; /* guest physical: CR3 */
	u32 used;      /* pages of them */
};

/* 0 or -errno, as all here. */
int vm_mem_open(struct vm_mem *m, int vm_fd);
void vm_mem_close(struct vm_mem *m);
/* Adds a memory slot for @len bytes at @base, whole pages. Their guest physical
 * address, or -errno. */
s64 vm_mem_add(struct vm_mem *m, const void *base, size_t len);
int vm_mem_map(struct vm_mem *m, u64 at, u64 gpa, size_t len, u32 rights);
/* vm_mem_add() and vm_mem_map(), for ring 0, at the address in D. */
int vm_mem_share(struct vm_mem *m, const void *base, size_t len, u32 rights);
/* Sets ring 3's rights (PROT_*) on whole pages of VM_APP, whose memory begins
 * at @gpa. The first call must be for all of it; later ones cannot fail. Does
 * not flush TLBs. */
int vm_mem_protect(struct vm_mem *m, u64 gpa, u64 at, u64 len, u32 prot);

/* ---- kvm.c */

/* A vCPU's own memory, for ring 0, in whole pages. */
struct vm_own {
	struct vm_cpu cpu ALIGNED(VM_PAGE);
	u64 gdt[8] ALIGNED(
		VM_PAGE); /* and the TSS; writable: the CPU sets bits */
	struct {
		u32 reserved;
		u64 rsp[3], reserved2, ist[7], reserved3;
		u16 reserved4, io_map;
	} PACKED tss ALIGNED(16);
	u8 stack[VM_STACK] ALIGNED(VM_PAGE);
	u8 trouble[VM_PAGE]; /* interrupt stack (IST) */
};

struct vm_vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_len;
	struct vm_own *own;
	u64 xcr0;	  /* 0: no XSAVE */
	size_t xsave_len; /* of the state that it enables */
};

struct vm {
	int kvm_fd, fd;
	struct vm_mem mem;
	u8 *image; /* guest kernel's text and constants */
	size_t image_len;
	const struct vm_image *head;
	struct idt_gate *idt;
	u32 ncpus;
	struct vm_vcpu cpus[IX_MAX_THREADS];
};

/* Makes a machine with @ncpus vCPUs and the guest kernel. 0 or -errno with the
 * reason. */
int vm_open(struct vm *vm, u32 ncpus, char *why, size_t why_len);
/* Also after vm_open() has failed. */
void vm_close(struct vm *vm);
/* "STEP: REASON" to @why; returns -errno. */
int vm_fail(char *why, size_t why_len, const char *step);

/* ---- boot.c: 0 or -errno with the reason */
int vm_open_idt(struct vm *vm, char *why, size_t why_len);
/* After memory and page tables. */
int vm_boot(struct vm *vm, struct vm_vcpu *c, char *why, size_t why_len);
/* The guest's XCR0: @id is what KVM has, @host the XCR0 here. */
u64 vm_xcr0(const struct kvm_cpuid2 *id, u64 host);
/* Bytes of the state of @xcr0 as XSAVE writes it. */
size_t vm_xsave_bytes(const struct kvm_cpuid2 *id, u64 xcr0);
/* FS base of ring 3. 0 or -errno. */
int vm_set_fs(struct vm_vcpu *c, u64 base);

/* ---- force.c: "WP, NX, SMEP": as the vCPU's registers are. 0 or -errno */
int vm_in_force(const struct vm_vcpu *c, char *out, size_t len);

/* ---- probe.c: 0 or -errno with the reason */
int vm_probe(char *why, size_t why_len);

/* ---- life.c */

struct proc;
struct proc_guest;
struct proc_rights;

/* Pointers in struct dp that differ between D and ring 0: to code. */
struct vm_code {
	timer_fn *fire[WHEEL_KINDS];
	const struct nicq_ops *ops;
	const void *exits; /* of the NIC */
};

struct vm_thread {
	struct vm_code native, guest;
	bool booted;
	u32 waits;  /* the enum vm_want that the persona is to serve */
	u32 inside; /* in KVM_RUN, or about to be */
	u32 stale;  /* set by vm_forget(): the TLB must be flushed */
};

struct vm_life {
	struct vm vm;
	u8 *arena, *down; /* second, writable mappings for ring 3 */
	u8 *app;	  /* VM_APP */
	u64 app_gpa;
	size_t down_len;
	struct vm_thread threads[IX_MAX_THREADS];
	struct proc_rights *rights; /* in down */
	pthread_t rights_thread;
	u32 rights_end;
};

/* For proc_run(). */
extern const struct proc_guest vm_guest;

/* ---- share.c: can KVM map the NIC's memory? 0 or -errno with the reason */
int vm_share_check(struct proc *p, char *why, size_t why_len);
/* All guest memory of a life. 0 or -errno; vm_share_close() in either case. */
int vm_share(struct proc *p);
void vm_share_close(struct proc *p);

/* ---- rights.c: starts the thread that serves requests. 0 or -errno */
int vm_rights_open(struct proc *p);
void vm_rights_close(struct proc *p);

/* ---- run.c */
struct proc_thread;
int vm_enter(struct proc_thread *t, bool answer);
/* From another thread: on return the vCPU is bound to flush its TLB before its
 * next instruction in ring 3. */
void vm_forget(struct proc_thread *t);

/* ---- image.c: an ELF file; one byte if ring 0 could not be built */
extern const u8 vm_guest_elf[];
extern const size_t vm_guest_elf_len;

#endif

/* SPDX-License-Identifier: MIT */
/* A /dev/kvm that remembers what it is told, where tests link with
 * --wrap=ioctl and --wrap=open64. */
#ifndef TEST_FAKE_KVM_H
#define TEST_FAKE_KVM_H

#include "dom/vm/vm.h"

enum { FAKE_KVM_SLOTS = 64 };

extern struct fake_kvm {
	struct kvm_userspace_memory_region slots[FAKE_KVM_SLOTS];
	u32 nslots;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	u64 star, lstar, sfmask;
	u32 smep_smap, umip; /* what CPUID has: leaf 7, EBX and ECX */
	u64 lost;	     /* bits of CR4 that it forgets */
	int (*run)(void);    /* the guest; NULL: it must not */
	const char *npt;     /* setting of nested page tables; NULL: no file */
} kvm;

#endif

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_kvm.h"

enum { RUN_LEN = 3 * VM_PAGE };

#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_SFMASK 0xc0000084u

struct fake_kvm kvm;

static int new_fd(void)
{
	int fd = memfd_create("kvm", MFD_CLOEXEC);

	return ftruncate(fd, RUN_LEN) ? -1 : fd;
}

int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	int fd;

	if (!strcmp(path, "/dev/kvm"))
		return new_fd();
	if (!kvm.npt || strcmp(path, "/sys/module/kvm_amd/parameters/npt"))
		return -1;
	fd = new_fd();
	assert_int_equal(pwrite(fd, kvm.npt, 1, 0), 1);
	return fd;
}

static int tell_cpuid(struct kvm_cpuid2 *id)
{
	id->nent = 2;
	id->entries[0] =
		(struct kvm_cpuid_entry2){ .function = 1, .ecx = 1 << 26 };
	id->entries[1] = (struct kvm_cpuid_entry2){ .function = 7,
						    .ebx = kvm.smep_smap,
						    .ecx = kvm.umip };
	return 0;
}

static int note_msr(const struct kvm_msr_entry *e)
{
	if (e->index == MSR_STAR)
		kvm.star = e->data;
	if (e->index == MSR_LSTAR)
		kvm.lstar = e->data;
	if (e->index == MSR_SFMASK)
		kvm.sfmask = e->data;
	return 1;
}

int __wrap_ioctl(int fd, unsigned long what, void *arg);
int __wrap_ioctl(int fd, unsigned long what, void *arg)
{
	switch (what) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CHECK_EXTENSION:
		return 1;
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_LEN;
	case KVM_CREATE_VM:
	case KVM_CREATE_VCPU:
		return new_fd();
	case KVM_SET_USER_MEMORY_REGION:
		assert_true(kvm.nslots < FAKE_KVM_SLOTS);
		memcpy(&kvm.slots[kvm.nslots++], arg, sizeof(kvm.slots[0]));
		return 0;
	case KVM_GET_SUPPORTED_CPUID:
		return tell_cpuid(arg);
	case KVM_SET_SREGS:
		memcpy(&kvm.sregs, arg, sizeof(kvm.sregs));
		kvm.sregs.cr4 &= ~kvm.lost;
		return 0;
	case KVM_GET_SREGS:
		memcpy(arg, &kvm.sregs, sizeof(kvm.sregs));
		return 0;
	case KVM_SET_REGS:
		memcpy(&kvm.regs, arg, sizeof(kvm.regs));
		return 0;
	case KVM_SET_MSRS:
		return note_msr(((struct kvm_msrs *)arg)->entries);
	case KVM_RUN:
		if (!kvm.run)
			fail_msg("the guest runs");
		return kvm.run();
	}
	return 0;
}

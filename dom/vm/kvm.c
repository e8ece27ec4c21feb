/* SPDX-License-Identifier: MIT */
/* The virtual machine: KVM's descriptors, the guest kernel's image, vCPUs. */
#include "dom/vm/vm.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int vm_fail(char *why, size_t why_len, const char *step)
{
	int err = errno ? -errno : -EIO;

	snprintf(why, why_len, "%s: %s", step, strerror(-err));
	return err;
}

static void *pages(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* A fork must not make the guest's pages copy-on-write. */
	madvise(p, len, MADV_DONTFORK);
	return p;
}

/* ---- KVM */

/* Required capabilities. */
static const struct {
	int cap;
	const char *name;
} needs[] = {
	{ KVM_CAP_USER_MEMORY, "memory slots" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_EXT_CPUID, "CPUID" },
	{ KVM_CAP_XCRS, "XCR0" },
};

/* With shadow page tables KVM does not see that we change the guest's. */
static bool shadows(void)
{
	static const char *const settings[] = {
		"/sys/module/kvm_amd/parameters/npt",
		"/sys/module/kvm_intel/parameters/ept",
	};
	char is = 'Y';

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		int fd = open(settings[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (read(fd, &is, 1) != 1)
			is = 'Y';
		close(fd);
	}
	return is == 'N' || is == '0';
}

static int open_kvm(struct vm *vm, char *why, size_t why_len)
{
	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return vm_fail(why, why_len, "/dev/kvm");
	if (ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		snprintf(why, why_len, "/dev/kvm: another version of KVM");
		return -EPROTO;
	}
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, needs[i].cap) > 0)
			continue;
		snprintf(why, why_len, "/dev/kvm: it has no %s", needs[i].name);
		return -ENOSYS;
	}
	if (shadows()) {
		snprintf(why, why_len,
			 "/dev/kvm: it has no nested page tables "
			 "(npt, ept)");
		return -ENOSYS;
	}
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	return vm->fd < 0 ? vm_fail(why, why_len, "KVM_CREATE_VM") : 0;
}

/* Three pages that KVM needs on older Intel processors for real mode; below the
 * guest physical addresses that we use. */
static int reserve(struct vm *vm, char *why, size_t why_len)
{
	u64 identity = 0xfffbc000;

	if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_TSS_ADDR) <= 0)
		return 0;
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) ||
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, identity + VM_PAGE))
		return vm_fail(why, why_len, "KVM_SET_TSS_ADDR");
	return 0;
}

/* ---- the guest kernel's image */

/* Copies a segment into guest memory and maps it. */
static int load(struct vm *vm, u64 gpa, const Elf64_Phdr *p)
{
	u64 at = p->p_vaddr - VM_TEXT;

	if (p->p_type != PT_LOAD || !p->p_memsz)
		return 0;
	if (p->p_vaddr % VM_PAGE || p->p_flags & PF_W ||
	    at + p->p_memsz > vm->image_len)
		return -ENOEXEC;
	memcpy(vm->image + at, vm_guest_elf + p->p_offset, p->p_filesz);
	return vm_mem_map(&vm->mem, p->p_vaddr, gpa + at, p->p_memsz,
			  p->p_flags & PF_X ? VM_EXEC : 0);
}

static size_t image_size(const Elf64_Ehdr *e, const Elf64_Phdr *p)
{
	u64 end = VM_TEXT;

	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			end = max(end, p[i].p_vaddr + p[i].p_memsz);
	return (end - VM_TEXT + VM_PAGE - 1) & ~(size_t)(VM_PAGE - 1);
}

static int load_image(struct vm *vm, char *why, size_t why_len)
{
	const Elf64_Ehdr *e = (const void *)vm_guest_elf;
	const Elf64_Phdr *p = (const void *)(vm_guest_elf + e->e_phoff);
	s64 gpa;
	int err;

	vm->image_len = image_size(e, p);
	vm->image = pages(vm->image_len);
	if (!vm->image)
		return vm_fail(why, why_len, "memory of ring 0");
	vm->head = (const struct vm_image *)vm->image;
	gpa = vm_mem_add(&vm->mem, vm->image, vm->image_len);
	err = gpa < 0 ? (int)gpa : 0;
	for (int i = 0; i < e->e_phnum && !err; i++)
		err = load(vm, (u64)gpa, &p[i]);
	if (!err && vm->head->magic != VM_MAGIC)
		err = -ENOEXEC;
	errno = -err;
	return err ? vm_fail(why, why_len, "ring 0's image") : 0;
}

/* ---- vCPUs */

static int open_cpu(struct vm *vm, u32 i, char *why, size_t why_len)
{
	struct vm_vcpu *c = &vm->cpus[i];
	int len = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int err;

	c->fd = ioctl(vm->fd, KVM_CREATE_VCPU, i);
	if (c->fd < 0 || len <= 0)
		return vm_fail(why, why_len, "KVM_CREATE_VCPU");
	c->run_len = (size_t)len;
	c->run = mmap(NULL, c->run_len, PROT_READ | PROT_WRITE, MAP_SHARED,
		      c->fd, 0);
	if (c->run == MAP_FAILED) {
		c->run = NULL;
		return vm_fail(why, why_len, "vCPU");
	}
	c->own = pages(sizeof(*c->own));
	if (!c->own)
		return vm_fail(why, why_len, "memory of a vCPU");
	c->own->cpu.self = &c->own->cpu;
	c->own->cpu.run_io = VM_RUN_IO + i;
	c->own->cpu.stack = (u64)(c->own->stack + sizeof(c->own->stack));
	err = vm_mem_share(&vm->mem, c->own, sizeof(*c->own), VM_WRITE);
	errno = -err;
	return err ? vm_fail(why, why_len, "memory of a vCPU") : 0;
}

int vm_open(struct vm *vm, u32 ncpus, char *why, size_t why_len)
{
	int err;

	*vm = (struct vm){ .kvm_fd = -1, .fd = -1, .ncpus = ncpus };
	for (u32 i = 0; i < ncpus; i++)
		vm->cpus[i].fd = -1;
	if (vm_guest_elf_len == 1) {
		snprintf(why, why_len, "not in a build with sanitizers");
		return -ENOSYS;
	}
	err = open_kvm(vm, why, why_len);
	if (!err)
		err = reserve(vm, why, why_len);
	if (!err && vm_mem_open(&vm->mem, vm->fd))
		err = vm_fail(why, why_len, "guest memory");
	if (!err)
		err = load_image(vm, why, why_len);
	if (!err)
		err = vm_open_idt(vm, why, why_len);
	for (u32 i = 0; i < ncpus && !err; i++)
		err = open_cpu(vm, i, why, why_len);
	return err;
}

static void close_cpu(struct vm_vcpu *c)
{
	if (c->run)
		munmap(c->run, c->run_len);
	if (c->own)
		munmap(c->own, sizeof(*c->own));
	if (c->fd >= 0)
		close(c->fd);
}

void vm_close(struct vm *vm)
{
	for (u32 i = 0; i < vm->ncpus; i++)
		close_cpu(&vm->cpus[i]);
	if (vm->idt)
		munmap(vm->idt, VM_PAGE);
	if (vm->image)
		munmap(vm->image, vm->image_len);
	if (vm->fd >= 0)
		close(vm->fd);
	vm_mem_close(&vm->mem);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
}

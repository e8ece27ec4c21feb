/* SPDX-License-Identifier: MIT */
/* Which of the processor's protections a guest has, by its registers. */
#include "dom/vm/bits.h"
#include "dom/vm/vm.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>

int vm_in_force(const struct vm_vcpu *c, char *out, size_t len)
{
	struct kvm_sregs s;
	size_t n = 0;

	if (ioctl(c->fd, KVM_GET_SREGS, &s))
		return -errno;
	const struct {
		const char *name;
		u64 on;
	} all[] = {
		{ "WP", s.cr0 & CR0_WP },     { "NX", s.efer & EFER_NXE },
		{ "SMEP", s.cr4 & CR4_SMEP }, { "SMAP", s.cr4 & CR4_SMAP },
		{ "UMIP", s.cr4 & CR4_UMIP },
	};
	for (size_t i = 0; i < ARRAY_SIZE(all) && n < len; i++)
		if (all[i].on)
			n += (size_t)snprintf(out + n, len - n, "%s%s",
					      n ? ", " : "", all[i].name);
	return 0;
}

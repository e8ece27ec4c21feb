/* SPDX-License-Identifier: MIT */
/*
 * Holds a virtual machine until it is killed. With the first one Linux patches
 * a jump into its scheduler, and out again with the last one; QEMU's translated
 * code does not always follow (the jump lies across two pages), and the
 * emulated machine hangs. So it is patched once, before anything runs.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("/dev/kvm");
		return 1;
	}
	for (;;)
		pause();
}

/* SPDX-License-Identifier: MIT */
/* The guest kernel's ELF image, built from dom/vm/guest and embedded in D. */
#include "dom/vm/vm.h"

const u8 vm_guest_elf[] ALIGNED(16) = {
#include "guest_image.h"
};

const size_t vm_guest_elf_len = sizeof(vm_guest_elf);

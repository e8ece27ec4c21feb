/* SPDX-License-Identifier: MIT */
/* The guest's ring 0, built from dom/vm/guest, within D. */
#include "dom/vm/vm.h"

const u8 vm_guest_elf[] ALIGNED(16) = {
#include "guest_image.h"
};

const size_t vm_guest_elf_len = sizeof(vm_guest_elf);

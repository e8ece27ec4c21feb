/* SPDX-License-Identifier: MIT */
	.text
	.globl _start, load_jump, load_on_stack, trap_restore
_start:
	mov %rsp, %rdi
	xor %ebp, %ebp
	and $-16, %rsp
	call load_main
	ud2

/* To ld.so, as the kernel begins a program: no exit function in RDX. */
load_jump:
	mov %rsi, %rsp
	xor %edx, %edx
	xor %ebp, %ebp
	jmp *%rdi

load_on_stack:
	push %rbx
	mov %rsp, %rbx
	mov %rsi, %rsp
	call *%rdi
	mov %rbx, %rsp
	pop %rbx
	ret

trap_restore:
	mov $15, %eax /* rt_sigreturn */
	syscall

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/* Which of the host's vector registers ring 3 gets: what KVM does not let a
 * guest have is an error of KVM_SET_XCRS, and then there is no domain vm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dom/vm/vm.h"

enum {
	X87_SSE = 3,
	AVX = 1 << 2,
	AVX512 = 7 << 5,
	PKRU = 1 << 9,
	TILE_CONFIG = 1 << 17,
	TILES = TILE_CONFIG | 1 << 18,
	ALL = X87_SSE | AVX | AVX512 | PKRU,
};

/* KVM's answer, with @guest in the leaf of XCR0. */
static u64 ask(u64 host, u64 guest)
{
	static union {
		struct kvm_cpuid2 id;
		u8 room[sizeof(struct kvm_cpuid2) +
			3 * sizeof(struct kvm_cpuid_entry2)];
	} u;
	struct kvm_cpuid_entry2 *e = u.id.entries;

	u.id.nent = 3;
	e[0] = (struct kvm_cpuid_entry2){ .function = 7, .eax = ~0u };
	e[1] = (struct kvm_cpuid_entry2){ .function = 0xd,
					  .eax = (u32)guest,
					  .edx = (u32)(guest >> 32) };
	e[2] = (struct kvm_cpuid_entry2){ .function = 0xd,
					  .index = 1,
					  .eax = ~0u };
	return vm_xcr0(&u.id, host);
}

static void test_as_here(void **state)
{
	assert_int_equal(ask(ALL, ALL), ALL);
	assert_int_equal(ask(ALL | TILES, ALL | TILES), ALL | TILES);
	assert_int_equal(ask(X87_SSE | AVX, ALL), X87_SSE | AVX);
}

/* Tiles are for those that have asked for them by arch_prctl(2). */
static void test_not_permitted(void **state)
{
	assert_int_equal(ask(ALL | TILES, ALL), ALL);
	assert_int_equal(ask(ALL, ALL & ~PKRU), ALL & ~PKRU);
	assert_int_equal(ask(ALL | 1ull << 62, ALL), ALL);
	assert_int_equal(ask(ALL | 1ull << 62, ALL | 1ull << 62),
			 ALL | 1ull << 62);
}

/* Before Linux 6.4 half of them is said to be there; the processor wants both
 * halves, or none. */
static void test_half(void **state)
{
	assert_int_equal(ask(ALL | TILES, ALL | TILE_CONFIG), ALL);
}

/* A signal frame is as long as its last component in use. */
static void test_bytes(void **state)
{
	static union {
		struct kvm_cpuid2 id;
		u8 room[sizeof(struct kvm_cpuid2) +
			4 * sizeof(struct kvm_cpuid_entry2)];
	} u;
	struct kvm_cpuid_entry2 *e = u.id.entries;

	u.id.nent = 4;
	e[0] = (struct kvm_cpuid_entry2){ 0xd, 0, .eax = ALL, .ebx = 2696 };
	e[1] = (struct kvm_cpuid_entry2){ 0xd, 1, .eax = 15, .ebx = 9999 };
	e[2] = (struct kvm_cpuid_entry2){ 0xd, 2, .eax = 256, .ebx = 576 };
	e[3] = (struct kvm_cpuid_entry2){ 0xd, 7, .eax = 1024, .ebx = 1664 };
	assert_int_equal(vm_xsave_bytes(&u.id, X87_SSE), 576);
	assert_int_equal(vm_xsave_bytes(&u.id, X87_SSE | AVX), 832);
	assert_int_equal(vm_xsave_bytes(&u.id, X87_SSE | AVX | AVX512), 2688);
}

static void test_no_leaf(void **state)
{
	const struct kvm_cpuid2 none = { 0 };

	assert_int_equal(vm_xcr0(&none, ALL), X87_SSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_here),
		cmocka_unit_test(test_not_permitted),
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_no_leaf),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The rights table of doc/isolation.md against the page tables that domain vm
 * builds: what each page of the guest is, and what rights it has. And the
 * registers, descriptors and gates that make them hold.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/process/process.h"
#include "dom/vm/run.h"
#include "fake_kvm.h"

enum {
	THREADS = 2,
	MEM_BYTES = 3 * VM_LARGE + 5 * VM_PAGE,
	NIC_BYTES = 2 * VM_PAGE,
	PARTS = 2,
	/* of an entry; shifts of the levels */
	E_PRESENT = 1,
	E_LARGE = 128,
	TOP = 39,
	LAST = 12,
	BITS_A_LEVEL = 9,
};

#define E_ADDRESS 0x000ffffffffff000ull
#define E_NX (1ull << 63)

/* ---- a dataplane's memory, and its guest */

static struct host host;
static struct proc proc;
static struct vm_life life;
static struct nic_part nic_parts[THREADS][PARTS];

static void *take(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static u32 parts_of(struct nic *nic, u32 i, struct nic_part out[NIC_PARTS])
{
	memcpy(out, nic_parts[i], sizeof(nic_parts[i]));
	return PARTS;
}

static void make_host(void)
{
	static struct nic nic = { .parts = parts_of };
	char why[256];

	host.nthreads = THREADS;
	host.nic = &nic;
	assert_int_equal(hugemem_open(&host.mem, 2 * VM_LARGE, VM_LARGE, true,
				      HUGEMEM_WANT_SMALL, why, sizeof(why)),
			 0);
	host.groups = take(sizeof(*host.groups));
	host.shared_len = VM_PAGE;
	host.shared = take(VM_PAGE);
	host_capture_open(&host);
	for (u32 i = 0; i < THREADS; i++) {
		struct host_thread *t = &host.threads[i];

		t->index = i;
		t->mem_len = MEM_BYTES;
		t->mem = take(MEM_BYTES);
		t->stat.page = take(STATFILE_BYTES);
		for (u32 k = 0; k < PARTS; k++)
			nic_parts[i][k] =
				(struct nic_part){ take(NIC_BYTES), NIC_BYTES };
	}
}

static int open_guest(void **state)
{
	char why[256];

	kvm.smep_smap = 1 << 7 | 1 << 20;
	kvm.umip = 1 << 2;
	make_host();
	proc = (struct proc){ .host = &host, .vm = &life, .nthreads = THREADS };
	assert_int_equal(proc_shm_open(&proc), 0);
	assert_int_equal(vm_open(&life.vm, THREADS, why, sizeof(why)), 0);
	assert_int_equal(vm_share(&proc), 0);
	assert_int_equal(vm_boot(&life.vm, &life.vm.cpus[0], why, sizeof(why)),
			 0);
	return 0;
}

/* ---- the page tables, read as the processor does */

struct page {
	u64 at, len;
	const u8 *memory; /* ours */
	bool write, user, exec;
};

static const u8 *memory_of(u64 gpa, u64 len)
{
	for (u32 i = 0; i < kvm.nslots; i++) {
		const struct kvm_userspace_memory_region *s = &kvm.slots[i];

		if (gpa >= s->guest_phys_addr &&
		    gpa + len <= s->guest_phys_addr + s->memory_size)
			return (const u8 *)s->userspace_addr + gpa -
			       s->guest_phys_addr;
	}
	return NULL;
}

typedef void page_fn(const struct page *p, void *arg);

/* Rights are what all levels allow. */
static void walk(const u64 *table, int shift, struct page above, page_fn *fn,
		 void *arg)
{
	for (u64 i = 0; i < 512; i++) {
		u64 e = table[i];
		struct page p = above;

		if (!(e & E_PRESENT))
			continue;
		p.at |= i << shift;
		if (shift == TOP && i >= 256)
			p.at |= 0xffffull << 48;
		p.write &= e >> 1 & 1;
		p.user &= e >> 2 & 1;
		p.exec &= !(e & E_NX);
		p.len = 1ull << shift;
		if (shift == LAST || e & E_LARGE) {
			p.memory = memory_of(e & E_ADDRESS, p.len);
			fn(&p, arg);
		} else {
			walk((const u64 *)memory_of(e & E_ADDRESS, VM_PAGE),
			     shift - BITS_A_LEVEL, p, fn, arg);
		}
	}
}

static void each_page(page_fn *fn, void *arg)
{
	const struct page all = { .write = true, .user = true, .exec = true };

	assert_ptr_equal(memory_of(kvm.sregs.cr3, VM_PAGE), life.vm.mem.tables);
	walk(life.vm.mem.tables, TOP, all, fn, arg);
}

/* ---- the table */

enum { R = 0, W = 1, U = 2, X = 4 };

struct row {
	const char *what;
	u64 at;
	const void *memory;
	u64 len;
	int rights;
	u64 seen; /* bytes */
};

static struct row rows[64];
static u32 nrows;

static void row(const char *what, u64 at, const void *memory, u64 len,
		int rights)
{
	rows[nrows++] = (struct row){
		.what = what,
		.at = at,
		.memory = memory,
		.len = (len + VM_PAGE - 1) & ~(u64)(VM_PAGE - 1),
		.rights = rights,
	};
}

/* The dataplane's own: at its address in D. */
static void own(const char *what, const void *memory, u64 len, int rights)
{
	row(what, (u64)memory, memory, len, rights);
}

static void application_rows(void)
{
	const struct hugemem *m = &host.mem;
	u64 up = proc_up_bytes(THREADS);

	row("arena, ring 3", VM_ARENA, life.arena, m->arena.len, U | W);
	row("arena, ring 0", (u64)m->arena.base, life.arena, m->arena.len, R);
	row("receive buffers, ring 3", VM_FRAMES, m->frames.base, m->frames.len,
	    U);
	own("receive buffers, ring 0", m->frames.base, m->frames.len, W);
	row("events, ring 3", VM_UP, proc.info, up, U);
	own("events, ring 0", proc.info, up, W);
	row("batches, ring 3", VM_DOWN, life.down, life.down_len, U | W);
	row("batches, ring 0", (u64)proc.turns, life.down, life.down_len, R);
	own("the application's memory, ring 0", life.app, VM_APP_BYTES, W);
}

static void dataplane_rows(void)
{
	const struct vm *vm = &life.vm;

	own("page tables", vm->mem.tables, VM_TABLES_BYTES, R);
	own("flow groups", host.groups, sizeof(*host.groups), R);
	own("what threads share", host.shared, host.shared_len, W);
	own("capture", host.capture.mem, host_capture_len(&host), W);
	own("IDT", vm->idt, VM_PAGE, R);
	row("constants", VM_TEXT, vm->image, VM_PAGE, R);
	row("text", VM_TEXT + VM_PAGE, vm->image + VM_PAGE,
	    vm->image_len - VM_PAGE, X);
	for (u32 i = 0; i < THREADS; i++) {
		own("vCPU", vm->cpus[i].own, sizeof(struct vm_own), W);
		own("struct dp and its tables", host.threads[i].mem, MEM_BYTES,
		    W);
		own("counters", host.threads[i].stat.page, STATFILE_BYTES, W);
		for (u32 k = 0; k < PARTS; k++)
			own("the NIC's rings", nic_parts[i][k].base, NIC_BYTES,
			    W);
	}
}

static void compare(const struct page *p, void *arg)
{
	int rights = (p->write ? W : 0) | (p->user ? U : 0) | (p->exec ? X : 0);

	for (u32 i = 0; i < nrows; i++) {
		struct row *r = &rows[i];
		u64 off = p->at - r->at;

		if (p->at < r->at || off >= r->len)
			continue;
		if (p->memory != (const u8 *)r->memory + off ||
		    off + p->len > r->len || rights != r->rights)
			fail_msg("%s + %lx: %p, rights %x, not %x", r->what,
				 off, (const void *)p->memory, rights,
				 r->rights);
		r->seen += p->len;
		return;
	}
	fail_msg("%lx, %lx bytes of %p, rights %x: in no row", p->at, p->len,
		 (const void *)p->memory, rights);
}

/* Each row, whole; and nothing but them. */
static void test_table(void **state)
{
	application_rows();
	dataplane_rows();
	each_page(compare, NULL);
	for (u32 i = 0; i < nrows; i++)
		if (rows[i].seen != rows[i].len)
			fail_msg("%s: %lx bytes of %lx", rows[i].what,
				 rows[i].seen, rows[i].len);
}

/* Where text ends and constants begin, too. */
static void either(const struct page *p, void *arg)
{
	if (!p->user && p->write && p->exec)
		fail_msg("%lx: ring 0 writes and executes it", p->at);
	if (p->exec && (p->at < VM_TEXT || p->user))
		fail_msg("%lx: executed", p->at);
	if (p->write && p->at >= VM_TEXT)
		fail_msg("%lx: the guest kernel's, written", p->at);
}

static void test_w_xor_x(void **state)
{
	each_page(either, NULL);
}

/* ---- VM_APP */

struct found {
	u64 at, bytes;
	int rights;
};

static void in_app(const struct page *p, void *arg)
{
	struct found *f = arg;

	if (f->at < p->at || f->at >= p->at + p->len)
		return;
	f->rights = (p->write ? W : 0) | (p->user ? U : 0) | (p->exec ? X : 0);
	f->bytes += p->len;
	assert_ptr_equal(p->memory, life.app + (p->at - VM_APP));
}

static int rights_at(u64 at)
{
	struct found f = { .at = at };

	each_page(in_app, &f);
	return f.bytes ? f.rights : -1;
}

static void protect(u64 at, u64 len, u32 prot)
{
	assert_int_equal(
		vm_mem_protect(&life.vm.mem, life.app_gpa, at, len, prot), 0);
}

/* Ring 3's rights are those asked for, never more; its pages are its own. */
static void test_app(void **state)
{
	const u64 at = VM_APP + VM_LARGE;

	assert_int_equal(rights_at(at), -1);
	protect(at, 2 * VM_LARGE, PROT_READ | PROT_WRITE);
	protect(at + VM_PAGE, VM_PAGE, PROT_READ);
	protect(at + 2 * VM_PAGE, VM_PAGE, PROT_READ | PROT_EXEC);
	protect(at + 3 * VM_PAGE, VM_PAGE, PROT_NONE);
	assert_int_equal(rights_at(at), U | W);
	assert_int_equal(rights_at(at + VM_PAGE), U);
	assert_int_equal(rights_at(at + 2 * VM_PAGE), U | X);
	assert_int_equal(rights_at(at + 3 * VM_PAGE), -1);
	assert_int_equal(rights_at(at + VM_LARGE), U | W);
	assert_int_equal(rights_at(at + 2 * VM_LARGE), -1);
	assert_int_equal(rights_at(VM_APP + VM_APP_BYTES - VM_PAGE), -1);
	protect(at, 2 * VM_LARGE, PROT_NONE);
	assert_int_equal(rights_at(at), -1);
}

/* ---- registers */

static void test_registers(void **state)
{
	const u64 wp = 1 << 16, smep = 1 << 20, smap = 1 << 21, umip = 1 << 11;
	const u64 nxe = 1 << 11, interrupts = 1 << 9;
	const u64 tf = 1 << 8, df = 1 << 10, iopl = 3 << 12, nt = 1 << 14;
	const u64 ac = 1 << 18;
	const struct kvm_sregs *s = &kvm.sregs;

	assert_true(s->cr0 & wp);
	assert_true(s->cr4 & smep);
	assert_true(s->cr4 & smap);
	assert_true(s->cr4 & umip);
	assert_true(s->efer & nxe);
	/* TSD, PCE, FSGSBASE, PKE: nothing that is ring 3's to change */
	assert_false(s->cr4 & (1 << 2 | 1 << 8 | 1 << 16 | 1 << 22));
	assert_int_equal(kvm.sfmask, tf | interrupts | df | iopl | nt | ac);
	assert_int_equal(kvm.lstar, life.vm.head->syscall);
	assert_int_equal(kvm.star >> 32 & 0xffff, VM_CS0);
	assert_int_equal((kvm.star >> 48) + 16, VM_CS3);
	assert_int_equal((kvm.star >> 48) + 8, VM_DS3);
	assert_int_equal(kvm.regs.rflags, 2);
	assert_int_equal(s->cs.dpl, 0);
	assert_true(s->cs.l);
}

static void test_in_force(void **state)
{
	char text[64], why[256];

	assert_int_equal(vm_in_force(&life.vm.cpus[0], text, sizeof(text)), 0);
	assert_string_equal(text, "WP, NX, SMEP, SMAP, UMIP");
	/* said to be there, and not in force */
	kvm.lost = 1 << 21;
	assert_int_equal(vm_boot(&life.vm, &life.vm.cpus[0], why, sizeof(why)),
			 -ENOTSUP);
	assert_non_null(strstr(why, "SMAP"));
	/* an older processor */
	kvm.smep_smap = 1 << 7;
	kvm.umip = 0;
	assert_int_equal(vm_boot(&life.vm, &life.vm.cpus[0], why, sizeof(why)),
			 0);
	assert_int_equal(vm_in_force(&life.vm.cpus[0], text, sizeof(text)), 0);
	assert_string_equal(text, "WP, NX, SMEP");
	kvm.lost = 0;
}

/* ---- gates and descriptors */

enum { NMI = 2, DOUBLE_FAULT = 8, MACHINE_CHECK = 18 };

/* Interrupt gates, which disable interrupts; none for INT n of ring 3. */
static void test_gates(void **state)
{
	const u64 *gate = (const u64 *)life.vm.idt;

	for (u32 i = 0; i < 256; i++, gate += 2) {
		u64 at = (gate[0] & 0xffff) | (gate[0] >> 48) << 16 |
			 gate[1] << 32;
		bool own_stack =
			i == NMI || i == DOUBLE_FAULT || i == MACHINE_CHECK;

		assert_int_equal(gate[0] >> 40 & 0xff, 0x8e);
		assert_int_equal(gate[0] >> 16 & 0xffff, VM_CS0);
		assert_int_equal(!!(gate[0] >> 32 & 7), own_stack);
		if (i == VM_FORGET)
			assert_int_equal(at, life.vm.head->forget);
		else
			assert_int_equal(at, life.vm.head->vectors +
						     i * VM_VECTOR_BYTES);
	}
}

static u32 dpl(u32 selector)
{
	return life.vm.cpus[0].own->gdt[selector / 8] >> 45 & 3;
}

static void test_descriptors(void **state)
{
	const struct vm_own *o = life.vm.cpus[0].own;
	bool last = true;

	assert_int_equal(dpl(VM_CS0), 0);
	assert_int_equal(dpl(VM_DS0), 0);
	assert_int_equal(dpl(VM_TSS), 0);
	assert_int_equal(dpl(VM_CS3), 3);
	assert_int_equal(dpl(VM_DS3), 3);
	for (u32 i = VM_TSS / 8 + 2; i < ARRAY_SIZE(o->gdt); i++)
		last &= !o->gdt[i];
	assert_true(last);
	/* no port is ring 3's */
	assert_true(o->tss.io_map >= sizeof(o->tss));
}

/* ---- where ring 3 goes on, as A says */

static int enter(u64 rip, u64 rsp, u64 fs, bool answer)
{
	static struct proc_down down;
	struct proc_thread t = { .proc = &proc,
				 .host = &host.threads[0],
				 .up = (struct proc_up *)((u8 *)proc.info +
							  PROC_PAGE),
				 .down = &down };

	down = (struct proc_down){ .rip = rip, .rsp = rsp, .fs = fs };
	return vm_enter(&t, answer);
}

static void test_place(void **state)
{
	const u64 good = VM_APP + VM_PAGE, d = (u64)host.threads[0].mem;

	assert_int_equal(enter(1ull << 47, good, 0, false), -EINVAL);
	assert_int_equal(enter(VM_TEXT + VM_PAGE, good, 0, false), -EINVAL);
	assert_int_equal(enter(d, good, 0, false), -EINVAL);
	assert_int_equal(enter(VM_USER_END, good, 0, false), -EINVAL);
	assert_int_equal(enter(good, 1ull << 63, 0, false), -EINVAL);
	assert_int_equal(enter(good, d, 0, false), -EINVAL);
	assert_int_equal(enter(good, good, 1ull << 47, false), -EINVAL);
	assert_int_equal(enter(good, good, d, false), -EINVAL);
	/* an answer that nobody waits for */
	assert_int_equal(enter(good, good, 0, true), -EINVAL);
}

static int close_guest(void **state)
{
	vm_close(&life.vm);
	vm_share_close(&proc);
	proc_shm_close(&proc);
	host_capture_close(&host);
	hugemem_close(&host.mem);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_w_xor_x),
		cmocka_unit_test(test_app),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_in_force),
		cmocka_unit_test(test_gates),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, open_guest, close_guest);
}

/* SPDX-License-Identifier: MIT */
/* dom/host/hugemem.c: alignment, sharing and its seals, what is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dom/host/hugemem.h"

enum { FRAMES = 3000000, ARENA = 5000000 };

static char why[256];

static void check_layout(const struct hugemem *m)
{
	assert_int_equal((uintptr_t)m->frames.base % HUGEMEM_ALIGN, 0);
	assert_int_equal(m->frames.len, 2 * HUGEMEM_ALIGN);
	assert_int_equal(m->arena.len, 3 * HUGEMEM_ALIGN);
	assert_int_equal(hugemem_pages(FRAMES, ARENA), 5);
	assert_ptr_equal(m->arena.base, m->frames.base + m->frames.len);
	for (size_t i = 0; i < m->frames.len + m->arena.len; i += 4093) {
		assert_int_equal(m->frames.base[i], 0);
		m->frames.base[i] = 1;
	}
}

static void check_report(struct hugemem *m, enum hugemem_want want)
{
	char text[64];

	assert_int_equal(hugemem_touch(m->frames.base, m->frames.len), 0);
	hugemem_check(m);
	hugemem_describe(m, text, sizeof(text));
	print_message("wanted %d: %s\n", want, text);
	if (want == HUGEMEM_WANT_HUGE)
		assert_int_equal(hugemem_reserved(m), 5);
	else if (want != HUGEMEM_WANT_ANY)
		assert_int_equal(hugemem_reserved(m), 0);
	if (want == HUGEMEM_WANT_SMALL) {
		assert_int_equal(m->kind, HUGEMEM_SMALL);
		assert_int_equal(m->page_size, 4096);
		assert_string_equal(text, "4 KB");
	} else if (m->kind != HUGEMEM_SMALL) {
		assert_int_equal(m->page_size, HUGEMEM_ALIGN);
		assert_non_null(strstr(text, "2 MB"));
	}
}

static void kinds(bool shared)
{
	for (int want = 0; want <= HUGEMEM_WANT_SMALL; want++) {
		struct hugemem m;
		int err = hugemem_open(&m, FRAMES, ARENA, shared, want, why,
				       sizeof(why));

		if (want == HUGEMEM_WANT_HUGE && err) {
			assert_non_null(strstr(why, "huge page memory"));
			assert_null(m.frames.base);
			continue;
		}
		assert_int_equal(err, 0);
		check_layout(&m);
		check_report(&m, want);
		hugemem_close(&m);
		hugemem_close(&m);
	}
}

static void private_kinds(void **state)
{
	kinds(false);
}

static void shared_kinds(void **state)
{
	kinds(true);
}

/* What an application gets is the same memory, and not writable. */
static void seals(void **state)
{
	struct hugemem m;
	u8 *frames, *arena;

	assert_int_equal(hugemem_open(&m, FRAMES, ARENA, true, HUGEMEM_WANT_ANY,
				      why, sizeof(why)),
			 0);
	assert_int_equal(hugemem_seal(&m), 0);
	frames = mmap(NULL, m.frames.len, PROT_READ | PROT_WRITE, MAP_SHARED,
		      m.frames.fd, 0);
	assert_ptr_equal(frames, MAP_FAILED);
	frames =
		mmap(NULL, m.frames.len, PROT_READ, MAP_SHARED, m.frames.fd, 0);
	assert_ptr_not_equal(frames, MAP_FAILED);
	assert_int_not_equal(
		mprotect(frames, m.frames.len, PROT_READ | PROT_WRITE), 0);
	m.frames.base[7] = 42;
	assert_int_equal(frames[7], 42);
	arena = mmap(NULL, m.arena.len, PROT_READ | PROT_WRITE, MAP_SHARED,
		     m.arena.fd, 0);
	assert_ptr_not_equal(arena, MAP_FAILED);
	arena[9] = 43;
	assert_int_equal(m.arena.base[9], 43);
	assert_int_not_equal(ftruncate(m.frames.fd, 0), 0);
	assert_int_not_equal(ftruncate(m.arena.fd, 0), 0);
	munmap(frames, m.frames.len);
	munmap(arena, m.arena.len);
	hugemem_close(&m);
}

/* Who has kept the old memory has nothing of the new one. */
static void renewed(void **state)
{
	struct hugemem m, before;
	int fd[2];
	u8 *old;

	(void)state;
	assert_int_equal(hugemem_open(&m, FRAMES, ARENA, true,
				      HUGEMEM_WANT_SMALL, why, sizeof(why)),
			 0);
	before = m;
	check_layout(&m);
	fd[0] = dup(m.frames.fd);
	fd[1] = dup(m.arena.fd);
	old = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd[1], 0);
	assert_true(old != MAP_FAILED);
	old[0] = 77;
	assert_int_equal(hugemem_renew(&m), 0);
	assert_int_equal(hugemem_seal(&m), 0);
	assert_ptr_equal(m.frames.base, before.frames.base);
	assert_ptr_equal(m.arena.base, before.arena.base);
	assert_int_equal(m.arena.base[0], 0);
	check_layout(&m);
	old[1] = 78;
	m.arena.base[2] = 79;
	assert_int_equal(m.arena.base[1], 0);
	assert_int_equal(old[2], 0);
	assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			 m.frames.fd, 0) == MAP_FAILED);
	assert_int_equal(ftruncate(m.arena.fd, 0), -1);
	munmap(old, 4096);
	close(fd[0]);
	close(fd[1]);
	hugemem_close(&m);
}

/* Also what begins and ends within a large page; and what is there stays. */
static void touched(void **state)
{
	enum { FROM = 12288, LEN = 2 * HUGEMEM_ALIGN - 3 * FROM };
	unsigned char resident[LEN / 4096];
	struct hugemem m;

	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		assert_int_equal(hugemem_open(&m, FRAMES, ARENA, shared,
					      HUGEMEM_WANT_SMALL, why,
					      sizeof(why)),
				 0);
		m.frames.base[FROM] = 5;
		assert_int_equal(hugemem_touch(m.frames.base + FROM, LEN), 0);
		mincore(m.frames.base + FROM, LEN, resident);
		for (size_t i = 0; i < sizeof(resident); i++)
			assert_int_equal(resident[i] & 1, 1);
		assert_int_equal(m.frames.base[FROM], 5);
		hugemem_close(&m);
	}
	assert_int_equal(hugemem_touch((u8 *)4096, HUGEMEM_ALIGN), -ENOMEM);
}

static void private_memory(void **state)
{
	u8 *p = hugemem_private(12345);

	assert_non_null(p);
	assert_int_equal((uintptr_t)p % HUGEMEM_ALIGN, 0);
	assert_int_equal(p[12344], 0);
	p[12344] = 1;
	hugemem_private_free(p, 12345);
	hugemem_private_free(NULL, 1);
	assert_null(hugemem_private((size_t)1 << 60));
}

static void too_much(void **state)
{
	struct hugemem m;

	assert_true(hugemem_open(&m, 4096, (size_t)1 << 60, false,
				 HUGEMEM_WANT_ANY, why, sizeof(why)) < 0);
	assert_non_null(strstr(why, "MB of memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_kinds),
		cmocka_unit_test(shared_kinds),
		cmocka_unit_test(seals),
		cmocka_unit_test(renewed),
		cmocka_unit_test(touched),
		cmocka_unit_test(private_memory),
		cmocka_unit_test(too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* base/flows.c: whose a flow is, of two dataplanes'. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/flows.h"

enum { ENTRIES = 4096, FLOWS = ENTRIES / 4 };

struct two {
	u64 entry[ENTRIES];
	u32 heir;
	struct flows place[2];
};

static int setup(void **state)
{
	struct two *t = calloc(1, sizeof(*t));

	for (u32 i = 0; i < 2; i++)
		t->place[i] = (struct flows){ .entry = t->entry,
					      .mask = ENTRIES - 1,
					      .place = i,
					      .heir = &t->heir };
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* Of many peers: some are neighbours in the table. */
static u64 flow(u32 i)
{
	return flows_hash(
		flows_hash(flows_hash(0, i * 2654435761u), 0x0a000002),
		(i & 0xfff) << 16 | 80);
}

/* As nic/tap_steer.bpf.c looks: a place, or -1. */
static int find(const struct two *t, u64 h)
{
	for (u32 i = 0; i < FLOWS_LOOKS; i++) {
		u64 e = t->entry[((u32)(h >> 32) + i) % ENTRIES];

		if (!e)
			return -1;
		if ((e | FLOWS_PLACE) == (h | FLOWS_USED | FLOWS_PLACE))
			return e & FLOWS_PLACE;
	}
	return -1;
}

/* New ones are the heir's without being there. */
static void the_heir_needs_none(void **state)
{
	struct two *t = *state;

	flows_add(&t->place[0], flow(1));
	assert_int_equal(find(t, flow(1)), -1);
	flows_add(&t->place[1], flow(1));
	assert_int_equal(find(t, flow(1)), 1);
	t->place[0].all = true;
	flows_add(&t->place[0], flow(2));
	assert_int_equal(find(t, flow(2)), 0);
	t->heir = 1;
	flows_add(&t->place[1], flow(3));
	assert_int_equal(find(t, flow(3)), -1);
}

/* As many as there is to be room for, and none is lost; twice is once. */
static void all_are_found(void **state)
{
	struct two *t = *state;
	u32 used = 0;

	t->heir = 1;
	for (u32 round = 0; round < 2; round++)
		for (u32 i = 0; i < FLOWS; i++)
			flows_add(&t->place[0], flow(i));
	for (u32 i = 0; i < FLOWS; i++)
		assert_int_equal(find(t, flow(i)), 0);
	for (u32 i = FLOWS; i < 2 * FLOWS; i++)
		assert_int_equal(find(t, flow(i)), -1);
	for (u32 i = 0; i < ENTRIES; i++)
		used += t->entry[i] != 0;
	assert_int_equal(used, FLOWS);
}

/* One goes, others behind it are found still; its place is used again. */
static void one_is_gone(void **state)
{
	struct two *t = *state;

	t->heir = 1;
	for (u32 i = 0; i < FLOWS; i++)
		flows_add(&t->place[0], flow(i));
	for (u32 i = 0; i < FLOWS; i += 2)
		flows_remove(&t->place[0], flow(i));
	flows_remove(&t->place[1], flow(1)); /* not his */
	for (u32 i = 0; i < FLOWS; i++)
		assert_int_equal(find(t, flow(i)), i % 2 ? 0 : -1);
	for (u32 round = 0; round < 1000; round++) {
		flows_add(&t->place[0], flow(0));
		assert_int_equal(find(t, flow(0)), 0);
		flows_remove(&t->place[0], flow(0));
	}
	assert_int_equal(find(t, flow(0)), -1);
}

/* The same flow, of the other one now. */
static void it_changes_hands(void **state)
{
	struct two *t = *state;

	t->heir = 1;
	flows_add(&t->place[0], flow(1));
	t->heir = 0;
	flows_add(&t->place[1], flow(1));
	assert_int_equal(find(t, flow(1)), 1);
	flows_remove(&t->place[0], flow(1));
	assert_int_equal(find(t, flow(1)), 1);
}

static void clear(void **state)
{
	struct two *t = *state;

	for (u32 i = 0; i < FLOWS; i++) {
		t->heir = i % 2;
		flows_add(&t->place[!t->heir], flow(i));
	}
	flows_clear(&t->place[1], 1);
	for (u32 i = 0; i < FLOWS; i++)
		assert_int_equal(find(t, flow(i)), i % 2 ? 0 : -1);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_heir_needs_none),
		TEST(all_are_found),
		TEST(one_is_gone),
		TEST(it_changes_hands),
		TEST(clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

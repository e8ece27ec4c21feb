/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/list.h"

struct item {
	int value;
	struct list node;
};

static struct item items[5];
static struct list head, other;

static int setup(void **state)
{
	list_init(&head);
	list_init(&other);
	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		list_init(&items[i].node);
	}
	return 0;
}

/* @want: values in order, as digits; read both ways. */
static void assert_list(struct list *l, const char *want)
{
	struct list *n;
	size_t i = 0;

	list_for_each (n, l) {
		assert_int_equal(container_of(n, struct item, node)->value,
				 want[i] - '0');
		assert_ptr_equal(n->next->prev, n);
		i++;
	}
	assert_int_equal(i, strlen(want));
	assert_int_equal(list_empty(l), !*want);
}

static void adds_at_both_ends(void **state)
{
	list_add_tail(&head, &items[1].node);
	list_add_tail(&head, &items[2].node);
	list_add(&head, &items[0].node);
	assert_list(&head, "012");
}

static void deletes_twice(void **state)
{
	for (int i = 0; i < 3; i++)
		list_add_tail(&head, &items[i].node);
	list_del(&items[1].node);
	list_del(&items[1].node);
	assert_list(&head, "02");
	assert_true(list_empty(&items[1].node));
}

static void pops(void **state)
{
	assert_null(list_pop(&head));
	list_add_tail(&head, &items[0].node);
	list_add_tail(&head, &items[1].node);
	assert_ptr_equal(list_pop(&head), &items[0].node);
	assert_ptr_equal(list_pop(&head), &items[1].node);
	assert_null(list_pop(&head));
}

static void splices(void **state)
{
	list_splice(&head, &other);
	assert_list(&head, "");
	list_add_tail(&head, &items[0].node);
	list_add_tail(&other, &items[1].node);
	list_add_tail(&other, &items[2].node);
	list_splice(&head, &other);
	assert_list(&head, "012");
	assert_list(&other, "");
	list_splice(&other, &head);
	assert_list(&other, "012");
}

static void deletes_while_walking(void **state)
{
	struct list *n, *tmp;

	for (int i = 0; i < 5; i++)
		list_add_tail(&head, &items[i].node);
	list_for_each_safe (n, tmp, &head) {
		if (container_of(n, struct item, node)->value % 2)
			list_del(n);
	}
	assert_list(&head, "024");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(adds_at_both_ends, setup),
		cmocka_unit_test_setup(deletes_twice, setup),
		cmocka_unit_test_setup(pops, setup),
		cmocka_unit_test_setup(splices, setup),
		cmocka_unit_test_setup(deletes_while_walking, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

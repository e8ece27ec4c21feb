/* SPDX-License-Identifier: MIT */
/* Every header of the original that programs include, and what they do with
 * its lists. */
#include <buf.h>
#include <ix/compiler.h>
#include <ix/errno.h>
#include <ix/list.h>
#include <ix/mem.h>
#include <ix/mempool.h>
#include <ix/stddef.h>
#include <ix/syscall.h>
#include <ix/types.h>
#include <ix.h>
#include <ixev.h>
#include <ixev_timer.h>
#include <mempool.h>
#include <net/ip.h>
#include <syscall.h>

#define CHECK(c)                                               \
	do {                                                   \
		if (!(c)) {                                    \
			printf("line %d: %s\n", __LINE__, #c); \
			return 1;                              \
		}                                              \
	} while (0)

struct item {
	int n;
	struct list_node node;
	struct slist_node snode;
	struct hlist_node hnode;
};

static struct item items[4] = {
	{ .n = 0 }, { .n = 1 }, { .n = 2 }, { .n = 3 }
};

/* Their numbers as digits, first to last. */
static int digits(struct list_head *h)
{
	struct item *i;
	int d = 9;

	list_for_each (h, i, node)
		d = d * 10 + i->n;
	return d;
}

static int test_list(void)
{
	LIST_HEAD(a);
	LIST_HEAD(b);
	struct item *i, *next;
	int back = 9;

	CHECK(list_empty(&a) && !list_top(&a, struct item, node));
	list_add(&a, &items[1].node);
	list_add(&a, &items[0].node);
	list_add_tail(&a, &items[2].node);
	CHECK(digits(&a) == 9012);
	list_for_each_rev(&a, i, node) back = back * 10 + i->n;
	CHECK(back == 9210);
	CHECK(list_top(&a, struct item, node) == &items[0]);
	CHECK(list_tail(&a, struct item, node) == &items[2]);
	CHECK(list_next(&a, &items[0], node) == &items[1]);
	CHECK(!list_next(&a, &items[2], node));
	CHECK(list_prev(&a, &items[1], node) == &items[0]);
	CHECK(!list_prev(&a, &items[0], node));
	list_add(&b, &items[3].node);
	list_append_list(&a, &b);
	CHECK(digits(&a) == 90123 && list_empty(&b));
	list_prepend_list(&b, &a);
	CHECK(digits(&b) == 90123 && list_empty(&a));
	list_append_list(&b, &a);
	CHECK(digits(&b) == 90123);
	CHECK(list_pop(&b, struct item, node) == &items[0]);
	list_for_each_safe (&b, i, next, node)
		if (i->n == 2)
			list_del(&i->node);
	CHECK(digits(&b) == 913);
	list_del_from(&b, &items[1].node);
	CHECK(list_pop(&b, struct item, node) == &items[3]);
	CHECK(!list_pop(&b, struct item, node));
	return 0;
}

static int test_slist(void)
{
	struct slist_head h;
	struct slist_node *p, *prev;
	int d = 9;

	slist_init_head(&h);
	CHECK(slist_empty(&h));
	for (int i = 3; i >= 0; i--)
		slist_add_head(&h, &items[i].snode);
	slist_for_each_prev(&h, p, prev) if (p == &items[2].snode) break;
	slist_del(prev, p);
	slist_del_head(&h);
	slist_for_each(&h, p) d =
		d * 10 + slist_entry(p, struct item, snode)->n;
	CHECK(d == 913 && !slist_empty(&h));
	return 0;
}

static int test_hlist(void)
{
	struct hlist_head h;
	struct hlist_node *p, *next;
	int d = 9;

	hlist_init_head(&h);
	CHECK(hlist_empty(&h));
	for (int i = 3; i >= 0; i--)
		hlist_add_head(&h, &items[i].hnode);
	hlist_for_each_safe(&h, p, next) if (p == &items[1].hnode) hlist_del(p);
	hlist_del_head(&h);
	hlist_for_each(&h, p) d =
		d * 10 + hlist_entry(p, struct item, hnode)->n;
	CHECK(d == 923);
	hlist_del(&items[3].hnode);
	hlist_del(&items[2].hnode);
	CHECK(hlist_empty(&h));
	return 0;
}

int main(void)
{
	BUILD_ASSERT(sizeof(struct bsys_desc) == 40);
	BUILD_ASSERT(sizeof(struct bsys_ret) == 40);
	BUILD_ASSERT(sizeof(struct ip_tuple) == 12);
	BUILD_ASSERT(ARRAY_SIZE(items) == 4);
	CHECK(align_up(1000, PGSIZE_4KB) == PGSIZE_4KB);
	CHECK(max(1, min(3, 2)) == 2 && div_up(7, 2) == 4);
	CHECK(MAKE_IP_ADDR(10, 0, 0, 1) == 0x0a000001);
	return test_list() || test_slist() || test_hlist();
}

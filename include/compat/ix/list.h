/* SPDX-License-Identifier: MIT */
/*
 * The original's <ix/list.h>, the names that programs used: doubly linked
 * lists (list), singly linked ones (slist), and doubly linked ones whose head
 * is one pointer (hlist).
 */
#ifndef COMPAT_IX_LIST_H
#define COMPAT_IX_LIST_H

#include "stddef.h"

/* ---- list: a ring through its head */

struct list_node {
	struct list_node *next, *prev;
};

struct list_head {
	struct list_node n;
};

#define LIST_HEAD_INIT(name)                 \
	{                                    \
		{                            \
			&(name).n, &(name).n \
		}                            \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void list_head_init(struct list_head *h)
{
	h->n.next = h->n.prev = &h->n;
}

static inline bool list_empty(const struct list_head *h)
{
	return h->n.next == &h->n;
}

static inline void list_insert_between(struct list_node *prev,
				       struct list_node *n,
				       struct list_node *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void list_add(struct list_head *h, struct list_node *n)
{
	list_insert_between(&h->n, n, h->n.next);
}

static inline void list_add_tail(struct list_head *h, struct list_node *n)
{
	list_insert_between(h->n.prev, n, &h->n);
}

static inline void list_del(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

static inline void list_del_from(struct list_head *h, struct list_node *n)
{
	(void)h;
	list_del(n);
}

/* The nodes of @from, first to last, between @prev and its successor. */
static inline void list_splice_after(struct list_node *prev,
				     struct list_head *from)
{
	struct list_node *next = prev->next;

	if (list_empty(from))
		return;
	prev->next = from->n.next;
	from->n.next->prev = prev;
	next->prev = from->n.prev;
	from->n.prev->next = next;
	list_head_init(from);
}

static inline void list_append_list(struct list_head *to,
				    struct list_head *from)
{
	list_splice_after(to->n.prev, from);
}

static inline void list_prepend_list(struct list_head *to,
				     struct list_head *from)
{
	list_splice_after(&to->n, from);
}

/* @n's container, which begins @off bytes before it; NULL for the head. */
static inline void *list_entry_or_null(const struct list_head *h,
				       const struct list_node *n, size_t off)
{
	return n == &h->n ? NULL : (char *)n - off;
}

static inline void *list_pop_off(struct list_head *h, size_t off)
{
	struct list_node *n = h->n.next;

	if (list_empty(h))
		return NULL;
	list_del(n);
	return (char *)n - off;
}

#define list_off_of(var, member) offsetof(__typeof__(*(var)), member)
#define list_entry(n, type, member) container_of(n, type, member)
#define list_top(h, type, member) \
	((type *)list_entry_or_null(h, (h)->n.next, offsetof(type, member)))
#define list_tail(h, type, member) \
	((type *)list_entry_or_null(h, (h)->n.prev, offsetof(type, member)))
#define list_pop(h, type, member) \
	((type *)list_pop_off(h, offsetof(type, member)))
#define list_next(h, i, member)                                 \
	((__typeof__(i))list_entry_or_null(h, (i)->member.next, \
					   list_off_of(i, member)))
#define list_prev(h, i, member)                                 \
	((__typeof__(i))list_entry_or_null(h, (i)->member.prev, \
					   list_off_of(i, member)))

#define list_for_each(h, i, member)                        \
	for (i = container_of_var((h)->n.next, i, member); \
	     &i->member != &(h)->n;                        \
	     i = container_of_var(i->member.next, i, member))
#define list_for_each_rev(h, i, member)                    \
	for (i = container_of_var((h)->n.prev, i, member); \
	     &i->member != &(h)->n;                        \
	     i = container_of_var(i->member.prev, i, member))
/* @i may be removed in the loop. */
#define list_for_each_safe(h, i, nxt, member)                  \
	for (i = container_of_var((h)->n.next, i, member),     \
	    nxt = container_of_var(i->member.next, i, member); \
	     &i->member != &(h)->n;                            \
	     i = nxt, nxt = container_of_var(i->member.next, i, member))

/* ---- slist */

struct slist_node {
	struct slist_node *next;
};

struct slist_head {
	struct slist_node head;
};

static inline void slist_init_head(struct slist_head *h)
{
	h->head.next = NULL;
}

static inline bool slist_empty(const struct slist_head *h)
{
	return !h->head.next;
}

static inline void slist_add_head(struct slist_head *h, struct slist_node *n)
{
	n->next = h->head.next;
	h->head.next = n;
}

static inline void slist_del(struct slist_node *prev, struct slist_node *n)
{
	prev->next = n->next;
}

static inline void slist_del_head(struct slist_head *h)
{
	slist_del(&h->head, h->head.next);
}

#define slist_entry(n, type, member) container_of(n, type, member)
#define slist_for_each(h, pos) \
	for ((pos) = (h)->head.next; (pos); (pos) = (pos)->next)
#define slist_for_each_prev(h, pos, ppos)                         \
	for ((ppos) = &(h)->head; ((pos) = (ppos)->next) != NULL; \
	     (ppos) = (ppos)->next)

/* ---- hlist */

struct hlist_node {
	struct hlist_node *next, **pprev; /* what points to it */
};

struct hlist_head {
	struct hlist_node *head;
};

static inline void hlist_init_head(struct hlist_head *h)
{
	h->head = NULL;
}

static inline bool hlist_empty(const struct hlist_head *h)
{
	return !h->head;
}

static inline void hlist_add_head(struct hlist_head *h, struct hlist_node *n)
{
	n->next = h->head;
	n->pprev = &h->head;
	if (n->next)
		n->next->pprev = &n->next;
	h->head = n;
}

static inline void hlist_del(struct hlist_node *n)
{
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
}

static inline void hlist_del_head(struct hlist_head *h)
{
	hlist_del(h->head);
}

#define hlist_entry(n, type, member) container_of(n, type, member)
#define hlist_for_each(h, pos) \
	for ((pos) = (h)->head; (pos); (pos) = (pos)->next)
#define hlist_for_each_safe(h, pos, tmp)                           \
	for ((pos) = (h)->head; (pos) && ((tmp) = (pos)->next, 1); \
	     (pos) = (tmp))

#endif

/* SPDX-License-Identifier: MIT */
/* incr and decr: in place where possible. */
#include <string.h>

#include "table.h"

enum { NUMERIC_MAX = 64 }; /* bytes: longer values are no numbers */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The value as a number: blanks, digits, then nothing, or anything behind
 * another blank. */
static bool number_of(struct kv_item *it, uint64_t *out)
{
	const char *p = kv_value(it), *end = p + it->nbytes;
	uint64_t v = 0;

	if (it->nbytes > NUMERIC_MAX)
		return false;
	while (p < end && is_space(*p))
		p++;
	if (p < end && *p == '+')
		p++;
	if (p == end || *p < '0' || *p > '9')
		return false;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *p - '0', &v))
			return false;
	}
	*out = v;
	return p == end || is_space(*p);
}

/* Writes the number in place if nobody else looks at the item. A shorter one
 * leaves blanks behind, as memcached does. */
static bool rewrite_locked(struct kv_store *s, struct kv_item *it,
			   const char *digits, unsigned int n)
{
	if (n > it->nbytes ||
	    atomic_load_explicit(&it->refs, memory_order_acquire) != 1)
		return false;
	memcpy(kv_value(it), digits, n);
	memset(kv_value(it) + n, ' ', it->nbytes - n);
	kv_renew(s, it);
	return true;
}

static void edit_sum(struct kv_item *it, struct kv_sum *sum)
{
	sum->cas = it->cas;
	if (sum->edit)
		sum->edit(it, sum);
}

/* One try. *@old (with a reference): it did not fit in place, store the value
 * as a new item instead. */
static enum kv_status arith_locked(struct kv_store *s, struct kv_shard *sh,
				   struct kv_name name, struct kv_sum *sum,
				   struct kv_item **old)
{
	char digits[KV_NUMBER];
	struct kv_item *it = kv_find_locked(s, sh, name);
	uint64_t v;

	if (!it)
		return KV_NOT_FOUND;
	if (!it->nbytes)
		return KV_NON_NUMERIC;
	if (sum->cas && sum->cas != it->cas)
		return KV_EXISTS;
	if (!number_of(it, &v))
		return KV_NON_NUMERIC;
	if (sum->incr)
		v += sum->delta;
	else
		v -= sum->delta < v ? sum->delta : v;
	sum->value = v;
	if (rewrite_locked(s, it, digits, kv_digits(digits, v)))
		edit_sum(it, sum);
	else
		*old = kv_ref(it);
	return KV_STORED;
}

static struct kv_item *number_new(struct kv_store *s, struct kv_name name,
				  const struct kv_sum *sum, uint32_t flags,
				  uint32_t exptime)
{
	char digits[KV_NUMBER];
	unsigned int n = kv_digits(digits, sum->value);
	enum kv_status st;
	struct kv_item *new;

	new = kv_item_new(s, name, flags, exptime, n, &st);
	if (new)
		memcpy(kv_value(new), digits, n);
	return new;
}

/* KV_EXISTS: somebody was faster. */
static enum kv_status replace_number(struct kv_store *s, struct kv_item *old,
				     struct kv_sum *sum)
{
	uint64_t cas = old->cas;
	enum kv_status st;
	struct kv_item *new;

	new = number_new(s, kv_name_of(old), sum, old->flags, old->exptime);
	if (!new)
		return KV_NO_MEMORY;
	new->marks = old->marks &KV_KEY_BASE64;
	if (sum->edit)
		sum->edit(new, sum);
	st = kv_store(s, new, KV_CAS, &cas);
	if (st == KV_STORED)
		sum->cas = cas;
	return st == KV_NOT_FOUND ? KV_EXISTS : st;
}

static enum kv_status create_number(struct kv_store *s, struct kv_name name,
				    struct kv_sum *sum, uint64_t initial)
{
	enum kv_status st;
	struct kv_item *new;

	sum->value = initial;
	new = number_new(s, name, sum, 0, sum->exptime);
	if (!new)
		return KV_NO_MEMORY;
	sum->created = true;
	if (sum->edit)
		sum->edit(new, sum);
	sum->cas = 0;
	st = kv_store(s, new, KV_ADD, &sum->cas);
	sum->created = st == KV_STORED;
	return st;
}

enum kv_status kv_arith(struct kv_store *s, struct kv_name name,
			struct kv_sum *sum)
{
	struct kv_shard *sh = kv_shard_of(s, name.hash);
	uint64_t initial = sum->value, cas = sum->cas;
	enum kv_status st;
	bool again;

	do {
		struct kv_item *old = NULL;

		sum->cas = cas;
		kv_lock(&sh->lock);
		st = arith_locked(s, sh, name, sum, &old);
		kv_unlock(&sh->lock);
		again = old || (st == KV_NOT_FOUND && sum->create);
		if (old) {
			st = replace_number(s, old, sum);
			kv_item_put(s, old);
		} else if (again) {
			st = create_number(s, name, sum, initial);
		}
	} while (again && (st == KV_EXISTS || st == KV_NOT_STORED));
	return st;
}

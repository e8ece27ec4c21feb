/* SPDX-License-Identifier: MIT */
#include "test/unit/kv_fixture.h"

#include <stdlib.h>

#include "test/unit/test.h"

enum { ANSWER_MAX = 4 << 20 };

static void *pages(size_t bytes)
{
	static char *region;
	static size_t used;
	void *p;

	if (!region)
		region = aligned_alloc(4096, 64 << 20);
	p = region + used % (64 << 20);
	used += bytes;
	return p;
}

static void collect(struct kv_session *s)
{
	struct kv_out *o = &s->w->out;

	for (uint32_t i = 0; i < o->nsegs; i++) {
		struct kv_seg *g = &o->segs[i];

		assert_true(s->n + g->len < ANSWER_MAX);
		memcpy(s->answer + s->n, g->addr, g->len);
		s->n += g->len;
		if (g->item)
			kv_item_put(s->w->store, g->item);
	}
	kv_out_reset(o);
	s->answer[s->n] = 0;
}

void kv_feed(struct kv_session *s, const char *in, size_t len)
{
	size_t done = 0;

	while (done < len || kv_unfinished(&s->p)) {
		size_t n = kv_input(s->w, &s->p, in + done, len - done);

		/* It stops early only when output is full. */
		assert_true(n == len - done || kv_out_full(&s->w->out));
		done += n;
		if (kv_out_full(&s->w->out))
			collect(s);
	}
	collect(s);
}

void kv_begin_memory(struct kv_session *s, size_t mb)
{
	struct kv_conf conf = { mb << 20, 1 << 20, true, pages, 3, 0 };

	memset(s, 0, sizeof(*s));
	s->w = aligned_alloc(64, sizeof(*s->w));
	memset(s->w, 0, sizeof(*s->w));
	s->w->store = kv_store_new(&conf, 1700000000);
	s->w->all = s->w;
	s->w->nworkers = 1;
	s->answer = malloc(ANSWER_MAX);
	s->answer[0] = 0;
}

void kv_begin(struct kv_session *s)
{
	kv_begin_memory(s, 8);
}

void kv_end(struct kv_session *s)
{
	struct kv_slabs *sl = &s->w->store->slabs;
	uint64_t used = 0;

	kv_proto_end(s->w, &s->p);
	for (uint32_t i = 0; i < sl->nclasses; i++)
		used += sl->classes[i].nused;
	assert_int_equal(used, sl->nitems); /* no reference was lost */
	kv_store_free(s->w->store);
	free(s->w);
	free(s->answer);
}

static void compare(const struct kv_session *s, const char *want, size_t n)
{
	assert_int_equal(s->n, n);
	assert_memory_equal(s->answer, want, n);
}

void kv_talk(const char *in, size_t len, size_t split, const char *want)
{
	struct kv_session s;

	kv_begin(&s);
	kv_feed(&s, in, split);
	kv_feed(&s, in + split, len - split);
	if (strcmp(s.answer, want))
		print_error("split at %zu of:\n%s\n", split, in);
	assert_string_equal(s.answer, want);
	kv_end(&s);
}

void kv_talk_bytes(const char *in, size_t len, const char *want)
{
	struct kv_session s;

	kv_begin(&s);
	for (size_t i = 0; i < len; i++)
		kv_feed(&s, in + i, 1);
	assert_string_equal(s.answer, want);
	kv_end(&s);
}

void kv_dialogue(const char *in, const char *want)
{
	size_t len = strlen(in);

	for (size_t split = 0; split <= len; split++)
		kv_talk(in, len, split, want);
	kv_talk_bytes(in, len, want);
}

void kv_exchange(const void *in, size_t len, const void *want, size_t n)
{
	struct kv_session s;

	for (size_t split = 0; split <= len; split++) {
		kv_begin(&s);
		kv_feed(&s, in, split);
		kv_feed(&s, (const char *)in + split, len - split);
		compare(&s, want, n);
		kv_end(&s);
	}
	kv_begin(&s);
	for (size_t i = 0; i < len; i++)
		kv_feed(&s, (const char *)in + i, 1);
	compare(&s, want, n);
	kv_end(&s);
}

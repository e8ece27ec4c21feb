/* SPDX-License-Identifier: MIT */
/* kv's parsers, text, meta and binary, on anything, in pieces of anything: the
 * first two bytes say how it is cut, and whether the pieces are those of two
 * connections by turns. Every reference must come back. */
#include <stdlib.h>

#include "app/kv/proto.h"

enum { MEMORY = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *pages(size_t bytes)
{
	return aligned_alloc(4096, bytes);
}

static void collect(struct kv_worker *w)
{
	for (uint32_t i = 0; i < w->out.nsegs; i++) {
		if (w->out.segs[i].item)
			kv_item_put(w->store, w->out.segs[i].item);
	}
	kv_out_reset(&w->out);
}

/* An exact copy, so that ASan sees a byte too many being read. */
static void feed(struct kv_worker *w, struct kv_proto *p, const uint8_t *in,
		 size_t len)
{
	char *copy = malloc(len);
	size_t done = 0;

	memcpy(copy, in, len);
	while (done < len || kv_unfinished(p)) {
		size_t n = kv_input(w, p, copy + done, len - done);

		if (n < len - done && !kv_out_full(&w->out))
			abort();
		done += n;
		collect(w);
	}
	free(copy);
}

static void check_and_free(struct kv_store *s)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < s->slabs.nclasses; i++)
		used += s->slabs.classes[i].nused;
	if (used != s->slabs.nitems)
		abort();
	for (uint32_t i = 0; i < s->slabs.npages; i++)
		free(s->slabs.pages[i].mem);
	kv_store_free(s);
}

/* Who was cut is told, and nobody has more than the share of one thread. */
static void check_fill(const struct kv_worker *w)
{
	if (w->fill_bytes > MEMORY / 4 && w->fill_oldest != w->fill_newest)
		abort();
	if (!w->fill_oldest != !w->fill_bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kv_conf conf = { MEMORY, 1 << 20, true,
					     pages,  1,	      2 * MEMORY };
	static struct kv_worker w;
	struct kv_proto p[2] = { { 0 } };
	size_t cut, at = 2;
	int who = 0;

	if (size <= 2)
		return 0;
	w.store = kv_store_new(&conf, 1700000000);
	w.all = &w;
	w.nworkers = 1;
	while (at < size) {
		cut = 1 + (data[at & 1] * (at + 1)) % 200;
		if (cut > size - at)
			cut = size - at;
		feed(&w, &p[who], data + at, cut);
		check_fill(&w);
		at += cut;
		who ^= data[1] >> 7;
	}
	kv_proto_end(&w, &p[0]);
	kv_proto_end(&w, &p[1]);
	check_and_free(w.store);
	return 0;
}

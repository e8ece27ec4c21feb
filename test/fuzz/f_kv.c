/* SPDX-License-Identifier: MIT */
/* The memcached parser of kv on anything, in pieces of anything: the first two
 * bytes say how it is cut. Every reference must come back. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kv_conf conf = { MEMORY, 1 << 20, true, pages, 1, 0 };
	static struct kv_worker w;
	struct kv_proto p = { 0 };
	size_t cut, at = 2;

	if (size <= 2)
		return 0;
	w.store = kv_store_new(&conf, 1700000000);
	w.all = &w;
	w.nworkers = 1;
	while (at < size) {
		cut = 1 + (data[at & 1] * (at + 1)) % 200;
		if (cut > size - at)
			cut = size - at;
		feed(&w, &p, data + at, cut);
		at += cut;
	}
	kv_proto_end(&w, &p);
	check_and_free(w.store);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* set, add, replace, append, prepend, cas; and for all protocols, what becomes
 * of a data block. */
#include "proto.h"

#define NON_NUMERIC                                   \
	"CLIENT_ERROR cannot increment or decrement " \
	"non-numeric value"

enum { BYTES_MAX = INT32_MAX - 2 };

const char *const kv_status_text[] = {
	[KV_STORED] = "STORED",
	[KV_NOT_STORED] = "NOT_STORED",
	[KV_EXISTS] = "EXISTS",
	[KV_NOT_FOUND] = "NOT_FOUND",
	[KV_TOO_LARGE] = "SERVER_ERROR object too large for cache",
	[KV_NO_MEMORY] = "SERVER_ERROR out of memory storing object",
	[KV_NON_NUMERIC] = NON_NUMERIC,
};

void kv_data_skip(struct kv_worker *w, struct kv_proto *p, struct kv_name name,
		  uint32_t len)
{
	p->swallow = len;
	if (len)
		p->state = KV_SWALLOW;
	/* Nobody should go on reading what this was to replace. */
	if (p->mode == KV_SET)
		kv_delete(w->store, name, 0);
}

void kv_data_refused(struct kv_worker *w, struct kv_proto *p,
		     enum kv_status why)
{
	if (p->dialect == KV_BINARY)
		kv_bin_refused(w, p, why);
	else if (p->dialect == KV_META)
		kv_error(w, p, kv_status_text[why]);
	else
		kv_answer(w, p, kv_status_text[why]);
}

void kv_data_refuse(struct kv_worker *w, struct kv_proto *p,
		    struct kv_name name, uint32_t len, enum kv_status why)
{
	if (why == KV_TOO_LARGE)
		w->n.store_too_large++;
	else
		w->n.store_no_memory++;
	kv_data_refused(w, p, why);
	kv_data_skip(w, p, name, len);
}

void kv_cmd_store(struct kv_worker *w, struct kv_proto *p,
		  const struct kv_words *words, int mode)
{
	const struct kv_word *word = words->w;
	uint64_t flags, nbytes, cas = 0;
	struct kv_name name;
	enum kv_status why;
	uint32_t expires;

	if (word[1].len > KV_KEY_MAX ||
	    !kv_number(&word[2], UINT32_MAX, &flags) ||
	    !kv_word_exptime(w, &word[3], &expires) ||
	    !kv_number(&word[4], BYTES_MAX - 1, &nbytes) ||
	    (mode == KV_CAS && !kv_number(&word[5], UINT64_MAX, &cas))) {
		kv_answer(w, p, KV_BAD_FORMAT);
		return;
	}
	p->dialect = KV_TEXT;
	p->mode = mode;
	p->cas = cas;
	name = kv_name(w->store, word[1].p, word[1].len);
	p->item = kv_item_new(w->store, name, flags, expires, nbytes, &why);
	if (!p->item) {
		kv_data_refuse(w, p, name, nbytes + 2, why);
		return;
	}
	kv_fill_begin(p);
}

static void count_store(struct kv_worker *w, enum kv_mode mode,
			enum kv_status st)
{
	w->n.cmd_set++;
	if (mode != KV_CAS && mode != KV_CAS_STALE)
		return;
	if (st == KV_STORED)
		w->n.cas_hits++;
	else if (st == KV_EXISTS)
		w->n.cas_badval++;
	else
		w->n.cas_misses++;
}

static bool ends_well(const struct kv_proto *p, struct kv_item *it)
{
	return p->dialect == KV_BINARY ||
	       !memcmp(kv_value(it) + it->nbytes, "\r\n", 2);
}

static void store_done(struct kv_worker *w, struct kv_proto *p,
		       struct kv_item *it)
{
	uint64_t cas = p->cas;
	enum kv_status st;

	if (p->dialect == KV_META) /* its key may be in the answer */
		atomic_fetch_add(&it->refs, 1);
	st = kv_store(w->store, it, p->mode, &cas);
	if (st != KV_STORED)
		cas = 0;
	count_store(w, p->mode, st);
	if (p->dialect == KV_BINARY)
		kv_bin_stored(w, p, st, cas);
	else if (p->dialect == KV_META)
		kv_meta_stored(w, p, it, st, cas);
	else
		kv_answer(w, p, kv_status_text[st]);
}

void kv_data_done(struct kv_worker *w, struct kv_proto *p)
{
	struct kv_item *it = kv_fill_end(w, p);

	if (ends_well(p, it)) {
		store_done(w, p, it);
		return;
	}
	kv_item_put(w->store, it);
	if (p->dialect == KV_META)
		p->noreply = false;
	kv_answer(w, p, "CLIENT_ERROR bad data chunk");
}

/* SPDX-License-Identifier: MIT */
#include "meta.h"

#include <stdio.h>

enum { BYTES_MAX = INT32_MAX - 3 };

/* ---- ms. What its answer repeats waits behind p->line for the data: a length,
 * then O..., k and c with a blank between. */

static bool set_mode_of(const struct kv_meta *m, enum kv_mode *mode)
{
	static const char letters[] = "SERAP";
	static const enum kv_mode modes[] = {
		KV_SET, KV_ADD, KV_REPLACE, KV_APPEND, KV_PREPEND,
	};
	const char *at = strchr(letters, m->mode ? m->mode : 'S');

	if (!at)
		return false;
	*mode = modes[at - letters];
	if (m->has_cas && (*mode == KV_SET || *mode == KV_REPLACE))
		*mode = m->stale ? KV_CAS_STALE : KV_CAS;
	return true;
}

static void write_tail(char *tail, const struct kv_meta *m)
{
	uint8_t n = 0;

	for (int i = m->first; i < m->words->n; i++) {
		const struct kv_word *word = &m->words->w[i];
		uint32_t len = *word->p == 'O' ? word->len : 1;

		if (!strchr("Okc", *word->p))
			continue;
		if (n)
			tail[++n] = ' ';
		memcpy(tail + 1 + n, word->p, len);
		n += len;
	}
	tail[0] = (char)n;
}

static void set_begin(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_meta *m, uint32_t nbytes,
		      enum kv_mode mode)
{
	enum kv_status why = KV_NO_MEMORY;

	p->mode = mode;
	p->cas = m->cas;
	if (kv_line_room(p))
		p->item = kv_item_new(w->store, m->name, m->flags, m->exptime,
				      nbytes, &why);
	if (!p->item) {
		kv_data_refuse(w, p, m->name, nbytes + 2, why);
		return;
	}
	p->noreply = m->quiet;
	if (m->base64)
		p->item->marks = KV_KEY_BASE64;
	write_tail(p->line + KV_LINE_MAX, m);
	kv_fill_begin(p);
}

void kv_meta_set(struct kv_worker *w, struct kv_proto *p,
		 const struct kv_words *words)
{
	enum kv_mode mode;
	struct kv_meta m;
	uint64_t nbytes;
	const char *error;

	if (words->n < 3 || !kv_number(&words->w[2], BYTES_MAX, &nbytes)) {
		kv_answer(w, p, KV_BAD_FORMAT);
		return;
	}
	p->dialect = KV_META;
	error = kv_meta_parse(w, &m, words, 3);
	if (!error && !set_mode_of(&m, &mode))
		error = "CLIENT_ERROR invalid mode for ms M token";
	if (!error && m.opaque_long)
		error = KV_META_OPAQUE_LONG;
	if (!error) {
		set_begin(w, p, &m, nbytes, mode);
		return;
	}
	kv_error(w, p, error);
	p->state = KV_SWALLOW;
	p->swallow = nbytes + 2;
}

static void reply_tail(struct kv_reply *r, const char *tail, struct kv_item *it,
		       uint64_t cas)
{
	uint8_t n = tail[0];

	for (uint8_t i = 0, end; i < n; i = end + 1) {
		const char *word = tail + 1 + i;
		const char *space = memchr(word, ' ', n - i);

		end = space ? space - tail - 1 : n;
		if (*word == 'k') {
			kv_reply_key(r, kv_key(it), it->nkey,
				     it->marks & KV_KEY_BASE64);
		} else if (*word == 'c') {
			kv_reply_number(r, 'c', cas);
		} else {
			kv_reply_text(r, " ", 1);
			kv_reply_text(r, word, end - i);
		}
	}
}

void kv_meta_stored(struct kv_worker *w, struct kv_proto *p, struct kv_item *it,
		    enum kv_status st, uint64_t cas)
{
	static const char codes[][3] = {
		[KV_STORED] = "HD",
		[KV_NOT_STORED] = "NS",
		[KV_EXISTS] = "EX",
		[KV_NOT_FOUND] = "NF",
	};
	struct kv_reply r = { 0 };
	bool quiet = p->noreply && st == KV_STORED;

	p->noreply = false;
	if (!quiet) {
		kv_reply_text(&r, codes[st], 2);
		reply_tail(&r, p->line + KV_LINE_MAX, it, cas);
		kv_reply_send(w, &r);
	}
	kv_item_put(w->store, it);
}

/* ---- md */

struct mark {
	struct kv_store *store;
	const struct kv_meta *m;
	enum kv_status st;
};

static void mark_stale(struct kv_item *it, void *arg)
{
	struct mark *d = arg;

	if (d->m->has_cas && it->cas != d->m->cas) {
		d->st = KV_EXISTS;
		return;
	}
	d->st = KV_STORED;
	if (d->m->touch)
		it->exptime = d->m->exptime;
	/* The next one to ask makes a new version. */
	it->marks = (it->marks | KV_STALE) & ~KV_WON;
	kv_renew(d->store, it);
}

static enum kv_status invalidate(struct kv_worker *w, const struct kv_meta *m)
{
	struct mark d = { w->store, m, KV_NOT_FOUND };
	struct kv_item *it = kv_edit(w->store, m->name, mark_stale, &d);

	if (it)
		kv_item_put(w->store, it);
	return d.st;
}

/* No item has the version 0, which kv_delete() takes for any. */
static enum kv_status remove_one(struct kv_worker *w, const struct kv_meta *m)
{
	uint64_t cas = m->has_cas && !m->cas ? UINT64_MAX : m->cas;

	return kv_delete(w->store, m->name, cas);
}

void kv_meta_delete(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_words *words)
{
	struct kv_reply r = { 0 };
	enum kv_status st;
	struct kv_meta m;

	if (kv_meta_parse(w, &m, words, 2)) {
		kv_error(w, p, KV_META_BAD_FLAG);
		return;
	}
	if (m.opaque_long) {
		kv_error(w, p, KV_META_OPAQUE_LONG);
		return;
	}
	st = m.stale ? invalidate(w, &m) : remove_one(w, &m);
	if (st != KV_STORED)
		w->n.delete_misses++;
	else if (!m.stale)
		w->n.delete_hits++;
	if (st == KV_STORED && m.quiet)
		return;
	kv_reply_text(&r,
		      st == KV_STORED	? "HD"
		      : st == KV_EXISTS ? "EX"
					: "NF",
		      2);
	kv_reply_echo(&r, &m);
	kv_reply_send(w, &r);
}

/* ---- ma */

struct arith {
	const struct kv_meta *m;
	struct kv_meta_view v;
};

static void see_sum(struct kv_item *it, struct kv_sum *sum)
{
	struct arith *a = sum->arg;

	a->v.created = sum->created;
	kv_meta_apply(a->m, it, &a->v);
}

static bool sum_mode(const struct kv_meta *m, bool *incr)
{
	*incr = !m->mode || m->mode == 'I' || m->mode == '+';
	return *incr || m->mode == 'D' || m->mode == '-';
}

static void answer_sum(struct kv_worker *w, const struct arith *a,
		       const struct kv_sum *sum)
{
	struct kv_reply r = { 0 };
	char digits[KV_NUMBER];
	uint32_t n = kv_digits(digits, sum->value);

	kv_reply_text(&r, a->m->value ? "VA " : "HD", a->m->value ? 3 : 2);
	if (a->m->value)
		r.n += kv_digits(r.text + r.n, n);
	for (int i = a->m->first; i < a->m->words->n; i++)
		kv_reply_meta(w, &r, a->m, &a->m->words->w[i], &a->v);
	if (a->m->value) {
		kv_reply_text(&r, "\r\n", 2);
		kv_reply_text(&r, digits, n);
	}
	kv_reply_send(w, &r);
}

static void answer_arith(struct kv_worker *w, struct kv_proto *p,
			 struct arith *a, const struct kv_sum *sum,
			 enum kv_status st)
{
	struct kv_reply r = { 0 };

	a->v.cas = sum->cas;
	if (st == KV_STORED) {
		if (!a->m->quiet || sum->created)
			answer_sum(w, a, sum);
	} else if (st == KV_NON_NUMERIC) {
		kv_error(w, p, kv_status_text[st]);
	} else if (st == KV_NO_MEMORY) {
		kv_error(w, p, "SERVER_ERROR out of memory");
	} else {
		kv_reply_text(&r, st == KV_EXISTS ? "EX" : "NF", 2);
		kv_reply_echo(&r, a->m);
		kv_reply_send(w, &r);
	}
}

void kv_meta_arith(struct kv_worker *w, struct kv_proto *p,
		   const struct kv_words *words)
{
	struct arith a = { 0 };
	struct kv_sum sum;
	struct kv_meta m;
	enum kv_status st;
	bool incr;

	if (kv_meta_parse(w, &m, words, 2)) {
		kv_error(w, p, KV_META_BAD_FLAG);
		return;
	}
	if (!sum_mode(&m, &incr)) {
		kv_error(w, p, "CLIENT_ERROR invalid mode for ma M token");
		return;
	}
	if (m.opaque_long) {
		kv_error(w, p, KV_META_OPAQUE_LONG);
		return;
	}
	a.m = &m;
	sum = (struct kv_sum){
		.incr = incr,
		.delta = m.delta,
		.cas = m.cas,
		.create = m.vivify,
		.value = m.initial,
		.edit = see_sum,
		.arg = &a,
	};
	st = kv_arith(w->store, m.name, &sum);
	kv_count_sum(w, &sum, st);
	answer_arith(w, p, &a, &sum, st);
}

/* ---- me */

struct look {
	uint64_t cas;
	uint32_t exptime, access;
	uint8_t marks;
};

static void look(struct kv_item *it, void *arg)
{
	struct look *l = arg;

	*l = (struct look){ it->cas, it->exptime, it->access, it->marks };
}

static void answer_look(struct kv_worker *w, struct kv_item *it,
			const struct look *l)
{
	unsigned int now = w->store->now;
	size_t size = sizeof(*it) + it->nhead + it->nbytes + 2;
	struct kv_reply r = { 0 };
	char line[160];

	kv_reply_text(&r, "ME ", 3);
	if (l->marks & KV_KEY_BASE64)
		r.n += kv_base64_encode(r.text + r.n, kv_key(it), it->nkey);
	else
		kv_reply_text(&r, kv_key(it), it->nkey);
	kv_reply_text(&r, line,
		      snprintf(line, sizeof(line),
			       " exp=%d la=%u cas=%lu fetch=%s cls=%d size=%zu",
			       l->exptime ? (int)(now - l->exptime) : -1,
			       now - (l->access & KV_SECONDS), l->cas,
			       l->access & KV_FETCHED ? "yes" : "no",
			       slab_class_of(&w->store->slabs, it) + 1, size));
	kv_reply_send(w, &r);
}

void kv_meta_debug(struct kv_worker *w, struct kv_proto *p,
		   const struct kv_words *words)
{
	const struct kv_word *key = &words->w[1];
	char decoded[KV_KEY_MAX];
	struct kv_name name = { key->p, key->len, 0 };
	struct kv_item *it;
	struct look l;

	if (words->n > 2 && kv_word_is(&words->w[2], "b")) {
		name.key = decoded;
		name.nkey = kv_base64_decode(decoded, key->p, key->len);
	}
	if (!name.nkey) {
		kv_answer(w, p, KV_BAD_FORMAT);
		return;
	}
	it = kv_edit(w->store, kv_name(w->store, name.key, name.nkey), look,
		     &l);
	if (!it) {
		kv_answer(w, p, "EN");
		return;
	}
	answer_look(w, it, &l);
	kv_item_put(w->store, it);
}

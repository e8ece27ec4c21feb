/* SPDX-License-Identifier: MIT */
#include "meta.h"

struct get {
	struct kv_store *store;
	const struct kv_meta *m;
	struct kv_meta_view v;
};

static void see(struct kv_item *it, void *arg)
{
	struct get *g = arg;

	kv_meta_apply(g->m, it, &g->v);
	if ((it->marks & (KV_STALE | KV_WON)) == KV_STALE)
		g->v.won = true;
	if (g->v.won)
		it->marks |= KV_WON;
	if (!g->m->no_bump)
		it->access = g->store->stamp;
}

/* An empty item, for who asked first to fill. NULL: somebody was faster. */
static struct kv_item *vivify(struct kv_worker *w, struct get *g,
			      enum kv_status *st)
{
	struct kv_item *it = kv_item_new(w->store, g->m->name, 0, 0, 0, st);

	if (!it)
		return NULL;
	if (g->m->base64)
		it->marks = KV_KEY_BASE64;
	g->v.created = true;
	see(it, g);
	atomic_fetch_add(&it->refs, 1);
	*st = kv_store(w->store, it, KV_ADD, &g->v.cas);
	if (*st == KV_STORED)
		return it;
	g->v.created = false;
	kv_item_put(w->store, it);
	return NULL;
}

static struct kv_item *find(struct kv_worker *w, struct get *g)
{
	enum kv_status st = KV_NOT_STORED;
	struct kv_item *it = NULL;

	while (!it && st == KV_NOT_STORED) {
		it = kv_edit(w->store, g->m->name, see, g);
		if (it || !g->m->vivify)
			break;
		it = vivify(w, g, &st);
	}
	return it;
}

/* What only mg answers, and the key as it was stored. */
static void reply_item(struct kv_worker *w, struct kv_reply *r,
		       const struct get *g, const struct kv_word *word,
		       struct kv_item *it)
{
	const struct kv_meta_view *v = &g->v;
	uint32_t now = w->store->now;

	switch (*word->p) {
	case 's':
		kv_reply_number(r, 's', it->nbytes);
		break;
	case 'f':
		kv_reply_number(r, 'f', it->flags);
		break;
	case 'l':
		kv_reply_number(r, 'l', now - (v->access & KV_SECONDS));
		break;
	case 'h':
		kv_reply_number(r, 'h', !!(v->access & KV_FETCHED));
		break;
	case 'k':
		kv_reply_key(r, kv_key(it), it->nkey, v->marks & KV_KEY_BASE64);
		break;
	default:
		kv_reply_meta(w, r, g->m, word, v);
	}
}

static void answer_hit(struct kv_worker *w, const struct get *g,
		       struct kv_item *it)
{
	struct kv_reply r = { 0 };
	const struct kv_words *words = g->m->words;

	kv_reply_text(&r, g->m->value ? "VA " : "HD", g->m->value ? 3 : 2);
	if (g->m->value)
		r.n += kv_digits(r.text + r.n, it->nbytes);
	for (int i = g->m->first; i < words->n; i++)
		reply_item(w, &r, g, &words->w[i], it);
	if (g->v.marks & KV_WON)
		kv_reply_flag(&r, 'Z');
	if (g->v.marks & KV_STALE)
		kv_reply_flag(&r, 'X');
	if (g->v.won)
		kv_reply_flag(&r, 'W');
	kv_reply_send(w, &r);
	if (g->m->value)
		kv_out_value(w, it, kv_value(it), it->nbytes + 2);
	else
		kv_item_put(w->store, it);
}

static void answer_miss(struct kv_worker *w, const struct kv_meta *m)
{
	struct kv_reply r = { 0 };

	if (m->quiet)
		return;
	kv_reply_text(&r, "EN", 2);
	kv_reply_echo(&r, m);
	kv_reply_send(w, &r);
}

static void count_get(struct kv_worker *w, const struct kv_meta *m, bool hit)
{
	if (hit && m->touch) {
		w->n.cmd_touch++;
		w->n.touch_hits++;
		return;
	}
	w->n.cmd_get++;
	if (hit)
		w->n.get_hits++;
	else
		w->n.get_misses++;
}

void kv_meta_get(struct kv_worker *w, struct kv_proto *p,
		 const struct kv_words *words)
{
	struct get g = { .store = w->store };
	struct kv_item *it;
	struct kv_meta m;
	const char *error;

	error = kv_meta_parse(w, &m, words, 2);
	if (!error && m.opaque_long)
		error = KV_META_OPAQUE_LONG;
	if (error) {
		kv_error(w, p, error);
		return;
	}
	g.m = &m;
	it = find(w, &g);
	count_get(w, &m, it);
	if (it)
		answer_hit(w, &g, it);
	else
		answer_miss(w, &m);
}

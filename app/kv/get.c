/* SPDX-License-Identifier: MIT */
/* get, gets, gat, gats: the only commands whose lines may be of any length and
 * whose answers may have to wait for room between two keys. */
#include "proto.h"

static void answer_value(struct kv_worker *w, const struct kv_proto *p,
			 struct kv_item *it)
{
	const char *from = it->text;
	uint32_t len = it->nhead + it->nbytes + 2;

	if (p->verb & KV_CAS_TOO) {
		char *at = kv_out_add(&w->out, it->nhead - 2);
		char cas[1 + KV_NUMBER + 2] = " ";
		unsigned int n = 1 + kv_digits(cas + 1, it->cas);

		memcpy(at, it->text, it->nhead - 2);
		memcpy(cas + n, "\r\n", 2);
		kv_out_text(&w->out, cas, n + 2);
		from += it->nhead;
		len -= it->nhead;
	}
	kv_out_value(w, it, from, len);
}

static struct kv_item *touch_one(struct kv_worker *w, struct kv_proto *p,
				 struct kv_name name)
{
	struct kv_item *it = kv_touch(w->store, name, p->exptime);

	w->n.cmd_touch++;
	if (it)
		w->n.touch_hits++;
	else
		w->n.touch_misses++;
	return it;
}

static void get_one(struct kv_worker *w, struct kv_proto *p, const char *key,
		    uint32_t nkey)
{
	struct kv_name name = kv_name(w->store, key, nkey);
	struct kv_item *it;

	if (p->verb & KV_TOUCH) {
		it = touch_one(w, p, name);
	} else {
		it = kv_get(w->store, name);
		w->n.cmd_get++;
		if (it)
			w->n.get_hits++;
		else
			w->n.get_misses++;
	}
	if (it)
		answer_value(w, p, it);
}

static size_t bad_key(struct kv_worker *w, struct kv_proto *p, size_t n,
		      bool whole)
{
	kv_answer(w, p, KV_BAD_FORMAT);
	p->state = whole ? KV_LINE : KV_SWALLOW_LINE;
	return n;
}

/* Looks up the keys in s[at..n), as far as output has room. */
static size_t run_keys(struct kv_worker *w, struct kv_proto *p, const char *s,
		       size_t at, size_t n, bool whole)
{
	for (;;) {
		const char *space;
		size_t key;

		while (at < n && s[at] == ' ')
			at++;
		if (at == n)
			break;
		key = at;
		space = memchr(s + at, ' ', n - at);
		at = space ? (size_t)(space - s) : n;
		if (at - key > KV_KEY_MAX)
			return bad_key(w, p, n, whole);
		if (kv_out_full(&w->out) || (at == n && !whole))
			return key;
		get_one(w, p, s + key, at - key);
	}
	if (whole) {
		p->state = KV_LINE;
		kv_out_text(&w->out, "END\r\n", 5);
	}
	return n;
}

/* Is one of the words too long? Better before the first value is sent. */
static bool has_long_word(const char *s, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		len = s[i] == ' ' ? 0 : len + 1;
		if (len > KV_KEY_MAX)
			return true;
	}
	return false;
}

static size_t begin_keys(struct kv_worker *w, struct kv_proto *p,
			 const char *line, size_t at, size_t n, bool whole)
{
	if (whole && n > KV_KEY_MAX && has_long_word(line + at, n - at))
		return bad_key(w, p, n, whole);
	p->state = KV_KEYS;
	return run_keys(w, p, line, at, n, whole);
}

/* Any of the four, by its words; "get KEY" itself has a shorter way. */
static size_t cmd_keys(struct kv_worker *w, struct kv_proto *p,
		       const struct kv_words *words, const char *line, size_t n,
		       bool whole)
{
	const struct kv_word *last = &words->w[0];

	p->verb = last->p[last->len - 1] == 's' ? KV_CAS_TOO : 0;
	if (last->p[1] == 'a') {
		p->verb |= KV_TOUCH;
		last = &words->w[1];
		if (words->n > 1 && !kv_word_exptime(w, last, &p->exptime)) {
			kv_answer(w, p, KV_BAD_EXPTIME);
			return n;
		}
	}
	if (words->n < 2) {
		kv_answer(w, p, "ERROR");
		return n;
	}
	return begin_keys(w, p, line, last->p + last->len - line, n, whole);
}

static bool is_keys(const struct kv_word *w)
{
	return *w->p == 'g' && (kv_word_is(w, "get") || kv_word_is(w, "gets") ||
				kv_word_is(w, "gat") || kv_word_is(w, "gats"));
}

size_t kv_line(struct kv_worker *w, struct kv_proto *p, const char *line,
	       size_t n, bool whole)
{
	struct kv_words words;

	if (p->state == KV_KEYS)
		return run_keys(w, p, line, 0, n, whole);
	if (n > 4 && !memcmp(line, "get ", 4) && line[4] != ' ') {
		p->verb = 0;
		return begin_keys(w, p, line, 4, n, whole);
	}
	kv_split(&words, line, n);
	if (words.n && is_keys(&words.w[0]))
		return cmd_keys(w, p, &words, line, n, whole);
	if (words.n)
		kv_command(w, p, &words);
	else
		kv_answer(w, p, "ERROR");
	return p->state == KV_DUMP ? 0 : n;
}

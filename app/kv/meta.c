/* SPDX-License-Identifier: MIT */
#include "meta.h"

#define BAD_TOKEN "CLIENT_ERROR bad token in command line format"

/* ---- flags */

static const char *decode_key(struct kv_meta *m)
{
	const struct kv_word *key = &m->words->w[1];

	m->base64 = true;
	m->name.key = m->key;
	m->name.nkey = kv_base64_decode(m->key, key->p, key->len);
	return m->name.nkey ? NULL : "CLIENT_ERROR error decoding key";
}

static const char *number(const struct kv_word *arg, uint64_t *to,
			  const char *error)
{
	return kv_number(arg, UINT64_MAX, to) ? NULL : error;
}

static const char *client_flags(const struct kv_word *arg, struct kv_meta *m)
{
	uint64_t v = 0;
	bool ok = kv_number(arg, UINT32_MAX, &v);

	m->flags = v;
	return ok ? NULL : KV_BAD_FORMAT;
}

static const char *set_mode(const struct kv_word *arg, struct kv_meta *m)
{
	if (arg->len != 1)
		return "CLIENT_ERROR incorrect length for M token";
	m->mode = *arg->p;
	return NULL;
}

static const char *exptime(struct kv_worker *w, const struct kv_word *arg,
			   uint32_t *to)
{
	return kv_word_exptime(w, arg, to) ? NULL : BAD_TOKEN;
}

/* Those with an argument. */
static const char *take_arg(struct kv_worker *w, struct kv_meta *m, char flag,
			    const struct kv_word *arg)
{
	switch (flag) {
	case 'N':
		m->vivify = true;
		return exptime(w, arg, &m->vivify_exptime);
	case 'T':
		m->touch = true;
		return exptime(w, arg, &m->exptime);
	case 'R':
		return exptime(w, arg, &m->recache);
	case 'F':
		return client_flags(arg, m);
	case 'C':
		m->has_cas = true;
		return number(arg, &m->cas, BAD_TOKEN);
	case 'M':
		return set_mode(arg, m);
	case 'J':
		return number(arg, &m->initial,
			      "CLIENT_ERROR invalid numeric initial value");
	case 'D':
		return number(arg, &m->delta,
			      "CLIENT_ERROR invalid numeric delta value");
	default: /* O */
		m->opaque_long = arg->len + 1 > KV_META_OPAQUE;
		return NULL;
	}
}

static const char *take_flag(struct kv_worker *w, struct kv_meta *m,
			     const struct kv_word *word)
{
	struct kv_word arg = { word->p + 1, word->len - 1 };

	switch (*word->p) {
	case 'b':
		return decode_key(m);
	case 'q':
		m->quiet = true;
		return NULL;
	case 'v':
		m->value = true;
		return NULL;
	case 'u':
		m->no_bump = true;
		return NULL;
	case 'I':
		m->stale = true;
		return NULL;
	default:
		return strchr("NTRFCMJDO", *word->p)
			       ? take_arg(w, m, *word->p, &arg)
			       : NULL;
	}
}

/* P and L are for proxies. */
static bool known(char flag)
{
	return flag && strchr("bchfkqstuvlINTRFCMJDOPL", flag);
}

const char *kv_meta_parse(struct kv_worker *w, struct kv_meta *m,
			  const struct kv_words *words, int first)
{
	const struct kv_word *key = &words->w[1];
	const char *error = NULL;
	uint64_t seen[2] = { 0 };

	*m = (struct kv_meta){ .words = words, .first = first, .delta = 1 };
	m->name = (struct kv_name){ key->p, key->len, 0 };
	for (int i = first; i < words->n; i++) {
		uint8_t flag = *words->w[i].p;
		uint64_t bit = 1ull << flag % 64;
		const char *e;

		if (flag >= 127 || seen[flag / 64] & bit)
			return "CLIENT_ERROR duplicate flag";
		seen[flag / 64] |= bit;
		if (!known(flag))
			return "CLIENT_ERROR invalid flag";
		e = take_flag(w, m, &words->w[i]);
		error = e ? e : error;
	}
	if (!error)
		m->name = kv_name(w->store, m->name.key, m->name.nkey);
	return error;
}

void kv_meta_apply(const struct kv_meta *m, struct kv_item *it,
		   struct kv_meta_view *v)
{
	v->access = it->access;
	v->cas = it->cas;
	v->marks = it->marks;
	v->won = v->created;
	for (int i = m->first; i < m->words->n; i++) {
		switch (*m->words->w[i].p) {
		case 'T':
			it->exptime = m->exptime;
			break;
		case 'N':
			if (v->created)
				it->exptime = m->vivify_exptime;
			break;
		case 'R':
			v->won |= !(it->marks & KV_WON) && it->exptime &&
				  it->exptime < m->recache;
			break;
		case 't':
			v->exptime = it->exptime;
			break;
		}
	}
}

/* ---- answers */

void kv_reply_text(struct kv_reply *r, const char *text, uint32_t n)
{
	memcpy(r->text + r->n, text, n);
	r->n += n;
}

void kv_reply_flag(struct kv_reply *r, char flag)
{
	r->text[r->n++] = ' ';
	r->text[r->n++] = flag;
}

void kv_reply_number(struct kv_reply *r, char flag, uint64_t v)
{
	kv_reply_flag(r, flag);
	r->n += kv_digits(r->text + r->n, v);
}

void kv_reply_key(struct kv_reply *r, const char *key, uint32_t n, bool base64)
{
	kv_reply_flag(r, 'k');
	if (!base64) {
		kv_reply_text(r, key, n);
		return;
	}
	r->n += kv_base64_encode(r->text + r->n, key, n);
	kv_reply_flag(r, 'b');
}

static void reply_word(struct kv_reply *r, const struct kv_word *word)
{
	r->text[r->n++] = ' ';
	kv_reply_text(r, word->p, word->len);
}

/* As memcached does it: modulo 2^32, for an item that has just expired. */
static void reply_ttl(struct kv_reply *r, uint32_t exptime, uint32_t now)
{
	if (exptime) {
		kv_reply_number(r, 't', (uint32_t)(exptime - now));
	} else {
		kv_reply_flag(r, 't');
		kv_reply_text(r, "-1", 2);
	}
}

void kv_reply_meta(struct kv_worker *w, struct kv_reply *r,
		   const struct kv_meta *m, const struct kv_word *word,
		   const struct kv_meta_view *v)
{
	if (*word->p == 'O')
		reply_word(r, word);
	else if (*word->p == 'c')
		kv_reply_number(r, 'c', v->cas);
	else if (*word->p == 't')
		reply_ttl(r, v->exptime, w->store->now);
	else if (*word->p == 'k')
		kv_reply_key(r, m->name.key, m->name.nkey, m->base64);
}

void kv_reply_echo(struct kv_reply *r, const struct kv_meta *m)
{
	for (int i = m->first; i < m->words->n; i++) {
		const struct kv_word *word = &m->words->w[i];

		if (*word->p == 'O')
			reply_word(r, word);
		else if (*word->p == 'k')
			kv_reply_key(r, m->name.key, m->name.nkey, m->base64);
	}
}

void kv_reply_send(struct kv_worker *w, struct kv_reply *r)
{
	kv_reply_text(r, "\r\n", 2);
	kv_out_text(&w->out, r->text, r->n);
}

/* ---- commands */

static void meta_noop(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words)
{
	kv_answer(w, p, "MN");
}

static const struct command {
	char name; /* after the m */
	void (*run)(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_words *words);
	int min;		 /* words */
	const char *none, *many; /* what is said to fewer, and to too many */
} commands[] = {
	{ 'g', kv_meta_get, 2, "ERROR",
	  "CLIENT_ERROR options flags are too long" },
	{ 's', kv_meta_set, 2, "ERROR", "CLIENT_ERROR options flags too long" },
	{ 'd', kv_meta_delete, 2, "ERROR",
	  "CLIENT_ERROR options flags too long" },
	{ 'a', kv_meta_arith, 2, "ERROR",
	  "CLIENT_ERROR options flags too long" },
	{ 'e', kv_meta_debug, 2, KV_BAD_FORMAT, NULL },
	{ 'n', meta_noop, 1, NULL, NULL },
};

void kv_meta(struct kv_worker *w, struct kv_proto *p,
	     const struct kv_words *words)
{
	const struct command *c = commands;
	const struct command *end = c + sizeof(commands) / sizeof(*commands);

	p->noreply = false;
	while (c < end && c->name != words->w[0].p[1])
		c++;
	if (c == end) {
		kv_answer(w, p, "ERROR");
		return;
	}
	w->n.cmd_meta++;
	if (words->n < c->min)
		kv_answer(w, p, c->none);
	else if (c->min > 1 && words->w[1].len > KV_KEY_MAX)
		kv_answer(w, p, KV_BAD_FORMAT);
	else if (c->many && words->n > KV_META_WORDS)
		kv_answer(w, p, c->many);
	else
		c->run(w, p, words);
}

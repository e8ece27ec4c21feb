/* SPDX-License-Identifier: MIT */
/* The commands. What they answer to nonsense is what memcached 1.6 does. */
#include "proto.h"

void kv_count_sum(struct kv_worker *w, const struct kv_sum *sum,
		  enum kv_status st)
{
	if (st == KV_NOT_FOUND)
		++*(sum->incr ? &w->n.incr_misses : &w->n.decr_misses);
	else if (st == KV_STORED && !sum->created)
		++*(sum->incr ? &w->n.incr_hits : &w->n.decr_hits);
}

static void cmd_arith(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words, int incr)
{
	const struct kv_word *key = &words->w[1];
	struct kv_sum sum = { .incr = incr };
	char digits[KV_NUMBER + 1];
	enum kv_status st;

	if (key->len > KV_KEY_MAX) {
		kv_answer(w, p, KV_BAD_FORMAT);
		return;
	}
	if (!kv_number(&words->w[2], UINT64_MAX, &sum.delta)) {
		kv_answer(w, p, "CLIENT_ERROR invalid numeric delta argument");
		return;
	}
	st = kv_arith(w->store, kv_name(w->store, key->p, key->len), &sum);
	kv_count_sum(w, &sum, st);
	if (st == KV_NO_MEMORY) {
		kv_answer(w, p, "SERVER_ERROR out of memory");
	} else if (st != KV_STORED) {
		kv_answer(w, p, kv_status_text[st]);
	} else {
		digits[kv_digits(digits, sum.value)] = 0;
		kv_answer(w, p, digits);
	}
}

static void cmd_delete(struct kv_worker *w, struct kv_proto *p,
		       const struct kv_words *words, int arg)
{
	const struct kv_word *key = &words->w[1];

	/* A time of 0 was once allowed between key and noreply. */
	if (words->n - p->noreply > 2 &&
	    (words->n - p->noreply > 3 || !kv_word_is(&words->w[2], "0"))) {
		kv_answer(w, p,
			  KV_BAD_FORMAT ".  Usage: delete <key> [noreply]");
		return;
	}
	if (key->len > KV_KEY_MAX) {
		kv_answer(w, p, KV_BAD_FORMAT);
		return;
	}
	if (kv_delete(w->store, kv_name(w->store, key->p, key->len), 0) ==
	    KV_STORED) {
		w->n.delete_hits++;
		kv_answer(w, p, "DELETED");
	} else {
		w->n.delete_misses++;
		kv_answer(w, p, "NOT_FOUND");
	}
}

static void cmd_touch(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words, int arg)
{
	const struct kv_word *key = &words->w[1];
	struct kv_item *it;
	uint32_t expires;

	if (key->len > KV_KEY_MAX) {
		kv_answer(w, p, KV_BAD_FORMAT);
		return;
	}
	if (!kv_word_exptime(w, &words->w[2], &expires)) {
		kv_answer(w, p, KV_BAD_EXPTIME);
		return;
	}
	w->n.cmd_touch++;
	it = kv_touch(w->store, kv_name(w->store, key->p, key->len), expires);
	if (it) {
		w->n.touch_hits++;
		kv_item_put(w->store, it);
		kv_answer(w, p, "TOUCHED");
	} else {
		w->n.touch_misses++;
		kv_answer(w, p, "NOT_FOUND");
	}
}

static void cmd_flush(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words, int arg)
{
	uint32_t at = 0;

	if (words->n - p->noreply > 1 &&
	    !kv_word_exptime(w, &words->w[1], &at)) {
		kv_answer(w, p, KV_BAD_EXPTIME);
		return;
	}
	w->n.cmd_flush++;
	kv_flush(w->store, at);
	kv_answer(w, p, "OK");
}

static void cmd_version(struct kv_worker *w, struct kv_proto *p,
			const struct kv_words *words, int arg)
{
	kv_answer(w, p, "VERSION " KV_VERSION);
}

static void cmd_quit(struct kv_worker *w, struct kv_proto *p,
		     const struct kv_words *words, int arg)
{
	p->state = KV_QUIT;
}

static void cmd_stats(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words, int arg)
{
	kv_stats(w, p, words);
}

#define NAME(text) text, sizeof(text) - 1

static const struct command {
	const char *name;
	uint32_t len; /* of the name */
	void (*run)(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_words *words, int arg);
	int arg;
	int min, max; /* words, the command itself and noreply included */
	int noreply;  /* understood as last of so many at least; 0: never */
} commands[] = {
	{ NAME("set"), kv_cmd_store, KV_SET, 5, 6, 1 },
	{ NAME("add"), kv_cmd_store, KV_ADD, 5, 6, 1 },
	{ NAME("replace"), kv_cmd_store, KV_REPLACE, 5, 6, 1 },
	{ NAME("append"), kv_cmd_store, KV_APPEND, 5, 6, 1 },
	{ NAME("prepend"), kv_cmd_store, KV_PREPEND, 5, 6, 1 },
	{ NAME("cas"), kv_cmd_store, KV_CAS, 6, 7, 1 },
	{ NAME("delete"), cmd_delete, 0, 2, 4, 3 },
	{ NAME("incr"), cmd_arith, true, 3, 4, 1 },
	{ NAME("decr"), cmd_arith, false, 3, 4, 1 },
	{ NAME("touch"), cmd_touch, 0, 3, 4, 1 },
	{ NAME("flush_all"), cmd_flush, 0, 1, 3, 1 },
	{ NAME("verbosity"), kv_cmd_verbosity, 0, 2, 3, 1 },
	{ NAME("stats"), cmd_stats, 0, 1, KV_WORDS, 0 },
	{ NAME("version"), cmd_version, 0, 1, KV_WORDS, 0 },
	{ NAME("quit"), cmd_quit, 0, 1, KV_WORDS, 0 },
	{ NAME("cache_memlimit"), kv_cmd_memlimit, 0, 2, 3, 1 },
	{ NAME("lru_crawler"), kv_cmd_crawler, 0, 1, KV_WORDS, 0 },
	{ NAME("slabs"), kv_cmd_slabs, 0, 1, KV_WORDS, 1 },
	{ NAME("watch"), kv_cmd_refuse, KV_NO_WATCH, 1, KV_WORDS, 1 },
	{ NAME("shutdown"), kv_cmd_refuse, KV_NO_SHUTDOWN, 1, KV_WORDS, 0 },
};

static bool is_meta(const struct kv_word *w)
{
	return w->len == 2 && *w->p == 'm';
}

/* A browser that was told to post our commands should not get far. */
static bool is_http(const struct kv_words *words)
{
	const struct kv_word *last = &words->w[words->n - 1];

	return words->w[0].len > 1 && last->len >= 5 &&
	       !memcmp(last->p, "HTTP/", 5);
}

static const struct command *find(const struct kv_word *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *c = &commands[i];

		if (*c->name == *name->p && c->len == name->len &&
		    !memcmp(c->name, name->p, c->len))
			return c;
	}
	return NULL;
}

void kv_command(struct kv_worker *w, struct kv_proto *p,
		const struct kv_words *words)
{
	const struct command *c;

	if (is_meta(&words->w[0])) {
		kv_meta(w, p, words);
		return;
	}
	c = find(&words->w[0]);
	if (c && words->n >= c->min && words->n <= c->max) {
		p->noreply = c->noreply && words->n >= c->noreply &&
			     kv_word_is(&words->w[words->n - 1], "noreply");
		c->run(w, p, words, c->arg);
	} else if (!c && is_http(words)) {
		p->state = KV_QUIT;
	} else {
		kv_answer(w, p, "ERROR");
	}
}

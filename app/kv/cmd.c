/* SPDX-License-Identifier: MIT */
/* The commands. What they answer to nonsense is what memcached 1.6 does. */
#include "proto.h"

#define NON_NUMERIC                                   \
	"CLIENT_ERROR cannot increment or decrement " \
	"non-numeric value"

enum { BYTES_MAX = INT32_MAX - 2 };

static const char *const status_text[] = {
	[KV_STORED] = "STORED",
	[KV_NOT_STORED] = "NOT_STORED",
	[KV_EXISTS] = "EXISTS",
	[KV_NOT_FOUND] = "NOT_FOUND",
	[KV_TOO_LARGE] = "SERVER_ERROR object too large for cache",
	[KV_NO_MEMORY] = "SERVER_ERROR out of memory storing object",
	[KV_NON_NUMERIC] = NON_NUMERIC,
};

/* ---- set, add, replace, append, prepend, cas */

static void refuse_data(struct kv_worker *w, struct kv_proto *p,
			struct kv_name name, uint64_t nbytes,
			enum kv_status why)
{
	if (why == KV_TOO_LARGE)
		w->n.store_too_large++;
	else
		w->n.store_no_memory++;
	kv_answer(w, p, status_text[why]);
	p->state = KV_SWALLOW;
	p->swallow = nbytes + 2;
	/* Nobody should go on reading what this was to replace. */
	if (p->mode == KV_SET)
		kv_delete(w->store, name, 0);
}

static void cmd_store(struct kv_worker *w, struct kv_proto *p,
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
	p->mode = mode;
	p->cas = cas;
	name = kv_name(w->store, word[1].p, word[1].len);
	p->item = kv_item_new(w->store, name, flags, expires, nbytes, &why);
	if (!p->item) {
		refuse_data(w, p, name, nbytes, why);
		return;
	}
	p->state = KV_DATA;
	p->filled = 0;
}

static void count_store(struct kv_worker *w, enum kv_mode mode,
			enum kv_status st)
{
	w->n.cmd_set++;
	if (mode != KV_CAS)
		return;
	if (st == KV_STORED)
		w->n.cas_hits++;
	else if (st == KV_EXISTS)
		w->n.cas_badval++;
	else
		w->n.cas_misses++;
}

void kv_data_done(struct kv_worker *w, struct kv_proto *p)
{
	struct kv_item *it = p->item;
	enum kv_status st;

	p->item = NULL;
	if (memcmp(kv_value(it) + it->nbytes, "\r\n", 2)) {
		kv_item_put(w->store, it);
		kv_answer(w, p, "CLIENT_ERROR bad data chunk");
		return;
	}
	st = kv_store(w->store, it, p->mode, &p->cas);
	count_store(w, p->mode, st);
	kv_answer(w, p, status_text[st]);
}

/* ---- the others */

static void count_sum(struct kv_worker *w, const struct kv_sum *sum,
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
	count_sum(w, &sum, st);
	if (st == KV_NO_MEMORY) {
		kv_answer(w, p, "SERVER_ERROR out of memory");
	} else if (st != KV_STORED) {
		kv_answer(w, p, status_text[st]);
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

static void cmd_verbosity(struct kv_worker *w, struct kv_proto *p,
			  const struct kv_words *words, int arg)
{
	uint64_t level;

	if (words->n - p->noreply > 1 &&
	    !kv_number(&words->w[1], UINT32_MAX, &level))
		kv_answer(w, p, KV_BAD_FORMAT);
	else
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

static void cmd_shutdown(struct kv_worker *w, struct kv_proto *p,
			 const struct kv_words *words, int arg)
{
	kv_answer(w, p, "ERROR: shutdown not enabled");
}

static void cmd_stats(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words, int arg)
{
	kv_stats(w, p, words);
}

static const struct command {
	const char *name;
	void (*run)(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_words *words, int arg);
	int arg;
	int min, max; /* words, the command itself and noreply included */
	bool noreply; /* understood as last word */
} commands[] = {
	{ "set", cmd_store, KV_SET, 5, 6, true },
	{ "add", cmd_store, KV_ADD, 5, 6, true },
	{ "replace", cmd_store, KV_REPLACE, 5, 6, true },
	{ "append", cmd_store, KV_APPEND, 5, 6, true },
	{ "prepend", cmd_store, KV_PREPEND, 5, 6, true },
	{ "cas", cmd_store, KV_CAS, 6, 7, true },
	{ "delete", cmd_delete, 0, 2, 4, true },
	{ "incr", cmd_arith, true, 3, 4, true },
	{ "decr", cmd_arith, false, 3, 4, true },
	{ "touch", cmd_touch, 0, 3, 4, true },
	{ "flush_all", cmd_flush, 0, 1, 3, true },
	{ "verbosity", cmd_verbosity, 0, 2, 3, true },
	{ "stats", cmd_stats, 0, 1, KV_WORDS, false },
	{ "version", cmd_version, 0, 1, KV_WORDS, false },
	{ "quit", cmd_quit, 0, 1, KV_WORDS, false },
	{ "shutdown", cmd_shutdown, 0, 1, 2, false },
};

void kv_command(struct kv_worker *w, struct kv_proto *p,
		const struct kv_words *words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *c = &commands[i];

		if (*c->name != *words->w[0].p ||
		    !kv_word_is(&words->w[0], c->name))
			continue;
		if (words->n < c->min || words->n > c->max)
			break;
		p->noreply = c->noreply &&
			     kv_word_is(&words->w[words->n - 1], "noreply");
		c->run(w, p, words, c->arg);
		return;
	}
	kv_answer(w, p, "ERROR");
}

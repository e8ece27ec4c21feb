/* SPDX-License-Identifier: MIT */
/* Commands for who runs the server. Nothing here is silent: what kv does not
 * have is refused in the words of a memcached that has it disabled. */
#include "proto.h"

enum { MEMORY_MIN = 8, MEMORY_MAX = 1000000000 }; /* MB */

#define TOO_SMALL "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m"
#define NOT_BYTES "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes"
#define OUT_OF_BOUNDS "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust"

void kv_cmd_memlimit(struct kv_worker *w, struct kv_proto *p,
		     const struct kv_words *words, int arg)
{
	uint64_t mb;

	if (!kv_number(&words->w[1], UINT32_MAX, &mb))
		kv_answer(w, p, "ERROR");
	else if (mb < MEMORY_MIN)
		kv_answer(w, p, TOO_SMALL);
	else if (mb > MEMORY_MAX)
		kv_answer(w, p, NOT_BYTES);
	else if (!kv_set_memory(w->store, mb << 20))
		kv_answer(w, p, OUT_OF_BOUNDS);
	else
		kv_answer(w, p, "OK");
}

/* There is no crawler: expired items go when they are met, or as the least
 * recently used. Its list of keys there is. */
static void crawler_with(struct kv_worker *w, struct kv_proto *p,
			 const struct kv_words *words)
{
	const struct kv_word *what = &words->w[1], *arg = &words->w[2];
	uint64_t n;

	if (kv_word_is(what, "metadump")) {
		if (kv_word_is(arg, "all") || kv_word_is(arg, "hash"))
			kv_dump_keys(w, p);
		else
			kv_answer(w, p, "BADCLASS invalid class id");
	} else if (kv_word_is(what, "crawl")) {
		kv_answer(w, p, "CLIENT_ERROR lru crawler disabled");
	} else if (!kv_word_is(what, "tocrawl") && !kv_word_is(what, "sleep")) {
		kv_answer(w, p, "ERROR");
	} else if (!kv_number(arg, UINT32_MAX, &n)) {
		kv_answer(w, p, KV_BAD_FORMAT);
	} else if (*what->p == 's' && n > 1000000) {
		kv_answer(w, p,
			  "CLIENT_ERROR sleep must be one second or less");
	} else {
		kv_answer(w, p, "OK");
	}
}

void kv_cmd_crawler(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_words *words, int arg)
{
	if (words->n == 3)
		crawler_with(w, p, words);
	else if (words->n != 2)
		kv_answer(w, p, "ERROR");
	else if (kv_word_is(&words->w[1], "enable"))
		kv_answer(w, p, "ERROR failed to start lru crawler thread");
	else if (kv_word_is(&words->w[1], "disable"))
		kv_answer(w, p, "OK");
	else
		kv_answer(w, p, "ERROR");
}

/* Pages move by themselves, when a class needs one. */
void kv_cmd_slabs(struct kv_worker *w, struct kv_proto *p,
		  const struct kv_words *words, int arg)
{
	const struct kv_word *what = &words->w[1];

	if ((words->n == 4 && kv_word_is(what, "reassign")) ||
	    (words->n >= 3 && kv_word_is(what, "automove")))
		kv_answer(w, p, "CLIENT_ERROR slab reassignment disabled");
	else
		kv_answer(w, p, "ERROR");
}

void kv_cmd_verbosity(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words, int arg)
{
	uint64_t level;

	if (kv_number(&words->w[1], UINT32_MAX, &level))
		kv_answer(w, p, "OK");
	else
		kv_answer(w, p, KV_BAD_FORMAT);
}

void kv_cmd_refuse(struct kv_worker *w, struct kv_proto *p,
		   const struct kv_words *words, int what)
{
	static const char *const text[] = {
		[KV_NO_WATCH] = "CLIENT_ERROR watch commands not allowed",
		[KV_NO_SHUTDOWN] = "ERROR: shutdown not enabled",
	};

	kv_answer(w, p, text[what]);
}

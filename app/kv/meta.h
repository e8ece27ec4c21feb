/* SPDX-License-Identifier: MIT */
/* One meta command as it was asked, and the answer to it; for meta*.c. Each
 * flag comes once at most. */
#ifndef APP_KV_META_H
#define APP_KV_META_H

#include "proto.h"

#define KV_META_OPAQUE_LONG "CLIENT_ERROR opaque token too long"
#define KV_META_BAD_FLAG "CLIENT_ERROR invalid or duplicate flag"

enum {
	KV_META_WORDS = 19,  /* more are too many flags */
	KV_META_OPAQUE = 32, /* bytes, its O included */
	KV_META_REPLY = 768, /* the longest: O and k with all the numbers */
};

struct kv_meta {
	const struct kv_words *words;
	int first; /* word that is a flag */
	struct kv_name name;
	char key[KV_KEY_MAX]; /* decoded, of b */
	bool base64;	      /* b */
	bool quiet;	      /* q */
	bool value;	      /* v */
	bool no_bump;	      /* u */
	bool stale;	      /* I */
	bool vivify;	      /* N */
	bool touch;	      /* T */
	bool has_cas;	      /* C */
	bool opaque_long;
	char mode; /* M */
	uint32_t exptime, vivify_exptime, recache;
	uint32_t flags;
	uint64_t cas, delta, initial;
};

/* What the command saw of its item, under the lock. */
struct kv_meta_view {
	uint64_t cas;
	uint32_t exptime; /* where the flag t stands */
	uint32_t access;
	uint8_t marks; /* before */
	bool won;
	bool created;
};

struct kv_reply {
	uint32_t n;
	char text[KV_META_REPLY];
};

/* The flags from words->w[first] on. NULL, or what is wrong with them. */
const char *kv_meta_parse(struct kv_worker *w, struct kv_meta *m,
			  const struct kv_words *words, int first);

/* Applies T, N and R as they stand among the flags; takes down what t sees. */
void kv_meta_apply(const struct kv_meta *m, struct kv_item *it,
		   struct kv_meta_view *v);

void kv_reply_text(struct kv_reply *r, const char *text, uint32_t n);
/* " X" */
void kv_reply_flag(struct kv_reply *r, char flag);
void kv_reply_number(struct kv_reply *r, char flag, uint64_t v);
void kv_reply_key(struct kv_reply *r, const char *key, uint32_t n, bool base64);
/* " O...", " k..." where they stand among the flags, in an answer without an
 * item. */
void kv_reply_echo(struct kv_reply *r, const struct kv_meta *m);
/* O, c, t and k of an answer with an item. */
void kv_reply_meta(struct kv_worker *w, struct kv_reply *r,
		   const struct kv_meta *m, const struct kv_word *word,
		   const struct kv_meta_view *v);
/* Ends the line, and sends it. */
void kv_reply_send(struct kv_worker *w, struct kv_reply *r);

/* ---- meta_get.c */

void kv_meta_get(struct kv_worker *w, struct kv_proto *p,
		 const struct kv_words *words);

/* ---- meta_cmd.c */

void kv_meta_set(struct kv_worker *w, struct kv_proto *p,
		 const struct kv_words *words);
void kv_meta_delete(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_words *words);
void kv_meta_arith(struct kv_worker *w, struct kv_proto *p,
		   const struct kv_words *words);
void kv_meta_debug(struct kv_worker *w, struct kv_proto *p,
		   const struct kv_words *words);

#endif

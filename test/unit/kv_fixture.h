/* SPDX-License-Identifier: MIT */
/* Dialogues with kv's protocols: each is fed whole, in two parts split at every
 * position, and byte by byte: the answers must be the same, and no reference to
 * an item may be lost. */
#ifndef TEST_UNIT_KV_FIXTURE_H
#define TEST_UNIT_KV_FIXTURE_H

#include "app/kv/proto.h"

struct kv_session {
	struct kv_worker *w;
	struct kv_proto p;
	char *answer;
	size_t n;
};

void kv_begin(struct kv_session *s); /* with 8 MB */
void kv_begin_memory(struct kv_session *s, size_t mb);
/* All of it, collecting the answers. */
void kv_feed(struct kv_session *s, const char *in, size_t len);
void kv_end(struct kv_session *s);

void kv_talk(const char *in, size_t len, size_t split, const char *want);
void kv_talk_bytes(const char *in, size_t len, const char *want);
void kv_dialogue(const char *in, const char *want);

/* The same for what is no text. */
void kv_exchange(const void *in, size_t len, const void *want, size_t n);

#endif

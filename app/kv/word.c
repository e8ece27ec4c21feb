/* SPDX-License-Identifier: MIT */
/* Words and numbers of a command line, and the plain answer. */
#include "proto.h"

void kv_split(struct kv_words *out, const char *line, size_t n)
{
	const char *p = line, *end = line + n;
	struct kv_word *w = out->w;

	while (p < end && w < out->w + KV_WORDS) {
		const char *from = p;

		if (*p == ' ') {
			p++;
			continue;
		}
		do {
			p++;
		} while (p < end && *p != ' ');
		*w++ = (struct kv_word){ from, p - from };
	}
	out->n = w - out->w;
}

/* Digits, with a + before them if one likes. */
bool kv_number(const struct kv_word *w, uint64_t max, uint64_t *out)
{
	const char *p = w->p, *end = p + w->len;
	uint64_t v = 0;

	if (p < end && *p == '+')
		p++;
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *p - '0', &v))
			return false;
	}
	*out = v;
	return v <= max;
}

bool kv_word_exptime(const struct kv_worker *w, const struct kv_word *word,
		     uint32_t *out)
{
	struct kv_word digits = *word;
	bool minus = word->len && *word->p == '-';
	uint64_t v;

	digits.p += minus;
	digits.len -= minus;
	if (!kv_number(&digits, INT32_MAX, &v))
		return false;
	*out = kv_exptime(w->store, minus ? -(int64_t)v : (int64_t)v);
	return true;
}

static void say(struct kv_worker *w, const char *text, uint32_t n)
{
	char *at = kv_out_add(&w->out, n + 2);

	memcpy(at, text, n);
	memcpy(at + n, "\r\n", 2);
}

void kv_error(struct kv_worker *w, struct kv_proto *p, const char *text)
{
	p->noreply = false;
	say(w, text, strlen(text));
}

void kv_answer(struct kv_worker *w, struct kv_proto *p, const char *text)
{
	if (!p->noreply)
		say(w, text, strlen(text));
	p->noreply = false;
}

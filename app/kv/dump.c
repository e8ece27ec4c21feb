/* SPDX-License-Identifier: MIT */
/*
 * Lists of what is stored, for tools: `lru_crawler metadump all` and `stats
 * cachedump`. They walk the hash table bucket by bucket, each under its lock,
 * and stop when output is full: p->state stays KV_DUMP, and the command's line
 * is run again with the walk's place in p.
 */
#include "proto.h"

#include <stdio.h>

enum {
	KEY_SHOWN_MAX = 3 * KV_KEY_MAX,
	LINE_MAX = KEY_SHOWN_MAX + 160,
	BUCKETS_MAX = 1 << 16, /* looked at for one class: it shall not last */
};

struct dump {
	struct kv_worker *w;
	struct kv_proto *p;
	int class;
};

/* As in a URL: no blanks, no line ends. */
static uint32_t show_key(char *to, const char *key, uint32_t n)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	char *p = to;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t c = key[i];

		if (c && strchr(plain, c)) {
			*p++ = c;
			continue;
		}
		*p++ = '%';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	return p - to;
}

static size_t item_bytes(const struct kv_item *it)
{
	return sizeof(*it) + it->nhead + it->nbytes + 2;
}

static long unix_exptime(const struct kv_store *s, const struct kv_item *it)
{
	return it->exptime ? (long)(s->epoch + it->exptime) : -1;
}

static void add(struct dump *d, const char *line, uint32_t n)
{
	/* Chains are short: this never happens. */
	if (d->w->out.ntext + n <= KV_OUT_TEXT)
		kv_out_text(&d->w->out, line, n);
}

static void show_meta(struct kv_item *it, void *arg)
{
	struct dump *d = arg;
	struct kv_store *s = d->w->store;
	unsigned int access = it->access;
	char line[LINE_MAX];
	int n;

	memcpy(line, "key=", 4);
	n = 4 + show_key(line + 4, kv_key(it), it->nkey);
	n += snprintf(
		line + n, sizeof(line) - n,
		" exp=%ld la=%ld cas=%lu fetch=%s cls=%d size=%zu\n",
		unix_exptime(s, it), (long)(s->epoch + (access & KV_SECONDS)),
		(unsigned long)it->cas, access & KV_FETCHED ? "yes" : "no",
		slab_class_of(&s->slabs, it) + 1, item_bytes(it));
	add(d, line, n);
}

static void show_brief(struct kv_item *it, void *arg)
{
	struct dump *d = arg;
	struct kv_store *s = d->w->store;
	char line[LINE_MAX];
	int n;

	if (slab_class_of(&s->slabs, it) != d->class || !d->p->swallow)
		return;
	/* A key in base64 may hold what would end the line. */
	if (it->marks & KV_KEY_BASE64)
		return;
	d->p->swallow--;
	n = snprintf(line, sizeof(line), "ITEM %.*s [%u b; %ld s]\r\n",
		     it->nkey, kv_key(it), it->nbytes,
		     it->exptime ? unix_exptime(s, it) : 0);
	add(d, line, n);
}

static void walk(struct dump *d, void (*show)(struct kv_item *, void *))
{
	struct kv_proto *p = d->p;

	while (!kv_out_full(&d->w->out)) {
		if (p->swallow && p->filled-- &&
		    kv_walk(d->w->store, &p->shard, &p->bucket, show, d))
			continue;
		p->state = KV_LINE;
		kv_out_text(&d->w->out, "END\r\n", 5);
		return;
	}
}

static void begin(struct kv_proto *p, uint32_t limit, uint32_t buckets)
{
	if (p->state == KV_DUMP)
		return;
	p->state = KV_DUMP;
	p->shard = p->bucket = 0;
	p->swallow = limit;
	p->filled = buckets;
}

void kv_dump_keys(struct kv_worker *w, struct kv_proto *p)
{
	struct dump d = { .w = w, .p = p };

	begin(p, UINT32_MAX, UINT32_MAX);
	walk(&d, show_meta);
}

void kv_dump_class(struct kv_worker *w, struct kv_proto *p, uint32_t class,
		   uint32_t limit)
{
	struct dump d = { .w = w, .p = p, .class = (int)class - 1 };

	begin(p, limit ? limit : UINT32_MAX, BUCKETS_MAX);
	walk(&d, show_brief);
}

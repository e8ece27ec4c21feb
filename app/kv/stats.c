/* SPDX-License-Identifier: MIT */
/* What `stats` and its kin answer, with memcached's names. Counters of other
 * threads are read as they run: each value is right, their sum is of about
 * now. */
#include "proto.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STAT_LINE = 128 };

__attribute__((format(printf, 2, 3))) static void line(struct kv_worker *w,
						       const char *format, ...)
{
	char text[STAT_LINE];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	kv_out_text(&w->out, "STAT ", 5);
	kv_out_text(&w->out, text, n);
	kv_out_text(&w->out, "\r\n", 2);
}

static void stat_u64(struct kv_worker *w, const char *name, uint64_t v)
{
	line(w, "%s %lu", name, v);
}

static void process(struct kv_worker *w)
{
	const struct kv_store *s = w->store;
	unsigned int now = atomic_load(&s->now);
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	stat_u64(w, "pid", getpid());
	stat_u64(w, "uptime", now);
	stat_u64(w, "time", s->epoch + now);
	line(w, "version %s", KV_VERSION);
	stat_u64(w, "pointer_size", 8 * sizeof(void *));
	line(w, "rusage_user %ld.%06ld", ru.ru_utime.tv_sec,
	     ru.ru_utime.tv_usec);
	line(w, "rusage_system %ld.%06ld", ru.ru_stime.tv_sec,
	     ru.ru_stime.tv_usec);
	stat_u64(w, "threads", w->nworkers);
}

static void counters(struct kv_worker *w)
{
	struct kv_counts sum = { 0 };

	for (int i = 0; i < w->nworkers; i++) {
#define ADD(name) sum.name += w->all[i].n.name;
		KV_COUNTERS(ADD)
#undef ADD
	}
#define SHOW(name) stat_u64(w, #name, sum.name);
	KV_COUNTERS(SHOW)
#undef SHOW
}

static void memory(struct kv_worker *w)
{
	struct kv_slabs *s = &w->store->slabs;
	uint64_t evictions = 0, reclaimed = 0;

	kv_lock(&s->lock);
	for (uint32_t i = 0; i < s->nclasses; i++) {
		evictions += s->classes[i].evicted;
		reclaimed += s->classes[i].expired;
	}
	stat_u64(w, "limit_maxbytes", w->store->conf.memory);
	stat_u64(w, "bytes", s->bytes);
	stat_u64(w, "curr_items", s->nitems);
	stat_u64(w, "total_items", s->total);
	stat_u64(w, "evictions", evictions);
	stat_u64(w, "reclaimed", reclaimed);
	stat_u64(w, "slabs_moved", s->reassigned);
	kv_unlock(&s->lock);
}

static void general(struct kv_worker *w)
{
	process(w);
	counters(w);
	memory(w);
}

static void settings(struct kv_worker *w)
{
	const struct kv_conf *c = &w->store->conf;

	stat_u64(w, "maxbytes", c->memory);
	stat_u64(w, "tcpport", w->port);
	stat_u64(w, "udpport", 0);
	line(w, "evictions %s", c->evict ? "on" : "off");
	line(w, "growth_factor 1.25");
	stat_u64(w, "num_threads", w->nworkers);
	line(w, "cas_enabled yes");
	line(w, "binding_protocol ascii");
	line(w, "auth_enabled_sasl no");
	stat_u64(w, "item_size_max", c->item_max);
	line(w, "flush_enabled yes");
}

static void items(struct kv_worker *w)
{
	struct kv_slabs *s = &w->store->slabs;

	kv_lock(&s->lock);
	for (uint32_t i = 0; i < s->nclasses; i++) {
		struct kv_class *c = &s->classes[i];

		if (!c->nitems)
			continue;
		line(w, "items:%u:number %lu", i + 1, c->nitems);
		line(w, "items:%u:evicted %llu", i + 1, c->evicted);
		line(w, "items:%u:outofmemory %llu", i + 1, c->no_memory);
		line(w, "items:%u:reclaimed %llu", i + 1, c->expired);
	}
	kv_unlock(&s->lock);
}

static void slabs(struct kv_worker *w)
{
	struct kv_slabs *s = &w->store->slabs;
	uint32_t active = 0;

	kv_lock(&s->lock);
	for (uint32_t i = 0; i < s->nclasses; i++) {
		struct kv_class *c = &s->classes[i];
		uint32_t per_page = s->page_size / c->chunk;

		if (!c->npages)
			continue;
		active++;
		line(w, "%u:chunk_size %u", i + 1, c->chunk);
		line(w, "%u:chunks_per_page %u", i + 1, per_page);
		line(w, "%u:total_pages %u", i + 1, c->npages);
		line(w, "%u:total_chunks %u", i + 1, c->npages * per_page);
		line(w, "%u:used_chunks %u", i + 1, c->nused);
		line(w, "%u:free_chunks %u", i + 1,
		     c->npages * per_page - c->nused);
	}
	stat_u64(w, "active_slabs", active);
	stat_u64(w, "total_malloced", (uint64_t)s->npages * s->page_size);
	kv_unlock(&s->lock);
}

static void sizes(struct kv_worker *w)
{
	line(w, "sizes_status disabled");
}

/* Connections come and go on; that gauge stays. */
static void reset(struct kv_worker *w)
{
	for (int i = 0; i < w->nworkers; i++) {
		uint64_t conns = w->all[i].n.curr_connections;

		w->all[i].n = (struct kv_counts){ .curr_connections = conns };
	}
}

static const struct {
	const char *name;
	void (*show)(struct kv_worker *w);
} sections[] = {
	{ "settings", settings },
	{ "items", items },
	{ "slabs", slabs },
	{ "sizes", sizes },
};

void kv_stats(struct kv_worker *w, struct kv_proto *p,
	      const struct kv_words *words)
{
	const struct kv_word *what = &words->w[1];

	if (words->n == 1) {
		general(w);
		kv_answer(w, p, "END");
		return;
	}
	if (kv_word_is(what, "reset")) {
		reset(w);
		kv_answer(w, p, "RESET");
		return;
	}
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		if (kv_word_is(what, sections[i].name)) {
			sections[i].show(w);
			kv_answer(w, p, "END");
			return;
		}
	}
	kv_answer(w, p, "ERROR");
}

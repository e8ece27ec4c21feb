/* SPDX-License-Identifier: MIT */
/* What `stats` and its kin answer, with memcached's names. Counters of other
 * threads are read as they run: each value is right, their sum is of about
 * now. */
#include "proto.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STAT_VALUE = 96 };

/* Where they go. */
struct to {
	struct kv_worker *w;
	struct kv_proto *p;
};

__attribute__((format(printf, 3, 4))) static void line(struct to *to,
						       const char *name,
						       const char *format, ...)
{
	char value[STAT_VALUE];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (n >= (int)sizeof(value))
		n = sizeof(value) - 1;
	if (to->p->dialect == KV_BINARY) {
		kv_bin_stat(to->w, to->p, name, value, n);
		return;
	}
	kv_out_text(&to->w->out, "STAT ", 5);
	kv_out_text(&to->w->out, name, strlen(name));
	kv_out_text(&to->w->out, " ", 1);
	kv_out_text(&to->w->out, value, n);
	kv_out_text(&to->w->out, "\r\n", 2);
}

static void stat_u64(struct to *to, const char *name, uint64_t v)
{
	line(to, name, "%lu", v);
}

/* "@group@class:@name" */
static void stat_class(struct to *to, const char *group, uint32_t class,
		       const char *name, uint64_t v)
{
	char full[48];

	snprintf(full, sizeof(full), "%s%u:%s", group, class + 1, name);
	stat_u64(to, full, v);
}

static void process(struct to *to)
{
	const struct kv_store *s = to->w->store;
	unsigned int now = atomic_load(&s->now);
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	stat_u64(to, "pid", getpid());
	stat_u64(to, "uptime", now);
	stat_u64(to, "time", s->epoch + now);
	line(to, "version", "%s", KV_VERSION);
	stat_u64(to, "pointer_size", 8 * sizeof(void *));
	line(to, "rusage_user", "%ld.%06ld", ru.ru_utime.tv_sec,
	     ru.ru_utime.tv_usec);
	line(to, "rusage_system", "%ld.%06ld", ru.ru_stime.tv_sec,
	     ru.ru_stime.tv_usec);
	stat_u64(to, "threads", to->w->nworkers);
}

static void counters(struct to *to)
{
	struct kv_counts sum = { 0 };

	for (int i = 0; i < to->w->nworkers; i++) {
#define ADD(name) sum.name += to->w->all[i].n.name;
		KV_COUNTERS(ADD)
#undef ADD
	}
#define SHOW(name) stat_u64(to, #name, sum.name);
	KV_COUNTERS(SHOW)
#undef SHOW
}

static void memory(struct to *to)
{
	struct kv_slabs *s = &to->w->store->slabs;
	uint64_t evictions = 0, reclaimed = 0;

	kv_lock(&s->lock);
	for (uint32_t i = 0; i < s->nclasses; i++) {
		evictions += s->classes[i].evicted;
		reclaimed += s->classes[i].expired;
	}
	stat_u64(to, "limit_maxbytes", to->w->store->conf.memory);
	stat_u64(to, "bytes", s->bytes);
	stat_u64(to, "curr_items", s->nitems);
	stat_u64(to, "total_items", s->total);
	stat_u64(to, "evictions", evictions);
	stat_u64(to, "reclaimed", reclaimed);
	stat_u64(to, "slabs_moved", s->reassigned);
	kv_unlock(&s->lock);
}

static void general(struct to *to)
{
	process(to);
	counters(to);
	memory(to);
}

static void settings(struct to *to)
{
	const struct kv_conf *c = &to->w->store->conf;

	stat_u64(to, "maxbytes", c->memory);
	stat_u64(to, "tcpport", to->w->port);
	stat_u64(to, "udpport", 0);
	line(to, "evictions", "%s", c->evict ? "on" : "off");
	line(to, "growth_factor", "1.25");
	stat_u64(to, "num_threads", to->w->nworkers);
	line(to, "cas_enabled", "yes");
	line(to, "binding_protocol", "auto-negotiate");
	line(to, "auth_enabled_sasl", "no");
	stat_u64(to, "item_size_max", c->item_max);
	line(to, "flush_enabled", "yes");
}

static void items(struct to *to)
{
	struct kv_slabs *s = &to->w->store->slabs;

	kv_lock(&s->lock);
	for (uint32_t i = 0; i < s->nclasses; i++) {
		struct kv_class *c = &s->classes[i];

		if (!c->nitems)
			continue;
		stat_class(to, "items:", i, "number", c->nitems);
		stat_class(to, "items:", i, "evicted", c->evicted);
		stat_class(to, "items:", i, "outofmemory", c->no_memory);
		stat_class(to, "items:", i, "reclaimed", c->expired);
	}
	kv_unlock(&s->lock);
}

static void slabs(struct to *to)
{
	struct kv_slabs *s = &to->w->store->slabs;
	uint32_t active = 0;

	kv_lock(&s->lock);
	for (uint32_t i = 0; i < s->nclasses; i++) {
		struct kv_class *c = &s->classes[i];
		uint32_t per_page = s->page_size / c->chunk;

		if (!c->npages)
			continue;
		active++;
		stat_class(to, "", i, "chunk_size", c->chunk);
		stat_class(to, "", i, "chunks_per_page", per_page);
		stat_class(to, "", i, "total_pages", c->npages);
		stat_class(to, "", i, "total_chunks", c->npages * per_page);
		stat_class(to, "", i, "used_chunks", c->nused);
		stat_class(to, "", i, "free_chunks",
			   c->npages * per_page - c->nused);
	}
	stat_u64(to, "active_slabs", active);
	stat_u64(to, "total_malloced", (uint64_t)s->npages * s->page_size);
	kv_unlock(&s->lock);
}

static void sizes(struct to *to)
{
	line(to, "sizes_status", "disabled");
}

/* Connections come and go on; that gauge stays. */
static void reset(struct to *to)
{
	struct kv_worker *all = to->w->all;

	for (int i = 0; i < to->w->nworkers; i++) {
		uint64_t conns = all[i].n.curr_connections;

		all[i].n = (struct kv_counts){ .curr_connections = conns };
	}
}

static const struct {
	const char *name;
	void (*show)(struct to *to);
} sections[] = {
	{ "", general },    { "settings", settings }, { "items", items },
	{ "slabs", slabs }, { "sizes", sizes },	      { "reset", reset },
};

bool kv_stats_show(struct kv_worker *w, struct kv_proto *p,
		   const struct kv_word *what)
{
	struct to to = { w, p };

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		if (!kv_word_is(what, sections[i].name))
			continue;
		sections[i].show(&to);
		return true;
	}
	return false;
}

static void cachedump(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words)
{
	uint64_t class, limit;

	if (words->n < 4)
		kv_answer(w, p, "CLIENT_ERROR bad command line");
	else if (!kv_number(&words->w[2], UINT32_MAX, &class) ||
		 !kv_number(&words->w[3], UINT32_MAX, &limit))
		kv_answer(w, p, KV_BAD_FORMAT);
	else if (class >= KV_CLASSES)
		kv_answer(w, p, "CLIENT_ERROR Illegal slab id");
	else
		kv_dump_class(w, p, class, limit);
}

void kv_stats(struct kv_worker *w, struct kv_proto *p,
	      const struct kv_words *words)
{
	const struct kv_word what =
		words->n > 1 ? words->w[1] : (struct kv_word){ "", 0 };

	if (kv_word_is(&what, "cachedump"))
		cachedump(w, p, words);
	else if (kv_word_is(&what, "detail"))
		kv_answer(w, p, "CLIENT_ERROR usage: stats detail on|off|dump");
	else if (!kv_stats_show(w, p, &what))
		kv_answer(w, p, "ERROR");
	else
		kv_answer(w, p, kv_word_is(&what, "reset") ? "RESET" : "END");
}

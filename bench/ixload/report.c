/* SPDX-License-Identifier: MIT */
/* What ixload tells: the progress line, and the result as text or JSON. */
#include "bench/ixload/load.h"
#include "bench/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOAD_COUNTS(X)                                               \
	X(answered, "answers in all, warm-up included")              \
	X(opened, "connections opened")                              \
	X(open_failed, "attempts to connect that failed")            \
	X(peer_closed, "connections ended by the server")            \
	X(timeouts, "answers overdue: lost, or connection given up") \
	X(wrong, "answers with wrong bytes")                         \
	X(misses, "GETs that found nothing")                         \
	X(refused, "requests that the server refused")               \
	X(late, "datagrams after their timeout")                     \
	X(overflow, "arrivals beyond a queue of a million")          \
	X(unanswered, "requests given up; they count with the age reached")

static uint64_t read_count(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void add_thread(struct load_result *r, const struct load_thread *t)
{
	double seconds = (double)(t->ended - t->began) / 1e9;

#define ADD(name, text) r->count.name += t->count.name;
	LOAD_COUNTS(ADD)
#undef ADD
	hist_merge(&r->hist, &t->hist);
	r->open += t->open;
	if (!r->first_errno)
		r->first_errno = t->first_errno;
	if (!t->ended || seconds <= 0)
		return;
	r->from = t->from;
	r->seconds = seconds;
	r->msgs += (double)(t->answered_ended - t->answered_began) / seconds;
	r->conns += (double)(t->opened_ended - t->opened_began) / seconds;
	r->bytes += (double)(t->bytes_ended - t->bytes_began) / seconds;
}

int load_collect(struct load_result *r, struct load_thread *const *t,
		 uint32_t n)
{
	uint32_t parts = n ? load_parts(t[0]->opts) : 0;

	memset(r, 0, sizeof(*r));
	hist_init(&r->hist);
	if (parts) {
		r->part = hist_alloc(parts);
		if (!r->part)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		add_thread(r, t[i]);
		for (uint32_t k = 0; k < parts; k++)
			hist_merge(&r->part[k], &t[i]->part[k]);
	}
	return 0;
}

void load_progress(struct load_thread *const *t, uint32_t n, uint64_t now)
{
	static uint64_t last_at, last_answered;
	uint64_t answered = 0, errors = 0;
	uint32_t open = 0;

	for (uint32_t i = 0; i < n; i++) {
		answered += read_count(&t[i]->count.answered);
		errors += read_count(&t[i]->count.open_failed) +
			  read_count(&t[i]->count.timeouts) +
			  read_count(&t[i]->count.wrong);
		open += __atomic_load_n(&t[i]->open, __ATOMIC_RELAXED);
	}
	if (last_at)
		fprintf(stderr,
			"\r%10.0f msg/s  %7u connections  %lu errors   ",
			(double)(answered - last_answered) * 1e9 /
				(double)(now - last_at),
			open, (unsigned long)errors);
	last_at = now;
	last_answered = answered;
}

static double us(uint64_t ns)
{
	return (double)ns / 1e3;
}

static void print_json(const struct load_result *r, const struct load_opts *o,
		       uint32_t threads)
{
	printf("{\"backend\":\"%s\",\"proto\":\"%s\",\"conns\":%u,"
	       "\"threads\":%u,\"size\":%u,\"pipeline\":%u,"
	       "\"msgs_per_conn\":%u,\"target_rate\":%.3f,\"seconds\":%.6f,"
	       "\"msgs_per_sec\":%.1f,\"conns_per_sec\":%.1f,"
	       "\"rx_bytes_per_sec\":%.0f,",
	       o->backend->name, o->proto->name, o->conns, threads, o->size,
	       o->pipeline, o->msgs_per_conn, o->rate, r->seconds, r->msgs,
	       r->conns, r->bytes);
	printf("\"latency_ns\":{\"n\":%lu,\"min\":%lu,\"mean\":%.0f,"
	       "\"p50\":%lu,\"p90\":%lu,\"p99\":%lu,\"p999\":%lu,"
	       "\"max\":%lu}",
	       (unsigned long)r->hist.n,
	       (unsigned long)(r->hist.n ? r->hist.min : 0),
	       hist_mean(&r->hist), (unsigned long)hist_quantile(&r->hist, 0.5),
	       (unsigned long)hist_quantile(&r->hist, 0.9),
	       (unsigned long)hist_quantile(&r->hist, 0.99),
	       (unsigned long)hist_quantile(&r->hist, 0.999),
	       (unsigned long)r->hist.max);
#define PRINT(name, text) \
	printf(",\"" #name "\":%lu", (unsigned long)r->count.name);
	LOAD_COUNTS(PRINT)
#undef PRINT
	for (uint32_t i = 0; i < load_parts(o); i++)
		printf(i ? ",%lu" : ",\"p99_ns_each\":[%lu",
		       (unsigned long)hist_quantile(&r->part[i], 0.99));
	printf("%s,\"from_ns\":%lu}\n", o->each ? "]" : "",
	       (unsigned long)r->from);
}

static void print_text(const struct load_result *r, const struct load_opts *o,
		       uint32_t threads)
{
	printf("%s over %s, %u connections, %u thread%s, %.2f s\n",
	       o->proto->name, o->backend->name, o->conns, threads,
	       threads == 1 ? "" : "s", r->seconds);
	printf("  %.0f msg/s", r->msgs);
	if (o->rate > 0)
		printf(" of %.0f wanted", o->rate);
	if (o->msgs_per_conn)
		printf(", %.0f connections/s", r->conns);
	printf(", %.1f MB/s received\n", r->bytes / 1e6);
	printf("  latency us: p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  "
	       "max %.1f  mean %.1f\n",
	       us(hist_quantile(&r->hist, 0.5)),
	       us(hist_quantile(&r->hist, 0.9)),
	       us(hist_quantile(&r->hist, 0.99)),
	       us(hist_quantile(&r->hist, 0.999)), us(r->hist.max),
	       hist_mean(&r->hist) / 1e3);
	for (uint32_t i = 0; i < load_parts(o); i++)
		printf("  from %.3f s: p99 %.1f\n",
		       (double)i * (double)o->each / 1e9,
		       us(hist_quantile(&r->part[i], 0.99)));
#define PRINT(name, text)                                 \
	if (r->count.name && strcmp(#name, "answered") && \
	    strcmp(#name, "opened"))                      \
		printf("  %lu %s\n", (unsigned long)r->count.name, text);
	LOAD_COUNTS(PRINT)
#undef PRINT
}

/* Bad enough for the exit status? Says so. */
static int verdict(const struct load_result *r, const struct load_opts *o)
{
	if (r->count.wrong) {
		fprintf(stderr, "ixload: %lu answers were WRONG\n",
			(unsigned long)r->count.wrong);
		return 1;
	}
	if (!r->hist.n || !r->count.answered) {
		fprintf(stderr, "ixload: no answer in %.1f s%s%s\n",
			(double)o->duration / 1e9, r->first_errno ? ": " : "",
			r->first_errno ? strerror(r->first_errno) : "");
		return 1;
	}
	if (r->first_errno)
		fprintf(stderr, "ixload: first error: %s\n",
			strerror(r->first_errno));
	return 0;
}

int load_report(const struct load_result *r, const struct load_opts *o,
		uint32_t threads)
{
	if (o->json)
		print_json(r, o, threads);
	else
		print_text(r, o, threads);
	fflush(stdout);
	return verdict(r, o);
}

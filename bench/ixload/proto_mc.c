/* SPDX-License-Identifier: MIT */
/*
 * Memcached's text protocol, GET and SET. What a right answer looks like is
 * known to the last byte, so that it is compared as it comes in, in whatever
 * pieces:
 *
 *	GET, hit    VALUE <key> 0 <n>\r\n | <n bytes> | \r\nEND\r\n
 *	GET, miss   END\r\n
 *	SET         STORED\r\n
 *
 * With --redis the same in redis's protocol:
 *
 *	GET, hit    $<n>\r\n | <n bytes> | \r\n
 *	GET, miss   $-1\r\n
 *	SET         +OK\r\n
 *
 * Requests are built in one buffer per thread; what the back end does not
 * take at once is kept with the connection.
 */
#include "bench/ixload/load.h"
#include "bench/ixload/mc_mix.h"
#include "bench/ixload/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	IS_SET = 1u << 31, /* in load_req.what, beside the record */
	LINE = 48,
	MAX_RECORDS = 100000000,
};

enum part { PART_START, PART_HEAD, PART_DATA, PART_TAIL, PART_LINE };

/* load_conn.priv: where the current answer stands, and unsent bytes. */
struct mc_conn {
	uint32_t part; /* enum part */
	uint32_t off;  /* bytes of it seen */
	char line[LINE];
	char *rest;
	uint32_t rest_len, rest_at, rest_size;
};

struct mc_thread {
	char *buf; /* requests made and not yet flushed */
	uint32_t len;
};

static struct {
	struct mc_record *records;
	uint32_t nrecords;
	char *values;
	uint64_t get_below; /* of 2^32 */
	bool redis;
	const char *tail;
	uint32_t tail_len;
} mc;

static int mc_init(struct load_opts *o, enum mc_mix mix)
{
	double ratio = o->get_ratio >= 0 ? o->get_ratio : mc_get_ratio(mix);

	if (!o->records || o->records > MAX_RECORDS ||
	    (mix == MC_GET && o->size > MC_MAX_VALUE))
		return -EINVAL;
	mc.nrecords = o->records;
	mc.redis = o->redis;
	mc.tail = mc.redis ? "\r\n" : "\r\nEND\r\n";
	mc.tail_len = (uint32_t)strlen(mc.tail);
	mc.get_below = (uint64_t)(ratio * 4294967296.0);
	free(mc.records);
	free(mc.values);
	mc.records = malloc(sizeof(*mc.records) * mc.nrecords);
	mc.values = malloc(MC_VALUE_PERIOD + MC_MAX_VALUE);
	if (!mc.records || !mc.values)
		return -ENOMEM;
	mc_values_make(mc.values);
	for (uint32_t i = 0; i < mc.nrecords; i++)
		mc_record_make(&mc.records[i], mix, i, o->size, o->seed);
	return 0;
}

static int etc_init(struct load_opts *o)
{
	return mc_init(o, MC_ETC);
}

static int usr_init(struct load_opts *o)
{
	return mc_init(o, MC_USR);
}

static int get_init(struct load_opts *o)
{
	return mc_init(o, MC_GET);
}

static int mc_thread_init(struct load_thread *t)
{
	struct mc_thread *mt = calloc(1, sizeof(*mt));
	struct mc_conn *conns = calloc(t->nconns, sizeof(*conns));
	uint32_t value = t->opts->size > 1024 ? t->opts->size : 1024;

	if (!mt || !conns)
		return -ENOMEM;
	mt->buf = malloc((size_t)t->pipeline * (value + 2 * MC_TEXT));
	if (!mt->buf)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->nconns; i++)
		load_conn_at(t, i)->priv = &conns[i];
	t->proto_priv = mt;
	return 0;
}

static void mc_thread_exit(struct load_thread *t)
{
	struct mc_thread *mt = t->proto_priv;
	struct mc_conn *conns = load_conn_at(t, 0)->priv;

	if (!mt)
		return;
	for (uint32_t i = 0; i < t->nconns; i++)
		free(conns[i].rest);
	if (t->nconns)
		free(conns);
	free(mt->buf);
	free(mt);
}

static void mc_reset(struct load_conn *c)
{
	struct mc_conn *m = c->priv;

	m->part = PART_START;
	m->off = 0;
	m->rest_len = m->rest_at = 0;
}

/* ---- requests */

static bool choose(struct load_thread *t, struct load_req *req)
{
	uint64_t random;

	if (t->phase == LOAD_PRELOAD) {
		if (t->preload_next == t->preload_end)
			return false;
		req->what = t->preload_next++ | IS_SET;
		return true;
	}
	random = rng_next(&t->rng);
	req->what = (uint32_t)(((random >> 32) * mc.nrecords) >> 32);
	if ((uint32_t)random >= mc.get_below)
		req->what |= IS_SET;
	return true;
}

static bool mc_make(struct load_conn *c, uint32_t slot)
{
	struct mc_thread *mt = c->t->proto_priv;
	struct load_req *req = &c->reqs[slot];
	char *p = mt->buf + mt->len;
	const struct mc_record *r;

	if (!choose(c->t, req))
		return false;
	r = &mc.records[req->what & ~IS_SET];
	p = req->what & IS_SET ? mc_put_set(p, r, mc.values, mc.redis)
			       : mc_put_get(p, r, mc.redis);
	mt->len = (uint32_t)(p - mt->buf);
	return true;
}

/* Keeps what could not be sent. */
static void keep(struct mc_conn *m, const char *p, uint32_t n)
{
	uint32_t want = m->rest_len + n;

	if (want > m->rest_size) {
		char *grown = realloc(m->rest, want);

		if (!grown)
			return; /* the answer will be overdue */
		m->rest = grown;
		m->rest_size = want;
	}
	memcpy(m->rest + m->rest_len, p, n);
	m->rest_len += n;
}

/* True when nothing of an earlier flush is left. */
static bool flush_rest(struct load_conn *c, struct mc_conn *m)
{
	uint32_t n = m->rest_len - m->rest_at;
	int64_t sent =
		n ? c->t->backend->send(c, m->rest + m->rest_at, n, false) : 0;

	if (sent > 0)
		m->rest_at += (uint32_t)sent;
	if (m->rest_at < m->rest_len)
		return false;
	m->rest_at = m->rest_len = 0;
	return true;
}

static void mc_flush(struct load_conn *c)
{
	struct mc_thread *mt = c->t->proto_priv;
	struct mc_conn *m = c->priv;
	uint32_t n = mt->len;
	int64_t sent = 0;

	mt->len = 0;
	if ((!m->rest_len || flush_rest(c, m)) && n)
		sent = c->t->backend->send(c, mt->buf, n, false);
	if (sent >= 0 && sent < n)
		keep(m, mt->buf + sent, n - (uint32_t)sent);
}

/* ---- answers */

static void answered(struct load_conn *c, struct mc_conn *m)
{
	m->part = PART_START;
	m->off = 0;
	load_answer(c);
}

/* Compares with @want; bytes taken, or 0 at the first difference. */
static uint32_t match(struct mc_conn *m, const char *want, uint32_t want_len,
		      const uint8_t *data, uint32_t len)
{
	uint32_t n = want_len - m->off;

	if (n > len)
		n = len;
	if (memcmp(want + m->off, data, n))
		return 0;
	m->off += n;
	if (m->off == want_len) {
		m->off = 0;
		m->part++;
	}
	return n;
}

static bool starts(const struct mc_conn *m, const char *word, uint32_t n)
{
	return m->off == n && !memcmp(m->line, word, n);
}

/* False: neither an answer to this request nor an error line. */
static bool judge_line(struct load_conn *c, struct mc_conn *m, uint32_t what)
{
	if (what & IS_SET && starts(m, "STORED\r\n", 8)) {
		answered(c, m);
		return true;
	}
	if (!(what & IS_SET) && starts(m, "END\r\n", 5))
		c->t->count.misses++;
	else if (memmem(m->line, m->off, "ERROR", 5) ||
		 starts(m, "NOT_STORED\r\n", 12))
		c->t->count.refused++;
	else
		return false;
	answered(c, m);
	return true;
}

/* The same of redis; a hit's first line is followed by the value. */
static bool judge_redis(struct load_conn *c, struct mc_conn *m, uint32_t what)
{
	const struct mc_record *r = &mc.records[what & ~IS_SET];
	uint32_t n = mc_length_len(r);

	if (!(what & IS_SET) && m->line[0] == '$' && m->off == 1 + n &&
	    !memcmp(m->line + 1, mc_length(r), n)) {
		m->part = PART_DATA;
		m->off = 0;
		return true;
	}
	if (!(what & IS_SET) && starts(m, "$-1\r\n", 5))
		c->t->count.misses++;
	else if (m->line[0] == '-')
		c->t->count.refused++;
	else if (!(what & IS_SET) || !starts(m, "+OK\r\n", 5))
		return false;
	answered(c, m);
	return true;
}

/* Collects a line (its beginning, if it is long). 0: wrong. */
static uint32_t line(struct load_conn *c, struct mc_conn *m, uint32_t what,
		     const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		if (m->off < LINE)
			m->line[m->off++] = (char)data[i];
		if (data[i] == '\n')
			return (mc.redis ? judge_redis : judge_line)(c, m, what)
				       ? i + 1
				       : 0;
	}
	return len;
}

static uint32_t take(struct load_conn *c, struct mc_conn *m,
		     const uint8_t *data, uint32_t len)
{
	uint32_t what = c->reqs[c->head & c->t->slot_mask].what;
	const struct mc_record *r = &mc.records[what & ~IS_SET];
	uint32_t n;

	if (m->part == PART_START)
		m->part = mc.redis || what & IS_SET || *data != 'V' ? PART_LINE
								    : PART_HEAD;
	switch (m->part) {
	case PART_HEAD:
		return match(m, r->text, r->text_len, data, len);
	case PART_DATA:
		return match(m, mc.values + r->value_at, r->value_len, data,
			     len);
	case PART_TAIL:
		n = match(m, mc.tail, mc.tail_len, data, len);
		if (m->part != PART_TAIL)
			answered(c, m);
		return n;
	default:
		return line(c, m, what, data, len);
	}
}

static bool mc_input(struct load_conn *c, const uint8_t *data, uint32_t len)
{
	while (len) {
		uint32_t n = c->out ? take(c, c->priv, data, len) : 0;

		if (!n)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

const struct load_proto proto_etc = {
	.name = "etc",
	.help = "memcached, Facebook's ETC pool: 20-70 B keys, 1 B-1 KB "
		"values, 75 % GET",
	.init = etc_init,
	.thread_init = mc_thread_init,
	.thread_exit = mc_thread_exit,
	.reset = mc_reset,
	.make = mc_make,
	.flush = mc_flush,
	.input = mc_input,
	.preload = true,
};

const struct load_proto proto_usr = {
	.name = "usr",
	.help = "memcached, Facebook's USR pool: 19 B keys, 2 B values, "
		"99 % GET",
	.init = usr_init,
	.thread_init = mc_thread_init,
	.thread_exit = mc_thread_exit,
	.reset = mc_reset,
	.make = mc_make,
	.flush = mc_flush,
	.input = mc_input,
	.preload = true,
};

const struct load_proto proto_get = {
	.name = "get",
	.help = "memcached, GETs of --size bytes with 16 B keys",
	.init = get_init,
	.thread_init = mc_thread_init,
	.thread_exit = mc_thread_exit,
	.reset = mc_reset,
	.make = mc_make,
	.flush = mc_flush,
	.input = mc_input,
	.preload = true,
};

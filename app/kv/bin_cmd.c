/* SPDX-License-Identifier: MIT */
#include "bin.h"

enum { FOREVER_MISSING = 0xffffffff }; /* exptime: do not create */

enum get_verb {
	GET_TOUCH = 1,
	GET_KEY = 2,
	GET_NO_VALUE = 4,
};

static struct kv_name name_of(const struct kv_worker *w,
			      const struct kv_bin_request *r)
{
	return kv_name(w->store, r->key, r->nkey);
}

/* Seconds, or a date, as in text; but never negative. */
static uint32_t exptime_at(const struct kv_worker *w, const void *at)
{
	struct kv_be32 v;

	memcpy(&v, at, sizeof(v));
	return kv_exptime(w->store, kv_from_be32(v));
}

/* ---- get, touch */

static void hit(struct kv_worker *w, struct kv_proto *p,
		const struct kv_bin_request *r, struct kv_item *it, int verb)
{
	struct kv_be32 flags = kv_be32(it->flags);
	uint8_t nkey = verb & GET_KEY ? r->nkey : 0;
	uint32_t nvalue = verb & GET_NO_VALUE ? 0 : it->nbytes;

	kv_bin_answer(w, p, sizeof(flags), nkey, sizeof(flags) + nkey + nvalue,
		      it->cas);
	kv_out_text(&w->out, &flags, sizeof(flags));
	if (nkey)
		kv_out_text(&w->out, r->key, nkey);
	kv_out_value(w, it, kv_value(it), nvalue);
}

static void miss(struct kv_worker *w, struct kv_proto *p,
		 const struct kv_bin_request *r, int verb)
{
	if (p->noreply)
		return;
	if (verb & GET_KEY)
		kv_bin_missing_key(w, p, r);
	else
		kv_bin_error(w, p, KV_BIN_NOT_FOUND, NULL);
}

static void count_get(struct kv_worker *w, bool touch, bool found)
{
	if (touch) {
		w->n.cmd_touch++;
		++*(found ? &w->n.touch_hits : &w->n.touch_misses);
	} else {
		w->n.cmd_get++;
		++*(found ? &w->n.get_hits : &w->n.get_misses);
	}
}

static void cmd_get(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_bin_request *r, int verb)
{
	struct kv_name name = name_of(w, r);
	struct kv_item *it;

	if (verb & GET_TOUCH)
		it = kv_touch(w->store, name, exptime_at(w, r->extras));
	else
		it = kv_get(w->store, name);
	count_get(w, verb & GET_TOUCH, it);
	if (it)
		hit(w, p, r, it, verb);
	else
		miss(w, p, r, verb);
}

/* ---- set, add, replace, append, prepend */

static void store(struct kv_worker *w, struct kv_proto *p,
		  const struct kv_bin_request *r, uint32_t flags,
		  uint32_t exptime)
{
	struct kv_name name = name_of(w, r);
	enum kv_status why;

	p->cas = r->cas;
	p->item = kv_item_new(w->store, name, flags, exptime, r->nvalue, &why);
	if (!p->item) {
		kv_data_refuse(w, p, name, r->nvalue, why);
		return;
	}
	kv_fill_begin(p);
	if (r->nvalue)
		return;
	p->state = KV_REQUEST;
	kv_data_done(w, p);
}

static void cmd_set(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_bin_request *r, int mode)
{
	struct kv_bin_set set;

	memcpy(&set, r->extras, sizeof(set));
	p->mode = r->cas ? KV_CAS : mode;
	store(w, p, r, kv_from_be32(set.flags), exptime_at(w, &set.exptime));
}

static void cmd_extend(struct kv_worker *w, struct kv_proto *p,
		       const struct kv_bin_request *r, int mode)
{
	p->mode = mode;
	store(w, p, r, 0, 0);
}

/* ---- the others */

static void cmd_delete(struct kv_worker *w, struct kv_proto *p,
		       const struct kv_bin_request *r, int arg)
{
	enum kv_status st = kv_delete(w->store, name_of(w, r), r->cas);

	if (st == KV_STORED) {
		w->n.delete_hits++;
		kv_bin_done(w, p, 0);
	} else if (st == KV_EXISTS) {
		kv_bin_error(w, p, KV_BIN_EXISTS, NULL);
	} else {
		w->n.delete_misses++;
		kv_bin_error(w, p, KV_BIN_NOT_FOUND, NULL);
	}
}

static void answer_sum(struct kv_worker *w, struct kv_proto *p,
		       const struct kv_sum *sum)
{
	struct kv_be64 value = kv_be64(sum->value);

	if (p->noreply)
		return;
	kv_bin_answer(w, p, 0, 0, sizeof(value), sum->cas);
	kv_out_text(&w->out, &value, sizeof(value));
}

static void cmd_sum(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_bin_request *r, int incr)
{
	struct kv_bin_sum in;
	struct kv_sum sum = { .incr = incr, .cas = r->cas };
	enum kv_status st;

	memcpy(&in, r->extras, sizeof(in));
	sum.delta = kv_from_be64(in.delta);
	sum.value = kv_from_be64(in.initial);
	sum.create = kv_from_be32(in.exptime) != FOREVER_MISSING;
	sum.exptime = exptime_at(w, &in.exptime);
	st = kv_arith(w->store, name_of(w, r), &sum);
	kv_count_sum(w, &sum, st);
	if (st == KV_STORED)
		answer_sum(w, p, &sum);
	else if (st == KV_NON_NUMERIC)
		kv_bin_error(w, p, KV_BIN_NON_NUMERIC, NULL);
	else if (st == KV_EXISTS)
		kv_bin_error(w, p, KV_BIN_EXISTS, NULL);
	else if (st == KV_NOT_FOUND)
		kv_bin_error(w, p, KV_BIN_NOT_FOUND, NULL);
	else
		kv_bin_error(w, p, KV_BIN_NO_MEMORY,
			     "Out of memory incrementing value");
}

static void cmd_flush(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_bin_request *r, int arg)
{
	w->n.cmd_flush++;
	kv_flush(w->store, r->nextras ? exptime_at(w, r->extras) : 0);
	kv_bin_done(w, p, 0);
}

/* noop; verbosity, of which there is none */
static void cmd_nothing(struct kv_worker *w, struct kv_proto *p,
			const struct kv_bin_request *r, int arg)
{
	kv_bin_done(w, p, 0);
}

static void cmd_version(struct kv_worker *w, struct kv_proto *p,
			const struct kv_bin_request *r, int arg)
{
	kv_bin_answer(w, p, 0, 0, strlen(KV_VERSION), 0);
	kv_out_text(&w->out, KV_VERSION, strlen(KV_VERSION));
}

static void cmd_quit(struct kv_worker *w, struct kv_proto *p,
		     const struct kv_bin_request *r, int arg)
{
	kv_bin_done(w, p, 0);
	p->state = KV_QUIT;
}

static void cmd_stat(struct kv_worker *w, struct kv_proto *p,
		     const struct kv_bin_request *r, int arg)
{
	const struct kv_word what = { r->key, r->nkey };

	if (kv_stats_show(w, p, &what))
		kv_bin_done(w, p, 0);
	else
		kv_bin_error(w, p, KV_BIN_NOT_FOUND, NULL);
}

/* Also SASL, which is not enabled. */
static void cmd_unknown(struct kv_worker *w, struct kv_proto *p,
			const struct kv_bin_request *r, int arg)
{
	kv_bin_error(w, p, KV_BIN_UNKNOWN, NULL);
	p->swallow = r->nvalue;
	p->state = r->nvalue ? KV_SWALLOW : KV_REQUEST;
}

/* ---- by opcode */

enum { KEY = 1, KEY_OR_NOT = 2, VALUE = 4, EXTRAS_OR_NOT = 8, QUIET = 16 };

static const struct command {
	void (*run)(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_bin_request *r, int arg);
	uint8_t arg;
	uint8_t nextras;
	uint8_t has; /* KEY and so on */
} commands[256] = {
	[0x00] = { cmd_get, 0, 0, KEY },
	[0x01] = { cmd_set, KV_SET, 8, KEY | VALUE },
	[0x02] = { cmd_set, KV_ADD, 8, KEY | VALUE },
	[0x03] = { cmd_set, KV_REPLACE, 8, KEY | VALUE },
	[0x04] = { cmd_delete, 0, 0, KEY },
	[0x05] = { cmd_sum, true, 20, KEY },
	[0x06] = { cmd_sum, false, 20, KEY },
	[0x07] = { cmd_quit, 0, 0, 0 },
	[0x08] = { cmd_flush, 0, 4, EXTRAS_OR_NOT },
	[0x09] = { cmd_get, 0, 0, KEY | QUIET },
	[0x0a] = { cmd_nothing, 0, 0, 0 },
	[0x0b] = { cmd_version, 0, 0, 0 },
	[0x0c] = { cmd_get, GET_KEY, 0, KEY },
	[0x0d] = { cmd_get, GET_KEY, 0, KEY | QUIET },
	[0x0e] = { cmd_extend, KV_APPEND, 0, KEY | VALUE },
	[0x0f] = { cmd_extend, KV_PREPEND, 0, KEY | VALUE },
	[0x10] = { cmd_stat, 0, 0, KEY_OR_NOT },
	[0x11] = { cmd_set, KV_SET, 8, KEY | VALUE | QUIET },
	[0x12] = { cmd_set, KV_ADD, 8, KEY | VALUE | QUIET },
	[0x13] = { cmd_set, KV_REPLACE, 8, KEY | VALUE | QUIET },
	[0x14] = { cmd_delete, 0, 0, KEY | QUIET },
	[0x15] = { cmd_sum, true, 20, KEY | QUIET },
	[0x16] = { cmd_sum, false, 20, KEY | QUIET },
	[0x17] = { cmd_quit, 0, 0, QUIET },
	[0x18] = { cmd_flush, 0, 4, EXTRAS_OR_NOT | QUIET },
	[0x19] = { cmd_extend, KV_APPEND, 0, KEY | VALUE | QUIET },
	[0x1a] = { cmd_extend, KV_PREPEND, 0, KEY | VALUE | QUIET },
	[0x1b] = { cmd_nothing, 0, 4, 0 },
	[0x1c] = { cmd_get, GET_TOUCH | GET_NO_VALUE, 4, KEY },
	[0x1d] = { cmd_get, GET_TOUCH, 4, KEY },
	[0x1e] = { cmd_get, GET_TOUCH, 4, KEY | QUIET },
	[0x20] = { cmd_unknown, 0, 0, 0 },	     /* SASL: list mechanisms */
	[0x21] = { cmd_unknown, 0, 0, KEY | VALUE }, /* authenticate */
	[0x22] = { cmd_unknown, 0, 0, KEY | VALUE }, /* step */
	[0x23] = { cmd_get, GET_TOUCH | GET_KEY, 4, KEY },
	[0x24] = { cmd_get, GET_TOUCH | GET_KEY, 4, KEY | QUIET },
};

static bool valid(const struct command *c, const struct kv_bin_request *r)
{
	return (r->nextras == c->nextras ||
		(c->has & EXTRAS_OR_NOT && !r->nextras)) &&
	       (c->has & KEY_OR_NOT || !!(c->has & KEY) == !!r->nkey) &&
	       (c->has & VALUE || !r->nvalue);
}

bool kv_bin_run(struct kv_worker *w, struct kv_proto *p,
		const struct kv_bin_request *r)
{
	const struct command *c = &commands[p->opcode];

	if (!c->run) {
		cmd_unknown(w, p, r, 0);
		return true;
	}
	if (!valid(c, r))
		return false;
	p->noreply = c->has & QUIET;
	c->run(w, p, r, c->arg);
	return true;
}

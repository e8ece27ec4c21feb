/* SPDX-License-Identifier: MIT */
#include "bin.h"

/* ---- answers */

static void head(struct kv_worker *w, const struct kv_proto *p,
		 enum kv_bin_status status, uint8_t nextras, uint8_t nkey,
		 uint32_t nbody, uint64_t cas)
{
	const struct kv_bin_header h = {
		.magic = KV_BIN_ANSWER,
		.opcode = p->opcode,
		.nkey = kv_be16(nkey),
		.nextras = nextras,
		.status = kv_be16(status),
		.nbody = kv_be32(nbody),
		.opaque = p->opaque,
		.cas = kv_be64(cas),
	};

	kv_out_text(&w->out, &h, sizeof(h));
}

void kv_bin_answer(struct kv_worker *w, const struct kv_proto *p,
		   uint8_t nextras, uint8_t nkey, uint32_t nbody, uint64_t cas)
{
	head(w, p, KV_BIN_OK, nextras, nkey, nbody, cas);
}

void kv_bin_done(struct kv_worker *w, const struct kv_proto *p, uint64_t cas)
{
	if (!p->noreply)
		head(w, p, KV_BIN_OK, 0, 0, 0, cas);
}

static const char *usual_text(enum kv_bin_status status)
{
	switch (status) {
	case KV_BIN_NOT_FOUND:
		return "Not found";
	case KV_BIN_EXISTS:
		return "Data exists for key.";
	case KV_BIN_TOO_LARGE:
		return "Too large.";
	case KV_BIN_INVALID:
		return "Invalid arguments";
	case KV_BIN_NOT_STORED:
		return "Not stored.";
	case KV_BIN_NON_NUMERIC:
		return "Non-numeric server-side value for incr or decr";
	case KV_BIN_NO_MEMORY:
		return "Out of memory";
	default:
		return "Unknown command";
	}
}

void kv_bin_error(struct kv_worker *w, const struct kv_proto *p,
		  enum kv_bin_status status, const char *text)
{
	text = text ? text : usual_text(status);
	head(w, p, status, 0, 0, strlen(text), 0);
	kv_out_text(&w->out, text, strlen(text));
}

void kv_bin_missing_key(struct kv_worker *w, const struct kv_proto *p,
			const struct kv_bin_request *r)
{
	head(w, p, KV_BIN_NOT_FOUND, 0, r->nkey, r->nkey, 0);
	kv_out_text(&w->out, r->key, r->nkey);
}

void kv_bin_stat(struct kv_worker *w, struct kv_proto *p, const char *name,
		 const char *value, uint32_t nvalue)
{
	uint32_t n = strlen(name);

	kv_bin_answer(w, p, 0, n, n + nvalue, 0);
	kv_out_text(&w->out, name, n);
	kv_out_text(&w->out, value, nvalue);
}

void kv_bin_stored(struct kv_worker *w, struct kv_proto *p, enum kv_status st,
		   uint64_t cas)
{
	if (st == KV_STORED)
		kv_bin_done(w, p, cas);
	else if (st == KV_EXISTS || p->mode == KV_ADD)
		kv_bin_error(w, p, KV_BIN_EXISTS, NULL);
	else if (st == KV_NOT_FOUND || p->mode == KV_REPLACE)
		kv_bin_error(w, p, KV_BIN_NOT_FOUND, NULL);
	else
		kv_bin_error(w, p, KV_BIN_NOT_STORED, NULL);
}

void kv_bin_refused(struct kv_worker *w, struct kv_proto *p, enum kv_status why)
{
	if (why == KV_TOO_LARGE)
		kv_bin_error(w, p, KV_BIN_TOO_LARGE, NULL);
	else
		kv_bin_error(w, p, KV_BIN_NO_MEMORY,
			     "Out of memory allocating item");
}

/* ---- requests */

static void refuse(struct kv_worker *w, struct kv_proto *p,
		   enum kv_bin_status status)
{
	kv_bin_error(w, p, status, NULL);
	p->state = KV_QUIT;
}

static bool lengths_agree(const struct kv_bin_header *h)
{
	return (uint32_t)h->nextras + kv_from_be16(h->nkey) <=
	       kv_from_be32(h->nbody);
}

/* What can be said of the header alone: is it one, and worth reading on? */
static bool acceptable(const struct kv_bin_header *h)
{
	return h->magic == KV_BIN_REQUEST && lengths_agree(h) &&
	       kv_from_be16(h->nkey) <= KV_KEY_MAX;
}

static void refuse_header(struct kv_worker *w, struct kv_proto *p,
			  const struct kv_bin_header *h)
{
	if (h->magic != KV_BIN_REQUEST)
		p->state = KV_QUIT; /* out of step: no answer would be read */
	else if (!lengths_agree(h))
		refuse(w, p, KV_BIN_UNKNOWN);
	else
		refuse(w, p, KV_BIN_INVALID);
}

static void run(struct kv_worker *w, struct kv_proto *p, const char *in)
{
	struct kv_bin_request r;
	struct kv_bin_header h;

	memcpy(&h, in, sizeof(h));
	p->opcode = h.opcode;
	p->opaque = h.opaque;
	p->noreply = false;
	if (!acceptable(&h)) {
		refuse_header(w, p, &h);
		return;
	}
	r.extras = in + sizeof(h);
	r.nextras = h.nextras;
	r.key = r.extras + r.nextras;
	r.nkey = (uint8_t)kv_from_be16(h.nkey);
	r.nvalue = kv_from_be32(h.nbody) - r.nextras - r.nkey;
	r.cas = kv_from_be64(h.cas);
	if (!kv_bin_run(w, p, &r))
		refuse(w, p, KV_BIN_INVALID);
}

/* Bytes before the value, as far as can be known from @have of them. */
static size_t head_len(const char *in, size_t have)
{
	struct kv_bin_header h;

	if (have < sizeof(h))
		return sizeof(h);
	memcpy(&h, in, sizeof(h));
	return acceptable(&h) ? sizeof(h) + h.nextras + kv_from_be16(h.nkey)
			      : sizeof(h);
}

static size_t request_in_parts(struct kv_worker *w, struct kv_proto *p,
			       const char *in, size_t len)
{
	size_t need = head_len(p->line, p->nline) - p->nline;

	if (len > need)
		len = need;
	kv_stash(p, in, len);
	if (p->nline == head_len(p->line, p->nline)) {
		p->nline = 0;
		run(w, p, p->line);
	}
	return len;
}

size_t kv_bin_request(struct kv_worker *w, struct kv_proto *p, const char *in,
		      size_t len)
{
	size_t need;

	if (p->nline)
		return request_in_parts(w, p, in, len);
	need = head_len(in, len);
	if (len >= need) {
		run(w, p, in);
		return need;
	}
	if (!kv_stash(p, in, len))
		p->state = KV_QUIT;
	return len;
}

_Static_assert((size_t)KV_BIN_HEAD_MAX <= KV_LINE_MAX, "it is kept there");

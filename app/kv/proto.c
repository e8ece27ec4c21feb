/* SPDX-License-Identifier: MIT */
#include "proto.h"

#include <stdlib.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool gets_keys(const char *line)
{
	return !memcmp(line, "get ", 4) || !memcmp(line, "gets ", 5) ||
	       !memcmp(line, "gat ", 4) || !memcmp(line, "gats ", 5);
}

/* KV_LINE_MAX bytes without an end: keys can be looked up as they come, all
 * else is no command. Returns the bytes consumed. */
static size_t overlong(struct kv_worker *w, struct kv_proto *p,
		       const char *line)
{
	size_t done;

	if (p->state == KV_KEYS || gets_keys(line)) {
		done = kv_line(w, p, line, KV_LINE_MAX, false);
		if (done && p->state == KV_KEYS)
			return done;
		if (kv_out_full(&w->out))
			return done;
	}
	if (p->state != KV_SWALLOW_LINE)
		kv_answer(w, p, "ERROR");
	p->state = KV_SWALLOW_LINE;
	return KV_LINE_MAX;
}

static size_t run_line(struct kv_worker *w, struct kv_proto *p,
		       const char *line, size_t n)
{
	size_t text = n && line[n - 1] == '\r' ? n - 1 : n;
	size_t done = kv_line(w, p, line, text, true);

	/* The \n, too. */
	return done == text && p->state != KV_KEYS ? n + 1 : done;
}

bool kv_line_room(struct kv_proto *p)
{
	if (!p->line)
		p->line = malloc(KV_LINE_MAX + KV_TAIL);
	return p->line;
}

bool kv_stash(struct kv_proto *p, const char *in, size_t n)
{
	if (!kv_line_room(p))
		return false;
	memcpy(p->line + p->nline, in, n);
	p->nline += n;
	return true;
}

static void unstash(struct kv_proto *p, size_t n)
{
	p->nline -= n;
	memmove(p->line, p->line + n, p->nline);
}

/* A line of which a part came before. */
static size_t line_in_parts(struct kv_worker *w, struct kv_proto *p,
			    const char *in, size_t len)
{
	size_t n = least(len, KV_LINE_MAX - p->nline);
	const char *nl;

	if (kv_unfinished(p)) {
		n = 0;
	} else {
		nl = memchr(in, '\n', n);
		if (nl)
			n = nl + 1 - in;
		kv_stash(p, in, n);
	}
	if (kv_unfinished(p))
		unstash(p, run_line(w, p, p->line, p->nline - 1));
	else if (p->nline == KV_LINE_MAX)
		unstash(p, overlong(w, p, p->line));
	return n;
}

static size_t take_line(struct kv_worker *w, struct kv_proto *p, const char *in,
			size_t len)
{
	const char *nl;

	if (p->nline)
		return line_in_parts(w, p, in, len);
	nl = memchr(in, '\n', least(len, KV_LINE_MAX));
	if (nl)
		return run_line(w, p, in, nl - in);
	if (len >= KV_LINE_MAX)
		return overlong(w, p, in);
	if (!kv_stash(p, in, len))
		p->state = KV_QUIT;
	return len;
}

/* What the first byte says holds for the connection. */
static size_t begin(struct kv_proto *p, const char *in)
{
	bool binary = (uint8_t)*in == KV_BIN_REQUEST;

	p->dialect = binary ? KV_BINARY : KV_TEXT;
	p->state = binary ? KV_REQUEST : KV_LINE;
	return 0;
}

static void next_command(struct kv_proto *p)
{
	p->state = p->dialect == KV_BINARY ? KV_REQUEST : KV_LINE;
}

static size_t take_data(struct kv_worker *w, struct kv_proto *p, const char *in,
			size_t len)
{
	uint32_t total = kv_data_len(p);
	size_t n = least(len, total - p->filled);

	memcpy(kv_value(p->item) + p->filled, in, n);
	p->filled += n;
	if (p->filled == total) {
		next_command(p);
		kv_data_done(w, p);
	}
	return n;
}

static size_t swallow(struct kv_worker *w, struct kv_proto *p, size_t len)
{
	size_t n = least(len, p->swallow);

	p->swallow -= n;
	if (p->swallow)
		return n;
	next_command(p);
	if (p->verb & KV_CUT)
		kv_data_refused(w, p, KV_NO_MEMORY);
	p->verb = 0;
	return n;
}

static size_t swallow_line(struct kv_proto *p, const char *in, size_t len)
{
	const char *nl = memchr(in, '\n', len);

	if (!nl)
		return len;
	p->state = KV_LINE;
	return nl + 1 - in;
}

static size_t take(struct kv_worker *w, struct kv_proto *p, const char *in,
		   size_t len)
{
	if (p->state >= KV_LINE && p->state <= KV_DUMP)
		return take_line(w, p, in, len);
	switch (p->state) {
	case KV_DATA:
		return take_data(w, p, in, len);
	case KV_SWALLOW:
		return swallow(w, p, len);
	case KV_SWALLOW_LINE:
		return swallow_line(p, in, len);
	case KV_START:
		return begin(p, in);
	case KV_REQUEST:
		return kv_bin_request(w, p, in, len);
	default:
		return len;
	}
}

size_t kv_input(struct kv_worker *w, struct kv_proto *p, const char *in,
		size_t len)
{
	size_t done = 0;

	while ((done < len || kv_unfinished(p)) && !kv_out_full(&w->out))
		done += take(w, p, in + done, len - done);
	if (p->state == KV_DATA)
		kv_fill_wait(w, p);
	w->n.bytes_read += done;
	return done;
}

void kv_proto_end(struct kv_worker *w, struct kv_proto *p)
{
	if (p->item)
		kv_item_put(w->store, kv_fill_end(w, p));
	free(p->line);
	p->line = NULL;
	p->nline = 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * memcached's protocols, apart from any network: bytes in, ranges out.
 *
 *   proto.c     bytes -> lines, requests, data blocks; suspends when output is
 *               full
 *   fill.c      items whose data is still coming: how much of them there may be
 *   word.c      words, numbers
 *   get.c       the get family
 *   set.c       the commands with a data block
 *   cmd.c       the other commands, one function each
 *   admin.c     ... and those for who runs the server
 *   dump.c      lists of what is stored
 *   meta.c      mn, mg, ms, md, ma, me: flags, answers
 *   meta_get.c  ... mg
 *   meta_cmd.c  ... and the others
 *   base64.c    their other form of a key
 *   bin.c       the binary protocol: requests, answers
 *   bin_cmd.c   ... and its commands
 *   stats.c     what `stats` answers
 *
 * The caller sends worker.out after kv_input() and empties it. Small answers
 * are gathered in its text; large values are ranges of their items, each with
 * a reference to be dropped (kv_item_put) when they have been sent.
 */
#ifndef APP_KV_PROTO_H
#define APP_KV_PROTO_H

#include <string.h>

#include "store.h"

#define KV_BAD_FORMAT "CLIENT_ERROR bad command line format"
#define KV_BAD_EXPTIME "CLIENT_ERROR invalid exptime argument"
#define KV_VERSION "1.6.18-ix"

enum {
	KV_LINE_MAX = 2048, /* longer ones only for the keys of get */
	KV_WORDS = 23,	    /* no command has more, but the gets */
	KV_TAIL = 40,	    /* bytes behind a line: see ms */
	KV_COPY_MAX = 512,  /* copying this much costs less than pinning it */
	KV_OUT_TEXT = 64 << 10,
	KV_OUT_SEGS = 128,
	/* A command starts only with this much room; `stats` wants most. */
	KV_OUT_ROOM = 24 << 10,
	KV_OUT_ROOM_SEGS = 4,
};

struct kv_seg {
	const char *addr;
	uint32_t len;
	struct kv_item *item; /* whose memory it is; NULL: kv_out.text */
};

struct kv_out {
	uint32_t ntext;
	uint32_t nsegs;
	struct kv_seg segs[KV_OUT_SEGS];
	char text[KV_OUT_TEXT];
};

/* Per thread, added up by `stats`. */
#define KV_COUNTERS(X)       \
	X(total_connections) \
	X(curr_connections)  \
	X(cmd_get)           \
	X(cmd_set)           \
	X(cmd_flush)         \
	X(cmd_touch)         \
	X(cmd_meta)          \
	X(get_hits)          \
	X(get_misses)        \
	X(delete_misses)     \
	X(delete_hits)       \
	X(incr_misses)       \
	X(incr_hits)         \
	X(decr_misses)       \
	X(decr_hits)         \
	X(cas_misses)        \
	X(cas_hits)          \
	X(cas_badval)        \
	X(touch_hits)        \
	X(touch_misses)      \
	X(store_too_large)   \
	X(store_no_memory)   \
	X(store_cut_short)   \
	X(bytes_read)        \
	X(bytes_written)     \
	X(conn_yields)

#define KV_COUNTER_FIELD(name) uint64_t name;
struct kv_counts {
	KV_COUNTERS(KV_COUNTER_FIELD)
};
#undef KV_COUNTER_FIELD

/* One thread. */
struct kv_worker {
	struct kv_store *store;
	struct kv_worker *all; /* every thread's, for `stats` */
	int nworkers;
	uint16_t port; /* for `stats settings` */
	bool listen;   /* on it, besides the ports given to `ix run` */
	struct kv_proto *fill_oldest, *fill_newest; /* fill.c */
	size_t fill_bytes;
	_Alignas(64) struct kv_counts n;
	_Alignas(64) struct kv_out out;
};

enum kv_state {
	KV_START,	 /* which protocol? */
	KV_LINE,	 /* a command line is next, or in parts in line[] */
	KV_KEYS,	 /* inside the list of keys of a get */
	KV_DUMP,	 /* inside the answer to the line that is next */
	KV_REQUEST,	 /* a binary request, likewise */
	KV_DATA,	 /* inside the data block of a store command */
	KV_SWALLOW,	 /* inside one that nobody wants */
	KV_SWALLOW_LINE, /* inside a line that was too long */
	KV_QUIT,	 /* close when all is sent */
};

enum kv_dialect { KV_TEXT, KV_META, KV_BINARY };

enum kv_verb {
	KV_CAS_TOO = 1, /* gets, gats */
	KV_TOUCH = 2,	/* gat, gats */
	KV_CUT = 4,	/* the swallowed block ends with the answer */
	KV_WAITS = 8,	/* in the list of fill.c */
};

/* One connection. */
struct kv_proto {
	uint8_t state;	 /* enum kv_state */
	uint8_t dialect; /* enum kv_dialect: of the command in hand */
	uint8_t mode;	 /* enum kv_mode: of the item in hand */
	uint8_t verb;	 /* flags of enum kv_verb */
	bool noreply;
	uint8_t opcode; /* KV_BINARY */
	uint16_t nline; /* bytes in line[]; a text line ends in \n once whole */
	uint32_t opaque;  /* KV_BINARY: as it came */
	uint32_t exptime; /* KV_KEYS: of gat */
	/* KV_DATA: bytes of the block that are there; KV_DUMP: buckets left */
	uint32_t filled;
	uint32_t swallow;     /* KV_SWALLOW: bytes left; KV_DUMP: items left */
	char *line;	      /* KV_LINE_MAX + KV_TAIL, allocated when needed */
	struct kv_item *item; /* KV_DATA: being filled */
	union {
		uint64_t cas; /* KV_DATA */
		struct {
			uint32_t shard, bucket; /* KV_DUMP: next */
		};
	};
	struct kv_proto *fill_newer, *fill_older; /* KV_DATA */
};

_Static_assert(sizeof(struct kv_proto) <= 64, "idle connections are small");

struct kv_word {
	const char *p;
	uint32_t len;
};

struct kv_words {
	int n; /* KV_WORDS: perhaps more */
	struct kv_word w[KV_WORDS];
};

/* ---- proto.c */

/* Takes bytes as they come, runs what is complete. Returns the bytes consumed;
 * fewer than @len, or kv_unfinished(): output is full; send it, and call again
 * with the rest (or with none). */
size_t kv_input(struct kv_worker *w, struct kv_proto *p, const char *in,
		size_t len);

/* A complete command still waits inside @p. */
static inline bool kv_unfinished(const struct kv_proto *p)
{
	return p->nline && p->line[p->nline - 1] == '\n' &&
	       p->dialect != KV_BINARY;
}

/* Of the data block that is coming. */
static inline uint32_t kv_data_len(const struct kv_proto *p)
{
	return p->item->nbytes + (p->dialect == KV_BINARY ? 0 : 2);
}

/* Memory for line[] and its tail. */
bool kv_line_room(struct kv_proto *p);
/* Keeps the start of a line or request until more comes. */
bool kv_stash(struct kv_proto *p, const char *in, size_t n);

/* The connection is gone: gives everything back. */
void kv_proto_end(struct kv_worker *w, struct kv_proto *p);

/* ---- fill.c */

/* The data block of p->item comes next. */
static inline void kv_fill_begin(struct kv_proto *p)
{
	p->state = KV_DATA;
	p->verb = 0;
	p->filled = 0;
}

/* It has not come whole: from now on others may need the memory more. */
void kv_fill_wait(struct kv_worker *w, struct kv_proto *p);
/* It goes to another worker, or its connection ends, perhaps there: no other's
 * need is @w's to see to. */
void kv_fill_leave(struct kv_worker *w, struct kv_proto *p);
/* It is there, or will not be. Takes p->item away. */
struct kv_item *kv_fill_end(struct kv_worker *w, struct kv_proto *p);

/* ---- word.c */

void kv_split(struct kv_words *out, const char *line, size_t n);
static inline bool kv_word_is(const struct kv_word *w, const char *text)
{
	return w->len == strlen(text) && !memcmp(w->p, text, w->len);
}

/* Digits, with a + before them if one likes; at most @max. */
bool kv_number(const struct kv_word *w, uint64_t max, uint64_t *out);

/* An exptime, to the store's clock. */
bool kv_word_exptime(const struct kv_worker *w, const struct kv_word *word,
		     uint32_t *out);

/* Answers, unless the client asked for silence. */
void kv_answer(struct kv_worker *w, struct kv_proto *p, const char *text);
/* ... even then. */
void kv_error(struct kv_worker *w, struct kv_proto *p, const char *text);

/* ---- get.c */

/* Runs one line (without its end), or in state KV_KEYS a part of one: then
 * @whole tells if it is the last. Returns how far it came: less than @n if
 * output is full, or a key is not complete. */
size_t kv_line(struct kv_worker *w, struct kv_proto *p, const char *line,
	       size_t n, bool whole);

/* ---- set.c */

void kv_cmd_store(struct kv_worker *w, struct kv_proto *p,
		  const struct kv_words *words, int mode);

/* The data block of p->item is complete. */
void kv_data_done(struct kv_worker *w, struct kv_proto *p);

/* No item for the data block of @len bytes that comes next: swallows it. */
void kv_data_skip(struct kv_worker *w, struct kv_proto *p, struct kv_name name,
		  uint32_t len);
/* ... the answer to it. */
void kv_data_refused(struct kv_worker *w, struct kv_proto *p,
		     enum kv_status why);
/* ... both. */
void kv_data_refuse(struct kv_worker *w, struct kv_proto *p,
		    struct kv_name name, uint32_t len, enum kv_status why);

extern const char *const kv_status_text[];

/* ---- cmd.c */

/* Any other command. */
void kv_command(struct kv_worker *w, struct kv_proto *p,
		const struct kv_words *words);

/* Counts one delta. */
void kv_count_sum(struct kv_worker *w, const struct kv_sum *sum,
		  enum kv_status st);

/* ---- admin.c */

void kv_cmd_memlimit(struct kv_worker *w, struct kv_proto *p,
		     const struct kv_words *words, int arg);
void kv_cmd_crawler(struct kv_worker *w, struct kv_proto *p,
		    const struct kv_words *words, int arg);
void kv_cmd_slabs(struct kv_worker *w, struct kv_proto *p,
		  const struct kv_words *words, int arg);
void kv_cmd_verbosity(struct kv_worker *w, struct kv_proto *p,
		      const struct kv_words *words, int arg);
enum kv_refusal { KV_NO_WATCH, KV_NO_SHUTDOWN };
/* kv has no such thing: the answer of a memcached that has it disabled. */
void kv_cmd_refuse(struct kv_worker *w, struct kv_proto *p,
		   const struct kv_words *words, int arg);

/* ---- dump.c */

/* Answers as far as there is room. p->state KV_DUMP: not yet all. */
void kv_dump_keys(struct kv_worker *w, struct kv_proto *p);
/* ... of one class (from 1), at most @limit. */
void kv_dump_class(struct kv_worker *w, struct kv_proto *p, uint32_t class,
		   uint32_t limit);

/* ---- meta.c */

/* mn, mg, ms, md, ma, me. */
void kv_meta(struct kv_worker *w, struct kv_proto *p,
	     const struct kv_words *words);
/* Answers an ms; drops the reference. */
void kv_meta_stored(struct kv_worker *w, struct kv_proto *p, struct kv_item *it,
		    enum kv_status st, uint64_t cas);

/* ---- base64.c */

/* Bytes written, at most @n; 0: no base64. */
uint32_t kv_base64_decode(char *to, const char *from, uint32_t n);
/* Bytes written: (n + 2) / 3 * 4. */
uint32_t kv_base64_encode(char *to, const char *from, uint32_t n);

/* ---- bin.c */

enum { KV_BIN_REQUEST = 0x80 }; /* the first byte of each */

/* Takes one, or what there is of it. Returns the bytes consumed. */
size_t kv_bin_request(struct kv_worker *w, struct kv_proto *p, const char *in,
		      size_t len);
/* One line of `stats`. */
void kv_bin_stat(struct kv_worker *w, struct kv_proto *p, const char *name,
		 const char *value, uint32_t nvalue);
void kv_bin_stored(struct kv_worker *w, struct kv_proto *p, enum kv_status st,
		   uint64_t cas);
void kv_bin_refused(struct kv_worker *w, struct kv_proto *p,
		    enum kv_status why);

/* ---- stats.c */

void kv_stats(struct kv_worker *w, struct kv_proto *p,
	      const struct kv_words *words);
/* Answers one group of them, or all in general (""), without an end. False:
 * there is no such. */
bool kv_stats_show(struct kv_worker *w, struct kv_proto *p,
		   const struct kv_word *what);

/* ---- output */

static inline bool kv_out_full(const struct kv_out *o)
{
	return o->ntext > KV_OUT_TEXT - KV_OUT_ROOM ||
	       o->nsegs > KV_OUT_SEGS - KV_OUT_ROOM_SEGS;
}

/* Room for @n bytes at the end of the text; the caller writes them. */
static inline char *kv_out_add(struct kv_out *o, uint32_t n)
{
	char *at = o->text + o->ntext;

	if (o->nsegs && !o->segs[o->nsegs - 1].item)
		o->segs[o->nsegs - 1].len += n;
	else
		o->segs[o->nsegs++] = (struct kv_seg){ at, n, NULL };
	o->ntext += n;
	return at;
}

static inline void kv_out_text(struct kv_out *o, const void *p, uint32_t n)
{
	memcpy(kv_out_add(o, n), p, n);
}

/* Takes over the caller's reference. */
static inline void kv_out_item(struct kv_out *o, struct kv_item *it,
			       const char *addr, uint32_t len)
{
	o->segs[o->nsegs++] = (struct kv_seg){ addr, len, it };
}

/* ... of which a short one is copied, and its item given back at once. */
static inline void kv_out_value(struct kv_worker *w, struct kv_item *it,
				const char *addr, uint32_t len)
{
	if (len <= KV_COPY_MAX) {
		kv_out_text(&w->out, addr, len);
		kv_item_put(w->store, it);
	} else {
		kv_out_item(&w->out, it, addr, len);
	}
}

static inline void kv_out_reset(struct kv_out *o)
{
	o->ntext = o->nsegs = 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/* memcached's binary protocol on the wire (its protocol_binary.h), for bin*.c.
 * A request: the header, extras, key, value; so is an answer. */
#ifndef APP_KV_BIN_H
#define APP_KV_BIN_H

#include "proto.h"

/* Byte order is a type, and there is no alignment. */
struct kv_be16 {
	uint8_t b[2];
};
struct kv_be32 {
	uint8_t b[4];
};
struct kv_be64 {
	uint8_t b[8];
};

static inline uint16_t kv_from_be16(struct kv_be16 v)
{
	uint16_t n;

	memcpy(&n, v.b, sizeof(n));
	return __builtin_bswap16(n);
}

static inline uint32_t kv_from_be32(struct kv_be32 v)
{
	uint32_t n;

	memcpy(&n, v.b, sizeof(n));
	return __builtin_bswap32(n);
}

static inline uint64_t kv_from_be64(struct kv_be64 v)
{
	uint64_t n;

	memcpy(&n, v.b, sizeof(n));
	return __builtin_bswap64(n);
}

static inline struct kv_be16 kv_be16(uint16_t n)
{
	struct kv_be16 v;

	n = __builtin_bswap16(n);
	memcpy(v.b, &n, sizeof(n));
	return v;
}

static inline struct kv_be32 kv_be32(uint32_t n)
{
	struct kv_be32 v;

	n = __builtin_bswap32(n);
	memcpy(v.b, &n, sizeof(n));
	return v;
}

static inline struct kv_be64 kv_be64(uint64_t n)
{
	struct kv_be64 v;

	n = __builtin_bswap64(n);
	memcpy(v.b, &n, sizeof(n));
	return v;
}

struct kv_bin_header {
	uint8_t magic;
	uint8_t opcode;
	struct kv_be16 nkey;
	uint8_t nextras;
	uint8_t datatype;
	struct kv_be16 status; /* of an answer */
	struct kv_be32 nbody;  /* extras, key and value */
	uint32_t opaque;       /* comes back as it is */
	struct kv_be64 cas;
};

struct kv_bin_set {
	struct kv_be32 flags, exptime;
};

struct kv_bin_sum {
	struct kv_be64 delta, initial;
	struct kv_be32 exptime;
};

_Static_assert(sizeof(struct kv_bin_header) == 24, "wire format");
_Static_assert(sizeof(struct kv_bin_set) == 8, "wire format");
_Static_assert(sizeof(struct kv_bin_sum) == 20, "wire format");

enum kv_bin_status {
	KV_BIN_OK = 0,
	KV_BIN_NOT_FOUND = 1,
	KV_BIN_EXISTS = 2,
	KV_BIN_TOO_LARGE = 3,
	KV_BIN_INVALID = 4,
	KV_BIN_NOT_STORED = 5,
	KV_BIN_NON_NUMERIC = 6,
	KV_BIN_UNKNOWN = 0x81,
	KV_BIN_NO_MEMORY = 0x82,
};

enum {
	KV_BIN_ANSWER = 0x81,
	KV_BIN_HEAD_MAX = sizeof(struct kv_bin_header) + 255 + KV_KEY_MAX,
};

/* A request whose lengths are right, up to its value. */
struct kv_bin_request {
	const char *extras;
	const char *key;
	uint8_t nextras;
	uint8_t nkey;
	uint32_t nvalue; /* comes next */
	uint64_t cas;
};

/* ---- bin.c */

/* The start of an answer; the caller adds its @nbody bytes. */
void kv_bin_answer(struct kv_worker *w, const struct kv_proto *p,
		   uint8_t nextras, uint8_t nkey, uint32_t nbody, uint64_t cas);
/* ... that is all there is, unless the client asked for silence. */
void kv_bin_done(struct kv_worker *w, const struct kv_proto *p, uint64_t cas);
/* Not found: says which. */
void kv_bin_missing_key(struct kv_worker *w, const struct kv_proto *p,
			const struct kv_bin_request *r);
/* With the usual text, or with @text. */
void kv_bin_error(struct kv_worker *w, const struct kv_proto *p,
		  enum kv_bin_status status, const char *text);

/* ---- bin_cmd.c */

/* False: the lengths are not as they should be for p->opcode. */
bool kv_bin_run(struct kv_worker *w, struct kv_proto *p,
		const struct kv_bin_request *r);

#endif

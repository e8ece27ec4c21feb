/* SPDX-License-Identifier: MIT */
/* Packet capture files: pcapng, draft-ietf-opsawg-pcapng, in our byte order. */
#include "cp/capture.h"

#include <string.h>

enum {
	SECTION = 0x0a0d0d0a,
	INTERFACE = 1,
	STATISTICS = 5,
	PACKET = 6,

	ETHERNET = 1, /* LINKTYPE_ETHERNET */
	NS = 9,	      /* if_tsresol: 10^-9 s */

	OPT_END = 0,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
	IF_FILTER = 11,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	ISB_FILTERACCEPT = 6,

	BLOCK_MAX = 2048 + IX_CAPTURE_SNAP_MAX,
};

/* A block while it is put together: header, what follows, its length again. */
struct block {
	u32 len;
	u8 bytes[BLOCK_MAX];
};

static void add(struct block *b, const void *data, size_t len)
{
	memcpy(b->bytes + b->len, data, len);
	memset(b->bytes + b->len + len, 0, -len & 3);
	b->len += (u32)((len + 3) & ~(size_t)3);
}

static void add_u32(struct block *b, u32 v)
{
	add(b, &v, sizeof(v));
}

static void add_time(struct block *b, u64 ns)
{
	add_u32(b, (u32)(ns >> 32));
	add_u32(b, (u32)ns);
}

static void add_option(struct block *b, u16 code, const void *data, size_t len)
{
	const u16 head[2] = { code, (u16)len };

	add(b, head, sizeof(head));
	add(b, data, len);
}

static void add_text(struct block *b, u16 code, const char *text)
{
	add_option(b, code, text, strnlen(text, 400));
}

static void begin(struct block *b, u32 type)
{
	b->len = 0;
	add_u32(b, type);
	add_u32(b, 0);
}

static void end(struct block *b, FILE *f)
{
	u32 len = b->len + 4;

	memcpy(b->bytes + 4, &len, 4);
	add_u32(b, len);
	fwrite(b->bytes, b->len, 1, f);
}

void pcapng_begin(FILE *f, const char *program)
{
	const u16 version[2] = { 1, 0 };
	const u64 unknown = UINT64_MAX;
	struct block b;

	begin(&b, SECTION);
	add_u32(&b, 0x1a2b3c4d);
	add(&b, version, sizeof(version));
	add(&b, &unknown, sizeof(unknown));
	add_text(&b, SHB_USERAPPL, program);
	add_u32(&b, OPT_END);
	end(&b, f);
}

void pcapng_interface(FILE *f, const struct pcapng_interface *i)
{
	const u8 ns = NS;
	char filter[400];
	struct block b;

	begin(&b, INTERFACE);
	add_u32(&b, ETHERNET);
	add_u32(&b, i->snap);
	add_text(&b, IF_NAME, i->name);
	add_text(&b, IF_DESCRIPTION, i->description);
	add_option(&b, IF_TSRESOL, &ns, sizeof(ns));
	if (i->filter) { /* begins with its kind, 0: a text of libpcap */
		filter[0] = 0;
		snprintf(filter + 1, sizeof(filter) - 1, "%s", i->filter);
		add_option(&b, IF_FILTER, filter, 1 + strlen(filter + 1));
	}
	add_u32(&b, OPT_END);
	end(&b, f);
}

void pcapng_packet(FILE *f, const struct pcapng_packet *p)
{
	const u32 flags = p->out ? 2 : 1;
	struct block b;

	begin(&b, PACKET);
	add_u32(&b, p->interface);
	add_time(&b, p->time);
	add_u32(&b, p->kept);
	add_u32(&b, p->len);
	add(&b, p->data, p->kept);
	add_option(&b, EPB_FLAGS, &flags, sizeof(flags));
	if (p->lost)
		add_option(&b, EPB_DROPCOUNT, &p->lost, sizeof(p->lost));
	add_u32(&b, OPT_END);
	end(&b, f);
}

void pcapng_statistics(FILE *f, const struct pcapng_statistics *s)
{
	struct block b;

	begin(&b, STATISTICS);
	add_u32(&b, s->interface);
	add_time(&b, s->time);
	add_option(&b, ISB_IFRECV, &s->received, 8);
	add_option(&b, ISB_IFDROP, &s->lost, 8);
	add_option(&b, ISB_FILTERACCEPT, &s->accepted, 8);
	add_u32(&b, OPT_END);
	end(&b, f);
}

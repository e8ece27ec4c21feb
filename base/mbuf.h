/* SPDX-License-Identifier: MIT */
/*
 * Packet buffers. A frame (MBUF_SIZE bytes) holds the packet and lies in the
 * pool that the NIC and, read-only, the application see; its struct mbuf lies
 * in the dataplane's own memory. The i-th mbuf describes the i-th frame.
 *
 *   frame:  | headroom | data ... data + len | tailroom |
 *
 * Every mbuf belongs to the pool (thread) that it came from and has one owner
 * at a time: NIC fill ring, NIC transmit ring, protocol, or a connection. When
 * connections move to another thread, their buffers go with them, and as many
 * come back: an index means the same in all pools, and none gets smaller.
 */
#ifndef BASE_MBUF_H
#define BASE_MBUF_H

#include "base/be.h"
#include "base/panic.h"
#include "base/types.h"

enum {
	MBUF_SIZE = 2048,    /* bytes in a frame: an AF_XDP chunk */
	MBUF_HEADROOM = 256, /* what AF_XDP leaves free before a packet */
	MBUF_ROOM = MBUF_SIZE - MBUF_HEADROOM,
	MBUF_MAX_EXT = 4, /* gathered ranges per transmitted packet */
	MBUF_OWN = 4,	  /* received buffers that a holder may have when all
			   * are short */
};

enum mbuf_flags {
	MBUF_CSUM_OK = 1,   /* the NIC has checked L4, or it never left RAM */
	MBUF_FORWARDED = 2, /* by another thread: not to be forwarded again */
	MBUF_HELD = 4,	    /* UDP receive: the application has it */
	MBUF_TELL = 8,	    /* transmit: the sender is told when it is sent */
	MBUF_LARGE = 16,    /* transmit: TCP, to be cut into segments of @seg
			     * bytes below, checksums too; NIC_TSO */
	MBUF_IN_PLACE = 32, /* transmit: TCP, has ext[]; see dp/late.h */
	MBUF_UDP_IN_PLACE = 64, /* ... UDP, MBUF_TELL */
};

/* A range of the application's memory sent in place, behind the frame's own
 * bytes. @addr is valid in the dataplane. */
struct mbuf_ext {
	const u8 *addr;
	u32 len;
	u32 pad;
};

/* The union belongs to whoever has the packet, and means nothing before it has
 * written it. */
struct mbuf {
	struct mbuf *next; /* fragment of the packet, or TCP's next buffer */
	u8 *data;	   /* first valid byte */
	u32 len;	   /* valid bytes in this frame */
	u32 index;	   /* of frame and mbuf, in all pools */
	u8 flags;	   /* enum mbuf_flags */
	u8 nr_ext;	   /* used entries of ext[] */
	u16 seg;	   /* MBUF_LARGE: payload of a segment */
	u32 thread;	   /* whose pool it belongs to */
	union {
		struct {		   /* received by TCP: tcp_reass.c */
			struct mbuf *last; /* of a run out of order, in its
					    * first */
			u32 seq;	   /* ... of the first byte */
			u16 off_done;	   /* bytes already given back */
			u16 off_told;	   /* bytes the application knows of */
			u32 grown; /* first of a run: by which segment, counted
				    */
		} tcp;
		struct {			  /* received by UDP: udp.c */
			struct mbuf *next, *prev; /* datagrams of the socket */
			struct mbuf *parts;	  /* the datagram's bytes before
						   * these, a chain; or NULL */
			struct be32 saddr;
			u16 sport;
			u16 sock; /* index of the socket that holds it */
		} udp;
		struct {		   /* a fragment: ip_frag.c */
			struct mbuf *next; /* of the datagram, by offset */
			u32 off, len;	   /* what it holds of it */
			u32 hlen;	   /* headers before that */
		} frag;
		struct {		   /* to be sent */
			struct mbuf *next; /* packet: waiting for its address,
					    * or sent and to be told */
			u64 cookie;	   /* MBUF_TELL: the sender's */
			u16 sock, gen; /* ... its socket, see udp_sender() */
		} tx;
	};
	struct mbuf_ext ext[MBUF_MAX_EXT]; /* to be sent, in place */
};

_Static_assert(sizeof(struct mbuf) == 2 * CACHE_LINE &&
		       offsetof(struct mbuf, ext) == CACHE_LINE,
	       "the second line is touched by gathered transmission only");

/* One thread's buffers: a stack, so that the warmest buffer goes out first. */
struct mbuf_pool {
	u32 nfree;
	u32 total;
	u32 half;	    /* of those that do not wait for reception */
	u32 kept;	    /* an eighth: see mbuf_plenty() */
	struct mbuf *mbufs; /* all of them, of other threads, too */
	u8 *frames;	    /* all * MBUF_SIZE, dataplane's address */
	u64 app_frames;	    /* the same memory's address in the application */
	u32 *free;	    /* stack of indices */
	u32 all;	    /* in all pools */
	u32 thread;	    /* whose pool this is */
};

/* Bytes of dataplane memory that mbuf_pool_init() wants for @total buffers,
 * besides the frames. */
size_t mbuf_pool_bytes(u32 total);

/* @mem: mbuf_pool_bytes(@total), cache line aligned. @frames: @total *
 * MBUF_SIZE, MBUF_SIZE aligned. @app_frames: see struct. */
void mbuf_pool_init(struct mbuf_pool *p, void *mem, u8 *frames, u64 app_frames,
		    u32 total);

/* The same of @thread's part of what @nthreads pools have together: @mbufs and
 * @frames are all of them, @free has room for @total indices. */
void mbuf_pool_part(struct mbuf_pool *p, struct mbuf *mbufs, u32 *free,
		    u8 *frames, u64 app_frames, u32 total, u32 thread,
		    u32 nthreads);

/* All buffers are free, wherever they were: those are @p's that it had first.
 */
void mbuf_pool_reset(struct mbuf_pool *p);

static inline u8 *mbuf_frame(const struct mbuf_pool *p, const struct mbuf *m)
{
	return p->frames + (size_t)m->index * MBUF_SIZE;
}

/* NULL when none is free. The new mbuf is empty, data after the headroom. */
static inline struct mbuf *mbuf_alloc(struct mbuf_pool *p)
{
	struct mbuf *m;
	u64 i;

	if (unlikely(!p->nfree))
		return NULL;
	i = p->free[--p->nfree]; /* m->index, but at hand */
	m = &p->mbufs[i];
	m->next = NULL;
	m->data = p->frames + i * MBUF_SIZE + MBUF_HEADROOM;
	m->len = 0;
	m->flags = 0;
	m->nr_ext = 0;
	return m;
}

/* Gives back one mbuf, not its chain. */
static inline void mbuf_free(struct mbuf_pool *p, struct mbuf *m)
{
	invariant(p->nfree < p->total);
	p->free[p->nfree++] = m->index;
}

/* Gives back an mbuf and its further fragments. */
static inline void mbuf_free_chain(struct mbuf_pool *p, struct mbuf *m)
{
	while (m) {
		struct mbuf *next = m->next;

		mbuf_free(p, m);
		m = next;
	}
}

/* A transmitted packet comes back: its buffers are free, unless the sender is
 * to be told. Then it goes in front of @tell, a list through tx.next. */
static inline void mbuf_sent(struct mbuf_pool *p, struct mbuf *m,
			     struct mbuf **tell)
{
	if (unlikely(m->flags & MBUF_TELL)) {
		m->tx.next = *tell;
		*tell = m;
	} else {
		mbuf_free_chain(p, m);
	}
}

/* ---- who may keep what was received. The holder is a connection or a socket;
 * it holds @held buffers. Free buffers:
 *
 *     0       1/16       1/8              half                all - posted
 *     |---------|----------|-----------------|---------------------|
 *      reception mbuf_own:  mbuf_share: who   mbuf_plenty: anybody,
 *      and       who holds  holds no more     even if what it holds
 *      transmit  few        than are left     is not read
 *      alone                above 1/8
 */
/* @posted of them wait for reception: the NIC has as many as the connections
 * may need at once, and what is kept is judged by the others. At most half. */
static inline void mbuf_posted(struct mbuf_pool *p, u32 posted)
{
	p->half = (p->total - posted) / 2;
}

static inline bool mbuf_plenty(const struct mbuf_pool *p, u32 held)
{
	return p->nfree > p->half + held;
}

static inline bool mbuf_share(const struct mbuf_pool *p, u32 held)
{
	return p->nfree > p->kept + held;
}

/* The same when buffers are short: the fewer a holder has, the longer it may go
 * on. */
static inline bool mbuf_own(const struct mbuf_pool *p, u32 held)
{
	u32 step = p->kept / 2 / MBUF_OWN;

	return held < MBUF_OWN && p->nfree > p->kept / 2 + held * step;
}

/* The frame that contains @frame_off (bytes into the pool's frames). */
static inline struct mbuf *mbuf_of_offset(struct mbuf_pool *p, u64 frame_off)
{
	return &p->mbufs[frame_off / MBUF_SIZE];
}

static inline u64 mbuf_app_addr(const struct mbuf_pool *p, const u8 *data)
{
	return p->app_frames + (u64)(data - p->frames);
}

static inline u8 *mbuf_push(struct mbuf *m, u32 n)
{
	m->data -= n;
	m->len += n;
	return m->data;
}

static inline u8 *mbuf_pull(struct mbuf *m, u32 n)
{
	m->data += n;
	m->len -= n;
	return m->data;
}

/* Bytes of the whole packet as it goes to the wire. */
static inline u32 mbuf_packet_len(const struct mbuf *m)
{
	u32 len = 0;

	for (; m; m = m->next) {
		len += m->len;
		for (int i = 0; i < m->nr_ext; i++)
			len += m->ext[i].len;
	}
	return len;
}

/* Cuts a chain down to @len > 0 bytes. */
void mbuf_trim(struct mbuf_pool *p, struct mbuf *m, u32 len);

/* Copies a packet as it goes to the wire: mbuf_packet_len() bytes. */
void mbuf_copy(u8 *to, const struct mbuf *m);

/* Moves a packet together in its first frame; false if it is too long. */
bool mbuf_flatten(struct mbuf_pool *p, struct mbuf *m);

/* Copies what is sent in place, and further frames, behind the first frame's
 * own bytes, into as many as that takes. False if there are too few: it is as
 * it was. */
bool mbuf_pack(struct mbuf_pool *p, struct mbuf *m);

#endif

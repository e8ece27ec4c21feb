/* SPDX-License-Identifier: MIT */
/* Sequence numbers, and a received segment. */
#ifndef NET_TCP_SEG_H
#define NET_TCP_SEG_H

#include "net/net.h"

static inline bool seq_lt(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static inline bool seq_le(u32 a, u32 b)
{
	return (s32)(a - b) <= 0;
}

struct tcp_block {
	u32 start, end;
};

enum { TCP_MAX_BLOCKS = 4 };

/* A received segment. */
struct tcp_opts {
	bool has_ts, sack_ok;
	u8 wscale; /* 0xff: not offered */
	u8 nsack;  /* blocks in sack[] */
	u16 mss;   /* 0: not offered */
	u32 tsval, tsecr;
	struct tcp_block sack[TCP_MAX_BLOCKS];
};

struct tcp_seg {
	struct mbuf *m;	   /* data points at the payload; NULL once taken */
	u32 seq, ack, len; /* len: payload */
	u32 wnd;	   /* scaled */
	u8 flags;
	bool ce;  /* the network marked it */
	bool cut; /* what the window refuses is gone */
	struct tcp_opts opt;
};

/* tcp_opt.c */
/* False when an option's length is a lie. */
bool tcp_opt_parse(const u8 *opt, u32 len, struct tcp_opts *out);
/* Writes the options of a SYN at @p; bytes, a multiple of 4. */
u32 tcp_opt_syn(u8 *p, const struct tcp_conn *c, u16 mss, u32 tsval);

#endif

/* SPDX-License-Identifier: MIT */
/* TCP options: MSS (RFC 9293), window scale and timestamps (RFC 7323), SACK
 * (RFC 2018). */
#include "net/tcp_int.h"

enum { MAX_WSCALE = 14 }; /* RFC 7323 section 2.3 */

static u32 get32(const u8 *p)
{
	return be32_host((struct be32){ load32(p) });
}

static u8 *put32(u8 *p, u32 x)
{
	store32(p, be32(x).raw);
	return p + 4;
}

static void blocks(const u8 *p, u32 len, struct tcp_opts *out)
{
	u32 n = (len - 2) / 8;

	if (len < 10 || len % 8 != 2 || n > TCP_MAX_BLOCKS)
		return;
	for (u32 i = 0; i < n; i++)
		out->sack[i] = (struct tcp_block){ get32(p + 2 + 8 * i),
						   get32(p + 6 + 8 * i) };
	out->nsack = (u8)n;
}

/* @p: an option whose length byte says @len. Options of a wrong length are
 * ignored (RFC 9293 section 3.1, MUST-6). */
static void one(const u8 *p, u32 len, struct tcp_opts *out)
{
	switch (p[0]) {
	case TCP_OPT_MSS:
		if (len == 4)
			out->mss = (u16)(p[2] << 8 | p[3]);
		break;
	case TCP_OPT_WSCALE:
		if (len == 3)
			out->wscale = min(p[2], (u8)MAX_WSCALE);
		break;
	case TCP_OPT_SACK_OK:
		out->sack_ok |= len == 2;
		break;
	case TCP_OPT_SACK:
		blocks(p, len, out);
		break;
	case TCP_OPT_TS:
		if (len == 10) {
			out->has_ts = true;
			out->tsval = get32(p + 2);
			out->tsecr = get32(p + 6);
		}
		break;
	}
}

bool tcp_opt_parse(const u8 *p, u32 len, struct tcp_opts *out)
{
	out->has_ts = out->sack_ok = false;
	out->wscale = 0xff;
	out->nsack = 0;
	out->mss = 0;
	out->tsval = out->tsecr = 0;
	while (len) {
		u32 n;

		if (p[0] == TCP_OPT_END)
			return true;
		if (p[0] == TCP_OPT_NOP) {
			p++, len--;
			continue;
		}
		if (len < 2 || p[1] < 2 || p[1] > len)
			return false;
		n = p[1];
		one(p, n, out);
		p += n, len -= n;
	}
	return true;
}

u32 tcp_opt_syn(u8 *p, const struct tcp_conn *c, u16 mss, u32 tsval)
{
	u8 *start = p;

	p = put32(p, TCP_OPT_MSS << 24 | 4 << 16 | mss);
	if (c->flags & TCP_F_WSCALE)
		p = put32(p, TCP_OPT_NOP << 24 | TCP_OPT_WSCALE << 16 | 3 << 8 |
				     c->wscale_rcv);
	if (c->flags & TCP_F_TS) {
		p = put32(p, (c->sack ? TCP_OPT_SACK_OK << 24 | 2 << 16
				      : TCP_OPT_NOP << 24 | TCP_OPT_NOP << 16) |
				     TCP_OPT_TS << 8 | 10);
		p = put32(p, tsval);
		p = put32(p, c->ts_recent);
	} else if (c->sack) {
		p = put32(p, TCP_OPT_NOP << 24 | TCP_OPT_NOP << 16 |
				     TCP_OPT_SACK_OK << 8 | 2);
	}
	return (u32)(p - start);
}

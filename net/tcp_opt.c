/* SPDX-License-Identifier: MIT */
/* TCP options: MSS (RFC 9293), window scale and timestamps (RFC 7323). */
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
	*out = (struct tcp_opts){ .wscale = 0xff };
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
		p = put32(p, TCP_OPT_NOP << 24 | TCP_OPT_NOP << 16 |
				     TCP_OPT_TS << 8 | 10);
		p = put32(p, tsval);
		p = put32(p, c->ts_recent);
	}
	return (u32)(p - start);
}

/* SPDX-License-Identifier: MIT */
/* The option parser on anything; and what we write, we must understand. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "net/tcp_int.h"

static void check_parse(const u8 *data, size_t size)
{
	struct tcp_opts o;
	u8 *exact = malloc(size ? size : 1); /* for ASan: not a byte more */

	if (size)
		memcpy(exact, data, size);
	tcp_opt_parse(exact, (u32)size, &o);
	invariant(o.wscale <= 14 || o.wscale == 0xff);
	free(exact);
}

static void check_syn(struct fuzz_in *in)
{
	u8 opt[TCP_MAX_OPT] ALIGNED(4), flags = fuzz_8(in);
	struct tcp_conn c = { 0 };
	u32 len, tsval = fuzz_32(in);
	u16 mss = fuzz_16(in);
	struct tcp_opts o;

	c.ts_recent = fuzz_32(in);
	c.wscale_rcv = flags >> 4 > 14 ? 14 : flags >> 4;
	c.flags = (flags & 2 ? TCP_F_TS : 0) | (flags & 4 ? TCP_F_WSCALE : 0);
	len = tcp_opt_syn(opt, &c, mss, tsval);
	invariant(len <= TCP_MAX_OPT && !(len & 3));
	invariant(tcp_opt_parse(opt, len, &o));
	invariant(o.mss == mss);
	invariant(o.wscale == (flags & 4 ? c.wscale_rcv : 0xff));
	invariant(o.has_ts == !!(flags & 2));
	invariant(!o.has_ts || (o.tsval == tsval && o.tsecr == c.ts_recent));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	if (size > TCP_MAX_OPT)
		return 0;
	check_parse(data, size);
	check_syn(&in);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <stdio.h>
#include <string.h>

static void trace_options(const u8 *p, u32 len)
{
	for (u32 i = 0; i + 1 < len && p[i] != TCP_OPT_END;) {
		u32 n = p[i] == TCP_OPT_NOP ? 1 : p[i + 1];

		if (!n || i + n > len)
			break;
		if (p[i] == TCP_OPT_SACK) {
			for (u32 j = i + 2; j + 8 <= i + n; j += 8) {
				struct be32 edge[2];

				memcpy(edge, p + j, sizeof(edge));
				printf(" sack %u-%u", be32_host(edge[0]),
				       be32_host(edge[1]));
			}
		}
		if (p[i] == TCP_OPT_TS) {
			struct be32 ts[2];

			memcpy(ts, p + i + 2, sizeof(ts));
			printf(" ts %u/%u", be32_host(ts[0]), be32_host(ts[1]));
		}
		i += n;
	}
}

static void trace_tcp(const struct ipv4_hdr *ip)
{
	static const char letters[] = "FSRPAUEC";
	const struct tcp_hdr *tcp = (const void *)(ip + 1);
	u32 head = tcp->off >> 4 << 2;

	printf("%u>%u ", be16_host(tcp->sport), be16_host(tcp->dport));
	for (u32 i = 0; i < 8; i++) {
		if (tcp->flags >> i & 1)
			putchar(letters[i]);
	}
	printf(" seq %u len %u ack %u wnd %u", be32_host(tcp->seq),
	       be16_host(ip->len) - IPV4_LEN - head, be32_host(tcp->ack),
	       be16_host(tcp->win));
	trace_options((const u8 *)(tcp + 1), head - TCP_LEN);
}

void trace_frame(const struct world *w, u32 from, const u8 *frame, u32 len,
		 const char *fate)
{
	const struct ipv4_hdr *ip = (const void *)(frame + ETH_LEN);

	printf("%.6f %llu: %u>%u ", (double)w->now * 1e-9,
	       (unsigned long long)w->frames - 1, from, frame[5]);
	if (frame[12] == 0x08 && !frame[13] && ip->proto == IP_PROTO_TCP)
		trace_tcp(ip);
	else
		printf("type %02x%02x, %u bytes", frame[12], frame[13], len);
	printf("%s%s\n", *fate ? ": " : "", fate);
}

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

static void trace_tcp(const struct tcp_hdr *tcp, u32 len)
{
	static const char letters[] = "FSRPAUEC";
	u32 head = tcp->off >> 4 << 2;

	printf("%u>%u ", be16_host(tcp->sport), be16_host(tcp->dport));
	for (u32 i = 0; i < 8; i++) {
		if (tcp->flags >> i & 1)
			putchar(letters[i]);
	}
	printf(" seq %u len %u ack %u wnd %u", be32_host(tcp->seq), len - head,
	       be32_host(tcp->ack), be16_host(tcp->win));
	trace_options((const u8 *)(tcp + 1), head - TCP_LEN);
}

void trace_frame(const struct world *w, u32 from, const u8 *frame, u32 len,
		 const char *fate)
{
	const struct ipv4_hdr *ip4 = (const void *)(frame + ETH_LEN);
	const struct ipv6_hdr *ip6 = (const void *)(frame + ETH_LEN);
	u32 type = (u32)frame[12] << 8 | frame[13];

	printf("%.6f %llu: %u>%u ", (double)w->now * 1e-9,
	       (unsigned long long)w->frames - 1, from, frame[5]);
	if (type == ETH_TYPE_IPV4 && ip4->proto == IP_PROTO_TCP)
		trace_tcp((const void *)(ip4 + 1),
			  be16_host(ip4->len) - (u32)IPV4_LEN);
	else if (type == ETH_TYPE_IPV6 && ip6->next == IP_PROTO_TCP)
		trace_tcp((const void *)(ip6 + 1), be16_host(ip6->len));
	else
		printf("type %04x, %u bytes", type, len);
	printf("%s%s\n", *fate ? ": " : "", fate);
}

/* SPDX-License-Identifier: MIT */
/* Addresses as text. */
#include <arpa/inet.h>
#include <errno.h>

#include "ix/ix.h"

int ix_addr_parse(struct ix_addr *a, const char *s)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, s, &v4) == 1) {
		*a = ix_addr_v4(ntohl(v4.s_addr));
		return 0;
	}
	return inet_pton(AF_INET6, s, a->b) == 1 ? 0 : -EINVAL;
}

char *ix_addr_format(const struct ix_addr *a, char *buf)
{
	if (ix_addr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, buf, IX_ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, a->b, buf, IX_ADDR_STRLEN);
	return buf;
}

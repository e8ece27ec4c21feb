/* SPDX-License-Identifier: MIT */
/* Text <-> field for addresses and for lists. */
#include "conf/type.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool take_ip(const char *text, size_t len, struct be32 *ip)
{
	char buf[INET_ADDRSTRLEN];

	if (len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = 0;
	return inet_pton(AF_INET, buf, ip) == 1;
}

int conf_parse_ip(const struct setting *s, void *field, const char *text,
		  struct conf_err *e)
{
	struct be32 ip;

	if (!take_ip(text, strlen(text), &ip))
		return conf_wrong(s, text, e);
	memcpy(field, &ip, sizeof(ip));
	return 0;
}

void conf_print_ip(const struct setting *s, const void *field, char *out,
		   size_t len)
{
	(void)s;
	inet_ntop(AF_INET, field, out, (socklen_t)len);
}

int conf_parse_cidr(const struct setting *s, void *field, const char *text,
		    struct conf_err *e)
{
	const char *slash = strchrnul(text, '/'), *p = slash + 1;
	struct conf_cidr cidr;
	u64 bits;

	if (!take_ip(text, (size_t)(slash - text), &cidr.ip))
		return conf_wrong(s, text, e);
	if (!*slash)
		return conf_error(e, -EINVAL,
				  "%s: %s lacks the prefix length, such as "
				  "%s/24",
				  s->name, text, text);
	if (!conf_take_number(&p, &bits) || *p || bits > 32)
		return conf_wrong(s, text, e);
	cidr.mask = be32(bits ? ~0u << (32 - bits) : 0);
	memcpy(field, &cidr, sizeof(cidr));
	return 0;
}

void conf_print_cidr(const struct setting *s, const void *field, char *out,
		     size_t len)
{
	const struct conf_cidr *cidr = field;
	char ip[INET_ADDRSTRLEN];

	(void)s;
	inet_ntop(AF_INET, &cidr->ip, ip, sizeof(ip));
	snprintf(out, len, "%s/%d", ip, __builtin_popcount(cidr->mask.raw));
}

static bool take_mac(const char *text, u8 mac[6])
{
	int n = 0;

	return strlen(text) == 17 &&
	       sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
		      &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &n) == 6 &&
	       n == 17;
}

static void put_mac(const u8 mac[6], char out[18])
{
	snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
}

int conf_parse_mac(const struct setting *s, void *field, const char *text,
		   struct conf_err *e)
{
	struct conf_mac mac = { .set = strcmp(text, "auto") != 0 };

	if (mac.set && !take_mac(text, mac.b))
		return conf_wrong(s, text, e);
	if (mac.b[0] & 1)
		return conf_error(e, -EINVAL, "%s: %s is a multicast address",
				  s->name, text);
	*(struct conf_mac *)field = mac;
	return 0;
}

void conf_print_mac(const struct setting *s, const void *field, char *out,
		    size_t len)
{
	const struct conf_mac *mac = field;
	char text[18] = "auto";

	(void)s;
	if (mac->set)
		put_mac(mac->b, text);
	snprintf(out, len, "%s", text);
}

/* ---- lists, separated by commas */

/* The next entry of the list at *@list into @item; false at the end. An entry
 * too long for @item is cut, and so no longer parses. */
static bool take_item(const char **list, char *item, size_t len)
{
	size_t n;

	*list += strspn(*list, ", ");
	n = strcspn(*list, ", ");
	if (!n)
		return false;
	snprintf(item, len, "%.*s", (int)n, *list);
	*list += n;
	return true;
}

static int too_many(const struct setting *s, size_t limit, struct conf_err *e)
{
	return conf_error(e, -ERANGE, "%s: more than %zu entries", s->name,
			  limit);
}

int conf_parse_ports(const struct setting *s, void *field, const char *text,
		     struct conf_err *e)
{
	struct conf_ports ports = { 0 };
	const char *list = text;
	char item[16];
	size_t n = 0;

	while (take_item(&list, item, sizeof(item))) {
		const char *p = item;
		u64 v;

		if (!conf_take_number(&p, &v) || *p || !v || v > 65535)
			return conf_wrong(s, text, e);
		if (n == CONF_MAX_PORTS)
			return too_many(s, n, e);
		ports.port[n++] = (u16)v;
	}
	*(struct conf_ports *)field = ports;
	return 0;
}

void conf_print_ports(const struct setting *s, const void *field, char *out,
		      size_t len)
{
	const struct conf_ports *ports = field;
	size_t used = 0;

	(void)s;
	*out = 0;
	for (size_t i = 0; ports->port[i] && used < len; i++)
		used += (size_t)snprintf(out + used, len - used, "%s%u",
					 i ? "," : "", ports->port[i]);
}

/* "2" or "0-3" appended; false if it is neither or the list is full. */
static bool take_cores(const char *p, struct conf_cores *cores)
{
	u64 first, last;

	if (!conf_take_number(&p, &first))
		return false;
	last = first;
	if (*p == '-') {
		p++;
		if (!conf_take_number(&p, &last))
			return false;
	}
	if (*p || last < first || last > 65535)
		return false;
	for (; first <= last; first++) {
		if (cores->n == IX_MAX_THREADS)
			return false;
		cores->core[cores->n++] = (u16)first;
	}
	return true;
}

int conf_parse_cores(const struct setting *s, void *field, const char *text,
		     struct conf_err *e)
{
	struct conf_cores cores = { 0 };
	const char *list = text;
	char item[16];

	if (strcmp(text, "auto")) {
		while (take_item(&list, item, sizeof(item)))
			if (!take_cores(item, &cores))
				return conf_wrong(s, text, e);
		if (!cores.n)
			return conf_wrong(s, text, e);
	}
	for (u32 i = 0; i < cores.n; i++)
		for (u32 j = 0; j < i; j++)
			if (cores.core[i] == cores.core[j])
				return conf_error(e, -EINVAL,
						  "%s: core %u twice", s->name,
						  cores.core[i]);
	*(struct conf_cores *)field = cores;
	return 0;
}

void conf_print_cores(const struct setting *s, const void *field, char *out,
		      size_t len)
{
	const struct conf_cores *cores = field;
	size_t used = 0;

	(void)s;
	snprintf(out, len, "auto");
	for (u32 i = 0; i < cores->n && used < len; i++)
		used += (size_t)snprintf(out + used, len - used, "%s%u",
					 i ? "," : "", cores->core[i]);
}

int conf_parse_arp(const struct setting *s, void *field, const char *text,
		   struct conf_err *e)
{
	struct conf_arp arp = { 0 };
	const char *list = text;
	char item[40];

	while (take_item(&list, item, sizeof(item))) {
		const char *eq = strchr(item, '=');

		if (arp.n == CONF_MAX_ARP)
			return too_many(s, CONF_MAX_ARP, e);
		if (!eq ||
		    !take_ip(item, (size_t)(eq - item), &arp.e[arp.n].ip) ||
		    !take_mac(eq + 1, arp.e[arp.n].mac))
			return conf_wrong(s, item, e);
		arp.n++;
	}
	*(struct conf_arp *)field = arp;
	return 0;
}

void conf_print_arp(const struct setting *s, const void *field, char *out,
		    size_t len)
{
	const struct conf_arp *arp = field;
	size_t used = 0;

	(void)s;
	*out = 0;
	for (u32 i = 0; i < arp->n && used < len; i++) {
		char ip[INET_ADDRSTRLEN], mac[18];

		inet_ntop(AF_INET, &arp->e[i].ip, ip, sizeof(ip));
		put_mac(arp->e[i].mac, mac);
		used += (size_t)snprintf(out + used, len - used, "%s%s=%s",
					 i ? "," : "", ip, mac);
	}
}

/* SPDX-License-Identifier: MIT */
/* Text <-> field for addresses and for lists. */
#include "conf/type.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

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

/* @family: AF_INET or AF_INET6. */
static bool take_ip(int family, const char *text, size_t len, void *ip)
{
	char buf[INET6_ADDRSTRLEN];

	if (len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = 0;
	return inet_pton(family, buf, ip) == 1;
}

/* The prefix length behind the slash at @p, at most @most; 0: there is none. */
static u64 take_bits(const char *p, u64 most)
{
	u64 bits;

	p++;
	if (!conf_take_number(&p, &bits) || *p || bits > most)
		return 0;
	return bits;
}

/* One "ADDR/BITS", its slash at @len. False: it is none. */
static bool take_addr4(struct conf_addrs *a, const char *text, size_t len)
{
	u64 bits = take_bits(text + len, 32);
	struct be32 ip, mask = be32(bits ? ~0u << (32 - bits) : 0);

	if (!take_ip(AF_INET, text, len, &ip))
		return false;
	if (a->ip.raw) {
		a->also[a->nalso++] = (struct ip4_prefix){ ip, mask };
	} else {
		a->ip = ip;
		a->mask = mask;
	}
	return bits;
}

static bool take_addr6(struct conf_addrs *a, const char *text, size_t len)
{
	struct ip6_prefix p6 = { .bits = (u8)take_bits(text + len, 128) };

	if (!take_ip(AF_INET6, text, len, &p6.ip))
		return false;
	a->ip6[a->nip6++] = p6;
	return p6.bits;
}

int conf_parse_addrs(const struct setting *s, void *field, const char *text,
		     struct conf_err *e)
{
	struct conf_addrs addrs = { 0 };
	const char *list = text;
	char item[INET6_ADDRSTRLEN + 8];

	while (take_item(&list, item, sizeof(item))) {
		size_t len = strcspn(item, "/");
		bool v6 = strchr(item, ':');

		if (!item[len])
			return conf_error(e, -EINVAL,
					  "%s: %s lacks the prefix length, "
					  "such as %s/%d",
					  s->name, item, item, v6 ? 64 : 24);
		if (addrs.nip6 == ARRAY_SIZE(addrs.ip6) && v6)
			return too_many(s, addrs.nip6, e);
		if (addrs.nalso == ARRAY_SIZE(addrs.also) && !v6)
			return too_many(s, addrs.nalso + 1, e);
		if (!(v6 ? take_addr6(&addrs, item, len)
			 : take_addr4(&addrs, item, len)))
			return conf_wrong(s, item, e);
	}
	memcpy(field, &addrs, sizeof(addrs));
	return 0;
}

static size_t print_addr(char *out, size_t len, size_t used, int family,
			 const void *ip, u32 bits)
{
	char text[INET6_ADDRSTRLEN];

	if (used >= len)
		return used;
	inet_ntop(family, ip, text, sizeof(text));
	return used + (size_t)snprintf(out + used, len - used, "%s%s/%u",
				       used ? "," : "", text, bits);
}

static u32 bits_of(struct be32 mask)
{
	return (u32)__builtin_popcount(mask.raw);
}

void conf_print_addrs(const struct setting *s, const void *field, char *out,
		      size_t len)
{
	const struct conf_addrs *a = field;
	size_t used = 0;

	(void)s;
	*out = 0;
	if (a->ip.raw)
		used = print_addr(out, len, used, AF_INET, &a->ip,
				  bits_of(a->mask));
	for (u32 i = 0; i < a->nalso; i++)
		used = print_addr(out, len, used, AF_INET, &a->also[i].ip,
				  bits_of(a->also[i].mask));
	for (u32 i = 0; i < a->nip6; i++)
		used = print_addr(out, len, used, AF_INET6, &a->ip6[i].ip,
				  a->ip6[i].bits);
}

int conf_parse_gateway(const struct setting *s, void *field, const char *text,
		       struct conf_err *e)
{
	struct conf_gateway gw = { 0 };
	const char *list = text;
	char item[INET6_ADDRSTRLEN + 1];

	while (take_item(&list, item, sizeof(item))) {
		bool v6 = strchr(item, ':');

		if (v6 ? !ip6_is_zero(gw.ip6) : gw.ip.raw)
			return conf_error(
				e, -EINVAL,
				"%s: %s is a second one of its family", s->name,
				item);
		if (!(v6 ? take_ip(AF_INET6, item, strlen(item), &gw.ip6)
			 : take_ip(AF_INET, item, strlen(item), &gw.ip)))
			return conf_wrong(s, item, e);
	}
	memcpy(field, &gw, sizeof(gw));
	return 0;
}

void conf_print_gateway(const struct setting *s, const void *field, char *out,
			size_t len)
{
	const struct conf_gateway *gw = field;
	char ip[INET_ADDRSTRLEN] = "", ip6[INET6_ADDRSTRLEN] = "";

	(void)s;
	if (gw->ip.raw)
		inet_ntop(AF_INET, &gw->ip, ip, sizeof(ip));
	if (!ip6_is_zero(gw->ip6))
		inet_ntop(AF_INET6, &gw->ip6, ip6, sizeof(ip6));
	snprintf(out, len, "%s%s%s", ip, *ip && *ip6 ? "," : "", ip6);
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
		    !take_ip(AF_INET, item, (size_t)(eq - item),
			     &arp.e[arp.n].ip) ||
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

/* SPDX-License-Identifier: MIT */
/* Which ports Linux's own sockets have, and which they may choose. */
#include "nic/linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIME_WAIT = 6 }; /* of a service that has ended */

static const struct table {
	const char *path;
	const char *protocol;
	int type;
} tables[] = {
	{ "/proc/net/tcp", "TCP", SOCK_STREAM },
	{ "/proc/net/tcp6", "TCP", SOCK_STREAM },
	{ "/proc/net/udp", "UDP", SOCK_DGRAM },
	{ "/proc/net/udp6", "UDP", SOCK_DGRAM },
};

static const char any6[] = "00000000000000000000000000000000";

/* A socket bound to [::] has the port in IPv4 as well, unless it is IPv6 only.
 * Its line in the table does not say which, so bind() is tried. */
static bool bound(struct be32 ip, u16 port, int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr = { ip.raw } };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	bool taken = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a));

	if (fd >= 0)
		close(fd);
	return taken;
}

/* @local: an address as the tables have it, words of host order. */
static bool takes(const char *local, struct be32 ip, u16 port, int type)
{
	static const char mapped[] = "0000000000000000FFFF0000";
	size_t len = strlen(local);
	char own[9];

	snprintf(own, sizeof(own), "%08X", ip.raw);
	if (len == 8)
		return !strcmp(local, own) || !strcmp(local, "00000000");
	if (!strncmp(local, mapped, sizeof(mapped) - 1))
		return takes(local + sizeof(mapped) - 1, ip, port, type);
	return !strcmp(local, any6) && bound(ip, port, type);
}

static bool takes6(const char *local, struct be128 ip)
{
	char own[33];

	snprintf(own, sizeof(own), "%08X%08X%08X%08X", ip.w[0], ip.w[1],
		 ip.w[2], ip.w[3]);
	return !strcmp(local, own) || !strcmp(local, any6);
}

static bool takes_ip(const char *local, struct be128 ip, u16 port, int type)
{
	if (ip6_is_mapped(ip))
		return takes(local, (struct be32){ ip.w[3] }, port, type);
	return takes6(local, ip);
}

static u16 search(FILE *f, const struct table *t, struct be128 ip,
		  const struct ports *ports)
{
	char line[512], local[33];
	unsigned int port, state;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x",
			   local, &port, &state) == 3 &&
		    ports_has(ports, (u16)port) &&
		    !(t->type == SOCK_STREAM && state == TIME_WAIT) &&
		    takes_ip(local, ip, (u16)port, t->type))
			return (u16)port;
	}
	return 0;
}

/* "8080,9148-9150" */
static void remove_listed(FILE *f, u64 set[1024])
{
	unsigned int from, to;

	while (fscanf(f, "%u", &from) == 1) {
		to = from;
		if (fscanf(f, "-%u", &to) != EOF)
			(void)!fscanf(f, ",");
		for (; from <= to && from <= UINT16_MAX; from++)
			set[from / 64] &= ~(1ull << from % 64);
	}
}

/* The ports that Linux gives to sockets which ask for none. */
static int choice(u64 set[1024])
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int low = 1, high = 0;

	if (!f)
		return -errno;
	if (fscanf(f, "%u %u", &low, &high) != 2)
		high = UINT16_MAX;
	fclose(f);
	for (; low <= high && low <= UINT16_MAX; low++)
		set[low / 64] |= 1ull << low % 64;
	f = fopen("/proc/sys/net/ipv4/ip_local_reserved_ports", "re");
	if (!f)
		return 0;
	remove_listed(f, set);
	fclose(f);
	return 0;
}

int linux_port_chosen(const struct ports *ports)
{
	u64 set[1024] = { 0 };
	int err = choice(set);

	for (u32 port = 1; !err && port <= UINT16_MAX; port++) {
		if (set[port / 64] >> port % 64 & 1 &&
		    ports_has(ports, (u16)port))
			return (int)port;
	}
	return err;
}

int linux_port_taken(struct be128 ip, const struct ports *ports,
		     const char **protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		FILE *f = fopen(tables[i].path, "re");
		u16 port;

		/* There may be no IPv6. */
		if (!f && errno == ENOENT && strchr(tables[i].path, '6'))
			continue;
		if (!f)
			return -errno;
		port = search(f, &tables[i], ip, ports);
		fclose(f);
		*protocol = tables[i].protocol;
		if (port)
			return port;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What Linux knows and does: nothing of it is on the packet's way.
 *
 *   linux_if.c        an interface: hardware, names
 *   linux_link.c      ... is it there, and its link up?
 *   linux_net.c       ... its addresses and neighbours
 *   linux_announce.c  ... what others say to all on it
 *   linux_ports.c     ports of Linux's own sockets
 *   linux_life.c      does a process live that has told us of itself?
 *   linux_dump.c      rtnetlink, for the others
 *   link_mark.c       devices that are made for somebody else
 */
#ifndef NIC_LINUX_H
#define NIC_LINUX_H

#include "base/be.h"
#include "base/ip6.h"
#include "base/ports.h"

struct linux_neigh {
	struct be128 ip; /* IPv4 mapped */
	u8 mac[6];
};

/* The kernel's usable neighbours on @ifname, of both families. Returns how many
 * were written to @out, at most @max, or -errno. */
int linux_neighbours(const char *ifname, struct linux_neigh *out, int max);

/* Has the kernel find out the neighbour @ip, or see whether it is still there.
 * The answer is in its table later. 0 or -errno. */
int linux_resolve(const char *ifname, struct be128 ip);

/* A socket, not blocking, from which gratuitous ARP frames of @ifname can be
 * read; or -errno. */
int linux_announcements(const char *ifname);

/* The same for what routers and neighbours advertise to all (RFC 4861), and for
 * queries of multicast routers (RFC 3810). */
int linux_announcements6(const char *ifname);

/* The interface lets through what goes to the group @mac, as long as @fd, one
 * of the above, is open. 0 or -errno. */
int linux_join(int fd, const char *ifname, const u8 mac[6]);

/* First IPv4 address of @ifname, its netmask, and the gateway of the default
 * route over it (zero: none). Pointers may be NULL. 0, -ENODEV, -EADDRNOTAVAIL
 * when there is no address, or another -errno. */
int linux_addr(const char *ifname, struct be32 *ip, struct be32 *mask,
	       struct be32 *gw);

/* IPv6 addresses of @ifname that are there to stay, and *@gw, the gateway of
 * the default route over it (zero: none). Returns how many were written to
 * @out, at most @max, or -errno. */
int linux_addr6(const char *ifname, struct ip6_prefix *out, int max,
		struct be128 *gw);

/* One of @ports that a socket of Linux has on @ip, IPv4 mapped (listening,
 * bound, or connected) in this network namespace, and its *@protocol, for a
 * message. 0: none, or -errno. */
int linux_port_taken(struct be128 ip, const struct ports *ports,
		     const char **protocol);

/* One of @ports that Linux may give to a socket of its own that asks for none
 * (ip_local_port_range without ip_local_reserved_ports). 0: none, or -errno. */
int linux_port_chosen(const struct ports *ports);

struct linux_ifinfo {
	int index;
	u8 mac[6];
	u32 mtu;
	bool up;
	bool loopback;
	char driver[32]; /* empty when unknown */
	u32 rx_queues;	 /* in use now */
	u32 tx_queues;
};

/* 0 or -errno (-ENODEV: no such interface). */
int linux_ifinfo(const char *ifname, struct linux_ifinfo *info);

/* A socket that can be read when some interface has changed; or -errno. Has one
 * since this was asked last? */
int linux_link_news(void);
bool linux_link_changed(int fd);

/* Of the interface with this index: 1 if its link is up, else 0; -ENODEV: there
 * is none, or another -errno. */
int linux_link(int index);

/* Removes the interface with this index. 0 or -errno. */
int linux_link_delete(int index);

/* This process, to be told to others: not its number alone, which another one
 * may have later. Never 0. */
u64 linux_life(void);
u32 linux_life_pid(u64 life);

/* Is it still there, whoever's it is? 0 is nobody. */
bool linux_lives(u64 life);

/* *@place, which several processes may want at a time, is ours, unless somebody
 * has it who lives. */
bool linux_claim(u64 *place);

/* Names of all interfaces, for a message: "eth0, veth1". */
void linux_ifnames(char *out, size_t len);

#endif

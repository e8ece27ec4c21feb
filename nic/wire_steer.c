/* SPDX-License-Identifier: MIT */
/* To which of its queues the other end wants a frame: by the Toeplitz hash of
 * its 4-tuple and the table that the other end wrote, as a NIC does it. */
#include "nic/wire_impair.h"

#include "base/mem.h"

enum {
	/* Offsets in a frame, to steer it. */
	AT_ETH_TYPE = 12,
	AT_IP = 14,
	IP_MIN = 20,
	IP6_LEN = 40,
	PORTS = 4,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
};

/* The hash is linear in its input: what each value of each half byte adds, of
 * several bits the sum of what each does. */
static void rss_tabulate(struct wire_queue *w, const u8 key[RSS_KEY_LEN])
{
	u8 in[WIRE_TUPLE_MAX] = { 0 };

	for (u32 pos = 0; pos < 2 * sizeof(in); pos++) {
		u32 *adds = w->rss_nibble[pos];

		for (u32 v = 1; v < 16; v++) {
			u32 first = v & (v - 1);

			if (first) {
				adds[v] = adds[first] ^ adds[v ^ first];
				continue;
			}
			in[pos / 2] = (u8)(pos % 2 ? v : v << 4);
			adds[v] = hash_toeplitz(key, in, pos / 2 + 1);
		}
		in[pos / 2] = 0;
	}
}

void wire_rss_refresh(struct wire_queue *w)
{
	u8 key[RSS_KEY_LEN];
	u32 gen = load_acquire(&wire_peer(w)->rss_gen);

	if (likely(gen == w->rss_gen))
		return;
	memcpy(key, wire_peer(w)->rss_key, sizeof(key));
	rss_tabulate(w, key);
	w->rss_gen = gen;
}

/* What @n bytes at @p add, @at bytes into the tuple. */
static u32 adds(const struct wire_queue *w, u32 at, const u8 *p, u32 n)
{
	u32 hash = 0;

	for (u32 i = 0; i < n; i++)
		hash ^= w->rss_nibble[2 * (at + i)][p[i] >> 4] ^
			w->rss_nibble[2 * (at + i) + 1][p[i] & 15];
	return hash;
}

/* Where in a frame the tuple lies. */
struct tuple {
	const u8 *addrs, *ports;
	u32 addrs_len;
};

static bool has_ports(u8 proto)
{
	return proto == 6 || proto == 17;
}

/* False: not TCP or UDP; a fragment; no IPv4. */
static bool find_ip(const u8 *ip, u32 len, struct tuple *t)
{
	u32 ihl;

	if (len < IP_MIN + PORTS || ip[0] >> 4 != 4)
		return false;
	ihl = (ip[0] & 15) * 4;
	*t = (struct tuple){ ip + 12, ip + ihl, 8 };
	return ihl >= IP_MIN && len >= ihl + PORTS && has_ports(ip[9]) &&
	       !(ip[6] & 0x3f) && !ip[7];
}

/* ... nor with extension headers. */
static bool find_ip6(const u8 *ip, u32 len, struct tuple *t)
{
	if (len < IP6_LEN + PORTS || ip[0] >> 4 != 6)
		return false;
	*t = (struct tuple){ ip + 8, ip + IP6_LEN, 32 };
	return has_ports(ip[6]);
}

static bool find(const u8 *p, u32 len, struct tuple *t)
{
	if (len < AT_IP)
		return false;
	switch (p[AT_ETH_TYPE] << 8 | p[AT_ETH_TYPE + 1]) {
	case TYPE_IPV4:
		return find_ip(p + AT_IP, len - AT_IP, t);
	case TYPE_IPV6:
		return find_ip6(p + AT_IP, len - AT_IP, t);
	}
	return false;
}

/* TCP and UDP by their 4-tuple, whatever else to queue 0. */
u32 wire_steer(const struct wire_queue *w, const u8 *p, u32 len)
{
	struct tuple t;
	u32 hash;

	if (!find(p, len, &t))
		return 0;
	hash = adds(w, 0, t.addrs, t.addrs_len) ^
	       adds(w, t.addrs_len, t.ports, PORTS);
	return __atomic_load_n(&wire_peer(w)->rss_table[hash % RSS_TABLE],
			       __ATOMIC_RELAXED) %
	       WIRE_MAX_QUEUES;
}

void wire_set_rss(struct wire_shared *shared, enum wire_end end,
		  const u8 table[RSS_TABLE])
{
	for (u32 i = 0; i < RSS_TABLE; i++)
		__atomic_store_n(&shared->ends[end].rss_table[i], table[i],
				 __ATOMIC_RELAXED);
}

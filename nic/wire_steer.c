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
	STEERED = 12, /* bytes of addresses and ports */
};

/* The hash is linear in its input: what each value of each half byte adds. */
static void rss_tabulate(struct wire_queue *w, const u8 key[RSS_KEY_LEN])
{
	u8 in[STEERED] = { 0 };

	for (u32 pos = 0; pos < 2 * STEERED; pos++) {
		for (u32 v = 0; v < 16; v++) {
			in[pos / 2] = (u8)(pos % 2 ? v : v << 4);
			w->rss_nibble[pos][v] = hash_toeplitz(key, in, STEERED);
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

/* TCP and UDP by their 4-tuple, whatever else to queue 0. */
u32 wire_steer(const struct wire_queue *w, const u8 *p, u32 len)
{
	const u8 *ip = p + AT_IP;
	u8 tuple[STEERED];
	u32 ihl, hash = 0;

	if (len < AT_IP + IP_MIN + 4 || p[AT_ETH_TYPE] != 0x08 ||
	    p[AT_ETH_TYPE + 1] != 0x00)
		return 0;
	ihl = (ip[0] & 15) * 4;
	if (ip[0] >> 4 != 4 || ihl < IP_MIN || len < AT_IP + ihl + 4)
		return 0;
	if ((ip[9] != 6 && ip[9] != 17) || ip[6] & 0x3f || ip[7])
		return 0; /* not TCP or UDP; a fragment */
	memcpy(tuple, ip + 12, 8);
	memcpy(tuple + 8, ip + ihl, 4);
	for (u32 i = 0; i < STEERED; i++)
		hash ^= w->rss_nibble[2 * i][tuple[i] >> 4] ^
			w->rss_nibble[2 * i + 1][tuple[i] & 15];
	return READ_ONCE(wire_peer(w)->rss_table[hash % RSS_TABLE]) %
	       WIRE_MAX_QUEUES;
}

void wire_set_rss(struct wire_shared *shared, enum wire_end end,
		  const u8 table[RSS_TABLE])
{
	for (u32 i = 0; i < RSS_TABLE; i++)
		WRITE_ONCE(shared->ends[end].rss_table[i], table[i]);
}

/* SPDX-License-Identifier: MIT */
/* The connection table: open addressing, linear probing, no tombstones. One
 * line for the slot and one for the connection is all a lookup touches. */
#include "net/tcp_int.h"

static u32 hash_of(const struct net *net, const struct tcp_conn *c)
{
	return tcp_flow_hash(net, c->flow);
}

void tcp_table_add(struct net *net, struct tcp_conn *c)
{
	struct tcp *t = &net->tcp;
	u32 hash = hash_of(net, c);
	u32 i = hash >> t->table_shift;

	while (t->table[i].conn.raw)
		i = (i + 1) & t->table_mask;
	t->table[i] = (struct tcp_slot){ hash, ref32(tcp_index(t, c)) };
}

/* Closes the gap at @hole: moves back every later entry of the run that may
 * not stay behind a free slot. */
static void table_close_gap(struct tcp *t, u32 hole)
{
	for (u32 i = (hole + 1) & t->table_mask; t->table[i].conn.raw;
	     i = (i + 1) & t->table_mask) {
		u32 home = t->table[i].hash >> t->table_shift;

		if (((i - home) & t->table_mask) < ((i - hole) & t->table_mask))
			continue;
		t->table[hole] = t->table[i];
		t->nwraps += hole > i;
		hole = i;
	}
	t->table[hole].conn = (struct ref32){ 0 };
}

void tcp_table_del(struct net *net, struct tcp_conn *c)
{
	struct tcp *t = &net->tcp;
	u32 hash = hash_of(net, c);
	struct ref32 want = ref32(tcp_index(t, c));
	u32 i = hash >> t->table_shift;

	while (t->table[i].conn.raw && t->table[i].conn.raw != want.raw)
		i = (i + 1) & t->table_mask;
	if (t->table[i].conn.raw)
		table_close_gap(t, i);
}

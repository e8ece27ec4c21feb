/* SPDX-License-Identifier: MIT */
/*
 * Reassembly (RFC 791, 815, 1122 section 3.3.2), for both families; their
 * headers are in ip_frag.c and ip6_frag.c.
 *
 *   used -> datagram -> datagram -> ...     oldest first: all wait equally long
 *              |
 *              parts -> part -> part        by offset, disjoint
 *
 * A part is the mbuf chain as it came.
 *
 * Whoever can send, also in another's name, can begin datagrams and never end
 * them. So all of them together hold no more than one in SHARE of the buffers,
 * and a source (by its hashed address or /64) no more than are left of those.
 * A source that wants more gets it from the one that holds most, whose oldest
 * datagram goes. Where there is no place for a new datagram, it is the oldest
 * of the source that has begun most, or of all if none has begun more than a
 * FEW: between the parts of one as many others may begin as there are places.
 *
 * Parts that overlap are a lie or a fault: the datagram goes, and what still
 * comes of it (RFC 5722). The same part twice is neither.
 */
#include "base/mem.h"
#include "net/net.h"

enum {
	SHARE = 16,
	FEW = FRAG_DATAGRAMS / 8,
	/* Of 64 KB by way of the smallest MTU that is in use, 576, there are
	 * 119; by way of Ethernet 45. */
	PARTS = 128,
};

void frag_init(struct net *net)
{
	struct frags *fs = &net->frags;

	memset(fs, 0, sizeof(*fs));
	list_init(&fs->used);
	list_init(&fs->free);
	timer_init(&fs->timer, TIMER_FRAG);
	for (u32 i = 0; i < FRAG_DATAGRAMS; i++)
		list_add_tail(&fs->free, &fs->slots[i].link);
}

/* ---- who holds what */

static void free_parts(struct net *net, struct frag *f)
{
	net->frags.held -= f->nbufs;
	net->frags.held_by[f->source] -= f->nbufs;
	while (f->parts) {
		struct mbuf *m = f->parts;

		f->parts = m->frag.next;
		mbuf_free_chain(net->pool, m);
	}
	f->nbufs = f->nparts = 0;
}

static void forget(struct net *net, struct frag *f)
{
	free_parts(net, f);
	net->frags.begun_by[f->source]--;
	list_del(&f->link);
	list_add_tail(&net->frags.free, &f->link);
}

void frag_flush(struct net *net)
{
	struct frags *fs = &net->frags;
	struct mbuf *m;

	while (!list_empty(&fs->used))
		forget(net, container_of(fs->used.next, struct frag, link));
	while ((m = frag_whole(net)))
		mbuf_free_chain(net->pool, m);
	timer_cancel(&net->wheel, &fs->timer);
}

/* The oldest, but not @f, of who has most by @count, if that is more than
 * @few. */
static struct frag *victim(struct frags *fs, const u32 count[FRAG_SOURCES],
			   u32 few, const struct frag *f)
{
	struct list *l, *all = &fs->used;
	u32 most = 0;

	for (u32 i = 1; i < FRAG_SOURCES; i++) {
		if (count[i] > count[most])
			most = i;
	}
	list_for_each (l, all) {
		struct frag *v = container_of(l, struct frag, link);

		if (v != f && (v->source == most || count[most] <= few))
			return v;
	}
	return NULL;
}

static bool cut(struct net *net, const u32 count[FRAG_SOURCES], u32 few,
		const struct frag *f)
{
	struct frag *v = victim(&net->frags, count, few, f);

	if (!v)
		return false;
	net->stat->ip_frag_cut++;
	forget(net, v);
	return true;
}

/* May @f have @n buffers more? Others may have to go for it. */
static bool make_room(struct net *net, const struct frag *f, u32 n)
{
	const struct frags *fs = &net->frags;
	u32 limit = net->pool->total / SHARE;

	while (fs->held_by[f->source] + n > limit - min(limit, fs->held) ||
	       !mbuf_share(net->pool, fs->held)) {
		if (!cut(net, fs->held_by, 0, f))
			return false;
	}
	return true;
}

/* ---- datagrams */

static struct frag *find(struct frags *fs, const struct frag_key *key, u64 hash)
{
	struct list *l, *all = &fs->used;

	list_for_each (l, all) {
		struct frag *f = container_of(l, struct frag, link);

		if (f->hash == hash && !memcmp(&f->key, key, sizeof(*key)))
			return f;
	}
	return NULL;
}

static u32 patience(const struct net *net)
{
	return ticks_of_us(net->conf.frag_timeout_ms * 1000ull);
}

static bool is_ipv4(const struct frag_key *key)
{
	return !key->src.q[0] && key->src.w[2] == be32(0xffff).raw;
}

/* Whoever has one IPv6 address has 2^64 of them: a source is a subnet. */
static u8 source(const struct net *net, const struct frag_key *key)
{
	size_t len = is_ipv4(key) ? sizeof(key->src) : sizeof(key->src.q[0]);

	return (u8)(hash_sip(net->secret, &key->src, len) % FRAG_SOURCES);
}

/* NULL: no place. */
static struct frag *begin(struct net *net, const struct frag_key *key, u64 hash,
			  u64 now)
{
	struct frags *fs = &net->frags;
	struct frag *f;

	if (list_empty(&fs->free) && !cut(net, fs->begun_by, FEW, NULL))
		return NULL;
	f = container_of(fs->free.next, struct frag, link);
	list_del(&f->link);
	*f = (struct frag){ .key = *key, .hash = hash };
	f->source = source(net, key);
	f->expires = tick_of(now) + patience(net);
	list_add_tail(&fs->used, &f->link);
	fs->begun_by[f->source]++;
	if (!timer_is_set(&fs->timer))
		timer_set(&net->wheel, &fs->timer, f->expires);
	return f;
}

static void spoil(struct net *net, struct frag *f)
{
	free_parts(net, f);
	f->spoilt = true;
}

static u32 count(const struct mbuf *m)
{
	u32 n = 0;

	for (; m; m = m->next)
		n++;
	return n;
}

enum place { PLACED, TWICE, OVERLAPS };

/* By its offset, between those that end before it and begin after it. */
static enum place place(struct frag *f, struct mbuf *m, bool more)
{
	struct mbuf *before = NULL, **at = &f->parts;
	u32 len = m->frag.len, end = m->frag.off + len;

	while (*at && (*at)->frag.off < m->frag.off) {
		before = *at;
		at = &before->frag.next;
	}
	if (*at && (*at)->frag.off == m->frag.off && (*at)->frag.len == len &&
	    more == (f->total != end))
		return TWICE;
	if ((before && before->frag.off + before->frag.len > m->frag.off) ||
	    (*at && (*at)->frag.off < end) || (f->total && end > f->total) ||
	    (!more && (f->total || f->end > end)))
		return OVERLAPS;
	m->frag.next = *at;
	*at = m;
	f->have += len;
	f->end = max(f->end, end);
	if (!more)
		f->total = end;
	return PLACED;
}

/* All parts become one chain. */
static struct mbuf *join(struct frag *f)
{
	struct mbuf *first = f->parts, *last = NULL, *next;

	for (struct mbuf *m = first; m; m = next) {
		next = m->frag.next;
		if (last)
			last->next = m;
		for (last = m; last->next; last = last->next)
			;
	}
	return first;
}

struct mbuf *frag_add(struct net *net, const struct frag_key *key,
		      struct mbuf *m, u32 off, bool more, u64 now)
{
	u64 hash = hash_sip(net->secret, key, sizeof(*key));
	struct frag *f = find(&net->frags, key, hash);
	u32 nbufs = count(m);
	enum place where = OVERLAPS;

	if (!f)
		f = begin(net, key, hash, now);
	if (!f || f->spoilt)
		goto drop;
	m->frag.off = off;
	m->frag.len = mbuf_packet_len(m);
	if (f->nparts < PARTS && make_room(net, f, nbufs))
		where = place(f, m, more);
	if (where == OVERLAPS)
		spoil(net, f);
	if (where != PLACED)
		goto drop;
	f->nparts++;
	f->nbufs += (u16)nbufs;
	net->frags.held += nbufs;
	net->frags.held_by[f->source] += nbufs;
	if (f->have != f->total)
		return NULL;
	m = join(f);
	f->parts = NULL;
	forget(net, f);
	return m;
drop:
	net->stat->drop_ip_fragment++;
	mbuf_free_chain(net->pool, m);
	return NULL;
}

bool frag_leave(struct net *net, const struct mbuf *m, const struct pkt *p)
{
	struct flow hosts = flow_make(p->src, p->dst, be16(0), be16(0));

	return net_leave(net, m,
			 net_group_owner(net, net_flow_group(net, hosts)));
}

void frag_ready(struct net *net, struct mbuf *m)
{
	m->flags = 0;
	m->frag.next = net->frags.whole;
	net->frags.whole = m;
	net->stat->ip_reassembled++;
}

struct mbuf *frag_whole(struct net *net)
{
	struct mbuf *m = net->frags.whole;

	if (m)
		net->frags.whole = m->frag.next;
	return m;
}

/* ---- time */

/* The sender is told if it can be known which datagram it was (RFC 1122
 * section 3.3.2). */
static void tell(struct net *net, const struct frag *f, u64 now)
{
	const struct mbuf *m = f->parts;

	if (!m || m->frag.off)
		return;
	if (is_ipv4(&f->key))
		ip_frag_timeout(net, m, now);
	else
		ip6_frag_timeout(net, m, now);
}

void frag_timer(void *arg, struct timer *t, u64 now)
{
	struct net *net = arg;
	struct frags *fs = &net->frags;

	while (!list_empty(&fs->used)) {
		struct frag *f = container_of(fs->used.next, struct frag, link);

		if (tick_before(tick_of(now), f->expires)) {
			timer_set(&net->wheel, t, f->expires);
			return;
		}
		net->stat->ip_frag_timeouts++;
		tell(net, f, now);
		forget(net, f);
	}
}

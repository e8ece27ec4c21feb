/* SPDX-License-Identifier: MIT */
/*
 * The program that chooses a TAP device's queue: run by the kernel on frames
 * made here (BPF_PROG_RUN), against the hash that the dataplane computes; and
 * on a device, in a network namespace of our own. Skipped without the right to
 * load programs.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/flows.h"
#include "net/pkt.h"
#include "nic/nic_open.h"
#include "tap_steer.skel.h"

enum { LEN = 120, FLOWS = 500, QUEUES = 4, NONE = 0, SCTP = 132 };
enum { ENTRIES = 4096, SECOND = 64, ALONE = 128 }; /* a queue of its */

static struct tap_steer *prog;

/* On a device it sees a frame from Ethernet on, in BPF_PROG_RUN only if it is
 * a classifier. Each group has a queue of its own: 1 and on. */
static struct tap_steer *load(void)
{
	struct tap_steer *s = tap_steer__open();

	if (!s)
		return NULL;
	bpf_program__set_type(s->progs.steer, BPF_PROG_TYPE_SCHED_CLS);
	bpf_map__set_max_entries(s->maps.flows, ENTRIES);
	if (tap_steer__load(s)) {
		tap_steer__destroy(s);
		return NULL;
	}
	for (u32 g = 0; g < RSS_TABLE; g++)
		s->bss->owner[0][g] = (u8)(g + 1);
	return s;
}

static u32 queue_of(const void *frame, u32 len)
{
	u8 out[2 * LEN];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(prog->progs.steer), &o),
		0);
	return o.retval;
}

/* Addresses, ports: as they are hashed. */
struct tuple {
	u8 bytes[36];
	u32 len;
};

static struct tuple random_tuple(u32 len)
{
	struct tuple t = { .len = len };

	for (u32 i = 0; i < len; i++)
		t.bytes[i] = (u8)random();
	return t;
}

static u32 group_of(const struct tuple *t)
{
	return hash_toeplitz(rss_symmetric_key, t->bytes, t->len) % RSS_TABLE;
}

static struct tuple turned(const struct tuple *t)
{
	u32 addr = (t->len - 4) / 2;
	struct tuple r = { .len = t->len };

	memcpy(r.bytes, t->bytes + addr, addr);
	memcpy(r.bytes + addr, t->bytes, addr);
	memcpy(r.bytes + 2 * addr, t->bytes + 2 * addr + 2, 2);
	memcpy(r.bytes + 2 * addr + 2, t->bytes + 2 * addr, 2);
	return r;
}

static struct tuple tuple4(void)
{
	return random_tuple(12);
}

static struct tuple tuple6(void)
{
	return random_tuple(36);
}

struct frame {
	struct eth_hdr eth;
	union {
		struct ipv4_hdr ip;
		struct ipv6_hdr ip6;
		u8 bytes[LEN - ETH_LEN];
	};
} PACKED;

/* @words: of options */
static struct frame ipv4(const struct tuple *t, u8 proto, u32 words)
{
	struct frame f = { .eth.type = be16(ETH_TYPE_IPV4) };

	memset(f.bytes, 0xa5, sizeof(f.bytes));
	f.ip.ver_ihl = (u8)(0x45 + words);
	f.ip.frag = be16(IP_DF);
	f.ip.proto = proto;
	memcpy(&f.ip.src, t->bytes, 8);
	memcpy(f.bytes + IPV4_LEN + words * 4, t->bytes + 8, 4);
	return f;
}

static struct frame ipv6(const struct tuple *t, u8 next)
{
	struct frame f = { .eth.type = be16(ETH_TYPE_IPV6) };

	memset(f.bytes, 0xa5, sizeof(f.bytes));
	f.bytes[0] = 0x6a;
	f.ip6.next = next;
	memcpy(&f.ip6.src, t->bytes, 32);
	memcpy(f.bytes + IPV6_LEN, t->bytes + 32, 4);
	return f;
}

static void check(struct frame f, u32 want)
{
	assert_int_equal(queue_of(&f, sizeof(f)), want);
}

static void test_ipv4(void **state)
{
	for (u32 i = 0; i < FLOWS; i++) {
		struct tuple t = tuple4(), back = turned(&t);

		check(ipv4(&t, IP_PROTO_TCP, 0), group_of(&t) + 1);
		check(ipv4(&t, IP_PROTO_UDP, 0), group_of(&t) + 1);
		check(ipv4(&t, IP_PROTO_TCP, 1 + i % 10), group_of(&t) + 1);
		check(ipv4(&back, IP_PROTO_TCP, 0), group_of(&t) + 1);
	}
}

static void test_ipv6(void **state)
{
	for (u32 i = 0; i < FLOWS; i++) {
		struct tuple t = tuple6(), back = turned(&t);

		check(ipv6(&t, IP_PROTO_TCP), group_of(&t) + 1);
		check(ipv6(&t, IP_PROTO_UDP), group_of(&t) + 1);
		check(ipv6(&back, IP_PROTO_TCP), group_of(&t) + 1);
	}
}

/* Every bit of a tuple counts as it does in the hash. */
static void test_bits(void **state)
{
	struct tuple t = { .len = 12 }, t6 = { .len = 36 };

	for (u32 i = 0; i < 8 * 36; i++) {
		if (i < 8 * 12) {
			t.bytes[i / 8] ^= (u8)(1 << i % 8);
			check(ipv4(&t, IP_PROTO_TCP, 0), group_of(&t) + 1);
		}
		t6.bytes[i / 8] ^= (u8)(1 << i % 8);
		check(ipv6(&t6, IP_PROTO_UDP), group_of(&t6) + 1);
	}
}

/* What has no ports, or not in every packet: the first queue. */
static void test_others(void **state)
{
	struct tuple t = tuple4(), t6 = tuple6();
	struct frame f;

	check(ipv4(&t, IP_PROTO_ICMP, 0), NONE);
	check(ipv4(&t, SCTP, 0), NONE);
	check(ipv6(&t6, IP_PROTO_ICMP6), NONE);
	check(ipv6(&t6, IP6_FRAGMENT), NONE);
	f = ipv4(&t, IP_PROTO_UDP, 0);
	f.ip.frag = be16(IP_MF);
	check(f, NONE);
	f.ip.frag = be16(1);
	check(f, NONE);
	f = ipv4(&t, IP_PROTO_UDP, 0);
	f.eth.type = be16(ETH_TYPE_ARP);
	check(f, NONE);
	f = ipv4(&t, IP_PROTO_UDP, 0);
	f.ip.ver_ihl = 0x65;
	check(f, NONE);
	f.ip.ver_ihl = 0x44;
	check(f, NONE);
	f = ipv6(&t6, IP_PROTO_UDP);
	f.bytes[0] = 0x4a;
	check(f, NONE);
}

/* @f, cut at each length from @from on: has it its ports yet? */
static void check_cut(struct frame f, u32 from, u32 want)
{
	for (u32 len = from; len < LEN; len++)
		assert_int_equal(queue_of(&f, len),
				 len < from + sizeof(u32) ? NONE : want);
}

static void test_short(void **state)
{
	struct tuple t = tuple4(), t6 = tuple6();

	check_cut(ipv4(&t, IP_PROTO_TCP, 0), ETH_LEN + IPV4_LEN,
		  group_of(&t) + 1);
	check_cut(ipv4(&t, IP_PROTO_TCP, 1), ETH_LEN + IPV4_LEN + 4,
		  group_of(&t) + 1);
	check_cut(ipv6(&t6, IP_PROTO_TCP), ETH_LEN + IPV6_LEN,
		  group_of(&t6) + 1);
}

/* ---- with a successor */

static u64 hash_with(u64 key, const struct tuple *t)
{
	u64 h = key;

	for (u32 i = 0; i < t->len; i += 4) {
		u32 word;

		memcpy(&word, t->bytes + i, 4);
		h = flows_hash(h, word);
	}
	return flows_hash(h, 0);
}

static u64 hash_of(const struct flows *f, const struct tuple *t)
{
	return hash_with(f->key, t);
}

static struct flows share(void)
{
	struct flows f = { .mask = ENTRIES - 1,
			   .key = prog->bss->key = 12345,
			   .heir = (const u32 *)&prog->bss->heir,
			   .all = true };

	f.entry = mmap(NULL, ENTRIES * sizeof(u64), PROT_READ | PROT_WRITE,
		       MAP_SHARED, bpf_map__fd(prog->maps.flows), 0);
	assert_ptr_not_equal(f.entry, MAP_FAILED);
	for (u32 g = 0; g < RSS_TABLE; g++)
		prog->bss->owner[0][g] = prog->bss->owner[1][g] =
			(u8)(g % NIC_MAX_QUEUES);
	for (u32 i = 0; i < NIC_MAX_QUEUES; i++) {
		prog->bss->queue[0][i] = (u8)i;
		prog->bss->queue[1][i] = (u8)(SECOND + i);
		prog->bss->alone[1][i] = (u8)(ALONE + i);
	}
	prog->bss->shared = true;
	prog->bss->mask = ENTRIES - 1;
	prog->bss->count[0] = prog->bss->count[1] = 1;
	return f;
}

static void unshare_it(struct flows *f)
{
	munmap(f->entry, ENTRIES * sizeof(u64));
	prog->bss->shared = false;
	prog->bss->heir = 0;
	for (u32 g = 0; g < RSS_TABLE; g++)
		prog->bss->owner[0][g] = (u8)(g + 1);
}

/* Flows that are known stay where they are, others are the heir's. */
static void test_places(void **state)
{
	struct flows f = share();

	for (u32 i = 0; i < FLOWS; i++) {
		struct tuple old = i % 2 ? tuple4() : tuple6();
		struct tuple new = i % 2 ? tuple4() : tuple6();
		struct frame a = i % 2 ? ipv4(&old, IP_PROTO_TCP, i % 11)
				       : ipv6(&old, IP_PROTO_TCP);
		struct frame b = i % 2 ? ipv4(&new, IP_PROTO_TCP, 0)
				       : ipv6(&new, IP_PROTO_TCP);

		prog->bss->heir = 0;
		check(a, group_of(&old) % NIC_MAX_QUEUES);
		flows_add(&f, hash_of(&f, &old));
		check(a, group_of(&old) % NIC_MAX_QUEUES);
		prog->bss->heir = 1;
		check(a, group_of(&old) % NIC_MAX_QUEUES);
		check(b, SECOND + group_of(&new) % NIC_MAX_QUEUES);
		flows_remove(&f, hash_of(&f, &old));
		check(a, SECOND + group_of(&old) % NIC_MAX_QUEUES);
	}
	unshare_it(&f);
}

/* What is no flow's: who is addressed, or the heir. */
static void test_addressed(void **state)
{
	struct flows f = share();
	struct frame a = { .eth.type = be16(ETH_TYPE_ARP),
			   .eth.dst = { 2, 'X', 10, 0, 0, 1 } };
	struct frame b = a, all = a;

	b.eth.dst[1] = 'Y';
	memset(all.eth.dst, 0xff, 6);
	for (u32 heir = 0; heir < 2; heir++) {
		prog->bss->heir = heir;
		check(a, 0);
		check(b, SECOND);
		check(all, heir * SECOND);
	}
	prog->bss->count[0] = 0;
	check(a, ALONE);
	unshare_it(&f);
}

/* ---- on a device */

static int sender;

static void send_to(const char *ifname, const struct frame *f)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(ifname),
		.sll_halen = 6,
	};

	assert_int_equal(
		sendto(sender, f, sizeof(*f), 0, (void *)&to, sizeof(to)),
		sizeof(*f));
}

/* Which of @n descriptors has @f; what Linux itself sends is passed over. */
static int came_to(const int *fd, u32 n, const struct frame *f)
{
	enum { HDR = sizeof(struct virtio_net_hdr) };
	u8 got[2048];
	int at = -1;

	for (u32 i = 0; i < n; i++) {
		ssize_t len;

		while ((len = read(fd[i], got, sizeof(got))) > 0) {
			if (len != HDR + (ssize_t)sizeof(*f) ||
			    memcmp(got + HDR, f, sizeof(*f)))
				continue;
			assert_int_equal(at, -1);
			at = (int)i;
		}
	}
	return at;
}

static struct nic *open_tap(const char *ifname, u32 nqueues)
{
	char spec[32], why[NIC_WHY];
	struct nic_config cfg = { .spec = spec, .nqueues = nqueues };
	struct nic *nic;

	snprintf(spec, sizeof(spec), "tap:%s", ifname);
	if (nic_open(&cfg, &nic, why, sizeof(why)))
		fail_msg("%s", why);
	return nic;
}

static void check_flow(struct nic *nic, const struct tuple *t)
{
	struct frame f =
		t->len == 12 ? ipv4(t, IP_PROTO_UDP, 0) : ipv6(t, IP_PROTO_UDP);

	send_to("ixt0", &f);
	assert_int_equal(came_to(nic->fd, nic->nqueues, &f),
			 nic->group_owner[group_of(t)]);
}

static void test_device(void **state)
{
	struct nic *nic = open_tap("ixt0", QUEUES);

	assert_true(nic->rss_control);
	for (u32 i = 0; i < FLOWS; i++) {
		struct tuple t = i % 2 ? tuple4() : tuple6();

		check_flow(nic, &t);
		for (u32 g = 0; g < RSS_TABLE; g++)
			nic->group_owner[g] = (u8)((g / 3 + i) % QUEUES);
		assert_int_equal(nic->set_groups(nic), 0);
		check_flow(nic, &t);
	}
	nic_close(nic);
}

static void test_one_queue(void **state)
{
	struct nic *nic = open_tap("ixt1", 1);

	assert_false(nic->rss_control);
	assert_null(nic->set_groups);
	assert_null(strstr(nic->detail, "control"));
	nic_close(nic);
}

static int another_queue(const char *ifname)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
					  IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

/* A device that outlives us is as it was: others' flows go to all queues. */
static void test_given_back(void **state)
{
	struct nic *nic = open_tap("ixt2", 2);
	u32 to[2] = { 0 };
	int fd[2];

	memset(nic->group_owner, 1, RSS_TABLE);
	assert_int_equal(nic->set_groups(nic), 0);
	assert_int_equal(ioctl(nic->fd[0], TUNSETPERSIST, 1), 0);
	nic_close(nic);
	for (u32 i = 0; i < 2; i++)
		fd[i] = another_queue("ixt2");
	for (u32 i = 0; i < FLOWS; i++) {
		struct tuple t = tuple4();
		struct frame f = ipv4(&t, IP_PROTO_UDP, 0);
		int queue;

		send_to("ixt2", &f);
		queue = came_to(fd, 2, &f);
		assert_true(queue >= 0);
		to[queue]++;
	}
	assert_true(to[0] && to[1]);
	assert_int_equal(ioctl(fd[0], TUNSETPERSIST, 0), 0);
	for (u32 i = 0; i < 2; i++)
		close(fd[i]);
}

/* ---- ... a dataplane and its successor */

static struct nic *open_shared(const char *ifname, const char *words)
{
	char spec[32], why[NIC_WHY];
	struct nic_config cfg = {
		.spec = spec, .nqueues = 1, .shared = true, .conns = 100
	};
	struct nic *nic = NULL;
	bool opened;

	snprintf(spec, sizeof(spec), "tap:%s", ifname);
	opened = nic_open(&cfg, &nic, why, sizeof(why)) == 0;
	if (opened == !words)
		return nic;
	fail_msg("%s", words ? "opened" : why);
	return NULL;
}

static void comes_to(struct nic *const nic[2], const struct tuple *t, int want)
{
	const int fd[2] = { nic[0]->fd[0], nic[1]->fd[0] };
	struct frame f = ipv4(t, IP_PROTO_TCP, 0);

	send_to("ixt4", &f);
	assert_int_equal(came_to(fd, 2, &f), want);
}

/* What is known of the one that goes stays his; the other one has new flows,
 * but not before he listens, and all when he is alone. */
static void test_successor(void **state)
{
	struct nic *nic[2] = { open_shared("ixt4", NULL) };
	struct tuple old = tuple4(), new = tuple4();

	assert_int_equal(nic[0]->pass(nic[0], false), 0);
	nic[1] = open_shared("ixt4", NULL);
	open_shared("ixt4", "a third one");
	assert_memory_not_equal(nic[0]->mac, nic[1]->mac, 6);
	comes_to(nic, &new, 0);
	assert_int_equal(nic[0]->pass(nic[0], false), 0); /* not yet */
	comes_to(nic, &new, 0);
	nic[0]->flows->all = true;
	flows_add(nic[0]->flows, hash_of(nic[0]->flows, &old));
	nic[1]->serves(nic[1], 0);
	assert_int_equal(nic[0]->pass(nic[0], false), getpid());
	comes_to(nic, &old, 0);
	comes_to(nic, &new, 1);
	nic[0]->pass(nic[0], true);
	comes_to(nic, &new, 0);
	nic[0]->pass(nic[0], false);
	nic_close(nic[0]);
	nic[0] = nic[1];
	comes_to(nic, &old, 0);
	comes_to(nic, &new, 0);
	nic[1] = open_shared("ixt4", NULL); /* and so on */
	comes_to(nic, &old, 0);
	comes_to(nic, &new, 0);
	nic_close(nic[1]); /* came to nothing */
	nic[1] = nic[0];
	comes_to(nic, &new, 0);
	nic_close(nic[0]);
}

/* A peer opens connections of which it knows all but the key: they leave room
 * for somebody else's. */
static void test_crowd(void **state)
{
	struct nic *nic[2] = { open_shared("ixt4", NULL) };
	struct tuple victim = tuple4(), t;
	const struct flows *f;
	u32 n = 0;
	u64 at = hash_with(0, &victim) >> 32;

	nic[1] = open_shared("ixt4", NULL);
	nic[0]->flows->all = true;
	f = nic[0]->flows;
	while (n < 2 * FLOWS_LOOKS) {
		t = tuple4();
		if (((hash_with(0, &t) >> 32) - at) & f->mask)
			continue;
		flows_add(f, hash_of(f, &t));
		n++;
	}
	flows_add(f, hash_of(f, &victim));
	nic[1]->serves(nic[1], 0);
	assert_int_equal(nic[0]->pass(nic[0], false), getpid());
	comes_to(nic, &victim, 0);
	comes_to(nic, &t, 0);
	nic_close(nic[0]);
	nic_close(nic[1]);
}

static struct nic *open_several(u32 nqueues)
{
	struct nic_config cfg = { .spec = "tap:ixt6",
				  .nqueues = nqueues,
				  .shared = true,
				  .conns = 100 };
	char why[NIC_WHY];
	struct nic *nic;

	if (nic_open(&cfg, &nic, why, sizeof(why)))
		fail_msg("%s", why);
	return nic;
}

static void each_to_its_queue(const struct nic *nic)
{
	for (u32 i = 0; i < FLOWS / 10; i++) {
		struct tuple t = tuple4();
		struct frame f = ipv4(&t, IP_PROTO_TCP, 0);

		send_to("ixt6", &f);
		assert_int_equal(came_to(nic->fd, nic->nqueues, &f),
				 nic->group_owner[group_of(&t)]);
	}
}

/* One after the other, of so many queues: when one has ended, Linux has
 * numbered those of the next one anew. */
static void test_generations(void **state)
{
	static const u8 nqueues[] = { 2, 3, 3, 1, 4, 2, 5, 5, 1 };
	struct nic *nic = open_several(nqueues[0]), *next;

	each_to_its_queue(nic);
	for (u32 i = 1; i < ARRAY_SIZE(nqueues); i++) {
		next = open_several(nqueues[i]);
		each_to_its_queue(nic);
		for (u32 k = 0; k < nqueues[i]; k++)
			next->serves(next, k);
		assert_int_equal(nic->pass(nic, false), getpid());
		each_to_its_queue(next);
		nic_close(nic);
		each_to_its_queue(next);
		nic = next;
	}
	nic_close(nic);
}

/* Whoever does not share it does not share it. */
static void test_not_shared(void **state)
{
	struct nic *nic = open_tap("ixt5", 2);

	open_shared("ixt5", "not shared");
	nic_close(nic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_addressed),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_one_queue),
		cmocka_unit_test(test_given_back),
		cmocka_unit_test(test_successor),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_not_shared),
	};
	int failed;

	libbpf_set_print(NULL);
	prog = load();
	if (!prog || unshare(CLONE_NEWNET)) {
		print_message("skipped: may not load programs, or make "
			      "network namespaces\n");
		return 77;
	}
	sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	close(sender);
	tap_steer__destroy(prog);
	return failed;
}

/* SPDX-License-Identifier: MIT */
/* nic/keep_flows.c, nic/take_flows.c: what a dataplane writes down of its flows
 * is what the program is told by its keeper, and no more than that. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nic/keep_flows.h"

enum { ENTRIES = 4096, MANY = 1 << 20, QUEUES = 2, SUCCESSOR = 4711 };

/* ---- the keeper's NIC */

static u64 entry[MANY];
static const int until[2] = { -1, -1 };
static u32 heir;
static struct flows flows;
static struct nic nic;
static u64 serving;
static u32 passed;

static void serves(struct nic *n, u32 i)
{
	assert_true(i < QUEUES);
	serving |= 1ull << i;
}

static u32 pass(struct nic *n, bool back)
{
	passed++;
	heir = !back;
	return back ? 0 : SUCCESSOR;
}

/* ---- ... and what the dataplane has */

static u8 *table;
static struct keep_flows kept;

static u64 *written(void)
{
	return (u64 *)(table + NIC_PAGE);
}

static int memory(size_t len, int seals)
{
	int fd = memfd_create("flows", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int setup_table(u32 entries)
{
	const size_t len = keep_table_len(entries);
	int fd = memory(len, F_SEAL_SHRINK | F_SEAL_GROW);

	memset(entry, 0, sizeof(entry));
	heir = 0;
	serving = passed = 0;
	flows = (struct flows){ .entry = entry,
				.mask = entries - 1,
				.heir = &heir };
	nic = (struct nic){ .nqueues = QUEUES,
			    .flows = &flows,
			    .serves = serves,
			    .pass = pass };
	kept = (struct keep_flows){ .fd = -1 };
	table = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(table != MAP_FAILED);
	assert_int_equal(keep_flows_take(&kept, &nic, fd), 0);
	return 0;
}

static int setup(void **state)
{
	return setup_table(ENTRIES);
}

static int setup_many(void **state)
{
	return setup_table(MANY);
}

static int teardown(void **state)
{
	munmap(table, keep_table_len(flows.mask + 1));
	keep_flows_close(&kept);
	return 0;
}

static u64 flow(u32 i)
{
	return flows_hash(flows_hash(99, i), 0) & ~3ull;
}

static u32 known(u64 h)
{
	u32 n = 0;

	for (u32 i = 0; i <= flows.mask; i++)
		n += entry[i] == (h | FLOWS_USED | flows.place);
	return n;
}

/* ---- */

static void only_such_a_table(void **state)
{
	const size_t len = keep_table_len(ENTRIES);
	const int both = F_SEAL_SHRINK | F_SEAL_GROW;
	struct keep_flows f = { .fd = -1 };
	int pipes[2], fd;

	assert_int_equal(keep_flows_take(&f, &nic, -1), -EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(keep_flows_take(&f, &nic, pipes[0]), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	fd = memory(len, F_SEAL_GROW);
	assert_int_equal(keep_flows_take(&f, &nic, fd), -EINVAL);
	close(fd);
	fd = memory(len - NIC_PAGE, both);
	assert_int_equal(keep_flows_take(&f, &nic, fd), -EINVAL);
	close(fd);
	fd = memory(len + NIC_PAGE, both);
	assert_int_equal(keep_flows_take(&f, &nic, fd), -EINVAL);
	close(fd);
	assert_int_equal(f.fd, -1);
	/* There is one. */
	fd = memory(len, both);
	assert_int_equal(keep_flows_take(&kept, &nic, fd), -EPROTO);
	close(fd);
}

/* Whose place it is nobody asks him. */
static void the_place_is_ours(void **state)
{
	flows.place = 1;
	for (u32 i = 0; i < 100; i++)
		written()[i] = flow(i) | FLOWS_USED | (i & 1);
	assert_int_equal(keep_flows_pass(&kept, &nic, false, until), SUCCESSOR);
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(known(flow(i)), 1);
	for (u32 i = 0; i < ENTRIES; i++)
		assert_true(!(entry[i] & FLOWS_USED) || entry[i] & FLOWS_PLACE);
}

/* The heir's need not be known; what changes before another one is, is. */
static void when_it_has_to(void **state)
{
	assert_true(keep_flows_ms(&kept, &nic) >= 100);
	written()[7] = flow(7) | FLOWS_USED;
	keep_flows_look(&kept, &nic);
	assert_int_equal(known(flow(7)), 0);
	keep_flows_pass(&kept, &nic, false, until);
	assert_int_equal(known(flow(7)), 1);
	assert_in_range(keep_flows_ms(&kept, &nic), 1, 10);
	written()[7] = FLOWS_GONE;
	written()[8] = flow(8) | FLOWS_USED;
	kept.pause = 0;
	keep_flows_look(&kept, &nic);
	assert_int_equal(known(flow(7)), 0);
	assert_int_equal(known(flow(8)), 1);
	keep_flows_pass(&kept, &nic, true, until);
	assert_int_equal(passed, 2);
}

/* The next look, as soon as one may be. */
static void look(void)
{
	kept.pause = 0;
	keep_flows_look(&kept, &nic);
}

/* One that ends and comes again stands elsewhere, before or behind. */
static void moved(void **state)
{
	heir = 1;
	written()[900] = flow(1) | FLOWS_USED;
	written()[5] = flow(2) | FLOWS_USED;
	look();
	written()[900] = written()[5] = FLOWS_GONE;
	written()[3] = flow(1) | FLOWS_USED;
	written()[3000] = flow(2) | FLOWS_USED;
	look();
	assert_int_equal(known(flow(1)), 1);
	assert_int_equal(known(flow(2)), 1);
}

/* What is no flow, and more than there is room for, harms nobody: the other
 * one's stay. */
static void anything(void **state)
{
	struct flows other = flows;

	heir = 1;
	other.place = 1;
	other.all = true;
	for (u32 i = 0; i < 16; i++)
		flows_add(&other, flow(1000000 + i));
	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < ENTRIES; i++)
			written()[i] =
				~0ull * (i & 1) ^ flow(round * ENTRIES + i);
		look();
	}
	flows.place = 1;
	for (u32 i = 0; i < 16; i++)
		assert_int_equal(known(flow(1000000 + i)), 1);
	flows.place = 0;
	/* Not even that is there any more. */
	assert_int_equal(fallocate(kept.fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, (off_t)keep_table_len(ENTRIES)),
			 0);
	look();
	for (u32 i = 0; i < ENTRIES; i++)
		assert_true(!(entry[i] & FLOWS_USED) || entry[i] & FLOWS_PLACE);
}

/* There was no room where it is looked for. */
static void told_when_there_is_room(void **state)
{
	const u32 at = flow(1) >> 32;

	heir = 1;
	for (u32 i = 0; i < FLOWS_LOOKS; i++)
		entry[(at + i) & flows.mask] = ~0ull;
	written()[1] = flow(1) | FLOWS_USED;
	look();
	assert_int_equal(known(flow(1)), 0);
	entry[(at + 3) & flows.mask] = FLOWS_GONE;
	look();
	assert_int_equal(known(flow(1)), 1);
}

/* Who may look again only later hears what else there is meanwhile, and so
 * does who has much to look at. */
static void never_deaf(void **state)
{
	int end[2], looks = 0;

	assert_int_equal(pipe(end), 0);
	heir = 1;
	for (u32 i = 0; i < MANY; i++)
		written()[i] = flow(i) | FLOWS_USED;
	keep_flows_look(&kept, &nic);
	assert_int_equal(keep_flows_ms(&kept, &nic), 0);
	for (; kept.next; looks++)
		keep_flows_look(&kept, &nic);
	assert_true(looks > 3);
	assert_in_range(keep_flows_ms(&kept, &nic), 20, 100000);
	written()[0] = FLOWS_GONE;
	keep_flows_look(&kept, &nic);
	assert_int_equal(known(flow(0)), 1);
	/* The user has ended, who wanted that. */
	close(end[1]);
	kept.pause += 10000000000;
	alarm(5);
	assert_int_equal(
		keep_flows_pass(&kept, &nic, false, (int[]){ -1, end[0] }), 0);
	alarm(0);
	assert_int_equal(passed, 0);
	close(end[0]);
}

/* What has begun before does not count. */
static void passed_when_all_are_known(void **state)
{
	heir = 1;
	for (u32 i = 100; i < MANY; i++)
		written()[i] = flow(i) | FLOWS_USED;
	keep_flows_look(&kept, &nic);
	assert_true(kept.next);
	while (kept.next <= flows.mask + MANY / 2)
		keep_flows_look(&kept, &nic);
	written()[7] = flow(7) | FLOWS_USED;
	assert_int_equal(keep_flows_pass(&kept, &nic, false, until), SUCCESSOR);
	assert_int_equal(known(flow(7)), 1);
}

static void threads_that_listen(void **state)
{
	struct keep_table *t = (void *)table;

	assert_int_equal(keep_flows_ms(&kept, &nic), 100);
	t->serving = ~0ull << 1;
	keep_flows_look(&kept, &nic);
	assert_int_equal(serving, 2);
	t->serving = ~0ull;
	keep_flows_look(&kept, &nic);
	assert_int_equal(serving, 3);
	assert_true(keep_flows_ms(&kept, &nic) > 100);
}

/* ---- both ends */

static void answer(int fd, struct keep_flows *f)
{
	struct keep_request q;
	struct keep_reply r = { 0 };
	int fds[KEEP_MEMORY];

	assert_int_equal(keep_receive(fd, &q, sizeof(q), fds, KEEP_MEMORY), 0);
	if (q.what == KEEP_FLOWS)
		r.err = keep_flows_take(f, &nic, fds[0]);
	else
		r.successor = keep_flows_pass(f, &nic, q.back, until);
	keep_send(fd, &r, sizeof(r), NULL, 0);
}

/* What is a dataplane's by base/flows.h comes to the program. */
static void both(void **state)
{
	const struct keep_reply r = { .flows = ENTRIES, .flow_key = 99 };
	struct keep_flows f = { .fd = -1 };
	struct nic its = { .nqueues = QUEUES };
	char why[NIC_WHY];
	int conn[2];
	int status;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, conn), 0);
	pthread_mutex_init(&its.kept.asking, NULL);
	its.kept.fd = conn[0];
	pid = fork();
	if (!pid) {
		answer(conn[1], &f);
		answer(conn[1], &f);
		_exit(!known(flow(5)) || known(flow(6)));
	}
	assert_int_equal(grant_take_flows(&its, &r, why, sizeof(why)), 0);
	assert_int_equal(its.flows->key, 99);
	assert_true(its.flows->late);
	flows_add(its.flows, flow(5));
	flows_add(its.flows, flow(6));
	flows_remove(its.flows, flow(6));
	its.serves(&its, 1);
	assert_int_equal(its.pass(&its, false), SUCCESSOR);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(conn[1]);
	/* Nobody is there to tell. */
	assert_int_equal(its.pass(&its, false), 0);
	grant_leave_flows(&its);
	close(conn[0]);
}

#define FLOWS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define MANY_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup_many, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOWS_TEST(only_such_a_table),
		FLOWS_TEST(the_place_is_ours),
		FLOWS_TEST(when_it_has_to),
		FLOWS_TEST(moved),
		FLOWS_TEST(anything),
		FLOWS_TEST(told_when_there_is_room),
		MANY_TEST(never_deaf),
		MANY_TEST(passed_when_all_are_known),
		FLOWS_TEST(threads_that_listen),
		FLOWS_TEST(both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Which flows are ours, for a keeper who tells the program that steers: written
 * down in memory of our own, as others write it into the program's. */
#include "nic/keep_msg.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static u32 flow_parts(struct nic *nic, struct nic_part out[NIC_PARTS])
{
	const struct nic_kept *k = &nic->kept;

	out[0] = (struct nic_part){ k->table,
				    keep_table_len(k->flows.mask + 1) };
	return 1;
}

static void serves(struct nic *nic, u32 i)
{
	__atomic_fetch_or(&nic->kept.table->serving, 1ull << i,
			  __ATOMIC_RELEASE);
}

static u32 pass(struct nic *nic, bool back)
{
	const struct keep_request q = { .version = KEEP_VERSION,
					.what = KEEP_PASS,
					.back = back };
	struct keep_reply r;

	return grant_say(nic, &q, NULL, 0, &r) ? 0 : r.successor;
}

/* Of a fixed length, which the keeper insists on. */
static int make_table(struct nic *nic, size_t len)
{
	int fd = memfd_create("ix_flows", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at = MAP_FAILED;
	int err;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)len) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	err = -errno;
	if (at == MAP_FAILED)
		close(fd);
	else
		nic->kept.table = at;
	return at == MAP_FAILED ? err : fd;
}

static void describe(struct nic *nic, const struct keep_reply *r)
{
	struct keep_table *t = nic->kept.table;

	t->heir = !r->place;
	nic->kept.flows = (struct flows){
		.entry = (u64 *)((u8 *)t + NIC_PAGE),
		.key = r->flow_key,
		.mask = r->flows - 1,
		.place = r->place,
		.heir = &t->heir,
		.late = true,
	};
	nic->flows = &nic->kept.flows;
	nic->flow_parts = flow_parts;
	nic->serves = serves;
	nic->pass = pass;
}

int grant_take_flows(struct nic *nic, const struct keep_reply *r, char *why,
		     size_t why_len)
{
	struct keep_request q = { .version = KEEP_VERSION, .what = KEEP_FLOWS };
	int fd = make_table(nic, keep_table_len(r->flows)), err = fd;
	struct keep_reply answer;

	if (fd >= 0) {
		describe(nic, r);
		err = grant_say(nic, &q, &fd, 1, &answer);
		close(fd);
	}
	return err ? nic_fail(err, why, why_len,
			      "nic_shared: telling the keeper of the NIC which "
			      "flows are ours: %s",
			      strerror(-err))
		   : 0;
}

void grant_leave_flows(struct nic *nic)
{
	if (nic->kept.table)
		munmap(nic->kept.table,
		       keep_table_len(nic->kept.flows.mask + 1));
	nic->kept.table = NULL;
}

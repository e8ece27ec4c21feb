/* SPDX-License-Identifier: MIT */
/* Is there the memory that the settings ask for? */
#include "dom/host/available.h"
#include "dom/host/cgroups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { SPARE = 16 }; /* one part in so many stays Linux's */

u64 available_machine(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	u64 kb = 0;

	while (f && !kb && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kb) != 1)
			kb = 0;
	if (f)
		fclose(f);
	return kb << 10;
}

static u64 huge_pages(const char *which)
{
	char path[96];
	u64 n = 0;
	FILE *f;

	snprintf(path, sizeof(path),
		 "/sys/kernel/mm/hugepages/hugepages-2048kB/%s_hugepages",
		 which);
	f = fopen(path, "re");
	if (f && fscanf(f, "%" SCNu64, &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

void available_read(struct available *a)
{
	u64 nr = huge_pages("free"), promised = huge_pages("resv");

	a->machine = available_machine();
	a->group = cgroups_memory();
	a->huge = (nr - min(nr, promised)) * HUGEMEM_ALIGN;
}

/* Of @len, what does not come from huge pages, of which it takes its part: all
 * or nothing, as map_largest() does. */
static u64 ordinary(u64 *huge, u64 len, enum hugemem_want want)
{
	if (want == HUGEMEM_WANT_THP || want == HUGEMEM_WANT_SMALL)
		return len;
	if (len > *huge)
		return len;
	*huge -= len;
	return 0;
}

int available_check(const struct available *a, const struct available_need *n,
		    char *why, size_t why_len)
{
	u64 huge = a->huge, room = min(a->machine, a->group);
	u64 shared = ordinary(&huge, n->frames, n->want) +
		     ordinary(&huge, n->arena, n->want);

	if (shared && n->want == HUGEMEM_WANT_HUGE) {
		snprintf(
			why, why_len,
			"%" PRIu64 " MB of huge page memory asked for, %" PRIu64
			" MB reserved and free: sysctl vm.nr_hugepages=%" PRIu64
			", or --pages auto",
			(n->frames + n->arena) >> 20, a->huge >> 20,
			(n->frames + n->arena) / HUGEMEM_ALIGN);
		return -ENOMEM;
	}
	room -= room / SPARE;
	if (shared + n->private <= room)
		return 0;
	snprintf(why, why_len,
		 "no %" PRIu64 " MB of memory, %" PRIu64
		 " MB %s: arena %" PRIu64 " MB, packet buffers (mbufs) %" PRIu64
		 " MB, tables (tcp.max_conns, timers, ...) %" PRIu64 " MB",
		 (shared + n->private) >> 20, room >> 20,
		 a->group < a->machine ? "left in our control group"
				       : "available",
		 n->arena >> 20, n->frames >> 20, n->private >> 20);
	return -ENOMEM;
}

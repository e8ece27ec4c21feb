/* SPDX-License-Identifier: MIT */
/*
 * Huge pages of 2 MB, which the administrator sets aside (vm.nr_hugepages). We
 * change nothing, and reserve nothing: a dataplane is told to take its own, and
 * others, to take none.
 *
 *	DIR/nr_hugepages     of all nodes
 *	DIR/free_hugepages   nobody has touched
 *	DIR/resv_hugepages   ... but mapped
 *
 * DIR: /sys/kernel/mm/hugepages/hugepages-2048kB, unless the settings say
 * otherwise.
 */
#include "cp/daemon/cpd.h"

#include <inttypes.h>
#include <stdio.h>

#include "dom/host/hugemem.h"

static u64 number(const struct cpd *c, const char *which)
{
	char path[CPD_PATH];
	u64 n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s_hugepages", c->conf->hugepages,
		 which);
	f = fopen(path, "re");
	if (f && fscanf(f, "%" SCNu64, &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/* Of all sizes: dataplanes use no other. */
u32 huge_in_status(const char *status)
{
	FILE *f = fopen(status, "re");
	char line[256];
	u64 kb = 0;

	while (f && !kb && fgets(line, sizeof(line), f))
		if (sscanf(line, "HugetlbPages: %" SCNu64, &kb) != 1)
			kb = 0;
	if (f)
		fclose(f);
	return (u32)(kb / (HUGEMEM_ALIGN >> 10));
}

static u32 touched(const struct claim *c)
{
	char status[64];

	snprintf(status, sizeof(status), "/proc/%d/status", (int)c->pid);
	return c->huge && c->pid ? huge_in_status(status) : 0;
}

/* What others than @p have, and what there is: in this order, since they go on.
 * Of what is mapped and touched meanwhile too few seem to be left, but none is
 * there twice. */
static u32 look(const struct cpd *c, const struct plane *p,
		struct claim others[CPD_PLANES], struct huge_pages *h)
{
	u32 n = plane_claims_beside(c, p, others);

	for (u32 i = 0; i < n; i++)
		others[i].touched = touched(&others[i]);
	h->promised = number(c, "resv");
	h->free = number(c, "free");
	h->total = number(c, "nr");
	return n;
}

int huge_claim(const struct cpd *c, struct plane *p)
{
	u32 n, wanted = plane_huge_pages(&p->running, p->running.cores.n);
	struct claim others[CPD_PLANES];
	struct huge_pages h;
	struct conf_err e;
	int err;

	p->huge = 0;
	if (!wanted)
		return 0;
	n = look(c, p, others, &h);
	err = claim_huge(wanted, others, n, &h, &e);
	if (err)
		snprintf(p->why, sizeof(p->why), "%.250s", e.text);
	else
		p->huge = wanted;
	return err;
}

u64 huge_left(const struct cpd *c, u64 *total)
{
	struct claim all[CPD_PLANES];
	struct huge_pages h;
	u32 n = look(c, NULL, all, &h);

	*total = h.total;
	return claim_huge_left(all, n, &h);
}

void huge_say(const struct cpd *c, const struct plane *p)
{
	u64 total, left;

	if (!p->huge)
		return;
	left = huge_left(c, &total);
	fprintf(stderr, "ixcpd: %s: has %u huge pages, %lu of %lu are left\n",
		p->conf->name, p->huge, left, total);
}

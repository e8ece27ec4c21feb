/* SPDX-License-Identifier: MIT */
/*
 * Frequencies of cores, by Linux's cpufreq: scaling_max_freq, which every
 * governor keeps to.
 *
 *	DIR/cpuN/cpufreq/scaling_available_frequencies   to choose from
 *	DIR/cpuN/cpufreq/cpuinfo_{min,max}_freq          or, where there are
 *							 none, STEPS between
 *
 * DIR: /sys/devices/system/cpu, unless the settings say otherwise.
 */
#include "cp/daemon/cpd.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { STEPS = 4 };

static void path_of(const struct cpd *c, u32 core, const char *file,
		    char out[CPD_PATH])
{
	snprintf(out, CPD_PATH, "%s/cpu%u/cpufreq/%s", c->conf->cpufreq, core,
		 file);
}

/* What @file has, ascending: how many; 0: there is no such file. */
static u32 read_list(const struct cpd *c, u32 core, const char *file,
		     u32 khz[POLICY_FREQS])
{
	char path[CPD_PATH];
	u32 n = 0, v;
	FILE *f;

	path_of(c, core, file, path);
	f = fopen(path, "re");
	while (f && n < POLICY_FREQS && fscanf(f, "%u", &v) == 1) {
		u32 at = n++;

		for (; at && khz[at - 1] > v; at--)
			khz[at] = khz[at - 1];
		khz[at] = v;
	}
	if (f)
		fclose(f);
	return n;
}

static u32 limit(const struct cpd *c, u32 core, const char *file)
{
	u32 khz[POLICY_FREQS];

	return read_list(c, core, file, khz) ? khz[0] : 0;
}

u32 freq_list(const struct cpd *c, u32 core, u32 khz[POLICY_FREQS])
{
	u32 n = read_list(c, core, "scaling_available_frequencies", khz);
	u32 low = limit(c, core, "cpuinfo_min_freq");
	u32 high = limit(c, core, "cpuinfo_max_freq");

	if (n || !low || high <= low)
		return n;
	for (u32 i = 0; i < STEPS; i++)
		khz[i] = low + (high - low) / (STEPS - 1) * i;
	khz[STEPS - 1] = high;
	return STEPS;
}

static void set(const struct cpd *c, u32 core, u32 khz)
{
	char path[CPD_PATH], text[16];
	int n, fd;

	khz = khz ? khz : limit(c, core, "cpuinfo_max_freq");
	n = snprintf(text, sizeof(text), "%u", khz);
	path_of(c, core, "scaling_max_freq", path);
	fd = khz ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		fprintf(stderr, "ixcpd: %s: %m\n", path);
	if (fd >= 0)
		close(fd);
}

/* Nothing is touched before somebody asks for it; then all that may be given
 * away is, also what another daemon has left slow. */
void freq_give(struct cpd *c, const u32 khz[POLICY_CORES])
{
	const struct conf_cores *cores = &c->conf->cores;

	for (u32 i = 0; i < cores->n; i++)
		c->paces |= khz[cores->core[i]] != 0;
	for (u32 i = 0; c->paces && i < cores->n; i++) {
		u32 core = cores->core[i];

		if (c->paced[core] == khz[core] + 1)
			continue;
		c->paced[core] = khz[core] + 1;
		set(c, core, khz[core]);
	}
}
